"""Converts a*, b* to the Cb, Cr of films, whose luma Y' is kept (ITU-R BT.601, 709, 2020).

A colour with the luma of a grey has another L* than the grey, and the more so the more chroma it
has. `chroma_table` therefore has, for each luma and chroma, the Cb and Cr of the same hue whose L*
is at most `MOST_DL` away from that of the grey, and which sRGB can show; chroma that is too large
shrinks along its hue. `chroma_codes` interpolates in the table. R'G'B' are taken as sRGB codes, as
screens take them. Importing this module imports no numba.
"""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.colour.lab import Floats, lab_to_srgb, lightness, srgb_to_lab

#: Weights of red and blue in the luma, by the name of the matrix.
MATRICES: Final = {"601": (0.299, 0.114), "709": (0.2126, 0.0722), "2020": (0.2627, 0.0593)}

#: Largest distance between the L* of a colour and that of the grey of its luma.
MOST_DL: Final = 2.0

#: Numbers of knots of the table: in luma from 0 to 1, in a* and in b* from -`RICHEST` to `RICHEST`.
LUMAS: Final = 33
CHROMAS: Final = 41
RICHEST: Final = 100.0

#: Steps of the bisection that finds the largest factor on Cb and Cr.
_HALVINGS: Final = 8


def to_rgb(luma: Floats, cb: Floats, cr: Floats, matrix: str) -> Floats:
    """Returns R'G'B' (..., 3), unclipped, of Y' 0..1 and Cb, Cr within ±0.5.

    >>> print(to_rgb(np.array(0.5), np.array(0.0), np.array(0.0), "709"))
    [0.5 0.5 0.5]
    """
    red, blue = MATRICES[matrix]
    r = luma + 2 * (1 - red) * cr
    b = luma + 2 * (1 - blue) * cb
    g = (luma - red * r - blue * b) / (1 - red - blue)
    return np.stack([r, g, b], axis=-1)


def lightness_of_luma(luma: Floats) -> Floats:
    """Returns the L* (0..100) of greys of that Y' (0..1), in the shape of `luma`."""
    return lightness(np.repeat(np.asarray(luma, np.float64)[..., None], 3, axis=-1))


@lru_cache(maxsize=4)
def chroma_table(matrix: str, vividness: float = 1.0) -> NDArray[np.float32]:
    """Returns Cb, Cr of every knot: float32 (LUMAS, CHROMAS, CHROMAS, 2), by luma, a* and b*.

    a* and b* of the knots are multiplied by `vividness` first.
    """
    luma, a, b = np.meshgrid(
        np.linspace(0, 1, LUMAS),
        np.linspace(-RICHEST, RICHEST, CHROMAS) * vividness,
        np.linspace(-RICHEST, RICHEST, CHROMAS) * vividness,
        indexing="ij",
    )
    grey = lightness_of_luma(luma)
    red, blue = MATRICES[matrix]
    rgb = lab_to_srgb(np.stack([grey, a, b], axis=-1))
    rgb_luma = rgb @ np.array([red, 1 - red - blue, blue])
    cb = (rgb[..., 2] - rgb_luma) / (2 * (1 - blue))
    cr = (rgb[..., 0] - rgb_luma) / (2 * (1 - red))
    low, high = np.zeros_like(luma), np.ones_like(luma)
    high = np.minimum(high, _in_gamut(luma, cb, cr, matrix))
    fits = _keeps_lightness(luma, cb, cr, high, grey, matrix)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        good = _keeps_lightness(luma, cb, cr, middle, grey, matrix)
        low, high = np.where(good & ~fits, middle, low), np.where(good | fits, high, middle)
    scale = np.where(fits, high, low)
    return np.stack([cb * scale, cr * scale], axis=-1).astype(np.float32)


@lru_cache(maxsize=4)
def _table_by_code(
    matrix: str, vividness: float, depth: int, *, is_full: bool
) -> NDArray[np.float32]:
    """Returns `chroma_table` interpolated for each code of 8-bit luma: float32 (256, CHROMAS,
    CHROMAS, 2), in codes of `depth` bits plus 0.5, so that rounding down gives the nearest code.

    No luma has to be interpolated for each pixel then.
    """
    table = chroma_table(matrix, vividness)
    low, steps = _luma_range(8, is_full=is_full)
    position = np.clip((np.arange(256) - low) / steps, 0, 1) * (LUMAS - 1)
    knot = np.minimum(position.astype(int), LUMAS - 2)
    share = (position - knot).astype(np.float32)[:, None, None, None]
    chroma = table[knot] + (table[knot + 1] - table[knot]) * share
    codes = chroma * _chroma_span(depth, is_full=is_full) + (_zero(depth) + 0.5)
    return codes.astype(np.float32)


def chroma_codes(
    luma: NDArray[np.unsignedinteger],
    chroma: NDArray[np.float32],
    matrix: str,
    depths: tuple[int, int],
    *,
    is_full: bool,
    vividness: float = 1.0,
) -> NDArray[np.unsignedinteger]:
    """Returns the codes of Cb and Cr: (2, h, w), uint8 for a depth of 8, else uint16.

    `luma`: codes of Y' (h, w). `chroma`: a*, b* (rows, columns, 2) of the same picture, which are
    interpolated linearly. `depths`: bits of `luma` and of the result. `is_full`: whether codes have
    full range (else limited range). a* and b* are multiplied by `vividness`.
    """
    from core.colour.ycbcr_kernel import look_up, look_up_by_code

    before, after = depths
    out = np.empty((2, *luma.shape), np.uint8 if after == 8 else np.uint16)
    if before == 8:
        table = _table_by_code(matrix, vividness, after, is_full=is_full)
        look_up_by_code(luma, chroma, table, out)
        return out
    low, steps = _luma_range(before, is_full=is_full)
    look_up(
        luma,
        np.float32(low),
        np.float32(1 / steps),
        chroma,
        chroma_table(matrix, vividness),
        np.float32(_chroma_span(after, is_full=is_full)),
        np.float32(_zero(after)),
        out,
    )
    return out


def _chroma_span(depth: int, *, is_full: bool) -> int:
    """Returns the number of codes from the least to the largest chroma."""
    return (1 << depth) - 1 if is_full else 224 << (depth - 8)


def _zero(depth: int) -> int:
    """Returns the code of no chroma."""
    return 1 << (depth - 1)


def _luma_range(depth: int, *, is_full: bool) -> tuple[int, int]:
    """Returns the code of black, and the distance from it to the code of white."""
    return (0, (1 << depth) - 1) if is_full else (16 << (depth - 8), 219 << (depth - 8))


def luma_of(codes: NDArray[np.unsignedinteger], depth: int, *, is_full: bool) -> NDArray:
    """Returns Y' 0..1 in float32 of codes of `depth` bits."""
    low, span = _luma_range(depth, is_full=is_full)
    return np.clip((codes.astype(np.float32) - low) * np.float32(1 / span), 0, 1)


def lightness_of_codes(
    planes: NDArray[np.unsignedinteger], depth: int, matrix: str, *, is_full: bool
) -> Floats:
    """Returns L* (h, w) of codes of Y', Cb, Cr (3, h, w).

    Colours outside sRGB are clipped, as a screen does it.
    """
    luma = luma_of(planes[0], depth, is_full=is_full).astype(np.float64)
    cb, cr = (planes[1:].astype(np.float64) - _zero(depth)) / _chroma_span(depth, is_full=is_full)
    return srgb_to_lab(np.clip(to_rgb(luma, cb, cr, matrix), 0, 1))[..., 0]


def _in_gamut(luma: Floats, cb: Floats, cr: Floats, matrix: str) -> Floats:
    """Returns the largest factor of Cb and Cr at which R'G'B' are within 0..1."""
    change = to_rgb(luma, cb, cr, matrix) - luma[..., None]
    room = np.where(change > 0, 1 - luma[..., None], luma[..., None])
    return np.min(room / np.maximum(np.abs(change), 1e-9), axis=-1)


def _keeps_lightness(luma, cb, cr, scale, grey, matrix) -> NDArray[np.bool_]:
    """Returns where L* with Cb and Cr times `scale` is at most `MOST_DL` from the L* `grey`."""
    clipped = np.clip(to_rgb(luma, cb * scale, cr * scale, matrix), 0, 1)
    return np.abs(lightness(clipped) - grey) <= MOST_DL
