"""The one pass over the chroma planes of a frame of film: the table of `ycbcr`, interpolated.

In a file of its own, since numba's cache notices changes in a kernel's own file alone. Importing
this module imports numba.
"""

import numpy as np

from core.colour.compiled import compiled

_F = np.float32


@compiled
def look_up(luma, chroma, table, span, zero, out):
    """Writes codes of Cb and Cr to `out` (2, h, w): `zero` + `span` times the table's value."""
    lumas, chromas = table.shape[0], table.shape[1]
    rows, columns = luma.shape
    # as `ycbcr.RICHEST`: a knot lies on -100, the next 100 / ((CHROMAS - 1) / 2) on
    pitch = _F(chromas - 1) / _F(200.0)
    for y in range(rows):
        for x in range(columns):
            p = min(max(luma[y, x], _F(0.0)), _F(1.0)) * _F(lumas - 1)
            q = min(max((chroma[y, x, 0] + _F(100.0)) * pitch, _F(0.0)), _F(chromas - 1))
            r = min(max((chroma[y, x, 1] + _F(100.0)) * pitch, _F(0.0)), _F(chromas - 1))
            i, j, k = min(int(p), lumas - 2), min(int(q), chromas - 2), min(int(r), chromas - 2)
            p, q, r = p - _F(i), q - _F(j), r - _F(k)
            for c in range(2):
                n0 = table[i, j, k, c] * (_F(1) - r) + table[i, j, k + 1, c] * r
                n1 = table[i, j + 1, k, c] * (_F(1) - r) + table[i, j + 1, k + 1, c] * r
                n2 = table[i + 1, j, k, c] * (_F(1) - r) + table[i + 1, j, k + 1, c] * r
                n3 = table[i + 1, j + 1, k, c] * (_F(1) - r) + table[i + 1, j + 1, k + 1, c] * r
                m0 = n0 * (_F(1) - q) + n1 * q
                m1 = n2 * (_F(1) - q) + n3 * q
                out[c, y, x] = int(zero + span * (m0 * (_F(1) - p) + m1 * p) + _F(0.5))
