"""U, V of a known lightness, there and back."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from core.learn.lab_torch import lab_to_srgb, srgb_to_lab
from core.learn.yuv_torch import U_MAX, V_MAX, ab_to_uv, gray_of, rgb_to_uv, uv_to_ab

code = st.integers(0, 255)


def test_the_primaries_have_the_uv_of_bt601():
    rgb = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]]).double().T[None, :, None]
    uv = rgb_to_uv(rgb)[0, :, 0].T
    red, green, blue, white = uv.tolist()
    assert red == pytest.approx([-0.147, 0.615], abs=1e-3)
    assert green == pytest.approx([-0.289, -0.515], abs=1e-3)
    assert blue == pytest.approx([0.436, -0.100], abs=1e-3)
    assert white == pytest.approx([0, 0], abs=1e-9)
    assert uv.abs().amax(0).tolist() == pytest.approx([U_MAX, V_MAX])


def test_gray_of_is_lab_without_colour():
    lightness = torch.linspace(0, 100, 101, dtype=torch.float64).view(1, 1, 1, -1)
    lab = torch.cat((lightness, lightness * 0, lightness * 0), 1)
    torch.testing.assert_close(gray_of(lightness), lab_to_srgb(lab)[:, :1], atol=1e-9, rtol=0)


@given(red=code, green=code, blue=code)
@settings(max_examples=60)
def test_every_colours_hue_comes_back_from_its_uv(red: int, green: int, blue: int):
    """Y is not lightness: a vivid colour comes back a little paler and turned."""
    rgb = torch.tensor([red, green, blue], dtype=torch.float64).view(1, 3, 1, 1) / 255
    lab = srgb_to_lab(rgb)
    lightness, ab = lab[:, :1], lab[:, 1:]
    again = uv_to_ab(lightness, ab_to_uv(lightness, ab))
    assert again.isfinite().all()
    if ab.norm() < 20:
        assert (again - ab).norm() < 4
    else:
        assert (again * ab).sum() > 0.8 * again.norm() * ab.norm()
        assert 0.7 < again.norm() / ab.norm() < 1.2


def test_without_colour_there_is_none():
    lightness = torch.tensor([0.0, 8.0, 50.0, 100.0], dtype=torch.float64).view(1, 1, 1, 4)
    nothing = torch.zeros(1, 2, 1, 4, dtype=torch.float64)
    torch.testing.assert_close(uv_to_ab(lightness, nothing), nothing, atol=1e-9, rtol=0)
    torch.testing.assert_close(ab_to_uv(lightness, nothing), nothing, atol=1e-9, rtol=0)


def test_the_gradient_is_that_of_finite_differences():
    lightness = torch.full((1, 1, 2, 2), 55.0, dtype=torch.float64)
    uv = torch.tensor([0.02, -0.03, 0.05, 0.01] * 2, dtype=torch.float64).view(1, 2, 2, 2)
    assert gradcheck(lambda uv: uv_to_ab(lightness, uv), uv.requires_grad_())


def test_bfloat16_autocast_does_not_coarsen_colours():
    lightness = torch.full((1, 1, 2, 2), 55.0)
    ab = torch.tensor([31.0, -22.0, 7.0, 3.0, 40.0, -11.0, 0.5, 25.0]).view(1, 2, 2, 2)
    with torch.autocast("cpu", torch.bfloat16):
        inside = uv_to_ab(lightness, ab_to_uv(lightness, ab))
    assert torch.equal(inside, uv_to_ab(lightness, ab_to_uv(lightness, ab)))
