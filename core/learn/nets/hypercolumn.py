"""`hypercolumn`: the first network of "Automatic Colorization" (Dahl 2016), 8,821,826 parameters.

Each pixel's hypercolumn (Hariharan et al. 2015): VGG-16's tensors before the first four max-pools,
batch-normed and upscaled, with the picture itself 64 + 128 + 256 + 512 + 3 = 963 channels; then
3x3 128, 3x3 64, 3x3 2 and a sigmoid that stands for U and V of YUV.
"""

import torch
from torch import Tensor, nn

from core.learn import pretrained as published
from core.learn.backbones.vgg16 import VGG16
from core.learn.batch import NetworkOutput
from core.learn.nets.layers import upscaled, uv_of
from core.learn.yuv_torch import gray_of, uv_to_ab

#: Channels of the hypercolumn: four taps and the gray picture as RGB.
WIDTH = 64 + 128 + 256 + 512 + 3


class Hypercolumn(nn.Module):
    """`pretrained` is torchvision's VGG-16 state dict, `freeze` keeps it as it is.

    `native` is U, V at full size.
    """

    stride = 1
    multiple = 8
    takes_hints = False
    bins = None

    def __init__(self, pretrained: str = "", freeze: bool = False) -> None:
        super().__init__()
        self.vgg = VGG16()
        if pretrained:
            published.load(self.vgg, pretrained)
        self.vgg.requires_grad_(not freeze)
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in (64, 128, 256, 512))
        self.near = nn.Sequential(
            *_conv(WIDTH, 128), *_conv(128, 64), nn.Conv2d(64, 2, 3, padding=1), nn.Sigmoid()
        )

    def forward(self, lightness: Tensor, hints: Tensor | None = None) -> NetworkOutput:
        gray = gray_of(lightness)
        column = []
        for scale, tap, norm in zip((1, 2, 4, 8), self.vgg(gray), self.norms, strict=True):
            column.append(upscaled(norm(tap), scale))
        column.append(gray.expand(-1, 3, -1, -1))
        uv = uv_of(self.near(torch.cat(column, 1)))
        return NetworkOutput(uv_to_ab(lightness, uv), native=uv)


def _conv(inputs: int, outputs: int) -> tuple[nn.Module, nn.Module, nn.Module]:
    return (
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )
