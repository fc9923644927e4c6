"""Blocks of the U-nets that grew out of fastai's: DDColor's pixel decoder, DeOldify's decoder."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ShuffledUp(nn.Module):
    """1x1 convolution to `scale`^2 times the channels, ReLU, pixel shuffle, blur.

    The blur is part of every one of them: in the authors' programs, the argument that should turn
    it off is overwritten by the averaging module of the same name.
    """

    def __init__(
        self, inputs: int, outputs: int, scale: int = 2, *, bias: bool, norm: bool
    ) -> None:
        super().__init__()
        wide = outputs * scale**2
        self.conv = nn.Sequential(nn.Conv2d(inputs, wide, 1, bias=bias))
        if norm:
            self.conv.append(nn.BatchNorm2d(wide))
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        return blurred(F.pixel_shuffle(self.conv(x).relu(), self.scale))


def blurred(x: Tensor) -> Tensor:
    """The mean of each pixel and its neighbours above and to the left; the size stays."""
    return F.avg_pool2d(F.pad(x, (1, 0, 1, 0), mode="replicate"), 2, stride=1)


def convolution(inputs: int, outputs: int) -> nn.Sequential:
    """3x3 convolution, ReLU, batch norm, in this order."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.ReLU(), nn.BatchNorm2d(outputs)
    )


def joined(up: Tensor, skip: Tensor) -> Tensor:
    """ReLU of both side by side, `up` first."""
    return torch.cat((up, skip), 1).relu()
