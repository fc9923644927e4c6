"""The a*, b* of coloured samples, for a client that keeps its own lightness (raw mode `chroma`).

Taken from 16-bit codes after the fused pass, so that it is the chroma that fits into sRGB at each
pixel's L*. Importing this module imports numba.
"""

import numpy as np
from numpy.typing import NDArray

from core.colour.compiled import compiled
from core.colour.kernels import _compress, _tables
from core.colour.lab import RGB_TO_XYZ, WHITE_XYZ

_F = np.float32
_TO_NORMAL = RGB_TO_XYZ / WHITE_XYZ[:, None]  # linear light to X/Xn, Y/Yn, Z/Zn; rows sum to 1
_X_R, _X_G, _X_B = (_F(c) for c in _TO_NORMAL[0])
_Y_R, _Y_G, _Y_B = (_F(c) for c in _TO_NORMAL[1])
_Z_R, _Z_G, _Z_B = (_F(c) for c in _TO_NORMAL[2])
_A, _B = _F(500), _F(200)
_SEGMENT = 512  # pixels; short loops over scratch in the first-level cache are vectorised


@compiled
def _chroma(codes, linear, out):
    """a*, b* of the rows of interleaved RGB codes, into rows of interleaved pairs (3.8 ns/px)."""
    scratch = np.empty((3, _SEGMENT), np.float32)
    width = out.shape[1] // 2
    for row in range(out.shape[0]):
        for x0 in range(0, width, _SEGMENT):
            n = min(_SEGMENT, width - x0)
            x, y, z = scratch[0, :n], scratch[1, :n], scratch[2, :n]
            samples = codes[row, 3 * x0 : 3 * (x0 + n)]
            pairs = out[row, 2 * x0 : 2 * (x0 + n)]
            for j in range(n):
                r = linear[samples[3 * j]]
                g = linear[samples[3 * j + 1]]
                b = linear[samples[3 * j + 2]]
                x[j] = _X_R * r + _X_G * g + _X_B * b
                y[j] = _Y_R * r + _Y_G * g + _Y_B * b
                z[j] = _Z_R * r + _Z_G * g + _Z_B * b
            for j in range(n):
                x[j] = _A * (_compress(x[j]) - _compress(y[j]))
                z[j] = _B * (_compress(y[j]) - _compress(z[j]))
            for j in range(n):
                pairs[2 * j] = x[j]
                pairs[2 * j + 1] = z[j]


def chroma_of(colours: NDArray[np.uint16], out: NDArray[np.float32] | None = None):
    """a*, b* in CIELAB units of 16-bit sRGB codes, within 0.001 of `lab.srgb_to_lab`.

    `colours`: uint16, C-contiguous, (rows, width, 3). Returns float32 (rows, width, 2), in `out`
    where one is given.

    >>> chroma_of(np.array([[[65535, 0, 0]]], np.uint16)).round(1)
    array([[[80.1, 67.2]]], dtype=float32)
    """
    rows, width = colours.shape[:2]
    if out is None:
        out = np.empty((rows, width, 2), np.float32)
    if rows and width:
        linear = _tables(np.dtype(np.uint16))[1]
        _chroma(colours.reshape(rows, -1), linear, out.reshape(rows, -1))
    return out
