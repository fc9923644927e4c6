"""`lite` beyond what every network has (`test_every_network.py`)."""

from pathlib import Path

import pytest
import torch

from core.learn.backbones.efficientnet_lite import InvertedResidual
from core.learn.losses import Term, objective
from core.learn.nets.lite import Lite
from tests.learn.nets import chapters


def make(drop_path: float = 0.0, dropout: float = 0.0) -> Lite:
    torch.manual_seed(1)
    return Lite(drop_path=drop_path, dropout=dropout)


@pytest.mark.parametrize(("drop_path", "dropout"), [(0.5, 0), (0, 0.5)])
def test_what_is_dropped_is_dropped_in_training_alone(drop_path: float, dropout: float):
    """Without norms, whose statistics of a batch would differ as well."""
    plain, dropping = make(), make(drop_path, dropout)
    lightness = torch.rand(2, 1, 64, 64) * 100
    with torch.inference_mode():
        asked = plain.eval()(lightness).chroma
        torch.testing.assert_close(dropping.eval()(lightness).chroma, asked, rtol=0, atol=0)
        dropping.training = dropping.dropped.training = True
        for module in dropping.modules():
            if isinstance(module, InvertedResidual):
                module.training = True
        first, second = (dropping(lightness).chroma for _ in range(2))
    assert not torch.equal(first, asked) and not torch.equal(first, second)


def test_a_sharp_distribution_answers_with_its_bin_and_a_flat_one_with_the_mean():
    net = make()
    sharp = torch.zeros(1, 1, 1, len(net.bins))
    sharp[..., 7] = 40
    torch.testing.assert_close(net.annealed_mean(sharp).flatten(), net.bins[7])
    flat = net.annealed_mean(torch.zeros_like(sharp)).flatten()
    torch.testing.assert_close(flat, net.bins.mean(0), atol=1e-3, rtol=0)


def test_its_gain_scales_each_channel_of_the_answer():
    net = make().eval()
    given = chapters.batch(64, 64)
    with torch.no_grad():
        before = net(given.lightness).chroma
        net.gain.copy_(torch.tensor([1.5, 0.5]))
        after = net(given.lightness).chroma
    torch.testing.assert_close(after, before * torch.tensor([1.5, 0.5]).view(1, 2, 1, 1))


def test_a_narrower_decoder_takes_over_the_channels_that_matter():
    wide, narrow = make().eval(), Lite(widths=(128, 96, 64), near=10).eval()
    with torch.no_grad():  # every second channel of the last convolution is heard no more
        wide.head.weight[:, ::2] = 0
        wide.get_parameter("r4.0.weight")[:, ::2] = 0
    narrow.load_state_dict(narrow.narrowed(wide.state_dict()))
    assert chapters.parameters(narrow) < 0.95 * chapters.parameters(wide)
    kept = {tuple(row) for row in narrow.head.weight[:, :, 0, 0].T.tolist()}
    assert {tuple(row) for row in wide.head.weight[:, 1::2, 0, 0].T.tolist()} <= kept


def test_a_decoder_of_the_same_widths_takes_over_everything():
    wide, same = make().eval(), make().eval()
    for name, tensor in same.narrowed(wide.state_dict()).items():
        assert torch.equal(tensor, wide.state_dict()[name]), name


def test_so_does_one_that_drops(tmp_path: Path):
    chapters.goes_on_to_the_same_bits(lambda: make(0.2, 0.2), tmp_path, "soft_cross_entropy")


def test_colour_queries_change_nothing_at_the_start_and_learn_from_the_first_step():
    torch.manual_seed(1)
    asking = Lite(queries=8)
    plain = Lite()
    plain.load_state_dict({k: v for k, v in asking.state_dict().items() if "asks." not in k})
    given = chapters.batch(64, 64)
    with torch.no_grad():
        before = plain.eval()(given.lightness).chroma
        torch.testing.assert_close(asking.eval()(given.lightness).chroma, before)
    assert asking.asks is not None
    prediction = asking.train()(given.lightness)
    objective([Term("soft_cross_entropy", 1.0, {})], prediction, given, asking)[0].backward()
    assert asking.asks.colour.weight.grad is not None and asking.asks.colour.weight.grad.any()


def test_its_model_file_answers_as_it_does_with_queries(tmp_path: Path):
    torch.manual_seed(1)
    net = Lite(queries=8)
    assert net.asks is not None
    torch.nn.init.normal_(net.asks.colour.weight, std=0.1)
    chapters.its_file_answers_as_it_does(net.eval(), tmp_path)
