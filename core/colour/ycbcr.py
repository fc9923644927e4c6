"""Chroma for luma that stays: from a*, b* to the Cb, Cr of films (ITU-R BT.601, 709, 2020).

A film keeps its luma Y', code for code. No colour but grey has both the luma and the L* of a grey:
of colours of one luma the rich ones are lighter or darker to the eye. `chroma_table` therefore
gives each luma and chroma the Cb, Cr of its hue whose L* is at most `MOST_DL` away from that of the
grey, and that sRGB can show; richer chroma shrinks along its hue. `chroma_codes` looks it up.
R'G'B' are taken as sRGB codes, as screens take them. Importing this module imports no numba.
"""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.colour.lab import Floats, lab_to_srgb, lightness, srgb_to_lab

#: What a matrix is called -> how much red and blue count in its luma.
MATRICES: Final = {"601": (0.299, 0.114), "709": (0.2126, 0.0722), "2020": (0.2627, 0.0593)}

#: How far L* of a colour may be from that of the grey of its luma.
MOST_DL: Final = 2.0

#: Knots of the table: luma 0..1, a* and b* from -`RICHEST` to `RICHEST`.
LUMAS: Final = 33
CHROMAS: Final = 41
RICHEST: Final = 100.0

_HALVINGS: Final = 8


def to_rgb(luma: Floats, cb: Floats, cr: Floats, matrix: str) -> Floats:
    """R'G'B' (..., 3), unclipped, of Y' 0..1 and Cb, Cr within ±0.5.

    >>> print(to_rgb(np.array(0.5), np.array(0.0), np.array(0.0), "709"))
    [0.5 0.5 0.5]
    """
    red, blue = MATRICES[matrix]
    r = luma + 2 * (1 - red) * cr
    b = luma + 2 * (1 - blue) * cb
    g = (luma - red * r - blue * b) / (1 - red - blue)
    return np.stack([r, g, b], axis=-1)


def lightness_of_luma(luma: Floats) -> Floats:
    """L* of greys of that Y' (0..1)."""
    return lightness(np.repeat(np.asarray(luma, np.float64)[..., None], 3, axis=-1))


@lru_cache(maxsize=4)
def chroma_table(matrix: str, vividness: float = 1.0) -> NDArray[np.float32]:
    """Cb, Cr of every knot: float32 (LUMAS, CHROMAS, CHROMAS, 2), by luma, a* and b*."""
    luma, a, b = np.meshgrid(
        np.linspace(0, 1, LUMAS),
        np.linspace(-RICHEST, RICHEST, CHROMAS) * vividness,
        np.linspace(-RICHEST, RICHEST, CHROMAS) * vividness,
        indexing="ij",
    )
    grey = lightness_of_luma(luma)
    red, blue = MATRICES[matrix]
    rgb = lab_to_srgb(np.stack([grey, a, b], axis=-1))
    own = rgb @ np.array([red, 1 - red - blue, blue])
    cb = (rgb[..., 2] - own) / (2 * (1 - blue))
    cr = (rgb[..., 0] - own) / (2 * (1 - red))
    low, high = np.zeros_like(luma), np.ones_like(luma)
    high = np.minimum(high, _in_gamut(luma, cb, cr, matrix))
    fits = _close(luma, cb, cr, high, grey, matrix)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        good = _close(luma, cb, cr, middle, grey, matrix)
        low, high = np.where(good & ~fits, middle, low), np.where(good | fits, high, middle)
    scale = np.where(fits, high, low)
    return np.stack([cb * scale, cr * scale], axis=-1).astype(np.float32)


@lru_cache(maxsize=4)
def _table_by_code(
    matrix: str, vividness: float, depth: int, *, is_full: bool
) -> NDArray[np.float32]:
    """`chroma_table` for each code of 8-bit luma, in codes of the result's `depth` and a half:
    float32 (256, CHROMAS, CHROMAS, 2). With it a sample of chroma takes 9 instead of 17 ns."""
    table = chroma_table(matrix, vividness)
    low, steps = _luma_range(8, is_full=is_full)
    at = np.clip((np.arange(256) - low) / steps, 0, 1) * (LUMAS - 1)
    knot = np.minimum(at.astype(int), LUMAS - 2)
    share = (at - knot).astype(np.float32)[:, None, None, None]
    found = table[knot] + (table[knot + 1] - table[knot]) * share
    codes = found * _chroma_span(depth, is_full=is_full) + (_zero(depth) + 0.5)
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
    """The codes of Cb and Cr: (2, h, w), uint8 for a depth of 8, else uint16.

    `luma`: codes of Y' (h, w) of the first of `depths`; the second is the result's. `chroma`: a*,
    b* (rows, columns, 2) of the same picture, interpolated linearly. `is_full`: the codes' range.
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
    """Codes of chroma from one end to the other."""
    return (1 << depth) - 1 if is_full else 224 << (depth - 8)


def _zero(depth: int) -> int:
    """The code of no chroma."""
    return 1 << (depth - 1)


def _luma_range(depth: int, *, is_full: bool) -> tuple[int, int]:
    """The code of black, and how many codes white is above it."""
    return (0, (1 << depth) - 1) if is_full else (16 << (depth - 8), 219 << (depth - 8))


def luma_of(codes: NDArray[np.unsignedinteger], depth: int, *, is_full: bool) -> NDArray:
    """Y' 0..1 in float32 of codes of that depth."""
    low, span = _luma_range(depth, is_full=is_full)
    return np.clip((codes.astype(np.float32) - low) * np.float32(1 / span), 0, 1)


def lightness_of_codes(
    planes: NDArray[np.unsignedinteger], depth: int, matrix: str, *, is_full: bool
) -> Floats:
    """L* of Y', Cb, Cr codes (3, h, w), with colours that sRGB has not clipped as a screen does."""
    luma = luma_of(planes[0], depth, is_full=is_full).astype(np.float64)
    cb, cr = (planes[1:].astype(np.float64) - _zero(depth)) / _chroma_span(depth, is_full=is_full)
    return srgb_to_lab(np.clip(to_rgb(luma, cb, cr, matrix), 0, 1))[..., 0]


def _in_gamut(luma: Floats, cb: Floats, cr: Floats, matrix: str) -> Floats:
    """The largest factor of Cb and Cr at which R'G'B' are within 0..1."""
    away = to_rgb(luma, cb, cr, matrix) - luma[..., None]
    room = np.where(away > 0, 1 - luma[..., None], luma[..., None])
    return np.min(room / np.maximum(np.abs(away), 1e-9), axis=-1)


def _close(luma, cb, cr, scale, grey, matrix) -> NDArray[np.bool_]:
    clipped = np.clip(to_rgb(luma, cb * scale, cr * scale, matrix), 0, 1)
    return np.abs(lightness(clipped) - grey) <= MOST_DL
