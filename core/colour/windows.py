"""Computes means over windows of a plane, at a cost that does not depend on the window's size."""

import numpy as np


def window_means(plane: np.ndarray, radius: int) -> np.ndarray:
    """Returns means over windows of `radius` cells to each side, cut off at the plane's border.

    `plane`: (..., H, W). Returns float64 of its shape.

    >>> window_means(np.array([[0.0, 3.0, 6.0]]), 1)
    array([[1.5, 3. , 4.5]])
    """
    plane = np.asarray(plane, np.float64)
    for axis in (-2, -1):
        size = plane.shape[axis]
        sums = np.insert(np.cumsum(plane, axis), 0, 0, axis)
        places = np.arange(size)
        begins, ends = np.maximum(places - radius, 0), np.minimum(places + radius + 1, size)
        counts = (ends - begins)[:, None] if axis == -2 else ends - begins
        plane = (np.take(sums, ends, axis) - np.take(sums, begins, axis)) / counts
    return plane
