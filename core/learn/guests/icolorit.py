"""iColoriT: Yun et al. 2023, "Interactive Colorization with Vision Transformers".

A transformer of twelve blocks on 14 x 14 patches of 16 pixels, with a learned bias for the relative
place of two patches; a 3x3 convolution turns each patch's features into its 16 x 16 x 2 chroma. It
takes squares of 224 pixels alone, so pictures are squashed inside the graph. Hints are cells of
2 x 2 pixels. `tiny` has 6,444,740 parameters, `small` 23,505,800, `base` 89,478,416; 1.4 and
18.2 G multiplications (`tiny`, `base`).
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.learn.batch import NetworkOutput
from core.learn.guests.squash import pooled_hints, repeated, squashed, stretched
from core.learn.nets.zhang import RELEASED_UNIT

SIDE, PATCH, CELLS, DEPTH, HEAD = 224, 16, 112, 12, 64
GRID = SIDE // PATCH
#: name -> channels of a patch; each head has 64 of them.
WIDTHS = {"tiny": 192, "small": 384, "base": 768}
EPSILON = 1e-6


class ICoLoriT(nn.Module):
    """L* and hints in, a*, b* at full size out. `size` is "tiny", "small" or "base"."""

    stride = 1
    multiple = 16
    takes_hints = True
    bins = None

    def __init__(self, size: str = "tiny") -> None:
        super().__init__()
        width = WIDTHS[size]
        self.width = width
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(4, width, PATCH, PATCH)})
        self.blocks = nn.ModuleList(_Block(width) for _ in range(DEPTH))
        self.norm = nn.LayerNorm(width, EPSILON)
        self.head = nn.ModuleDict({"head": nn.Conv2d(width, 2 * PATCH**2, 3)})

    def relative_position_index(self) -> Tensor:
        """What each block's tensor of this name must be: int64 196,196."""
        return relative_position_index()

    def forward(self, lightness: Tensor, hints: Tensor | None = None) -> NetworkOutput:
        square = (squashed(lightness, SIDE) - 50) / 100
        if hints is None:
            hints = torch.zeros_like(lightness).expand(-1, 3, -1, -1)
        cells = pooled_hints(hints, CELLS)
        cells = torch.cat((cells[:, :2] / RELEASED_UNIT, cells[:, 2:]), 1)
        network_input = torch.cat((square, repeated(cells, SIDE // CELLS)), 1)
        return NetworkOutput(
            stretched(self.published(network_input) * RELEASED_UNIT, lightness, self.stride)
        )

    def published(self, x: Tensor) -> Tensor:
        """a*, b* over 110, N,2,224,224, of N,4,224,224: (L* - 50)/100, a*/110, b*/110 in hinted
        cells, and 1 where there is a hint."""
        x = self.patch_embed["proj"](x).flatten(2).transpose(1, 2)
        x = x + sinusoids(self.width).to(x)
        index = relative_position_index().to(x.device)
        for block in self.blocks:
            x = block(x, index)
        x = self.norm(x).transpose(1, 2).reshape(len(x), -1, GRID, GRID)
        x = self.head["head"](F.pad(x, (1, 1, 1, 1), mode="reflect")).tanh()
        # a patch's channels are (row, column, colour)
        x = x.view(len(x), PATCH, PATCH, 2, GRID, GRID).permute(0, 3, 4, 1, 5, 2)
        return x.reshape(len(x), 2, SIDE, SIDE)


class _Block(nn.Module):
    """Attention and two linear layers, each normalised before and added after."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, EPSILON)
        self.attn = _Attention(width)
        self.norm2 = nn.LayerNorm(width, EPSILON)
        self.mlp = nn.ModuleDict(
            {"fc1": nn.Linear(width, 4 * width), "fc2": nn.Linear(4 * width, width)}
        )

    def forward(self, x: Tensor, index: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x), index)
        return x + self.mlp["fc2"](F.gelu(self.mlp["fc1"](self.norm2(x))))


class _Attention(nn.Module):
    """Queries and values have biases, keys have none; each head adds its relative bias."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = width // HEAD
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.q_bias = nn.Parameter(torch.zeros(width))
        self.v_bias = nn.Parameter(torch.zeros(width))
        self.rpb_table = nn.Parameter(torch.zeros((2 * GRID - 1) ** 2, self.heads))
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor, index: Tensor) -> Tensor:
        query, key, value = self.qkv(x).chunk(3, -1)
        query, key, value = (
            tokens.view(len(tokens), -1, self.heads, HEAD).transpose(1, 2)
            for tokens in (query + self.q_bias, key, value + self.v_bias)
        )
        scores = (query / HEAD**0.5) @ key.transpose(-2, -1)
        scores = scores + self.rpb_table[index].permute(2, 0, 1)
        return self.proj((scores.softmax(-1) @ value).transpose(1, 2).reshape_as(x))


def relative_position_index() -> Tensor:
    """int64 196,196: the row of `rpb_table` for the place of one patch relative to another."""
    row, column = np.divmod(np.arange(GRID**2), GRID)
    down, across = (of[:, None] - of[None] + GRID - 1 for of in (row, column))
    return torch.from_numpy(down * (2 * GRID - 1) + across)


def sinusoids(width: int) -> Tensor:
    """float32 196,width: the code of each patch's number; sine in even channels, else cosine."""
    channel = np.arange(width)
    angle = np.arange(GRID**2)[:, None] / 10000 ** (2 * (channel // 2) / width)
    table = np.where(channel % 2 == 0, np.sin(angle), np.cos(angle))
    return torch.from_numpy(table.astype(np.float32))
