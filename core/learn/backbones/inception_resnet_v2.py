"""Inception-ResNet-v2 (Szegedy et al. 2017), 55,843,464 parameters with its 1,000 classes.

Tensor names are timm's (`conv2d_1a.conv.weight` ... `classif.bias`), so that its state dict loads
as it is. A convolution here is without bias and followed by a batch norm (eps 1e-3) and ReLU.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from core.learn.backbones.inception_v3 import Conv

#: How often the three residual blocks are repeated in the published network.
REPEATS = (10, 20, 10)
CLASSES = 1000


class InceptionResNetV2(nn.Module):
    """N,3,H,W of RGB in -1..1 (made for 299 x 299, at least 75) to N,1000 logits.

    Fewer `repeats` make a smaller network of the same kind, for trying things out.
    """

    def __init__(self, repeats: Sequence[int] = REPEATS) -> None:
        super().__init__()
        block35, block17, block8 = repeats
        self.conv2d_1a = Conv(3, 32, 3, stride=2)
        self.conv2d_2a = Conv(32, 32, 3)
        self.conv2d_2b = Conv(32, 64, 3, padding=1)
        self.maxpool_3a = nn.MaxPool2d(3, 2)
        self.conv2d_3b = Conv(64, 80, 1)
        self.conv2d_4a = Conv(80, 192, 3)
        self.maxpool_5a = nn.MaxPool2d(3, 2)
        self.mixed_5b = Mixed5b()
        self.repeat = nn.Sequential(*(Block35(0.17) for _ in range(block35)))
        self.mixed_6a = Mixed6a()
        self.repeat_1 = nn.Sequential(*(Block17(0.10) for _ in range(block17)))
        self.mixed_7a = Mixed7a()
        self.repeat_2 = nn.Sequential(*(Block8(0.20) for _ in range(block8 - 1)))
        self.block8 = Block8(1.0, last=True)
        self.conv2d_7b = Conv(2080, 1536, 1)
        self.classif = nn.Linear(1536, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv2d_2b(self.conv2d_2a(self.conv2d_1a(x)))
        x = self.conv2d_4a(self.conv2d_3b(self.maxpool_3a(x)))
        x = self.repeat(self.mixed_5b(self.maxpool_5a(x)))
        x = self.repeat_1(self.mixed_6a(x))
        x = self.block8(self.repeat_2(self.mixed_7a(x)))
        return self.classif(self.conv2d_7b(x).mean((2, 3)))


class Mixed5b(nn.Module):
    """192 to 320 channels: the first Inception block."""

    def __init__(self) -> None:
        super().__init__()
        self.branch0 = Conv(192, 96, 1)
        self.branch1 = nn.Sequential(Conv(192, 48, 1), Conv(48, 64, 5, padding=2))
        self.branch2 = nn.Sequential(
            Conv(192, 64, 1), Conv(64, 96, 3, padding=1), Conv(96, 96, 3, padding=1)
        )
        self.branch3 = nn.Sequential(
            nn.AvgPool2d(3, 1, 1, count_include_pad=False), Conv(192, 64, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((self.branch0(x), self.branch1(x), self.branch2(x), self.branch3(x)), 1)


class Block35(nn.Module):
    """The residual block at 320 channels."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.branch0 = Conv(320, 32, 1)
        self.branch1 = nn.Sequential(Conv(320, 32, 1), Conv(32, 32, 3, padding=1))
        self.branch2 = nn.Sequential(
            Conv(320, 32, 1), Conv(32, 48, 3, padding=1), Conv(48, 64, 3, padding=1)
        )
        self.conv2d = nn.Conv2d(128, 320, 1)

    def forward(self, x: Tensor) -> Tensor:
        mixed = torch.cat((self.branch0(x), self.branch1(x), self.branch2(x)), 1)
        return torch.relu(x + self.scale * self.conv2d(mixed))


class Mixed6a(nn.Module):
    """320 to 1088 channels at half the size."""

    def __init__(self) -> None:
        super().__init__()
        self.branch0 = Conv(320, 384, 3, stride=2)
        self.branch1 = nn.Sequential(
            Conv(320, 256, 1), Conv(256, 256, 3, padding=1), Conv(256, 384, 3, stride=2)
        )
        self.branch2 = nn.MaxPool2d(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((self.branch0(x), self.branch1(x), self.branch2(x)), 1)


class Block17(nn.Module):
    """The residual block at 1088 channels."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.branch0 = Conv(1088, 192, 1)
        self.branch1 = nn.Sequential(
            Conv(1088, 128, 1),
            Conv(128, 160, (1, 7), padding=(0, 3)),
            Conv(160, 192, (7, 1), padding=(3, 0)),
        )
        self.conv2d = nn.Conv2d(384, 1088, 1)

    def forward(self, x: Tensor) -> Tensor:
        mixed = torch.cat((self.branch0(x), self.branch1(x)), 1)
        return torch.relu(x + self.scale * self.conv2d(mixed))


class Mixed7a(nn.Module):
    """1088 to 2080 channels at half the size."""

    def __init__(self) -> None:
        super().__init__()
        self.branch0 = nn.Sequential(Conv(1088, 256, 1), Conv(256, 384, 3, stride=2))
        self.branch1 = nn.Sequential(Conv(1088, 256, 1), Conv(256, 288, 3, stride=2))
        self.branch2 = nn.Sequential(
            Conv(1088, 256, 1), Conv(256, 288, 3, padding=1), Conv(288, 320, 3, stride=2)
        )
        self.branch3 = nn.MaxPool2d(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((self.branch0(x), self.branch1(x), self.branch2(x), self.branch3(x)), 1)


class Block8(nn.Module):
    """The residual block at 2080 channels; the last one has no ReLU."""

    def __init__(self, scale: float, last: bool = False) -> None:
        super().__init__()
        self.scale, self.last = scale, last
        self.branch0 = Conv(2080, 192, 1)
        self.branch1 = nn.Sequential(
            Conv(2080, 192, 1),
            Conv(192, 224, (1, 3), padding=(0, 1)),
            Conv(224, 256, (3, 1), padding=(1, 0)),
        )
        self.conv2d = nn.Conv2d(448, 2080, 1)

    def forward(self, x: Tensor) -> Tensor:
        mixed = torch.cat((self.branch0(x), self.branch1(x)), 1)
        x = x + self.scale * self.conv2d(mixed)
        return x if self.last else torch.relu(x)
