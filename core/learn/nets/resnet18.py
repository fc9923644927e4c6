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

from torch import Tensor, nn

from core.learn import pretrained as published
from core.learn.backbones.resnet import BasicBlock
from core.learn.batch import NetworkOutput
from core.learn.nets.layers import AB_UNIT


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
    """L*/100 in, a*, b* at full size out. `pretrained` is torchvision's ResNet-18 state dict."""

    stride = 1
    multiple = 8
    takes_hints = False
    bins = None

    def __init__(self, pretrained: str = "", freeze: bool = False) -> None:
        super().__init__()
        self.encoder = FirstSix()
        if pretrained:
            given = published.read(pretrained)
            if "conv1.weight" in given:  # what three equal channels would have answered
                given["conv1.weight"] = given["conv1.weight"].sum(1, keepdim=True)
            published.put(self.encoder, given, pretrained)
        self.encoder.requires_grad_(not freeze)
        self.decoder = nn.Sequential(
            *_conv(128, 128),
            nn.Upsample(scale_factor=2),
            *_conv(128, 64),
            *_conv(64, 64),
            nn.Upsample(scale_factor=2),
            *_conv(64, 32),
            nn.Conv2d(32, 2, 3, padding=1),
            nn.Upsample(scale_factor=2),
        )

    def forward(self, lightness: Tensor, hints: Tensor | None = None) -> NetworkOutput:
        return NetworkOutput(self.decoder(self.encoder(lightness / 100)) * AB_UNIT)


def _conv(inputs: int, outputs: int) -> tuple[nn.Module, nn.Module, nn.Module]:
    return nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()
