"""How a network's small grid becomes chroma for every pixel."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import CubicHermiteSpline

from core.colour.field import ChromaField, chroma_at, prepare


def field(grid, width, height, extent=None):
    grid = np.asarray(grid, np.float32)
    return ChromaField(grid, extent or grid.shape[1:], width, height)


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 9), st.integers(1, 9))
def test_one_chroma_everywhere_is_that_chroma_in_every_pixel(width, height, columns, rows):
    grid = np.stack([np.full((rows, columns), 12.5), np.full((rows, columns), -30.0)])
    chroma = chroma_at(prepare(field(grid, width, height)), 0, height)
    assert chroma.shape == (height, width, 2)
    assert np.abs(chroma - [12.5, -30.0]).max() < 1e-4


@given(st.integers(1, 90), st.integers(1, 90))
def test_a_ramp_stays_a_ramp_between_the_outermost_cells(width, height):
    columns = 8
    grid = np.zeros((2, 3, columns))
    grid[0] = np.arange(columns) * 10.0
    got = chroma_at(prepare(field(grid, width, height)), 0, height)[0, :, 0]
    column = (np.arange(width) + 0.5) * columns / width - 0.5
    between = (column >= 1) & (column <= columns - 2)
    assert np.abs(got - column * 10.0)[between].max(initial=0) < 0.75


def test_nodes_follow_the_cubic_and_pixels_stay_close_to_it():
    values = np.array([0, 10, -20, 30, 5, 5, 40, -10], np.float64)
    grid = np.stack([values[None], values[None] * 0])
    width = 8 * 60
    got = chroma_at(prepare(field(grid, width, 1)), 0, 1)[0, :, 0]
    slopes = np.gradient(values)  # Catmull-Rom's are half the difference of the neighbours
    cubic = CubicHermiteSpline(np.arange(8), values, slopes)
    column = (np.arange(width) + 0.5) / 60 - 0.5
    between = (column >= 1) & (column <= 6)
    assert np.abs(got - cubic(column))[between].max() < 2  # bilinear between nodes 16 px apart


def test_padding_cells_beyond_the_extent_do_not_shift_the_picture():
    grid = np.zeros((2, 4, 6), np.float32)
    grid[0] = np.arange(6)
    whole = chroma_at(prepare(field(grid[:, :, :5], 400, 300, (4, 5))), 0, 300)
    padded = chroma_at(prepare(field(grid, 400, 300, (4, 5))), 0, 300)
    assert np.abs(whole - padded)[:, :240].max() < 1e-6


def test_vividness_scales_chroma_and_nought_removes_it():
    grid = np.random.default_rng(1).normal(0, 10, (2, 5, 5))
    one = chroma_at(prepare(field(grid, 70, 50), 1.0), 0, 50)
    assert np.abs(chroma_at(prepare(field(grid, 70, 50), 2.0), 0, 50) - 2 * one).max() < 1e-4
    assert not chroma_at(prepare(field(grid, 70, 50), 0.0), 0, 50).any()


def test_hostile_chroma_keeps_its_hue_and_loses_what_no_colour_has():
    grid = np.stack([np.full((3, 3), 5000.0), np.full((3, 3), 5000.0)])
    a, b = chroma_at(prepare(field(grid, 10, 10)), 0, 10)[0, 0]
    assert a == pytest.approx(b, rel=1e-5)
    assert np.hypot(a, b) == pytest.approx(140, rel=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_grid_that_is_not_finite_is_refused(bad):
    grid = np.zeros((2, 3, 3))
    grid[1, 1, 1] = bad
    with pytest.raises(ValueError, match="finite"):
        prepare(field(grid, 10, 10))


@pytest.mark.parametrize("shape", [(3, 4, 4), (2, 4), (2, 0, 4)])
def test_a_grid_of_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match="shape"):
        prepare(ChromaField(np.zeros(shape, np.float32), (1, 1), 10, 10))
