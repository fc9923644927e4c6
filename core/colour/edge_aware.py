"""Smooths planes over a picture up to the edges of its lightness.

The recursive filter of the domain transform (Gastal and Oliveira 2011): along rows, then along
columns, forward and back, each value is drawn towards its neighbour's, less where lightness changes
between the two. Its cost does not depend on how far it smooths. Importing this module imports
numba.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.colour.compiled import compiled

#: Rounds over rows and columns; with more than three no stripes are left that one could see.
_ROUNDS: Final = 3


def smoothed(
    planes: NDArray[np.float32], lightness: NDArray[np.float32], *, radius: float, step: float
) -> NDArray[np.float32]:
    """Returns `planes` (C, H, W), smoothed with a standard deviation of `radius` cells.

    `lightness`: L* (H, W). A change of `step` L* is as far as `radius` cells without one.
    """
    down = 1 + radius / step * np.abs(np.diff(lightness, axis=0))
    right = 1 + radius / step * np.abs(np.diff(lightness, axis=1))
    result = np.array(planes, np.float32, order="C")
    for number in range(_ROUNDS):
        deviation = radius * 3**0.5 * 2 ** (_ROUNDS - number - 1) / (4**_ROUNDS - 1) ** 0.5
        kept = -(2**0.5) / deviation
        _smooth(
            result, np.exp(kept * down, dtype=np.float32), np.exp(kept * right, dtype=np.float32)
        )
    return result


def warm() -> None:
    """Compiles the kernel, or loads it from the cache."""
    flat = np.zeros((2, 2), np.float32)
    smoothed(flat[None], flat, radius=1.0, step=1.0)


@compiled
def _smooth(planes, down, right):
    """Smooths `planes` (C, H, W) in place; `down` (H - 1, W) and `right` (H, W - 1) are the shares
    that a value takes of its neighbour above or below, left or right."""
    channels, height, width = planes.shape
    for y in range(height):
        for x in range(1, width):
            for c in range(channels):
                planes[c, y, x] += right[y, x - 1] * (planes[c, y, x - 1] - planes[c, y, x])
        for x in range(width - 2, -1, -1):
            for c in range(channels):
                planes[c, y, x] += right[y, x] * (planes[c, y, x + 1] - planes[c, y, x])
    for y in range(1, height):
        for x in range(width):
            for c in range(channels):
                planes[c, y, x] += down[y - 1, x] * (planes[c, y - 1, x] - planes[c, y, x])
    for y in range(height - 2, -1, -1):
        for x in range(width):
            for c in range(channels):
                planes[c, y, x] += down[y, x] * (planes[c, y + 1, x] - planes[c, y, x])
