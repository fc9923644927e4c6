"""sRGB <-> CIELAB as differentiable torch operations on N,3,H,W tensors, float32 or float64.

The same formulas as `core.colour.lab` (IEC 61966-2-1, CIE 15, D65, 2 degree observer), which is
the reference that these are held against. Gradients are finite everywhere, also at black.
"""

import torch
from torch import Tensor

#: Linear sRGB -> XYZ, IEC 61966-2-1; its inverse is computed, so that the two agree to the last bit.
_RGB_TO_XYZ = (
    (0.4124, 0.3576, 0.1805),
    (0.2126, 0.7152, 0.0722),
    (0.0193, 0.1192, 0.9505),
)
#: The sum of each row: R = G = B is then neutral (a* = b* = 0) exactly.
_EPSILON = 216 / 24389  # CIE 15: where the cube root gives way to a straight line
_KAPPA = 24389 / 27


def srgb_to_lab(rgb: Tensor) -> Tensor:
    """N,3,H,W of sRGB in 0..1 to L* 0..100, a*, b*."""
    linear = torch.where(
        rgb <= 0.04045, rgb / 12.92, ((rgb.clamp_min(0.04045) + 0.055) / 1.055) ** 2.4
    )
    matrix = rgb.new_tensor(_RGB_TO_XYZ)
    xyz = torch.einsum("ij,njhw->nihw", matrix / matrix.sum(1, keepdim=True), linear)
    # clamped before the root: its slope at 0 is infinite, and where() would hand on 0 * inf = nan
    f = torch.where(xyz > _EPSILON, xyz.clamp_min(_EPSILON) ** (1 / 3), (_KAPPA * xyz + 16) / 116)
    x, y, z = f.unbind(1)
    return torch.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)), 1)


def lab_to_srgb(lab: Tensor) -> Tensor:
    """N,3,H,W of L*, a*, b* to sRGB; what lies outside the gamut comes back outside 0..1."""
    lightness, a, b = lab.unbind(1)
    y = (lightness + 16) / 116
    f = torch.stack((y + a / 500, y, y - b / 200), 1)
    root = _EPSILON ** (1 / 3)
    xyz = torch.where(f > root, f**3, (116 * f - 16) / _KAPPA)
    matrix = lab.new_tensor(_RGB_TO_XYZ)
    inverse = torch.linalg.inv((matrix / matrix.sum(1, keepdim=True)).double()).to(lab.dtype)
    linear = torch.einsum("ij,njhw->nihw", inverse, xyz)
    return torch.where(
        linear <= 0.0031308, 12.92 * linear, 1.055 * linear.clamp_min(0.0031308) ** (1 / 2.4) - 0.055
    )
