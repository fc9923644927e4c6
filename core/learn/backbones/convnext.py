"""ConvNeXt (Liu et al. 2022) as a pyramid of features, with the authors' tensor names.

| part | layers |
| --- | --- |
| stem | 4x4 convolution, stride 4; channel norm |
| before stages 1 to 3 | channel norm; 2x2 convolution, stride 2 |
| block | 7x7 depthwise; norm; linear to 4 times the width; GELU; linear back; layer scale; sum |
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: name -> (blocks, widths) of the four stages.
SIZES = {
    "tiny": ((3, 3, 9, 3), (96, 192, 384, 768)),
    "large": ((3, 3, 27, 3), (192, 384, 768, 1536)),
}
EPSILON = 1e-6


class ChannelNorm(nn.Module):
    """Layer norm over the channels of N,C,H,W, at each pixel by itself."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        x = F.layer_norm(x.permute(0, 2, 3, 1), self.weight.shape, self.weight, self.bias, EPSILON)
        return x.permute(0, 3, 1, 2)


class Block(nn.Module):
    """The residual block; `gamma` is the layer scale."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, EPSILON)
        self.pwconv1 = nn.Linear(width, 4 * width)
        self.pwconv2 = nn.Linear(4 * width, width)
        self.gamma = nn.Parameter(torch.full((width,), 1e-6))

    def forward(self, x: Tensor) -> Tensor:
        inside = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        inside = self.pwconv2(F.gelu(self.pwconv1(inside))) * self.gamma
        return x + inside.permute(0, 3, 1, 2)


class ConvNeXt(nn.Module):
    """Features at strides 4, 8, 16, 32.

    Each is normalised on its way out (`norm0` to `norm3`); the next stage sees it as it was. `norm`
    belongs to the classifier, which is not here: the published tensors have their place.
    """

    def __init__(self, depths: Sequence[int], widths: Sequence[int]) -> None:
        super().__init__()
        self.downsample_layers = nn.ModuleList(
            [nn.Sequential(nn.Conv2d(3, widths[0], 4, 4), ChannelNorm(widths[0]))]
        )
        for narrow, wide in pairwise(widths):
            self.downsample_layers.append(
                nn.Sequential(ChannelNorm(narrow), nn.Conv2d(narrow, wide, 2, 2))
            )
        self.stages = nn.ModuleList(
            nn.Sequential(*(Block(width) for _ in range(depth)))
            for depth, width in zip(depths, widths, strict=True)
        )
        for index, width in enumerate(widths):
            self.add_module(f"norm{index}", ChannelNorm(width))
        self.norm = nn.LayerNorm(widths[-1], EPSILON)

    def forward(self, x: Tensor) -> list[Tensor]:
        features = []
        for index, (down, stage) in enumerate(
            zip(self.downsample_layers, self.stages, strict=True)
        ):
            x = stage(down(x))
            features.append(self.get_submodule(f"norm{index}")(x))
        return features
