"""What a person turns after the network has answered: calm, warmth and tint, on its chroma.

`adjusted` changes the small chroma grid, so that a picture's size does not matter and every way in
shows the same. All dials at 0 change nothing, to the bit.
"""

from typing import Final

import numpy as np

from core.colour.windows import window_means
from core.options import Options

#: CIELAB units that a dial at its end adds to b* (warmth) and a* (tint), where there is colour.
_FARTHEST: Final = 15.0
#: Half of that is added at this chroma: what is gray stays gray.
_COLOURED: Final = 6.0
#: Skin, in hue (degrees) and chroma: `tint` moves it by this share only, softly around the wedge.
_SKIN_HUE, _SKIN_CHROMA, _SKIN_SHARE = (25.0, 80.0), (6.0, 45.0), 0.3
_SKIN_SOFTNESS: Final = 8.0
#: Colours are calmed within this share of the short side, and kept apart by steps of lightness
#: above this one (L*).
_CALM_RADIUS: Final = 1 / 12
_CALM_STEP: Final = 4.0


def is_plain(options: Options) -> bool:
    """Whether nothing is to be adjusted."""
    return options.calm == options.warmth == options.tint == 0


def adjusted(chroma: np.ndarray, lightness: np.ndarray, options: Options) -> np.ndarray:
    """`chroma`, a* and b* (2, h, w), as the dials of `options` ask; `lightness` is L* (h, w).

    Returns float32 (2, h, w), `chroma` itself where all dials are at 0.
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
    """How much each place (h, w) has a colour of skin, 0 to 1."""
    hue = np.degrees(np.arctan2(chroma[1], chroma[0]))
    return _within(hue, *_SKIN_HUE) * _within(np.hypot(*chroma), *_SKIN_CHROMA)


def _within(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """1 within the limits, falling to 0 over `_SKIN_SOFTNESS` beyond them."""
    beyond = np.maximum(low - values, values - high)
    return np.clip(1 - beyond / _SKIN_SOFTNESS, 0, 1)


def _calmed(chroma: np.ndarray, lightness: np.ndarray) -> np.ndarray:
    """Blotches drawn to the colour around them, up to the edges of lightness.

    A guided filter (He, Sun, Tang 2010): within each window a* and b* are straight lines of L*.
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
