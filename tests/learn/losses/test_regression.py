"""The regression losses against values worked out by hand, and their gradients."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch.autograd import gradcheck

from core.learn.batch import NetworkOutput, TrainingBatch
from core.learn.losses import LOSSES
from core.learn.losses.regression import (
    chroma_weighted,
    l1,
    mse,
    neutral_penalty,
    skin_l1,
    sse,
    unevenness,
)

REGRESSION = ("mse", "sse", "l1", "chroma_weighted", "neutral_penalty", "skin_l1")
#: One pixel of a* 8, b* 0 and one of 0, 6, answered; the truth of both is 0, 6.
ANSWER = torch.tensor([[[[8.0, 0.0]], [[0.0, 6.0]]]])
TRUTH = torch.tensor([[[[0.0, 0.0]], [[6.0, 6.0]]]])


def batch(chroma: torch.Tensor) -> TrainingBatch:
    return TrainingBatch(torch.full_like(chroma[:, :1], 50.0), chroma, torch.zeros(1))


def test_mse_is_the_mean_over_pixels_and_channels_in_units_of_its_scale():
    assert mse(NetworkOutput(ANSWER), batch(TRUTH), None, scale=2.0).item() == (64 + 36) / 4 / 4


def test_sse_is_half_the_sum_over_a_picture():
    assert sse(NetworkOutput(ANSWER), batch(TRUTH), None, scale=1.0).item() == (64 + 36) / 2
    two = NetworkOutput(torch.cat((ANSWER, TRUTH)))
    assert sse(two, batch(torch.cat((TRUTH, TRUTH))), None, scale=1.0).item() == 25


def test_l1_is_the_mean_absolute_difference():
    assert l1(NetworkOutput(ANSWER), batch(TRUTH), None, scale=1.0).item() == (8 + 6) / 4


def test_chroma_weighted_gives_a_vivid_truth_more_weight():
    loss = chroma_weighted(
        NetworkOutput(ANSWER), batch(TRUTH), None, strength=2.0, reference=3.0, scale=1.0
    )
    assert loss.item() == pytest.approx((1 + 2 * 6 / 3) * (64 + 36) / 4)


def test_the_neutral_penalty_is_one_for_gray_and_falls_as_colours_grow():
    gray = neutral_penalty(NetworkOutput(torch.zeros(1, 2, 3, 3)), batch(TRUTH), None)
    assert gray.item() == 1
    loss = neutral_penalty(NetworkOutput(ANSWER), batch(TRUTH), None, width=8.0)
    assert loss.item() == pytest.approx((math.exp(-1) + 1 + 1 + math.exp(-36 / 64)) / 4)


def test_skin_counts_where_the_truth_is_skin_coloured_alone():
    # skin, a blue of the same chroma, and skin's hue with too little chroma to be any
    truth = torch.tensor([[[[12.0, 12.0, 3.0]], [[16.0, -16.0, 4.0]]]])
    loss = skin_l1(NetworkOutput(torch.zeros_like(truth)), batch(truth), None, beta=4.0)
    assert loss.item() == pytest.approx(((12 - 2) + (16 - 2)) / 2 / 3)


def test_a_blotch_is_uneven_and_a_cast_or_another_thing_is_not():
    truth = torch.zeros(1, 2, 1, 8)
    truth[..., 4:] = 40  # two things side by side
    cast, blotch, repainted = truth + 10, truth.clone(), truth.clone()
    blotch[..., :2] += 10
    repainted[..., 4:] += 10

    def uneven(answer: torch.Tensor) -> float:
        return unevenness(NetworkOutput(answer), batch(truth), None, steps=(2,), beta=4.0).item()

    assert uneven(cast) == uneven(repainted) == uneven(truth) == 0
    # two of six pairs of places, two apart, differ by 10
    assert uneven(blotch) == pytest.approx((10 - 2) * 2 / 6)


def test_the_truth_is_averaged_down_to_a_coarser_answer():
    truth = torch.tensor([[[[0.0, 4.0], [8.0, 12.0]], [[1.0, 1.0], [1.0, 1.0]]]])
    answer = NetworkOutput(torch.tensor([[[[6.0]], [[2.0]]]]))
    assert mse(answer, batch(truth), None, scale=1.0).item() == 0.5


@pytest.mark.parametrize("name", REGRESSION)
def test_the_gradient_is_that_of_finite_differences(name: str):
    random = torch.Generator().manual_seed(1)
    answer = torch.randn(2, 2, 3, 3, dtype=torch.float64, generator=random) * 20
    truth = torch.randn(2, 2, 3, 3, dtype=torch.float64, generator=random) * 20
    assert gradcheck(
        lambda chroma: LOSSES[name](NetworkOutput(chroma), batch(truth), SimpleNamespace()),
        answer.requires_grad_(),
    )
