"""The losses of the classifiers, by hand and by their gradients; the bins they stand on."""

import math

import numpy as np
import pytest
import torch

from core.learn.batch import NetworkOutput, TrainingBatch, at_grid_of
from core.learn.bins import in_gamut_bins
from core.learn.losses.classification import rebalancing, smooth_l1, soft_cross_entropy, soft_encode
from core.learn.losses.regression import hint_l1, sse

BINS = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [40.0, 40.0]])


class Net:
    """What a loss asks of a network."""

    bins = BINS
    prior = torch.tensor([0.7, 0.1, 0.1, 0.1])


def _batch(chroma: torch.Tensor, hints: torch.Tensor | None = None) -> TrainingBatch:
    n, _, h, w = chroma.shape
    return TrainingBatch(
        torch.zeros(n, 1, h, w), chroma, torch.zeros(n, 3, h, w) if hints is None else hints
    )


def _colour(a: float, b: float) -> torch.Tensor:
    return torch.tensor([float(a), float(b)]).view(1, 2, 1, 1)


def test_the_260_bins_are_the_cells_of_ten_that_srgb_reaches():
    bins = in_gamut_bins()
    assert bins.shape == (260, 2) and bins.dtype == np.float32
    assert [0, 0] in bins.tolist() and [80, 70] in bins.tolist()
    assert [100, 0] not in bins.tolist()


def test_a_colour_on_a_bin_is_that_bin_first_and_its_neighbours_by_distance():
    index, weight = soft_encode(_colour(0, 0), BINS, neighbours=3, sigma=5.0)
    assert index[0, 0, 0, 0] == 0 and set(index[0, 1:, 0, 0].tolist()) == {1, 2}
    neighbour = math.exp(-100 / 50)
    expected = torch.tensor([1.0, neighbour, neighbour]) / (1 + 2 * neighbour)
    torch.testing.assert_close(weight.flatten(), expected)


def test_a_colour_far_outside_the_gamut_still_has_weights_of_sum_one():
    _, weight = soft_encode(_colour(500, -500), BINS, neighbours=3)
    assert weight.isfinite().all() and weight.sum() == pytest.approx(1)


def test_rebalancing_has_mean_one_under_the_prior_and_favours_what_is_rare():
    weight = rebalancing(Net.prior, 0.5)
    assert (weight * Net.prior).sum() == pytest.approx(1)
    assert weight[1] > weight[0]
    torch.testing.assert_close(rebalancing(Net.prior, 1.0), torch.ones(4))


def test_the_cross_entropy_is_the_one_found_by_hand():
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0])
    prediction = NetworkOutput(_colour(0, 0), logits.view(1, 4, 1, 1))
    loss = soft_cross_entropy(prediction, _batch(_colour(10, 0)), Net, neighbours=1)
    assert loss.item() == pytest.approx(-logits.log_softmax(0)[1].item())
    rebalanced = soft_cross_entropy(prediction, _batch(_colour(10, 0)), Net, neighbours=1, mix=0.5)
    assert rebalanced.item() == pytest.approx(loss.item() * rebalancing(Net.prior, 0.5)[1].item())


def test_smooth_l1_is_quadratic_below_beta_and_straight_above():
    near = smooth_l1(NetworkOutput(_colour(2, 0)), _batch(_colour(0, 0)), Net, beta=5.0)
    far = smooth_l1(NetworkOutput(_colour(20, 0)), _batch(_colour(0, 0)), Net, beta=5.0)
    assert near.item() == pytest.approx(0.5 * 2**2 / 5 / 2)
    assert far.item() == pytest.approx((20 - 2.5) / 2)


def test_the_hint_loss_sees_the_hinted_pixels_alone():
    answer = torch.tensor([[5.0, 99.0], [0.0, -99.0]]).view(1, 2, 1, 2)
    hints = torch.tensor([[8.0, 0.0], [1.0, 0.0], [1.0, 0.0]]).view(1, 3, 1, 2)
    assert hint_l1(NetworkOutput(answer), _batch(answer, hints), Net).item() == pytest.approx(2)
    none = torch.zeros_like(hints)
    assert hint_l1(NetworkOutput(answer), _batch(answer, none), Net).item() == 0


def test_a_full_size_truth_is_averaged_to_the_answers_grid():
    truth = torch.tensor([0.0, 8.0, 4.0, 4.0]).view(1, 1, 2, 2).expand(1, 2, 2, 2)
    loss = smooth_l1(NetworkOutput(_colour(4, 4)), _batch(truth), Net)
    assert loss.item() == 0


def test_every_loss_has_the_gradient_of_its_differences():
    class Exact:
        bins, prior = BINS.double(), Net.prior.double()

    truth = torch.tensor([[3.0, 38.0], [8.0, 36.0]]).double().view(1, 2, 1, 2)
    hints = torch.cat((truth, torch.ones(1, 1, 1, 2)), 1)
    batch = _batch(truth, hints)
    logits = torch.randn(1, 4, 1, 2, dtype=torch.float64, requires_grad=True)
    chroma = (truth + torch.tensor([1.0, -20.0]).double()).requires_grad_()

    def entropy(x: torch.Tensor) -> torch.Tensor:
        return soft_cross_entropy(NetworkOutput(truth, x), batch, Exact, mix=0.5, neighbours=3)

    assert torch.autograd.gradcheck(entropy, (logits,))
    assert torch.autograd.gradcheck(
        lambda x: smooth_l1(NetworkOutput(x), batch, Exact, mix=0.5), (chroma,)
    )
    assert torch.autograd.gradcheck(lambda x: hint_l1(NetworkOutput(x), batch, Exact), (chroma,))


def test_the_nearest_bins_are_those_of_exact_distances():
    """On any colour, borders between bins included: no cell of the look-up holds two bins."""
    generator = torch.Generator().manual_seed(1)
    chroma = torch.rand(1, 2, 200, 200, generator=generator) * 240 - 120
    bins = torch.from_numpy(in_gamut_bins())
    index, _ = soft_encode(chroma, bins, neighbours=1)
    colours = chroma[0].flatten(1).T
    exact = torch.cdist(colours.double(), bins.double())
    found = exact.gather(1, index[0].flatten(1).T)[:, 0]
    inside = (exact.min(1).values < 5) | (colours.abs().amax(1) < 60)
    # outside the gamut the border runs askew, and a cell of one unit may straddle it
    assert (found - exact.min(1).values)[inside].max() < 0.8
    rows = torch.cdist(colours.double(), bins.double(), p=float("inf"))
    in_a_cell = rows.min(1).values < 5
    assert torch.equal(exact.argmin(1)[in_a_cell], index[0].flatten(1).T[:, 0][in_a_cell])


def test_a_subsampled_truth_is_the_first_pixel_of_each_cell():
    truth = torch.zeros(1, 2, 4, 4)
    truth[..., 0, 0], truth[..., 2, 2], truth[..., 1, 1] = 1, 2, 99
    grid = torch.zeros(1, 2, 2, 2)
    assert at_grid_of(grid, truth, True)[0, 0].tolist() == [[1, 0], [0, 2]]
    assert at_grid_of(grid, truth)[0, 0, 0, 0] == 25
    logits = torch.randn(1, 4, 2, 2)
    own, mean = (
        soft_cross_entropy(
            NetworkOutput(grid, logits), _batch(truth), Net, neighbours=1, subsampled=subsampled
        )
        for subsampled in (True, False)
    )
    chosen = soft_cross_entropy(
        NetworkOutput(grid, logits), _batch(truth[..., ::2, ::2]), Net, neighbours=1
    )
    assert own == chosen and own != mean


def test_the_non_gray_mask_leaves_whole_pictures_out():
    logits = torch.randn(2, 4, 1, 2)
    gray = torch.tensor([[4.9, 0.0], [0.0, -4.9]]).view(1, 2, 1, 2)
    vivid = torch.tensor([[0.0, 0.0], [0.0, -5.1]]).view(1, 2, 1, 2)
    prediction = NetworkOutput(torch.zeros(2, 2, 1, 2), logits)
    masked, plain = (
        soft_cross_entropy(
            prediction, _batch(torch.cat((gray, vivid))), Net, neighbours=1, non_gray=limit
        )
        for limit in (5.0, 0.0)
    )
    alone = NetworkOutput(prediction.chroma[1:], logits[1:])
    assert masked.item() == pytest.approx(
        soft_cross_entropy(alone, _batch(vivid), Net, neighbours=1).item() / 2
    )
    assert plain > masked
    answer = NetworkOutput(torch.full((2, 2, 1, 2), 20.0))
    both, one = (
        sse(answer, _batch(torch.cat((gray, vivid))), None, non_gray=limit) for limit in (0.0, 5.0)
    )
    only = sse(NetworkOutput(answer.chroma[1:]), _batch(vivid), None)
    assert one.item() == pytest.approx(only.item() / 2) and both > one
