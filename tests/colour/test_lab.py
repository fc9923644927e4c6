"""The float64 reference against the standards' own figures and against scikit-image."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage import color

from core.colour import lab

COLOURS = arrays(np.float64, (17, 3), elements=st.floats(0, 1))


@given(COLOURS)
def test_scikit_image_sees_the_same_lab_colours(rgb):
    # It uses the rounded white 0.95047, 1.08883 and a rounded matrix: 0.03 apart at most.
    assert np.abs(lab.srgb_to_lab(rgb) - color.rgb2lab(rgb)).max() < 0.04


@given(COLOURS)
def test_every_colour_comes_back_from_lab(rgb):
    assert np.abs(lab.lab_to_srgb(lab.srgb_to_lab(rgb)) - rgb).max() < 1e-6


@given(COLOURS)
def test_lightness_is_the_first_of_lab(rgb):
    assert np.abs(lab.lightness(rgb) - lab.srgb_to_lab(rgb)[..., 0]).max() < 1e-11


@given(st.floats(0, 1))
def test_every_grey_has_no_chroma(value):
    light, a, b = lab.srgb_to_lab([value] * 3)
    assert abs(a) < 1e-12 and abs(b) < 1e-12
    assert -1e-12 <= light <= 100 + 1e-12


@given(st.floats(0, 1))
def test_every_transfer_curve_has_its_inverse(value):
    assert lab.linear_to_srgb(lab.srgb_to_linear(value)) == pytest.approx(value, abs=3e-8)
    assert lab.expand(lab.compress(value)) == pytest.approx(value, abs=1e-14)


@given(st.floats(-3, 3))
def test_the_transfer_curve_is_odd(value):
    assert lab.srgb_to_linear(-value) == -lab.srgb_to_linear(value)
    assert lab.linear_to_srgb(-value) == -lab.linear_to_srgb(value)


def test_the_matrix_is_the_standards_to_its_four_digits():
    printed = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    assert np.abs(lab.RGB_TO_XYZ - printed).max() < 6e-5  # IEC 61966-2-1, annex F


def test_black_and_white_are_the_ends_of_lightness():
    assert np.array_equal(np.round(lab.lightness([[0, 0, 0], [1, 1, 1]]), 12), [0, 100])
