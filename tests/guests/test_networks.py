"""What guests do beyond their authors' programs: hints, sizes, looks, model files."""

from pathlib import Path

import numpy as np
import pytest
import torch

from core.learn import export
from core.learn.guests import conversion, squash
from core.learn.guests.ddcolor import DDColor
from core.learn.guests.deoldify import DeOldify
from core.learn.guests.eccv16 import ECCV16
from core.learn.guests.icolorit import ICoLoriT
from core.learn.guests.siggraph17 import SIGGRAPH17
from core.model.session import open_session

MAKERS = {
    "eccv16": ECCV16,
    "siggraph17": SIGGRAPH17,
    "ddcolor-tiny": DDColor,
    "deoldify-artistic": DeOldify,
    "icolorit-tiny": ICoLoriT,
    "squashed": lambda: squash.Squashed(SIGGRAPH17(), 64),
}
ABOUT = export.About("tried", "1", "MIT", 64, "# A guest on trial", "random weights")


@pytest.mark.parametrize("name", MAKERS)
def test_its_model_file_answers_as_the_network_at_sizes_never_traced(name: str, tmp_path: Path):
    """Also with hints; and the runtime opens it as contract 1."""
    torch.manual_seed(1)
    net = MAKERS[name]().eval()
    path = tmp_path / "tried.onnx"
    conversion.write(conversion.traced(net, tmp_path), net, path, ABOUT, float16=False)
    conversion.compare(path, conversion.answers(net))
    description = open_session(path, "cpu").description
    assert description.takes_hints == net.takes_hints
    assert (description.multiple, description.stride) == (net.multiple, net.stride)


def test_hints_reach_what_they_should_and_zeros_are_none():
    torch.manual_seed(1)
    for net in (SIGGRAPH17().eval(), ICoLoriT().eval()):
        for block in getattr(net, "blocks", []):
            torch.nn.init.normal_(block.attn.rpb_table)
        lightness = torch.rand(1, 1, 64, 96) * 100
        hints = torch.zeros(1, 3, 64, 96)
        with torch.inference_mode():
            none, zeros = net(lightness).chroma, net(lightness, hints).chroma
            hints[0, 2, 8:14, 10:16] = 1  # gray: no colour, but a mask
            gray = net(lightness, hints).chroma
            hints[0, 0, 8:14, 10:16] = 60
            red = net(lightness, hints).chroma
        assert torch.equal(none, zeros)
        assert not torch.equal(none, gray) and not torch.equal(gray, red)


def test_a_centred_mask_differs_from_one_that_is_not():
    torch.manual_seed(1)
    plain = SIGGRAPH17().eval()
    centred = SIGGRAPH17(centred=True).eval()
    centred.load_state_dict(plain.state_dict())
    lightness, nothing = torch.full((1, 1, 16, 16), 50.0), torch.zeros(1, 2, 16, 16)
    with torch.inference_mode():
        assert torch.equal(
            centred(lightness).chroma, plain.published(lightness, nothing, nothing[:, :1] - 0.5)
        )


def test_deoldifys_looks_are_the_formulas():
    torch.manual_seed(1)
    net = DeOldify().eval()
    lightness = torch.rand(1, 1, 32, 48) * 100
    with torch.inference_mode():
        published = net(lightness).chroma
        net.look = "direct"
        direct = net(lightness).chroma
    assert published.shape == direct.shape == (1, 2, 32, 48)
    assert (published - direct).abs().max() > 0.1


def test_a_square_of_its_own_size_is_seen_as_it_is():
    planes = torch.rand(1, 1, 64, 64)
    assert torch.equal(squash.squashed(planes, 64), planes)
    assert torch.equal(squash.stretched(planes, planes, 1), planes)


def test_squashing_keeps_means_and_ramps():
    ramp = torch.arange(96, dtype=torch.float32).expand(1, 1, 64, 96)
    square = squash.squashed(ramp, 32)
    expected = (np.arange(32) + 0.5) * 3 - 0.5
    np.testing.assert_allclose(square[0, 0, 5, 2:-2].numpy(), expected[2:-2], atol=1e-3)
    back = squash.stretched(square, ramp, 1)
    np.testing.assert_allclose(back[0, 0, 5, 6:-6].numpy(), np.arange(96)[6:-6], atol=1e-2)


def test_a_hint_of_one_pixel_fills_one_cell_with_its_own_colour():
    hints = torch.zeros(1, 3, 224, 336)
    hints[0, :, 100, 200] = torch.tensor([40.0, -20.0, 1.0])
    hints[0, :, 101, 200] = torch.tensor([20.0, -20.0, 1.0])
    cells = squash.pooled_hints(hints, 112)
    assert cells[0, 2].sum() == 1 and cells[0, :, 50, 66].tolist() == [30, -20, 1]
