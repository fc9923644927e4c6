"""Upsamples the chroma field, a network's small output, smoothly to every pixel.

The colorizer makes a `ChromaField`; `prepare` turns it into a `PreparedField`, which the fused pass
in `kernels` reads: cubic (Catmull-Rom) upsampling to nodes at most 16 pixels apart, linear
interpolation between the nodes. `chroma_at` returns, in float64, the chroma that a pixel gets
before the gamut step.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Nodes = NDArray[np.float32]

#: Pixels between two nodes, at most. Where a cell of the grid spans 24 pixels or more, linear
#: interpolation over so short a distance cannot be told from the cubic.
_WIDEST_PITCH: Final = 16

#: A pitch is at most this share of a grid cell, so that the nodes follow the cubic's curve.
_PITCH_PER_CELL: Final = 2 / 3

#: Chroma, in CIELAB units, that no sRGB colour reaches at any lightness (the largest is blue's,
#: 133.8). A larger one would only make the search for the gamut's edge longer.
_RICHEST: Final = 140.0

#: Largest |a*| and |b*| accepted of a network, in CIELAB units; only a broken model exceeds it.
_LARGEST: Final = 200.0


@dataclass(frozen=True)
class ChromaField:
    """Chroma of a picture on a coarse grid.

    `grid`: float32 (2, grid height, grid width): a* and b* at the centres of the cells, finite.
    The grid may hold padding cells beyond the picture, to the right and below. `extent`: how many
    grid rows and columns the picture spans. `width`, `height`: the picture in pixels. The centre
    of pixel (x, y) lies at grid column (x + 0.5) * extent[1] / width - 0.5 and at grid row
    (y + 0.5) * extent[0] / height - 0.5. The outermost cells' values extend beyond the grid.
    """

    grid: NDArray[np.float32]
    extent: tuple[float, float]
    width: int
    height: int


@dataclass(frozen=True)
class PreparedField:
    """A chroma field as the fused pass reads it: nodes over the picture, scaled for CIELAB.

    `nodes`: float32 (2, rows, columns): a*/500 and b*/200, vividness applied. Node (i, j) lies on
    pixel (x, y) = (j * pitch[1], i * pitch[0]); chroma between nodes is bilinear. `pitch`: pixels
    between nodes (vertical, horizontal), powers of two from 1 to 16.
    """

    nodes: Nodes
    pitch: tuple[int, int]
    width: int
    height: int


def prepare(field: ChromaField, vividness: float = 1.0) -> PreparedField:
    """Upsamples a field to the nodes of the fused pass; done once a picture.

    `vividness`: 0..2, scales the chroma. a* and b* are clamped to ±200, then their length to 140 at
    the same hue. Raises ValueError where the grid has another shape or is not finite.
    """
    grid = np.asarray(field.grid, np.float32)
    if grid.ndim != 3 or grid.shape[0] != 2 or not grid.size:
        raise ValueError(f"a chroma grid has the shape (2, height, width), not {grid.shape}")
    if not np.isfinite(grid).all():
        raise ValueError("a chroma grid must be finite")
    grid = np.clip(grid, -_LARGEST, _LARGEST)
    down = _pitch(field.height / field.extent[0])
    across = _pitch(field.width / field.extent[1])
    nodes = _resample(grid, 1, field.height, down, field.extent[0])
    nodes = _resample(nodes, 2, field.width, across, field.extent[1])
    nodes *= np.float32(vividness)
    length = np.hypot(nodes[0], nodes[1])
    nodes *= np.minimum(1.0, _RICHEST / np.maximum(length, _RICHEST)).astype(np.float32)
    nodes /= np.array([500.0, 200.0], np.float32)[:, None, None]
    return PreparedField(
        np.ascontiguousarray(nodes, np.float32), (down, across), field.width, field.height
    )


def chroma_at(prepared: PreparedField, top: int, rows: int) -> NDArray[np.float64]:
    """Returns the chroma that the pixels of a strip get before the gamut step.

    `top`: the strip's first row; `rows`: how many. Returns float64 (rows, width, 2): a*, b*.
    """
    down, across = prepared.pitch
    y, x = np.arange(top, top + rows), np.arange(prepared.width)
    i, j = y // down, x // across
    v, h = (y % down / down)[:, None], x % across / across
    nodes = prepared.nodes.astype(np.float64)
    upper = nodes[:, i][:, :, j] * (1 - h) + nodes[:, i][:, :, j + 1] * h
    lower = nodes[:, i + 1][:, :, j] * (1 - h) + nodes[:, i + 1][:, :, j + 1] * h
    return np.moveaxis(upper * (1 - v) + lower * v, 0, -1) * [500.0, 200.0]


def _pitch(cell: float) -> int:
    """Returns the pixels between nodes for a grid cell of `cell` pixels: 1, 2, 4, 8 or 16."""
    pitch = 1
    while pitch < _WIDEST_PITCH and pitch * 2 <= cell * _PITCH_PER_CELL:
        pitch *= 2
    return pitch


def _resample(grid: Nodes, axis: int, pixels: int, pitch: int, extent: float) -> Nodes:
    """Resamples by Catmull-Rom along one axis, from cell centres to every `pitch`-th pixel.

    It adds one node beyond the last pixel, so that every pixel lies between two. It sums four terms
    in a fixed order, since the rounding of a matrix product may depend on BLAS' threads.
    """
    nodes = np.arange((pixels - 1) // pitch + 2) * pitch
    position = (np.minimum(nodes, pixels - 1 + pitch) + 0.5) * extent / pixels - 0.5
    position = np.clip(position, 0.0, grid.shape[axis] - 1)
    base = np.floor(position).astype(np.int64)
    t = position - base
    weights = (
        ((2.0 - t) * t - 1.0) * t / 2.0,
        ((3.0 * t - 5.0) * t * t + 2.0) / 2.0,
        ((4.0 - 3.0 * t) * t + 1.0) * t / 2.0,
        (t - 1.0) * t * t / 2.0,
    )
    shape = [1, 1, 1]
    shape[axis] = len(nodes)
    last = grid.shape[axis] - 1
    result = np.zeros([*grid.shape[:axis], len(nodes), *grid.shape[axis + 1 :]], np.float32)
    for offset, weight in enumerate(weights, start=-1):
        cells = np.clip(base + offset, 0, last)
        result += np.take(grid, cells, axis) * weight.astype(np.float32).reshape(shape)
    return result
