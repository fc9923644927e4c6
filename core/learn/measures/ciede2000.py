"""The CIEDE2000 colour difference (CIE 142:2001; formulas as in Sharma, Wu, Dalal 2005)."""

import numpy as np


def ciede2000(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Differences between colours ...,3 of L*, a*, b*, with kL = kC = kH = 1.

    >>> round(float(ciede2000(np.array([50, 2.5, 0]), np.array([73, 25, -18]))), 4)
    27.1492
    """
    l1, a1, b1 = np.moveaxis(np.asarray(first, np.float64), -1, 0)
    l2, a2, b2 = np.moveaxis(np.asarray(second, np.float64), -1, 0)
    # a* is stretched near the neutral axis, where CIELAB crowds colours
    stretch = 1.5 - 0.5 * _seventh((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2)
    c1, c2 = np.hypot(stretch * a1, b1), np.hypot(stretch * a2, b2)
    h1 = np.degrees(np.arctan2(b1, stretch * a1)) % 360
    h2 = np.degrees(np.arctan2(b2, stretch * a2)) % 360
    neutral = c1 * c2 == 0

    lightness, chroma = l2 - l1, c2 - c1
    turn = (h2 - h1 + 180) % 360 - 180
    # half a circle is +180 or -180 by the order of the two: both square to the same
    hue = np.where(neutral, 0, 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn) / 2))

    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2
    mean_h = np.where(np.abs(h1 - h2) > 180, (h1 + h2 + 360) / 2 % 360, (h1 + h2) / 2)
    mean_h = np.where(neutral, h1 + h2, mean_h)
    angle = np.radians(mean_h)
    t = (
        1
        - 0.17 * np.cos(angle - np.radians(30))
        + 0.24 * np.cos(2 * angle)
        + 0.32 * np.cos(3 * angle + np.radians(6))
        - 0.20 * np.cos(4 * angle - np.radians(63))
    )
    squared = (mean_l - 50) ** 2
    scale_l = 1 + 0.015 * squared / np.sqrt(20 + squared)
    scale_c, scale_h = 1 + 0.045 * mean_c, 1 + 0.015 * mean_c * t
    rotation = np.radians(60) * np.exp(-(((mean_h - 275) / 25) ** 2))
    blue = -2 * _seventh(mean_c) * np.sin(rotation)
    dl, dc, dh = lightness / scale_l, chroma / scale_c, hue / scale_h
    return np.sqrt(np.maximum(dl**2 + dc**2 + dh**2 + blue * dc * dh, 0))


def _seventh(chroma: np.ndarray) -> np.ndarray:
    """sqrt(C^7 / (C^7 + 25^7)), 0 at the neutral axis, 1 far from it."""
    power = chroma**7
    return np.sqrt(power / (power + 25.0**7))
