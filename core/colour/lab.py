"""Converts between sRGB and CIELAB in float64: the reference for every faster path.

Everything here may be called from outside. Sources: IEC 61966-2-1 (sRGB: primaries, white point
and transfer curve), CIE 15 (CIELAB, with the exact fractions of its third edition onwards) and
SMPTE RP 177 (how primaries become a matrix). The white of both spaces is sRGB's own D65, x 0.3127,
y 0.3290, so that R = G = B is a* = b* = 0 exactly.
"""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

#: Chromaticities x, y of the red, green and blue primaries and of the white (IEC 61966-2-1).
_PRIMARIES: Final = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
_WHITE: Final = (0.3127, 0.3290)


def _tristimulus(x: float, y: float) -> Floats:
    """Returns XYZ with Y = 1 of the chromaticity x, y."""
    return np.array([x / y, 1.0, (1.0 - x - y) / y])


def _matrix_from_primaries() -> Floats:
    """Returns the 3x3 matrix from linear sRGB to XYZ: primaries scaled until they add up to the
    white.
    """
    primaries = np.stack([_tristimulus(x, y) for x, y in _PRIMARIES], axis=1)
    return primaries * np.linalg.solve(primaries, _tristimulus(*_WHITE))


WHITE_XYZ: Final = _tristimulus(*_WHITE)  # X, Y, Z of R = G = B = 1
RGB_TO_XYZ: Final = _matrix_from_primaries()
XYZ_TO_RGB: Final = np.linalg.inv(RGB_TO_XYZ)

#: Below DELTA**3 (X/Xn, Y/Yn, Z/Zn) CIE 15 replaces the cube root by its tangent.
DELTA: Final = 6.0 / 29.0


def srgb_to_linear(rgb: ArrayLike) -> Floats:
    """Returns linear light of sRGB values (IEC 61966-2-1).

    `rgb`: any shape, domain 0..1; negative values are mirrored. Returns the same shape, 0..1.

    >>> print(f"{srgb_to_linear(0.5):.6f}")
    0.214041
    """
    values = np.asarray(rgb, np.float64)
    magnitude = np.abs(values)
    curve = ((magnitude + 0.055) / 1.055) ** 2.4
    return np.copysign(np.where(magnitude <= 0.04045, magnitude / 12.92, curve), values)


def linear_to_srgb(linear: ArrayLike) -> Floats:
    """Returns sRGB values of linear light (IEC 61966-2-1); the inverse of `srgb_to_linear`.

    `linear`: any shape, domain 0..1; negative values are mirrored, nothing is clipped.

    >>> print(f"{linear_to_srgb(0.214041):.6f}")
    0.500000
    """
    values = np.asarray(linear, np.float64)
    magnitude = np.abs(values)
    curve = 1.055 * magnitude ** (1.0 / 2.4) - 0.055
    return np.copysign(np.where(magnitude <= 0.0031308, 12.92 * magnitude, curve), values)


def compress(ratio: ArrayLike) -> Floats:
    """Returns CIELAB's f: the cube root of X/Xn, Y/Yn or Z/Zn, with a straight line in the dark
    (CIE 15).

    `ratio`: any shape, domain from 0 (negative values go on along the line).

    >>> print(f"{compress(0.18):.6f}")
    0.564622
    """
    values = np.asarray(ratio, np.float64)
    line = values / (3.0 * DELTA**2) + 4.0 / 29.0
    return np.where(values > DELTA**3, np.cbrt(values), line)


def expand(compressed: ArrayLike) -> Floats:
    """Returns the inverse of `compress` (CIE 15).

    >>> print(f"{expand(0.5):.6f}")
    0.125000
    """
    values = np.asarray(compressed, np.float64)
    return np.where(values > DELTA, values**3, 3.0 * DELTA**2 * (values - 4.0 / 29.0))


def lightness(rgb: ArrayLike) -> Floats:
    """Returns CIE L* of sRGB colours (CIE 15, D65).

    `rgb`: shape (..., 3), domain 0..1. Returns shape (...), range 0..100.

    >>> print(f"{lightness([0.5, 0.5, 0.5]):.4f}")
    53.3890
    """
    return 116.0 * compress(srgb_to_linear(rgb) @ RGB_TO_XYZ[1]) - 16.0


def srgb_to_lab(rgb: ArrayLike) -> Floats:
    """Returns CIELAB of sRGB colours (IEC 61966-2-1, CIE 15, D65).

    `rgb`: shape (..., 3), domain 0..1. Returns shape (..., 3): L* 0..100, a* and b* within ±108.

    >>> print(np.round(srgb_to_lab([1.0, 0.0, 0.0]), 3))
    [53.237 80.09  67.203]
    """
    fx, fy, fz = np.moveaxis(compress(srgb_to_linear(rgb) @ RGB_TO_XYZ.T / WHITE_XYZ), -1, 0)
    return np.stack([116.0 * fy - 16.0, 500.0 * (fx - fy), 200.0 * (fy - fz)], axis=-1)


def lab_to_linear(lab: ArrayLike) -> Floats:
    """Returns linear-light sRGB of CIELAB colours, unclipped: outside 0..1 means outside sRGB.

    `lab`: shape (..., 3), any finite values. Returns shape (..., 3).

    >>> print(np.round(lab_to_linear([50.0, 0.0, 0.0]), 6))
    [0.184187 0.184187 0.184187]
    """
    light, a, b = np.moveaxis(np.asarray(lab, np.float64), -1, 0)
    fy = (light + 16.0) / 116.0
    ratios = expand(np.stack([fy + a / 500.0, fy, fy - b / 200.0], axis=-1))
    return (ratios * WHITE_XYZ) @ XYZ_TO_RGB.T


def lab_to_srgb(lab: ArrayLike) -> Floats:
    """Returns sRGB of CIELAB colours (CIE 15, IEC 61966-2-1, D65), unclipped.

    `lab`: shape (..., 3), any finite values. Returns shape (..., 3); values outside 0..1 are
    colours that sRGB does not have (`gamut.fit` brings them in).

    >>> print(np.round(lab_to_srgb([53.389, 0.0, 0.0]), 4))
    [0.5 0.5 0.5]
    """
    return linear_to_srgb(lab_to_linear(lab))
