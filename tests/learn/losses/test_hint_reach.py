"""The loss against hints that stray, on answers of which it is known what moved."""

import pytest
import torch

from core.learn.batch import NetworkOutput, TrainingBatch
from core.learn.losses.hint_reach import stray

RED, BLUE = (60.0, 40.0), (10.0, -50.0)


def halves(left: tuple[float, float], right: tuple[float, float]) -> torch.Tensor:
    """Chroma 1,2,16,16."""
    chroma = torch.empty(1, 2, 16, 16)
    chroma[..., :8] = torch.tensor(left).view(1, 2, 1, 1)
    chroma[..., 8:] = torch.tensor(right).view(1, 2, 1, 1)
    return chroma


def red_and_blue(*, hinted: bool = True) -> TrainingBatch:
    """The left half is red, and has a hint of it."""
    truth, hints = halves(RED, BLUE), torch.zeros(1, 3, 16, 16)
    if hinted:
        hints[:, :2, 6:9, 2:5] = torch.tensor(RED).view(1, 2, 1, 1)
        hints[:, 2, 6:9, 2:5] = 1
    return TrainingBatch(torch.full((1, 1, 16, 16), 50.0), truth, hints)


def gray_network(_lightness: torch.Tensor, hints: torch.Tensor | None) -> NetworkOutput:
    assert hints is None
    return NetworkOutput(torch.zeros(1, 2, 16, 16))


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (halves((0, 0), (0, 0)), 0.0),
        (halves((60, 40), (0, 0)), 0.0),  # where the truth has the hint's colour, it may move
        (halves((0, 0), (10, 0)), 9.0),  # beyond a leeway of 1
        (halves((0, 0), (0.5, 0.5)), 0.0),
    ],
)
def test_only_what_moves_on_things_of_another_colour_counts(answer: torch.Tensor, found: float):
    value = stray(NetworkOutput(answer), red_and_blue(), gray_network)
    assert value.item() == pytest.approx(found, abs=1e-3)


def test_without_hints_nothing_strays():
    moved = NetworkOutput(halves((9, 9), (9, 9)))
    assert stray(moved, red_and_blue(hinted=False), gray_network).item() == 0


def test_it_pulls_the_answer_back():
    answer = halves((0, 0), (10, 0)).requires_grad_()
    stray(NetworkOutput(answer), red_and_blue(), gray_network).backward()
    assert answer.grad is not None
    assert (answer.grad[:, 0, :, 8:] > 0).all() and not answer.grad[..., :8].any()
