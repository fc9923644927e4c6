"""Pictures squashed to a square and their answers stretched back, inside the graph.

Published programs show their networks squares whatever the picture's shape; some networks take
nothing else. The resampling is a pair of matrix products (rows, columns), which any ONNX runtime
has, for sizes known only when the graph runs.
"""

import torch
from torch import Tensor, nn

from core.learn.nets import Prediction


class Squashed(nn.Module):
    """A guest that sees every picture as a square of `side` pixels, as its authors show it."""

    def __init__(self, net: nn.Module, side: int) -> None:
        super().__init__()
        self.net = net
        self.side = side
        self.stride, self.multiple = net.stride, net.multiple
        self.takes_hints, self.bins = net.takes_hints, net.bins

    def forward(self, lightness: Tensor, hints: Tensor | None = None) -> Prediction:
        if hints is not None and self.takes_hints:
            hints = pooled_hints(hints, self.side)
        seen = self.net(squashed(lightness, self.side), hints if self.takes_hints else None)
        return Prediction(stretched(seen.chroma, lightness, self.stride), seen.logits)


def squashed(planes: Tensor, side: int) -> Tensor:
    """N,C,H,W to N,C,side,side: bilinear, antialiased where it shrinks, half-pixel centres."""
    square = torch.arange(side, dtype=planes.dtype, device=planes.device)
    return _resampled(planes, square, square)


def stretched(planes: Tensor, like: Tensor, stride: int) -> Tensor:
    """N,C,h,w to N,C,H/stride,W/stride for `like` N,1,H,W, by the same rule."""
    grid = like[:, :, ::stride, ::stride]
    return _resampled(planes, _places(grid, -2), _places(grid, -1))


def pooled_hints(hints: Tensor, cells: int) -> Tensor:
    """N,3,H,W of a*, b*, mask to N,3,cells,cells.

    A cell is hinted where any of its pixels is, with their mean colour; the others are zero.
    """
    rows, columns = (_membership(_places(hints, axis), cells) for axis in (-2, -1))
    mask = hints[:, 2:]
    sums = rows @ torch.cat((hints[:, :2] * mask, mask), 1) @ columns.movedim(-2, -1)
    count = sums[:, 2:]
    return torch.cat((sums[:, :2] / count.clamp_min(1), count.clamp_max(1)), 1)


def _places(planes: Tensor, axis: int) -> Tensor:
    """0, 1, ... n - 1 along one axis, for any n that the traced graph meets."""
    return torch.arange(planes.shape[axis], device=planes.device).to(planes.dtype)


def _resampled(planes: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    down = _triangles(_places(planes, -2), rows)
    across = _triangles(_places(planes, -1), columns)
    return down @ planes @ across.movedim(-2, -1)


def _triangles(old: Tensor, new: Tensor) -> Tensor:
    """The matrix (new, old) that resamples a line: triangles as wide as the larger pixels."""
    scale = (old[-1] + 1) / (new[-1] + 1)
    centres = (new + 0.5) * scale - 0.5
    weights = (1 - (old[None] - centres[:, None]).abs() / scale.clamp_min(1)).clamp_min(0)
    return weights / weights.sum(1, keepdim=True)


def _membership(places: Tensor, cells: int) -> Tensor:
    """The matrix (cells, pixels) of 0 and 1 that tells which cell a pixel's middle lies in."""
    cell = ((places + 0.5) * (cells / (places[-1] + 1))).floor()
    numbers = torch.arange(cells, dtype=places.dtype, device=places.device)
    # whole numbers: 1 where they are equal, else 0 (torch's exporter crashes on an equality here)
    return (1 - (cell[None] - numbers[:, None]).abs()).clamp_min(0)
