"""Fits colours into the gamut of sRGB by reducing chroma, never lightness. The float64 reference.

`inside` and `fit` may be called from outside. A colour of too much chroma moves along its hue, at
constant L*, towards the grey axis until it is inside; the channels are never clipped one by one,
since that would move hue and lightness together (CIE 15 for the space, IEC 61966-2-1 for the
gamut).
"""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.colour.lab import Floats, lab_to_linear

#: How far linear light may lie outside 0..1 and still count as inside: float64's own rounding.
TOLERANCE: Final = 1e-12

_HALVINGS: Final = 50  # bisection steps; the last one is 1e-15 of the colour's chroma


def inside(lab: ArrayLike) -> NDArray[np.bool_]:
    """Returns whether sRGB has these CIELAB colours.

    `lab`: shape (..., 3), any finite values. Returns booleans of shape (...).

    >>> inside([[50.0, 20.0, 20.0], [50.0, 120.0, 20.0]])
    array([ True, False])
    """
    linear = lab_to_linear(lab)
    return np.all((linear >= -TOLERANCE) & (linear <= 1.0 + TOLERANCE), axis=-1)


def chroma_scale(lab: ArrayLike) -> Floats:
    """Returns the factor 0..1 that brings chroma into sRGB; 1 for colours inside.

    `lab`: shape (..., 3), L* in 0..100, a* and b* any finite values. Returns shape (...). Found by
    bisection along the hue. Near yellow (L* 95 to 98, hue 102 to 105 degrees) a line of constant
    hue leaves sRGB by less than 0.001 and comes back; there the end may be either crossing.

    >>> print(f"{chroma_scale([50.0, 120.0, 20.0]):.4f}")
    0.6509
    """
    lab = np.asarray(lab, np.float64)
    low = np.zeros(lab.shape[:-1])
    high = np.ones(lab.shape[:-1])
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        fits = inside(_scaled(lab, middle))
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    return np.where(inside(lab), 1.0, low)


def fit(lab: ArrayLike) -> Floats:
    """Returns the colours with as much of their chroma as sRGB can show, at the same L* and hue.

    `lab`: shape (..., 3), L* in 0..100, a* and b* any finite values. Returns shape (..., 3); L* is
    returned bit for bit. L* outside 0..100 has no colour in sRGB and comes back without chroma.

    >>> print(np.round(fit([50.0, 120.0, 20.0]), 2))
    [50.   78.11 13.02]
    """
    lab = np.asarray(lab, np.float64)
    return _scaled(lab, chroma_scale(lab))


def _scaled(lab: Floats, factor: Floats) -> Floats:
    """Returns `lab` with a* and b* times `factor`, L* untouched."""
    scaled = lab.copy()
    scaled[..., 1:] *= factor[..., None]
    return scaled
