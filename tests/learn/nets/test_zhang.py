"""`zhang` beyond what every network has (`test_every_network.py`)."""

from pathlib import Path

import pytest
import torch

from core.errors import OptionsError
from core.learn.nets.zhang import Zhang
from tests.guests import files, parity
from tests.learn.nets import chapters


def make() -> Zhang:
    torch.manual_seed(1)
    return Zhang(width=8)


def test_it_classifies_into_the_313_published_bins():
    net = make()
    assert net.bins is not None
    assert net.bins.shape == (313, 2)
    assert net(chapters.batch(32, 32).lightness).logits.shape == (2, 313, 8, 8)


def test_the_annealed_mean_lies_between_the_mean_and_the_mode():
    net = make()
    assert net.bins is not None
    logits = torch.randn(1, 313, 4, 4, generator=torch.Generator().manual_seed(2)) * 3
    probability = logits.softmax(1)
    mean = torch.einsum("nqhw,qc->nchw", probability, net.bins)
    mode = net.bins[logits.argmax(1)].movedim(-1, 1)
    annealed = net.annealed_mean(logits)
    assert (annealed - mode).norm() < (mean - mode).norm()
    assert (annealed - mean).norm() < (mode - mean).norm()


def test_a_regressor_has_two_channels_instead_of_313():
    net = Zhang(head="regression", width=4)
    prediction = net(chapters.batch(32, 32).lightness)
    assert net.bins is None and prediction.logits is None
    chapters.every_weight_learns(net, "sse")


@pytest.mark.parametrize("depth", [5, 6, 7, 8])
def test_each_depth_leaves_out_blocks_of_three_convolutions(depth: int):
    net = Zhang(depth=depth, width=4)
    convolutions = [m for m in net.modules() if isinstance(m, torch.nn.Conv2d)]
    assert len(convolutions) == 2 + 2 + 3 + 3 + 3 * (depth - 5) + 3
    chapters.answers_at_its_stride(net)


def test_dilation_and_batch_norm_can_be_left_out():
    def dilations(net: Zhang) -> set[int]:
        return {int(m.dilation[0]) for m in net.modules() if isinstance(m, torch.nn.Conv2d)}

    def norms(net: Zhang) -> int:
        return sum(isinstance(m, torch.nn.BatchNorm2d) for m in net.modules())

    assert dilations(Zhang(width=4)) == {1, 2} and norms(Zhang(width=4)) == 7
    assert dilations(Zhang(width=4, dilation=False)) == {1}
    assert norms(Zhang(width=4, batch_norm=False)) == 0


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"head": "both"}, "network.head is 'both'; give bins or regression"),
        ({"depth": 9}, "network.depth is 9; give 5 to 8"),
        ({"temperature": 0.0}, "network.temperature is 0.0; give more than 0"),
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(settings, says):
    with pytest.raises(OptionsError) as refused:
        Zhang(**settings)
    assert str(refused.value) == says


def test_the_authors_file_answers_as_their_network_recorded(tmp_path: Path):
    """Their forward has no temperature: a second one moves the answer by units."""
    torch.save(files.filled("eccv16"), tmp_path / "eccv16.pth")
    net = Zhang(pretrained=str(tmp_path / "eccv16.pth")).eval()
    record = files.record("eccv16")
    with torch.inference_mode():
        chroma = net(*parity.inputs_of(record)).chroma
    answer = torch.nn.functional.interpolate(chroma, scale_factor=4, mode="bilinear")[0]
    assert parity.difference(record, answer.numpy()) <= parity.TOLERANCES["eccv16"]
