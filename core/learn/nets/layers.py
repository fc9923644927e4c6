"""Layers that several networks share: units of their answers, upscaling."""

import torch
import torch.nn.functional as F
from torch import Tensor

from core.learn.yuv_torch import U_MAX, V_MAX

#: a* and b* per unit of the answer of the networks that end in a tanh or predict ab/128.
AB_UNIT = 128.0


def upscaled(x: Tensor, scale: int) -> Tensor:
    """Bilinear, `scale` times as wide and as high."""
    if scale == 1:
        return x
    return F.interpolate(x, scale_factor=scale, mode="bilinear", align_corners=False)


def uv_of(sigmoid: Tensor) -> Tensor:
    """U, V from two sigmoids 0..1: the middle is neutral, the ends are the ends of U and V."""
    u, v = (2 * sigmoid - 1).split(1, 1)
    return torch.cat((u * U_MAX, v * V_MAX), 1)
