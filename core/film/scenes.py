"""Scenes of a film: `is_cut` tells whether a frame begins a new one."""

from collections.abc import Callable
from typing import Final

import numpy as np

#: A cut is where less than this of the textured pixels is found again, and no more than
#: `_LIKENESS` of the picture is like its predecessor moved into its place.
_FOUND: Final = 0.45
_LIKENESS: Final = 0.6
#: A cut between two flat frames is where their mean codes are further apart than this.
_TONE: Final = 40


def is_cut(
    earlier: np.ndarray,
    later: np.ndarray,
    found: float | None,
    predicted: Callable[[], np.ndarray],
) -> bool:
    """Whether `later` begins a new scene after `earlier`, two guides (h, w) uint8 of one size.

    `found` is the share of textured pixels of `later` that motion finds in `earlier`, None where
    neither has texture; `predicted` gives `earlier` moved into the place of `later`, float32.
    """
    if found is None:
        return abs(float(later.mean()) - float(earlier.mean())) > _TONE
    return found < _FOUND and _likeness(later, predicted()) < _LIKENESS


def _likeness(first: np.ndarray, second: np.ndarray) -> float:
    """Correlation of two pictures, -1..1."""
    a, b = first.astype(np.float32).ravel(), second.astype(np.float32).ravel()
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size > 1e-6 else 1.0
