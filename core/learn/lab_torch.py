"""sRGB <-> CIELAB as differentiable torch operations on N,3,H,W tensors, float32 or float64.

The formulas and the constants of `core.colour.lab` (IEC 61966-2-1, CIE 15, D65), which is the
reference that these are held against: within 1e-9 in float64, 2e-4 in float32. Gradients are
finite everywhere, also at black and outside the gamut.
"""

import torch
from torch import Tensor

from core.colour.lab import DELTA, RGB_TO_XYZ, WHITE_XYZ, XYZ_TO_RGB

#: Linear sRGB -> X/Xn, Y/Yn, Z/Zn, and back.
_TO_RATIOS = RGB_TO_XYZ / WHITE_XYZ[:, None]
_FROM_RATIOS = XYZ_TO_RGB * WHITE_XYZ


def srgb_to_lab(rgb: Tensor) -> Tensor:
    """L* 0..100, a*, b* of sRGB 0..1; N,3,H,W both.

    >>> srgb_to_lab(torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)).flatten().round(decimals=2)
    tensor([53.2400, 80.0900, 67.2000])
    """
    # each power sees only what it is meant for: where() would hand on nan from its other branch
    magnitude = rgb.abs()
    curve = ((magnitude.clamp_min(0.04045) + 0.055) / 1.055) ** 2.4
    linear = torch.where(magnitude <= 0.04045, rgb / 12.92, curve * rgb.sign())
    ratios = _mix(_TO_RATIOS, linear)
    root = ratios.clamp_min(DELTA**3) ** (1 / 3)
    f = torch.where(ratios > DELTA**3, root, ratios / (3 * DELTA**2) + 4 / 29)
    x, y, z = f.unbind(1)
    return torch.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)), 1)


def lab_to_srgb(lab: Tensor) -> Tensor:
    """sRGB of L*, a*, b*; N,3,H,W both. What lies outside the gamut lies outside 0..1.

    >>> lab_to_srgb(torch.tensor([53.389, 0.0, 0.0]).view(1, 3, 1, 1)).flatten().round(decimals=4)
    tensor([0.5000, 0.5000, 0.5000])
    """
    lightness, a, b = lab.unbind(1)
    y = (lightness + 16) / 116
    f = torch.stack((y + a / 500, y, y - b / 200), 1)
    ratios = torch.where(f > DELTA, f**3, 3 * DELTA**2 * (f - 4 / 29))
    linear = _mix(_FROM_RATIOS, ratios)
    magnitude = linear.abs()
    curve = 1.055 * magnitude.clamp_min(0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(magnitude <= 0.0031308, 12.92 * linear, curve * linear.sign())


def _mix(matrix, planes: Tensor) -> Tensor:
    weights = torch.as_tensor(matrix, dtype=planes.dtype, device=planes.device)
    return torch.einsum("ij,njhw->nihw", weights, planes)
