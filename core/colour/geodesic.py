"""Computes geodesic distances over a picture: from marked pixels along paths of little change.

A step from a pixel to one of its eight neighbours costs its length and the change of lightness and
chroma on it, so that pixels of one thing are near each other and pixels across its border are far
(Yatziv and Sapiro 2006 spread scribbled colours by such distances). Importing this module imports
numba.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.colour.compiled import compiled

#: Rounds of sweeps at most. Distances over photographs converge after about ten.
_ROUNDS: Final = 16

#: (down, right) from a pixel to its neighbours; the last four are opposite to the first four.
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
    """Returns each pixel's distance from the nearest marked one, and that one's flat index.

    `lightness`: L* (H, W); `chroma`: a*, b* (2, H, W); `marked`: (H, W), at least one True. A
    change of L* by 100 adds `lightness_cost` short sides to a path, a change of a*, b* by 100 adds
    `chroma_cost`; over a short side of length, the first 100 `slack` of change of L* are free.
    Returns float32 distances (H, W) in short sides of the picture, 0 at marked pixels, and int64
    indices (H, W). Raises ValueError where no pixel is marked.
    """
    if not marked.any():
        raise ValueError("no pixel is marked")
    height, width = marked.shape
    planes = np.concatenate((lightness[None], chroma)).astype(np.float32) / 100
    planes = np.pad(planes, ((0, 0), (1, 1), (1, 1)), mode="edge")
    inner = planes[:, 1:-1, 1:-1]
    ways = np.empty((8, height, width), np.float32)  # cost of the step from each neighbour
    for way, (down, right) in zip(ways, _NEIGHBOURS, strict=True):
        length = np.hypot(down, right) / min(height, width)
        light, a, b = inner - planes[:, 1 + down :, 1 + right :][:, :height, :width]
        light = np.maximum(abs(light) - slack * length, 0)
        way[:] = length + lightness_cost * light + chroma_cost * np.hypot(a, b)

    # The planes have a border of one pixel at infinite distance.
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
    """Compiles the kernel, or loads it from the cache."""
    nearest_marked(
        np.zeros((1, 1), np.float32),
        np.zeros((2, 1, 1), np.float32),
        np.ones((1, 1), np.bool_),
        lightness_cost=0,
        chroma_cost=0,
    )


@compiled
def _sweep(ways, distance, origin):
    """Propagates distances from each row to the next, and within a row to both sides.

    `ways` (8, H, W) are the costs of the steps from `_NEIGHBOURS`; the other planes have a border
    of one pixel. Returns the number of pixels that were changed.
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
