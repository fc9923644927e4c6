"""The torch colour operations against the float64 reference, and their gradients."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from core.colour import lab as reference
from core.learn import lab_torch

PLANES = arrays.arrays(
    np.float64, (1, 3, 2, 3), elements=st.floats(0, 1, allow_subnormal=False, width=32)
)
LABS = arrays.arrays(np.float64, (1, 3, 2, 3), elements=st.floats(-150, 150, width=32))


def _last(planes: torch.Tensor) -> np.ndarray:
    return planes.movedim(1, -1).double().numpy()


@given(PLANES)
def test_every_srgb_colour_has_the_reference_lab(planes: np.ndarray):
    expected = reference.srgb_to_lab(np.moveaxis(planes, 1, -1))
    exact = lab_torch.srgb_to_lab(torch.from_numpy(planes))
    np.testing.assert_allclose(_last(exact), expected, atol=1e-9)
    single = lab_torch.srgb_to_lab(torch.from_numpy(planes).float())
    assert single.dtype == torch.float32
    np.testing.assert_allclose(_last(single), expected, atol=2e-4)


@given(LABS)
def test_every_lab_colour_has_the_reference_srgb(planes: np.ndarray):
    expected = reference.lab_to_srgb(np.moveaxis(planes, 1, -1))
    exact = lab_torch.lab_to_srgb(torch.from_numpy(planes))
    np.testing.assert_allclose(_last(exact), expected, atol=1e-9)
    single = lab_torch.lab_to_srgb(torch.from_numpy(planes).float())
    np.testing.assert_allclose(_last(single), expected, atol=5e-5)


@given(PLANES)
def test_every_colour_comes_back(planes: np.ndarray):
    rgb = torch.from_numpy(planes)
    back = lab_torch.lab_to_srgb(lab_torch.srgb_to_lab(rgb))
    # the two pieces of IEC 61966-2-1's curve, with its rounded constants, miss each other by 3e-8
    torch.testing.assert_close(back, rgb, atol=1e-6, rtol=0)


@pytest.mark.parametrize("low, high", [(0.001, 0.03), (0.06, 0.999)])
def test_srgb_to_lab_has_the_gradient_of_its_differences(low: float, high: float):
    rgb = torch.linspace(low, high, 12, dtype=torch.float64).view(1, 3, 2, 2).requires_grad_()
    assert torch.autograd.gradcheck(lab_torch.srgb_to_lab, (rgb,))


def test_lab_to_srgb_has_the_gradient_of_its_differences():
    lab = torch.tensor([[5.0, 3, -4], [50, 20, -30], [80, -90, 95], [99, 1, 1]]).double()
    assert torch.autograd.gradcheck(
        lab_torch.lab_to_srgb, (lab.T.reshape(1, 3, 2, 2).requires_grad_(),)
    )


@pytest.mark.parametrize("value", [0.0, 0.04045, 1.0])
def test_gradients_are_finite_at_black_at_white_and_at_the_kink(value: float):
    rgb = torch.full((1, 3, 1, 1), value, requires_grad=True)
    lab_torch.lab_to_srgb(lab_torch.srgb_to_lab(rgb)).sum().backward()
    assert rgb.grad is not None and rgb.grad.isfinite().all()
