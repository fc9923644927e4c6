"""Inception v3 (Szegedy et al. 2016) up to its 2,048 pooled features, for the FID.

Tensor names are torchvision's. Two published files fit: torchvision's own, and the port of
TensorFlow's weights that the FID is defined by (its `fc` has 1,008 classes; it averages without the
border and its last block takes the maximum instead). Which of the two a file is, is told from `fc`.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.learn import pretrained as published

FEATURES = 2048
SIDE = 299  # px
#: Classes of the `fc` in the port of TensorFlow's weights.
TENSORFLOW_CLASSES = 1008


class InceptionV3(nn.Module):
    """RGB in -1..1, N,3,299,299, to N,2048. 21,785,568 parameters."""

    def __init__(self, tensorflow: bool = False) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Conv(3, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = Conv(32, 32, 3)
        self.Conv2d_2b_3x3 = Conv(32, 64, 3, padding=1)
        self.Conv2d_3b_1x1 = Conv(64, 80, 1)
        self.Conv2d_4a_3x3 = Conv(80, 192, 3)
        self.Mixed_5b = A(192, 32, tensorflow)
        self.Mixed_5c = A(256, 64, tensorflow)
        self.Mixed_5d = A(288, 64, tensorflow)
        self.Mixed_6a = B(288)
        self.Mixed_6b = C(768, 128, tensorflow)
        self.Mixed_6c = C(768, 160, tensorflow)
        self.Mixed_6d = C(768, 160, tensorflow)
        self.Mixed_6e = C(768, 192, tensorflow)
        self.Mixed_7a = D(768)
        self.Mixed_7b = E(1280, "average", tensorflow)
        self.Mixed_7c = E(2048, "maximum" if tensorflow else "average", tensorflow)

    def forward(self, x: Tensor) -> Tensor:
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(F.max_pool2d(x, 3, 2)))
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(F.max_pool2d(x, 3, 2))))
        x = self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))
        x = self.Mixed_6e(self.Mixed_6d(x))
        return self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x))).mean((2, 3))

    def features(self, rgb: Tensor) -> Tensor:
        """N,2048 of RGB 0..1 N,3,H,W, stretched to 299 x 299 as the FID does."""
        x = F.interpolate(rgb, size=(SIDE, SIDE), mode="bilinear", align_corners=False)
        return self(2 * x - 1)


def from_file(path: str) -> InceptionV3:
    """The network with a user's weights, of either kind; raises PhotochromError."""
    given = published.read(path)
    classifier = given.get("fc.weight")
    net = InceptionV3(tensorflow=classifier is not None and len(classifier) == TENSORFLOW_CLASSES)
    published.put(net, given, path)
    return net.eval().requires_grad_(False)


class Conv(nn.Module):
    """Convolution without bias, batch norm (eps 1e-3), ReLU."""

    def __init__(
        self, inputs: int, outputs: int, kernel, stride: int = 1, padding: int | tuple = 0
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


class _Pools(nn.Module):
    """What the blocks with a pooling branch share."""

    def __init__(self, tensorflow: bool, pooling: str = "average") -> None:
        super().__init__()
        self.border, self.pooling = not tensorflow, pooling

    def pooled(self, x: Tensor) -> Tensor:
        if self.pooling == "maximum":
            return F.max_pool2d(x, 3, 1, 1)
        return F.avg_pool2d(x, 3, 1, 1, count_include_pad=self.border)


class A(_Pools):
    """35 x 35: 1x1, 5x5, double 3x3, pooling."""

    def __init__(self, inputs: int, pool: int, tensorflow: bool) -> None:
        super().__init__(tensorflow)
        self.branch1x1 = Conv(inputs, 64, 1)
        self.branch5x5_1 = Conv(inputs, 48, 1)
        self.branch5x5_2 = Conv(48, 64, 5, padding=2)
        self.branch3x3dbl_1 = Conv(inputs, 64, 1)
        self.branch3x3dbl_2 = Conv(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = Conv(96, 96, 3, padding=1)
        self.branch_pool = Conv(inputs, pool, 1)

    def forward(self, x: Tensor) -> Tensor:
        five = self.branch5x5_2(self.branch5x5_1(x))
        three = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat((self.branch1x1(x), five, three, self.branch_pool(self.pooled(x))), 1)


class B(nn.Module):
    """35 x 35 to 17 x 17."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.branch3x3 = Conv(inputs, 384, 3, stride=2)
        self.branch3x3dbl_1 = Conv(inputs, 64, 1)
        self.branch3x3dbl_2 = Conv(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = Conv(96, 96, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        three = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat((self.branch3x3(x), three, F.max_pool2d(x, 3, 2)), 1)


class C(_Pools):
    """17 x 17: 7x7 in two and in four factors."""

    def __init__(self, inputs: int, width: int, tensorflow: bool) -> None:
        super().__init__(tensorflow)
        row, column = (0, 3), (3, 0)
        self.branch1x1 = Conv(inputs, 192, 1)
        self.branch7x7_1 = Conv(inputs, width, 1)
        self.branch7x7_2 = Conv(width, width, (1, 7), padding=row)
        self.branch7x7_3 = Conv(width, 192, (7, 1), padding=column)
        self.branch7x7dbl_1 = Conv(inputs, width, 1)
        self.branch7x7dbl_2 = Conv(width, width, (7, 1), padding=column)
        self.branch7x7dbl_3 = Conv(width, width, (1, 7), padding=row)
        self.branch7x7dbl_4 = Conv(width, width, (7, 1), padding=column)
        self.branch7x7dbl_5 = Conv(width, 192, (1, 7), padding=row)
        self.branch_pool = Conv(inputs, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        once = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        twice = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        twice = self.branch7x7dbl_5(self.branch7x7dbl_4(twice))
        return torch.cat((self.branch1x1(x), once, twice, self.branch_pool(self.pooled(x))), 1)


class D(nn.Module):
    """17 x 17 to 8 x 8."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.branch3x3_1 = Conv(inputs, 192, 1)
        self.branch3x3_2 = Conv(192, 320, 3, stride=2)
        self.branch7x7x3_1 = Conv(inputs, 192, 1)
        self.branch7x7x3_2 = Conv(192, 192, (1, 7), padding=(0, 3))
        self.branch7x7x3_3 = Conv(192, 192, (7, 1), padding=(3, 0))
        self.branch7x7x3_4 = Conv(192, 192, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        three = self.branch3x3_2(self.branch3x3_1(x))
        seven = self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x)))
        return torch.cat((three, self.branch7x7x3_4(seven), F.max_pool2d(x, 3, 2)), 1)


class E(_Pools):
    """8 x 8: 3x3 split into a row and a column side by side."""

    def __init__(self, inputs: int, pooling: str, tensorflow: bool) -> None:
        super().__init__(tensorflow, pooling)
        row, column = (0, 1), (1, 0)
        self.branch1x1 = Conv(inputs, 320, 1)
        self.branch3x3_1 = Conv(inputs, 384, 1)
        self.branch3x3_2a = Conv(384, 384, (1, 3), padding=row)
        self.branch3x3_2b = Conv(384, 384, (3, 1), padding=column)
        self.branch3x3dbl_1 = Conv(inputs, 448, 1)
        self.branch3x3dbl_2 = Conv(448, 384, 3, padding=1)
        self.branch3x3dbl_3a = Conv(384, 384, (1, 3), padding=row)
        self.branch3x3dbl_3b = Conv(384, 384, (3, 1), padding=column)
        self.branch_pool = Conv(inputs, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        once = self.branch3x3_1(x)
        twice = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        parts = (
            self.branch1x1(x),
            self.branch3x3_2a(once),
            self.branch3x3_2b(once),
            self.branch3x3dbl_3a(twice),
            self.branch3x3dbl_3b(twice),
            self.branch_pool(self.pooled(x)),
        )
        return torch.cat(parts, 1)
