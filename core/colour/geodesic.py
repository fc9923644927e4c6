"""Geodesic distances over a picture: how far it is from marked pixels, along ways of little change.

The way from a pixel to one of its eight neighbours costs its length and what changes on it, in
lightness and in chroma, so that the borders of things are far and what lies within them is near
(Yatziv and Sapiro 2006 spread scribbled colours by such distances). Importing this module imports
numba.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.colour.compiled import compiled

#: Rounds of sweeps at most. Photographs are settled after ten or so; mazes would take more.
_ROUNDS: Final = 16

#: (down, right) to the neighbours of a pixel; the last four are the first turned round.
_NEIGHBOURS: Final = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))


def nearest_marked(
    lightness: NDArray[np.float32],
    chroma: NDArray[np.float32],
    marked: NDArray[np.bool_],
    *,
    lightness_cost: float,
    chroma_cost: float,
    slack: float = 0.0,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """How far each pixel is from the nearest marked one, in short sides, and which one that is.

    Parameters: L* (H, W), a* and b* (2, H, W), the marks (H, W), at least one. A change by 100 of
    L*, or of a*, b*, counts as so many short sides; on a way of a short side L* may change by
    100 `slack` for nothing. Returns the distances (H, W), 0 at marked pixels, and for each pixel
    the flat index of a marked one.
    """
    if not marked.any():
        raise ValueError("no pixel is marked")
    height, width = marked.shape
    planes = np.concatenate((lightness[None], chroma)).astype(np.float32) / 100
    planes = np.pad(planes, ((0, 0), (1, 1), (1, 1)), mode="edge")
    inner = planes[:, 1:-1, 1:-1]
    ways = np.empty((8, height, width), np.float32)  # from each of the neighbours
    for way, (down, right) in zip(ways, _NEIGHBOURS, strict=True):
        length = np.hypot(down, right) / min(height, width)
        light, a, b = inner - planes[:, 1 + down :, 1 + right :][:, :height, :width]
        light = np.maximum(abs(light) - slack * length, 0)
        way[:] = length + lightness_cost * light + chroma_cost * np.hypot(a, b)

    # with a rim that is infinitely far
    distance = np.full((height + 2, width + 2), np.inf, np.float32)
    distance[1:-1, 1:-1][marked] = 0
    origin = np.zeros(distance.shape, np.int64)
    origin[1:-1, 1:-1] = np.arange(marked.size).reshape(marked.shape)
    upside_down = (plane[..., ::-1, ::-1] for plane in (ways[::-1], distance, origin))
    sweeps = ((ways, distance, origin), tuple(upside_down))
    for _ in range(_ROUNDS):
        if not sum([_sweep(*planes) for planes in sweeps]):
            break
    return distance[1:-1, 1:-1], origin[1:-1, 1:-1]


def warm() -> None:
    """Compile the kernel, or load it from the cache."""
    nearest_marked(
        np.zeros((1, 1), np.float32),
        np.zeros((2, 1, 1), np.float32),
        np.ones((1, 1), np.bool_),
        lightness_cost=0,
        chroma_cost=0,
    )


@compiled
def _sweep(ways, distance, origin):
    """Hands distances on from each row to the next, and within a row to both sides; how many.

    `ways` (8, H, W) are those from `_NEIGHBOURS`; the other planes have a rim of one pixel.
    """
    changes = 0
    for y in range(1, distance.shape[0] - 1):
        for x in range(1, distance.shape[1] - 1):
            for neighbour in range(3):
                u = x - 1 + neighbour
                way = distance[y - 1, u] + ways[neighbour, y - 1, x - 1]
                if way < distance[y, x]:
                    distance[y, x], origin[y, x] = way, origin[y - 1, u]
                    changes += 1
        for x in range(1, distance.shape[1] - 1):
            way = distance[y, x - 1] + ways[3, y - 1, x - 1]
            if way < distance[y, x]:
                distance[y, x], origin[y, x] = way, origin[y, x - 1]
                changes += 1
        for x in range(distance.shape[1] - 2, 0, -1):
            way = distance[y, x + 1] + ways[4, y - 1, x - 1]
            if way < distance[y, x]:
                distance[y, x], origin[y, x] = way, origin[y, x + 1]
                changes += 1
    return changes
