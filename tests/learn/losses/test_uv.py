"""The blurred U, V loss against values worked out by hand and a direct convolution."""

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from core.learn.batch import NetworkOutput, TrainingBatch
from core.learn.losses.uv import blurred_uv, gaussian_blur
from core.learn.yuv_torch import ab_to_uv


def given(height: int = 6, width: int = 7) -> tuple[TrainingBatch, torch.Tensor]:
    """A batch in float64 and its true U, V."""
    random = torch.Generator().manual_seed(1)
    lightness = 40 + 20 * torch.rand(2, 1, height, width, dtype=torch.float64, generator=random)
    chroma = 10 * torch.randn(2, 2, height, width, dtype=torch.float64, generator=random)
    return TrainingBatch(lightness, chroma, torch.zeros(1)), ab_to_uv(lightness, chroma)


def test_a_constant_shift_is_its_own_distance_however_blurred():
    batch, truth = given()
    shifted = truth + torch.tensor([0.03, 0.04], dtype=torch.float64)[:, None, None]
    loss = blurred_uv(NetworkOutput(batch.chroma, native=shifted), batch, None)
    assert loss.item() == pytest.approx(0.05, abs=1e-6)


def test_the_right_answer_costs_nothing():
    batch, truth = given()
    assert blurred_uv(NetworkOutput(batch.chroma, native=truth), batch, None).item() < 1e-5
    assert blurred_uv(NetworkOutput(batch.chroma), batch, None).item() < 1e-5


def test_one_wrong_pixel_counts_as_its_blurred_self():
    """A blurred difference of one sign keeps its sum, so that both distances have the same mean."""
    batch, truth = given(9, 9)
    wrong = truth.clone()
    wrong[:, 0, 4, 4] += 0.1
    plain = blurred_uv(NetworkOutput(batch.chroma, native=wrong), batch, None, kernels=())
    assert plain.item() == pytest.approx(0.1 / 81, abs=1e-5)
    both = blurred_uv(NetworkOutput(batch.chroma, native=wrong), batch, None, kernels=(3,))
    assert both.item() == pytest.approx(0.1 / 81, abs=1e-5)


def test_the_blur_is_the_product_of_two_lines():
    impulse = torch.zeros(1, 2, 9, 9, dtype=torch.float64)
    impulse[0, 1, 4, 4] = 1
    for width, sigma in ((3, 0.8), (5, 1.1)):
        reach = np.arange(width) - width // 2
        line = np.exp(-(reach**2) / (2 * sigma**2))
        line /= line.sum()
        half = width // 2
        ours = gaussian_blur(impulse, width)[0, 1, 4 - half : 5 + half, 4 - half : 5 + half]
        np.testing.assert_allclose(ours.numpy(), np.outer(line, line), atol=1e-12)


def test_the_gradient_is_that_of_finite_differences():
    batch, truth = given(5, 5)
    native = (truth + 0.05).requires_grad_()
    assert gradcheck(
        lambda uv: blurred_uv(NetworkOutput(batch.chroma, native=uv), batch, None), native
    )
