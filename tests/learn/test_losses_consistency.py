"""The loss that holds a colour where it is when its picture comes at another size or cropped."""

import pytest
import torch
import torch.nn.functional as F

from core.learn.losses import Batch, consistency
from core.learn.nets import Prediction


class Local(torch.nn.Module):
    """Answers with what it sees in a place, whatever the picture's size."""

    stride, multiple = 2, 4

    def __init__(self) -> None:
        super().__init__()
        self.tint = torch.nn.Parameter(torch.tensor([1.0, -0.5]).view(1, 2, 1, 1))

    def forward(self, lightness: torch.Tensor, hints: torch.Tensor | None = None) -> Prediction:
        return Prediction(F.avg_pool2d(lightness, self.stride) * self.tint)


class BySize(Local):
    """Answers with its picture's width alone."""

    def forward(self, lightness: torch.Tensor, hints: torch.Tensor | None = None) -> Prediction:
        answer = super().forward(lightness * 0, hints).chroma
        return Prediction(answer + lightness.shape[-1] * self.tint)


def _moved(net: Local, hinted: int = 0, **parameters) -> torch.Tensor:
    rows, columns = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    lightness = (rows + columns / 2).expand(3, 1, 64, 64)
    hints = torch.zeros(3, 3, 64, 64)
    hints[:hinted, 2, 5, 5] = 1
    batch = Batch(lightness, torch.zeros(3, 2, 64, 64), hints)
    return consistency(net(lightness), batch, net, **parameters)


@pytest.mark.parametrize("seed", range(5))
def test_colours_that_follow_the_place_alone_do_not_move(seed):
    torch.manual_seed(seed)
    assert _moved(Local(), scale=(0.7, 1.6), crop=0.3).item() < 1.5  # of 95, by the grids


def test_colours_that_follow_the_size_do():
    torch.manual_seed(1)
    still = _moved(BySize(), scale=(1.0, 1.0), crop=0.0)
    assert still.item() == pytest.approx(0.01)  # the root's own smoothing at 0
    doubled = _moved(BySize(), scale=(2.0, 2.0), crop=0.0)
    assert doubled.item() == pytest.approx(64 * 1.25**0.5, rel=1e-4)


def test_hinted_pictures_are_left_out_and_all_hinted_is_zero():
    whole, part = _moved(BySize(), scale=(2.0, 2.0)), _moved(BySize(), hinted=2, scale=(2.0, 2.0))
    assert part.item() == pytest.approx(whole.item(), rel=0.2)
    assert _moved(BySize(), hinted=3, scale=(2.0, 2.0)).item() == 0


def test_both_answers_are_drawn_to_each_other():
    net = BySize()
    _moved(net, scale=(2.0, 2.0), crop=0.0).backward()
    assert net.tint.grad is not None and net.tint.grad.abs().sum() > 0
