"""SSIM against another implementation."""

import math

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from core.learn.measures.ssim import ssim
from tests.photographs import gray


def rgb(seed: int = 1) -> np.ndarray:
    return np.stack([gray(60, 80, seed + i) for i in range(3)], -1) / 255


@pytest.mark.parametrize("noise", [0.01, 0.1, 0.4])
def test_another_implementation_agrees(noise: float):
    truth = rgb()
    ours = np.clip(truth + np.random.default_rng(2).normal(0, noise, truth.shape), 0, 1)
    codes = [np.round(picture * 255) for picture in (ours, truth)]
    theirs = structural_similarity(
        *codes,
        channel_axis=-1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
    )
    assert ssim(ours, truth) == pytest.approx(theirs, abs=1e-9)


def test_a_picture_is_like_itself_and_unlike_its_negative():
    assert ssim(rgb(), rgb()) == pytest.approx(1)
    assert ssim(1 - rgb(), rgb()) < 0.5


def test_a_picture_smaller_than_the_window_has_none():
    assert math.isnan(ssim(np.zeros((10, 40, 3)), np.zeros((10, 40, 3))))
