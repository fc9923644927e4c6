"""Colours small things by tiles of a larger thumbnail, with the broad colours of the whole picture.

A face of ten pixels in the thumbnail of a group photograph stays gray. Here the network is run
again on tiles of a larger thumbnail, which give the details. Colours that are broader than a
quarter of the picture are taken from the whole thumbnail, since a tile alone does not show whether
its brown is wood or earth.
"""

from collections.abc import Callable
from math import ceil
from typing import Final

import numpy as np

from core.colour.field import ChromaField, chroma_at, prepare

#: Colours that are broader than this share of the short side are taken from the whole picture.
_BROAD: Final = 1 / 4
#: Neighbouring tiles overlap by at least this share of their side, where one fades into the other.
_SHARED: Final = 1 / 4

#: ask(top, left, height, width) -> chroma (2, height, width) of that box of the finer grid.
Ask = Callable[[int, int, int, int], np.ndarray]


def with_details(
    whole: np.ndarray, nearer: int, shape: tuple[int, int], tile: int, ask: Ask
) -> np.ndarray:
    """Returns chroma with the details of tiles and the broad colours of `whole`.

    `whole`: a grid (2, h, w), perhaps with padding to the right and below; `nearer`: how many times
    finer the tiles' grid is; `shape`: that grid's (height, width); `tile`: the side of a tile in
    its cells; `ask` runs the network on a tile. Returns float32 (2, *shape) in CIELAB units.
    """
    tiles = _mosaic(shape, tile, ask)
    cell = max(1, round(min(shape) * _BROAD))
    missing = _block_means(enlarged(whole, nearer, shape) - tiles, cell)
    return tiles + enlarged(missing, cell, shape)


def enlarged(grid: np.ndarray, scale: int, shape: tuple[int, int]) -> np.ndarray:
    """Returns a grid (2, h, w) upsampled smoothly to `shape`, which is `scale` times as fine."""
    extent = shape[0] / scale, shape[1] / scale
    field = ChromaField(grid, extent, height=shape[0], width=shape[1])
    return np.moveaxis(chroma_at(prepare(field), 0, shape[0]), -1, 0).astype(np.float32)


def starts(size: int, tile: int) -> list[int]:
    """Returns the offsets of a row's tiles: evenly spaced, covering `size`, overlapping enough."""
    if size <= tile:
        return [0]
    steps = ceil((size - tile) / (tile * (1 - _SHARED)))
    return [round(step * (size - tile) / steps) for step in range(steps + 1)]


def places(shape: tuple[int, int], tile: int) -> list[tuple[int, int]]:
    """Returns (top, left) of every tile of a grid, in the order in which the network is run."""
    return [(top, left) for top in starts(shape[0], tile) for left in starts(shape[1], tile)]


def _mosaic(shape: tuple[int, int], tile: int, ask: Ask) -> np.ndarray:
    """Returns the tiles side by side, each fading into the next."""
    height, width = min(tile, shape[0]), min(tile, shape[1])
    weight = np.multiply.outer(_ramp(height), _ramp(width))
    total, weights = np.zeros((2, *shape), np.float32), np.zeros(shape, np.float32)
    for top, left in places(shape, tile):
        rows, columns = slice(top, top + height), slice(left, left + width)
        total[:, rows, columns] += weight * ask(top, left, height, width)
        weights[rows, columns] += weight
    return total / weights


def _ramp(size: int) -> np.ndarray:
    """Returns weights (size,) that fall over the shared part toward both ends, and nowhere to 0."""
    near = np.minimum(np.arange(size), np.arange(size)[::-1]) + 0.5
    return np.minimum(near / (size * _SHARED), 1).astype(np.float32)


def _block_means(grid: np.ndarray, cell: int) -> np.ndarray:
    """Returns means of `cell` x `cell` blocks of a grid (2, h, w); its last ones may be smaller."""
    sums, counts = grid, np.ones(grid.shape[1:])
    for axis in (-2, -1):
        begins = np.arange(0, grid.shape[axis], cell)
        sums = np.add.reduceat(sums, begins, axis)
        counts = np.add.reduceat(counts, begins, axis)
    return (sums / counts).astype(np.float32)
