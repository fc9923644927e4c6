"""What is one thing gets one colour."""

import numpy as np
import pytest

from core.coherence import coherent

LIGHTNESS = np.full((48, 64), 30, np.float32)
LIGHTNESS[:, 32:] = 70
CHROMA = np.zeros((2, 48, 64), np.float32)
CHROMA[0, :, :32], CHROMA[1, :, 32:] = 40, 40  # a red thing beside a yellow one


def test_a_gray_patch_takes_the_colour_of_its_thing_and_none_of_its_neighbour():
    patched = CHROMA.copy()
    patched[:, 20:26, 8:14] = 0
    mended = coherent(patched, LIGHTNESS, 1.0)
    assert np.abs(mended - CHROMA).max() < 1
    assert np.hypot(*mended[:, 22, 10]) > 39


def test_chance_goes_and_the_mean_stays():
    noise = np.random.default_rng(1).normal(0, 8, CHROMA.shape).astype(np.float32)
    calm = coherent(CHROMA + noise, LIGHTNESS, 1.0)
    for half in (np.s_[:, :, :32], np.s_[:, :, 32:]):
        assert calm[half].std((1, 2)).max() < 1.5
        assert calm[half].mean((1, 2)) == pytest.approx(CHROMA[half].mean((1, 2)), abs=2.5)


def test_a_share_is_a_share_and_none_is_nothing():
    patched = CHROMA.copy()
    patched[:, 20:26, 8:14] = 0
    assert coherent(patched, LIGHTNESS, 0.0) is patched
    half, whole = (coherent(patched, LIGHTNESS, share) for share in (0.5, 1.0))
    assert half == pytest.approx((patched + whole) / 2, abs=1e-4)


def test_gray_stays_gray():
    assert not coherent(np.zeros_like(CHROMA), LIGHTNESS, 1.0).any()
