"""ResNet's residual blocks and stages (He et al. 2016), with the tensor names of torchvision."""

from torch import Tensor, nn

#: name -> (block, blocks by stage).
SIZES: dict[str, tuple[str, tuple[int, ...]]] = {
    "resnet34": ("basic", (3, 4, 6, 3)),
    "resnet101": ("bottleneck", (3, 4, 23, 3)),
}
#: Channels of the four stages inside a block; a bottleneck has four times as many outside.
WIDTHS = (64, 128, 256, 512)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = _shortcut(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(x)) + shortcut)


class Bottleneck(nn.Module):
    """1x1, 3x3 with the stride, 1x1 convolution and a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        width = outputs // 4
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU()
        self.downsample = _shortcut(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        return self.relu(self.bn3(self.conv3(x)) + shortcut)


def trunk(name: str) -> nn.Sequential:
    """A ResNet without its classifier as torchvision's children in a sequence: 0 convolution,
    1 norm, 2 ReLU, 3 pooling, 4 to 7 the stages at strides 4, 8, 16, 32."""
    kind, depths = SIZES[name]
    block, factor = (BasicBlock, 1) if kind == "basic" else (Bottleneck, 4)
    layers: list[nn.Module] = [
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
    ]
    inputs = 64
    for index, (depth, width) in enumerate(zip(depths, WIDTHS, strict=True)):
        outputs = width * factor
        first = block(inputs, outputs, 1 if index == 0 else 2)
        rest = [block(outputs, outputs, 1) for _ in range(depth - 1)]
        layers.append(nn.Sequential(first, *rest))
        inputs = outputs
    return nn.Sequential(*layers)


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Sequential | None:
    """What makes a block's input of its output's shape, where it is not."""
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
