"""Kernels that compute the chroma planes of a film's frame, by interpolation in a table of `ycbcr`.

They have a file of their own, since numba's cache notices only changes in the file of a kernel.
Importing this module imports numba.
"""

import numpy as np

from core.colour.compiled import compiled

_F = np.float32
#: `ycbcr.RICHEST`, which these kernels may not import: the table's a* and b* end at ± this.
_RICHEST = _F(100.0)


@compiled
def _neighbours(count, cells):
    """Returns, for each of `count` pixels on a line of `cells`, the cell before its centre (int64)
    and the weight 0..1 of the next cell (float32)."""
    first, share = np.empty(count, np.int64), np.empty(count, np.float32)
    for n in range(count):
        position = min(max((n + 0.5) * cells / count - 0.5, 0.0), cells - 1.0)
        first[n] = max(min(int(position), cells - 2), 0)
        share[n] = _F(position - first[n])
    return first, share


@compiled
def look_up(codes, low, scale, chroma, table, span, zero, out):
    """Writes codes of Cb and Cr to `out` (2, h, w): `zero` + `span` times the table's value.

    Luma is (`codes` - `low`) * `scale`, (h, w); `chroma` (rows, columns, 2) has a*, b*, which are
    interpolated. p, q, r are positions in knots of the table, in luma, a* and b*; i, j, k are the
    knots below them.
    """
    lumas, chromas = table.shape[0], table.shape[1]
    rows, columns = codes.shape
    cells = chroma.shape[1]
    pitch = _F(chromas - 1) / (_F(2.0) * _RICHEST)  # knots for each unit of a* and b*
    down, down_share = _neighbours(rows, chroma.shape[0])
    across, across_share = _neighbours(columns, cells)
    line = np.empty((cells, 2), np.float32)  # in knots of the table
    for y in range(rows):
        i, s = down[y], down_share[y]
        below = min(i + 1, chroma.shape[0] - 1)
        for x in range(cells):
            for c in range(2):
                value = chroma[i, x, c] * (_F(1) - s) + chroma[below, x, c] * s
                line[x, c] = (value + _RICHEST) * pitch
        for x in range(columns):
            p = min(max((_F(codes[y, x]) - low) * scale, _F(0.0)), _F(1.0)) * _F(lumas - 1)
            n, s = across[x], across_share[x]
            beside = min(n + 1, cells - 1)
            q = min(max(line[n, 0] * (_F(1) - s) + line[beside, 0] * s, _F(0.0)), _F(chromas - 1))
            r = min(max(line[n, 1] * (_F(1) - s) + line[beside, 1] * s, _F(0.0)), _F(chromas - 1))
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


@compiled
def look_up_by_code(codes, chroma, table, out):
    """Writes codes of Cb and Cr to `out` (2, h, w): the table's values, rounded down.

    `codes`: uint8 (h, w); `chroma` (rows, columns, 2) has a*, b*, which are interpolated; `table`
    has a plane of chroma for each code of luma. Letters are those of `look_up`.
    """
    chromas = table.shape[1]
    rows, columns = codes.shape
    cells = chroma.shape[1]
    pitch = _F(chromas - 1) / (_F(2.0) * _RICHEST)  # knots for each unit of a* and b*
    last = _F(chromas - 1) - _F(1e-3)
    down, down_share = _neighbours(rows, chroma.shape[0])
    across, across_share = _neighbours(columns, cells)
    line = np.empty((cells, 2), np.float32)  # in knots of the table
    for y in range(rows):
        i, s = down[y], down_share[y]
        below = min(i + 1, chroma.shape[0] - 1)
        for x in range(cells):
            for c in range(2):
                value = chroma[i, x, c] * (_F(1) - s) + chroma[below, x, c] * s
                line[x, c] = min(max((value + _RICHEST) * pitch, _F(0.0)), last)
        for x in range(columns):
            n, s = across[x], across_share[x]
            beside = min(n + 1, cells - 1)
            q = line[n, 0] + (line[beside, 0] - line[n, 0]) * s
            r = line[n, 1] + (line[beside, 1] - line[n, 1]) * s
            j, k = int(q), int(r)
            q, r = q - _F(j), r - _F(k)
            plane = table[codes[y, x]]
            for c in range(2):
                upper = plane[j, k, c] + (plane[j, k + 1, c] - plane[j, k, c]) * r
                lower = plane[j + 1, k, c] + (plane[j + 1, k + 1, c] - plane[j + 1, k, c]) * r
                out[c, y, x] = int(upper + (lower - upper) * q)
