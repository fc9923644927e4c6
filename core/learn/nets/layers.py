"""Layers that several networks share: units of their answers, upscaling, activations."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.errors import OptionsError
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


ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "elu": nn.ELU,
    "leaky_relu": nn.LeakyReLU,
    "tanh": nn.Tanh,
}


def activation_of(name: str) -> type[nn.Module]:
    """The activation that a recipe's `network.activation` names."""
    if name not in ACTIVATIONS:
        raise OptionsError(
            f"network.activation is {name!r}", remedy=f"give {' or '.join(ACTIVATIONS)}"
        )
    return ACTIVATIONS[name]


def checked_dropout(dropout: float) -> float:
    """The chance of a value to be dropped, if it is one."""
    if not 0 <= dropout < 1:
        raise OptionsError(f"network.dropout is {dropout}", remedy="give 0 or more, below 1")
    return dropout


def checked_unit(lightness_unit: float) -> float:
    """What L* is divided by, if it can be: 100, or 128; 1 leaves it raw."""
    if not lightness_unit > 0:
        raise OptionsError(
            f"network.lightness_unit is {lightness_unit}", remedy="give 100, 128 or 1"
        )
    return lightness_unit
