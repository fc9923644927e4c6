"""The chroma of coloured samples, against the float64 reference."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.colour.kernels import chroma_of
from core.colour.lab import srgb_to_lab


@given(st.integers(1, 40), st.integers(1, 1100), st.integers(0, 2**32 - 1))
def test_every_colour_has_the_chroma_of_the_reference(rows, width, seed):
    codes = np.random.default_rng(seed).integers(0, 65536, (rows, width, 3)).astype(np.uint16)
    wanted = srgb_to_lab(codes / 65535)[..., 1:]
    assert np.abs(chroma_of(codes) - wanted).max() < 0.001


def test_every_gray_has_none():
    codes = np.repeat(np.arange(65536, dtype=np.uint16).reshape(256, 256, 1), 3, axis=2)
    assert np.abs(chroma_of(codes)).max() < 0.001


def test_it_fills_what_it_is_given():
    out = np.full((2, 3, 2), np.nan, np.float32)
    assert chroma_of(np.full((2, 3, 3), 9000, np.uint16), out) is out
    assert np.isfinite(out).all()
