"""Smoothing up to edges, against what it must be in cases that one can work out."""

import numpy as np
import pytest

from core.colour.edge_aware import smoothed


def test_without_edges_it_is_a_blur_of_the_asked_width():
    point = np.zeros((1, 81, 81), np.float32)
    point[0, 40, 40] = 1
    spread = smoothed(point, np.zeros((81, 81), np.float32), radius=6.0, step=10.0)[0]
    at = np.arange(81) - 40
    assert spread.sum() == pytest.approx(1, rel=0.02)
    assert np.sqrt((spread.sum(0) * at**2).sum()) == pytest.approx(6, rel=0.1)
    assert spread == pytest.approx(spread[::-1, ::-1], abs=1e-4)


def test_a_constant_stays_and_a_mean_of_what_is_there_never_leaves_its_range():
    rng = np.random.default_rng(3)
    lightness = rng.uniform(0, 100, (23, 31)).astype(np.float32)
    same = np.full((2, 23, 31), 7, np.float32)
    assert smoothed(same, lightness, radius=9.0, step=5.0) == pytest.approx(same, abs=1e-4)
    planes = rng.normal(size=(2, 23, 31)).astype(np.float32)
    before = planes.copy()
    smooth = smoothed(planes, lightness, radius=9.0, step=5.0)
    assert np.array_equal(planes, before)
    assert planes.min() < smooth.min() < smooth.max() < planes.max()


@pytest.mark.parametrize("turned", [False, True])
def test_nothing_crosses_an_edge(turned: bool):
    lightness = np.zeros((40, 40), np.float32)
    lightness[:, 20:] = 60
    planes = (lightness[None] / 60).astype(np.float32)
    if turned:
        lightness, planes = lightness.T, planes.transpose(0, 2, 1)
    smooth = smoothed(planes, lightness, radius=8.0, step=4.0)
    assert smooth == pytest.approx(planes, abs=1e-3)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1)])
def test_the_smallest_pictures_have_nothing_to_smooth_across(shape: tuple[int, int]):
    planes = np.ones((2, *shape), np.float32)
    assert smoothed(planes, np.zeros(shape, np.float32), radius=3.0, step=5.0) == pytest.approx(
        planes
    )
