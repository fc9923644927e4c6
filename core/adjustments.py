"""Adjusts the network's chroma by the options calm, warmth and tint.

`adjusted` changes the small chroma grid, so that its cost does not depend on the picture's size and
the command line, the page and GIMP show the same. Options at 0 change nothing, to the bit.
"""

from typing import Final

import numpy as np

from core.colour.windows import window_means
from core.options import Options

#: CIELAB units that warmth 1 adds to b*, and tint 1 to a*, of strong colours.
_FARTHEST: Final = 15.0
#: Chroma at which half of that is added: grays stay gray.
_COLOURED: Final = 6.0
#: Ranges of skin in hue (degrees) and chroma (CIELAB units), and the share of `tint` that applies
#: to it; the share rises to 1 over `_SKIN_SOFTNESS` degrees or units beyond the ranges.
_SKIN_HUE, _SKIN_CHROMA, _SKIN_SHARE = (25.0, 80.0), (6.0, 45.0), 0.3
_SKIN_SOFTNESS: Final = 8.0
#: Colours are smoothed within a radius of this share of the short side, but not across steps of
#: lightness above `_CALM_STEP` (L*).
_CALM_RADIUS: Final = 1 / 12
_CALM_STEP: Final = 4.0


def is_plain(options: Options) -> bool:
    """Returns whether the options adjust nothing."""
    return options.calm == options.warmth == options.tint == 0


def adjusted(chroma: np.ndarray, lightness: np.ndarray, options: Options) -> np.ndarray:
    """Returns `chroma`, a* and b* (2, h, w), adjusted as `options` ask; `lightness` is L* (h, w).

    Returns float32 (2, h, w), `chroma` itself where calm, warmth and tint are 0.
    """
    if is_plain(options):
        return chroma
    result = np.asarray(chroma, np.float32)
    if options.calm:
        result = result + options.calm * (_calmed(result, lightness) - result)
    length = np.hypot(*result)
    coloured = length / (length + _COLOURED)
    toward_red = _FARTHEST * options.tint * coloured * (1 - (1 - _SKIN_SHARE) * _skin(result))
    toward_yellow = _FARTHEST * options.warmth * coloured
    return np.asarray(result + np.stack((toward_red, toward_yellow)), np.float32)


def _skin(chroma: np.ndarray) -> np.ndarray:
    """Returns how close the colour of each cell (h, w) is to skin, 0..1."""
    hue = np.degrees(np.arctan2(chroma[1], chroma[0]))
    return _within(hue, *_SKIN_HUE) * _within(np.hypot(*chroma), *_SKIN_CHROMA)


def _within(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Returns 1 within the limits, falling to 0 over `_SKIN_SOFTNESS` beyond them."""
    beyond = np.maximum(low - values, values - high)
    return np.clip(1 - beyond / _SKIN_SOFTNESS, 0, 1)


def _calmed(chroma: np.ndarray, lightness: np.ndarray) -> np.ndarray:
    """Returns chroma smoothed up to the edges of lightness, so that blotches disappear.

    A guided filter (He, Sun, Tang 2010): within each window a* and b* are linear functions of L*.
    """
    guide = np.asarray(lightness, np.float64)
    radius = max(1, round(min(guide.shape) * _CALM_RADIUS))
    mean = window_means(guide, radius)
    variance = window_means(guide * guide, radius) - mean * mean
    planes = []
    for plane in chroma.astype(np.float64):
        own = window_means(plane, radius)
        slope = (window_means(plane * guide, radius) - own * mean) / (variance + _CALM_STEP**2)
        planes.append(
            window_means(slope, radius) * guide + window_means(own - slope * mean, radius)
        )
    return np.asarray(planes, np.float32)
