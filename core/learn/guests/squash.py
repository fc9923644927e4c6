"""Pictures squashed to a square and their answers stretched back, inside the graph.

Published programs show their networks squares whatever the picture's shape; some networks take
nothing else. The resampling is a pair of matrix products (rows, columns), which any ONNX runtime
has, for sizes known only when the graph runs.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.learn.batch import NetworkOutput


class Squashed(nn.Module):
    """A guest that sees every picture as a square of `side` pixels, as its authors show it."""

    def __init__(self, net: Any, side: int) -> None:
        super().__init__()
        self.net = net
        self.side = side
        self.stride, self.multiple = net.stride, net.multiple
        self.takes_hints = net.takes_hints

    @property
    def bins(self) -> Tensor | None:
        """The network's own, which have no values before its weights are there."""
        return self.net.bins

    def forward(self, lightness: Tensor, hints: Tensor | None = None) -> NetworkOutput:
        if hints is not None and self.takes_hints:
            hints = pooled_hints(hints, self.side)
        answer = self.net(squashed(lightness, self.side), hints if self.takes_hints else None)
        return NetworkOutput(stretched(answer.chroma, lightness, self.stride), answer.logits)


def squashed(planes: Tensor, side: int) -> Tensor:
    """N,C,H,W to N,C,side,side: bilinear, antialiased where it shrinks, half-pixel centres."""
    down, across = (_triangles(*_line(planes, axis), *_fixed(side)) for axis in (-2, -1))
    return down @ planes @ across.transpose(-2, -1)


def stretched(planes: Tensor, like: Tensor, stride: int) -> Tensor:
    """N,C,n,n to N,C,H/stride,W/stride for `like` N,1,H,W, by the same rule."""
    grid = like[:, :, ::stride, ::stride]
    square = _fixed(int(planes.shape[-1]))
    down, across = (_triangles(*square, *_line(grid, axis)) for axis in (-2, -1))
    return down @ planes @ across.transpose(-2, -1)


def pooled_hints(hints: Tensor, cells: int) -> Tensor:
    """N,3,H,W of a*, b*, mask to N,3,cells,cells.

    A cell is hinted where any of its pixels is, with their mean colour; the others are zero.
    """
    rows, columns = (_membership(*_line(hints, axis), cells) for axis in (-2, -1))
    mask = hints[:, 2:]
    sums = rows @ torch.cat((hints[:, :2] * mask, mask), 1) @ columns.transpose(-2, -1)
    count = sums[:, 2:]
    return torch.cat((sums[:, :2] / count.clamp_min(1), count.clamp_max(1)), 1)


def repeated(cells: Tensor, times: int) -> Tensor:
    """N,C,n,n to N,C,times n,times n: each cell as a square of equal pixels."""
    repeat = np.repeat(np.eye(int(cells.shape[-1]), dtype=np.float32), times, 0)
    down, across = torch.from_numpy(repeat), torch.from_numpy(np.ascontiguousarray(repeat.T))
    return down.to(cells) @ cells @ across.to(cells)


def _fixed(length: int) -> tuple[Tensor, float]:
    """0, 1, ... length - 1, and the length."""
    return torch.from_numpy(np.arange(length, dtype=np.float32)), float(length)


def _line(planes: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """0, 1, ... n - 1 along one axis, and n, whatever n the traced graph meets."""
    places = torch.arange(planes.shape[axis], device=planes.device).to(planes.dtype)
    return places, places[-1] + 1


def _triangles(
    old: Tensor, old_length: Tensor | float, new: Tensor, new_length: Tensor | float
) -> Tensor:
    """The matrix (new, old) that resamples a line: triangles as wide as the larger pixels."""
    scale = torch.as_tensor(old_length / new_length)
    centres = (new.to(scale) + 0.5) * scale - 0.5
    distance = (old.to(scale)[None] - centres[:, None]).abs()
    weights = (1 - distance / scale.clamp_min(1)).clamp_min(0)
    return weights / weights.sum(1, keepdim=True)


def _membership(places: Tensor, length: Tensor, cells: int) -> Tensor:
    """The matrix (cells, pixels) of 0 and 1 that tells which cell a pixel's middle lies in."""
    cell = ((places + 0.5) * (cells / length)).floor()
    numbers = _fixed(cells)[0].to(places)
    # whole numbers: 1 where they are equal, else 0
    return (1 - (cell[None] - numbers[:, None]).abs()).clamp_min(0)
