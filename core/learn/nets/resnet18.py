"""`resnet18`: ResNet-18's first six children and a small decoder, from "Old photos with CNNs".

ResNet-18 (He et al. 2016) with its first convolution's weights summed to one channel, cut after
its sixth child (`layer2`: 128 channels at stride 8), then

| layer | channels |
| --- | --- |
| 3x3, norm, ReLU, up | 128 |
| 3x3, norm, ReLU | 64 |
| 3x3, norm, ReLU, up | 64 |
| 3x3, norm, ReLU | 32 |
| 3x3, up | 2 |

Doublings are nearest-neighbour. 954,722 parameters, of which the encoder has 676,800.
"""

from typing import Any

from torch import Tensor, nn

from core.learn import pretrained as published
from core.learn.backbones.resnet import BasicBlock
from core.learn.backbones.tapped import TappedEncoder
from core.learn.batch import NetworkOutput
from core.learn.nets.layers import AB_UNIT
from core.learn.yuv_torch import gray_of

#: So many taps of VGG-16, and of an EfficientNet-Lite, end at the same stride of 8.
VGG_TAPS, LITE_TAPS = 4, 3


class FirstSix(nn.Module):
    """conv1, bn1, relu, maxpool, layer1, layer2 of ResNet-18 for one-channel pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = nn.Sequential(BasicBlock(64, 64, 1), BasicBlock(64, 64, 1))
        self.layer2 = nn.Sequential(BasicBlock(64, 128, 2), BasicBlock(128, 128, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        return self.layer2(self.layer1(x))


class ResNet18(nn.Module):
    """L*/100 in, a*, b* at full size out. `pretrained` is torchvision's ResNet-18 state dict.

    `encoder` may be another one, up to the same stride, with its `pretrained` weights or not: see
    `TappedEncoder`. `freeze` keeps it as it is.
    """

    stride = 1
    multiple = 8
    takes_hints = False
    bins = None

    def __init__(
        self, encoder: str = "resnet18", pretrained: str = "", freeze: bool = False
    ) -> None:
        super().__init__()
        self.published_parts = ("encoder",) if pretrained else ()
        self.encoder: Any
        if encoder == "resnet18":
            self.encoder = FirstSix()
            channels = 128
            if pretrained:
                given = published.read(pretrained)
                if "conv1.weight" in given:  # what three equal channels would have answered
                    given["conv1.weight"] = given["conv1.weight"].sum(1, keepdim=True)
                published.put(self.encoder, given, pretrained)
            self.encoder.requires_grad_(not freeze)
        else:
            taps = VGG_TAPS if encoder == "vgg16" else LITE_TAPS
            self.encoder = TappedEncoder(encoder, taps, pretrained, freeze)
            channels = self.encoder.widths[-1]
        self.frozen = freeze
        self.decoder = nn.Sequential(
            *_conv(channels, 128),
            nn.Upsample(scale_factor=2),
            *_conv(128, 64),
            *_conv(64, 64),
            nn.Upsample(scale_factor=2),
            *_conv(64, 32),
            nn.Conv2d(32, 2, 3, padding=1),
            nn.Upsample(scale_factor=2),
        )

    def train(self, mode: bool = True) -> "ResNet18":
        super().train(mode)
        if self.frozen:
            self.encoder.eval()  # its norms keep their statistics too
        return self

    def forward(self, lightness: Tensor, hints: Tensor | None = None) -> NetworkOutput:
        if isinstance(self.encoder, FirstSix):
            encoded = self.encoder(lightness / 100)
        else:
            encoded = self.encoder(gray_of(lightness))[-1]
        return NetworkOutput(self.decoder(encoded) * AB_UNIT)


def _conv(inputs: int, outputs: int) -> tuple[nn.Module, nn.Module, nn.Module]:
    return nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()
