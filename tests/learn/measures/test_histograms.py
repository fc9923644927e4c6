"""Histogram distances and the class-rebalanced AuC against direct computation."""

import math

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from core.learn.bins import published_bins
from core.learn.measures.histograms import Rebalanced, Spread
from core.learn.measures.picture import auc


def planes(seed: int, spread: float = 20.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, spread, (2, 30, 40))


def test_the_distance_is_the_earth_movers():
    spread = Spread()
    ours, truth = planes(1, 10.0), planes(2, 25.0)
    spread.add(ours, truth)
    found = spread.distances()
    for channel, name in enumerate("ab"):
        whole = [np.floor(p[channel]).ravel() for p in (ours, truth)]
        assert found[f"{name}_distance"] == pytest.approx(wasserstein_distance(*whole))
        assert found[f"{name}_reach_ratio"] == pytest.approx(10 / 25, abs=0.06)


def test_pictures_are_pooled():
    apart, together = Spread(), Spread()
    apart.add(planes(1), planes(3))
    apart.add(planes(2), planes(4))
    together.add(
        np.concatenate((planes(1), planes(2)), 1), np.concatenate((planes(3), planes(4)), 1)
    )
    assert apart.distances() == together.distances()


def test_the_same_colours_are_no_distance_apart_and_beyond_the_edge_is_the_edge():
    spread = Spread()
    far = np.full((2, 3, 3), 300.0)
    spread.add(far, far)
    assert spread.distances()["a_distance"] == 0
    assert spread.predicted[0, -1] == 9


def test_the_rebalanced_auc_weighs_pixels_by_one_over_their_bins_occurrence():
    """Against the plain AuC with a weight for each pixel, worked out the slow way."""
    bins = published_bins().astype(np.float64)
    truth = np.round(planes(5, 25.0))
    ours = truth + planes(6, 12.0)
    rebalanced = Rebalanced(bins)
    rebalanced.add(ours, truth)
    flat = truth.reshape(2, -1).T
    bin_of = ((flat[:, None] - bins[None]) ** 2).sum(-1).argmin(1)
    weights = 1 / np.bincount(bin_of, minlength=len(bins))[bin_of]
    assert rebalanced.auc() == pytest.approx(auc(ours, truth, weights))


def test_a_rare_colour_counts_as_much_as_a_frequent_one():
    truth = np.zeros((2, 10, 10))
    truth[:, 0, 0] = (80, 40)  # one red pixel among ninety-nine gray ones
    gray_answer = np.zeros_like(truth)
    rebalanced = Rebalanced(published_bins())
    rebalanced.add(gray_answer, truth)
    red = 100 * (151 - math.ceil(math.hypot(80, 40))) / 151
    assert rebalanced.auc() == pytest.approx((100 + red) / 2)
    assert auc(gray_answer, truth) > 99
