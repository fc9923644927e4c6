"""What else a place of a picture could be: the colours that the model thinks of there."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from core.colour.lab import lab_to_srgb

#: Colours closer than this, in a*, b*, are one alternative.
_APART: Final = 14.0
_ALTERNATIVES: Final = 6


def alternatives(
    distribution: np.ndarray, bins: Sequence[tuple[float, float]], lightness: float
) -> list[dict[str, Any]]:
    """The likeliest colours that differ: [{"colour": "#rrggbb", "share": percent}, ...].

    Bins near a likelier one are counted to it. `lightness` is the pixel's L*; very dark and very
    light ones are shown in a middle tone, in which colours can be told apart.
    """
    lightness = min(max(lightness, 42.0), 80.0)
    places = np.asarray(bins, float)
    left = np.asarray(distribution, float).copy()
    whole = max(left.sum(), 1e-9)
    found = []
    while len(found) < _ALTERNATIVES and left.max() > 0.004 * whole:
        near = np.hypot(*(places - places[left.argmax()]).T) < _APART
        weight = np.where(near, left, 0)
        a, b = weight @ places / weight.sum()
        found.append({"colour": _hex(lightness, a, b), "share": round(100 * weight.sum() / whole)})
        left[near] = 0
    found.sort(key=lambda entry: -entry["share"])
    return [entry for entry in found if entry["share"] > 0]


def _hex(lightness: float, a: float, b: float) -> str:
    codes = np.clip(lab_to_srgb(np.array([lightness, a, b])), 0, 1) * 255 + 0.5
    return "#" + "".join(f"{int(code):02x}" for code in codes)
