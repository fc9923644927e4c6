"""LPIPS (Zhang et al. 2018): how different two pictures look, by VGG-16's features.

Two files of the user's are needed: torchvision's VGG-16 state dict, and the authors' `vgg.pth` with
one weight a channel for each of five layers (`lin0.model.1.weight` ...).
"""

import torch
from torch import Tensor, nn

from core.learn import pretrained as published
from core.learn.backbones.vgg16 import STAGES, VGG16

#: Channels of the tensors that are compared: the last ones of VGG-16's five stages.
WIDTHS = tuple(stage[-1] for stage in STAGES)
#: The authors' own normalisation, of pictures in -1..1.
SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)
_SMALLEST = 1e-10


class _Line(nn.Module):
    """One weight a channel, under the authors' name (a dropout is in place 0)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.model = nn.Sequential(nn.Identity(), nn.Conv2d(channels, 1, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


class _Lines(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        for index, width in enumerate(WIDTHS):
            self.add_module(f"lin{index}", _Line(width))


class LPIPS(nn.Module):
    """Distances of pictures, RGB 0..1 N,3,H,W (16 px a side or more): N values, 0 for the same."""

    def __init__(self) -> None:
        super().__init__()
        self.vgg, self.lines = VGG16(len(STAGES)), _Lines()

    def forward(self, predicted: Tensor, truth: Tensor) -> Tensor:
        total = predicted.new_zeros(len(predicted))
        pairs = zip(self._features(predicted), self._features(truth), strict=True)
        for index, (first, second) in enumerate(pairs):
            line = self.lines.get_submodule(f"lin{index}")
            total = total + line((first - second) ** 2).mean((1, 2, 3))
        return total

    def _features(self, rgb: Tensor) -> list[Tensor]:
        shift, scale = (rgb.new_tensor(values).view(3, 1, 1) for values in (SHIFT, SCALE))
        taps = self.vgg.taps_of((2 * rgb - 1 - shift) / scale)
        return [tap / (tap.square().sum(1, keepdim=True).sqrt() + _SMALLEST) for tap in taps]


def from_files(vgg: str, lines: str) -> LPIPS:
    """The measure with the user's two files; raises PhotochromError."""
    net = LPIPS()
    published.load(net.vgg, vgg)
    published.load(net.lines, lines)
    with torch.no_grad():
        return net.eval().requires_grad_(False)
