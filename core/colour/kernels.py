"""Colours samples in one fused pass: grey or colour samples and a chroma field to coloured samples.

Call `prepare` once a picture, then `colour_strip` for each of its strips; `lightness_of` returns
the L* of samples, `chroma_of` the a* and b* of coloured ones, `warm` compiles what `colorize`
needs. Pixels are processed in segments of up to `_SEGMENT`, each by short loops over scratch arrays
that fit the first-level cache; every such loop is simple enough for LLVM to vectorise
(`tests/bench_kernels.py` measures them, `tests/colour/test_speed.py` guards them). All arithmetic
is in float32; `lab` and `gamut` are the float64 reference. Importing this module imports numba.

All kernels and their parts are in this one file, since numba's cache of compiled kernels notices
changes in a kernel's own file alone (`core.colour.compiled`).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.colour.compiled import compiled, part
from core.colour.field import ChromaField, PreparedField, prepare
from core.colour.lab import DELTA, RGB_TO_XYZ, WHITE_XYZ, XYZ_TO_RGB, compress, srgb_to_linear

__all__ = [
    "ChromaField",
    "PreparedField",
    "chroma_of",
    "colour_strip",
    "lightness_of",
    "prepare",
    "warm",
]

Samples = NDArray[np.unsignedinteger]  # uint8 or uint16, which is checked

_F = np.float32


def _polynomial(function, low: float, high: float, degree: int) -> tuple[np.float32, ...]:
    """Returns coefficients, lowest first, of the near-minimax polynomial of `function` on
    low..high.
    """
    series = np.polynomial.Chebyshev.interpolate(function, degree, domain=[low, high])
    return tuple(_F(c) for c in series.convert(kind=np.polynomial.Polynomial).coef)


# --- constants, frozen into the machine code --------------------------------------------------

_SEGMENT: Final = 512  # pixels worked on at once; ten rows of scratch for them are 20 KB
_BLOCK: Final = 64  # pixels that are looked at together for colours outside sRGB

# The scratch is one flat array, and these are the offsets of its rows: unsigned, since numba
# guards signed ones against negative indices, and constant, since LLVM then knows that the rows
# do not overlap. With an array a row, blocks of 64 pixels took 1.75 instead of 0.78 ns a pixel.
_U = np.uint64
_FY, _RED, _GREEN, _BLUE, _A0, _A1, _B0, _B1, _SCALE, _ERROR = (
    _U(row * _SEGMENT) for row in range(10)
)

_ZERO, _HALF, _ONE = _F(0), _F(0.5), _F(1)
_DELTA, _SLOPE = _F(DELTA), _F(3 * DELTA**2)
_NORMAL = XYZ_TO_RGB * WHITE_XYZ  # from X/Xn, Y/Yn, Z/Zn to linear light; rows sum to 1
_R_X, _G_X, _B_X = (_F(c) for c in _NORMAL[:, 0])
_R_Z, _G_Z, _B_Z = (_F(c) for c in _NORMAL[:, 2])
_W_R, _W_G, _W_B = (_F(c) for c in RGB_TO_XYZ[1])

_KNEE = 0.0031308  # IEC 61966-2-1: below, sRGB is a straight line
_LINEAR_END = _F(_KNEE)
_DARK_LIGHT = _F(DELTA**3)

# 8 bit: x**(5/12) as 2**(5/12 log2 x). The exponent of log2 comes from the float's own bits, its
# mantissa from one polynomial, 2**t from another. 0.0019 of a code at most, 0.0007 on average.
_POWER = 5 / 12
_BITS_TO_LOG = _F(_POWER * 2.0**-23)
_MANTISSA, _EXPONENT_ZERO = np.int32(0x7FFFFF), np.int32(0x3F800000)
_L0, _L1, _L2, _L3, _L4, _L5 = _polynomial(
    lambda m: _POWER * (np.log2(m) - (m - 1) - 127), 1.0, 2.0, 5
)
_E0, _E1, _E2, _E3, _E4, _E5, _E6 = _polynomial(
    lambda t: 255 * (1.055 * 2.0**t - 0.055) + 0.5, _POWER * np.log2(_KNEE), 0.0, 6
)
_LINE_8 = _F(255 * 12.92)

# 16 bit: a polynomial in the fourth root, of which sRGB's curve is the power 5/3; two exactly
# rounded square roots and degree 7 stay within 0.04 of a code.
_S0, _S1, _S2, _S3, _S4, _S5, _S6, _S7 = _polynomial(
    lambda q: 65535 * (1.055 * q ** (5 / 3) - 0.055) + 0.5, _KNEE**0.25, 1.0, 7
)
_LINE_16 = _F(65535 * 12.92)

# CIELAB's cube root of Y, likewise the power 4/3 of the fourth root.
_C0, _C1, _C2, _C3, _C4, _C5, _C6, _C7 = _polynomial(lambda q: q ** (4 / 3), DELTA**0.75, 1.0, 7)
_INVERSE_SLOPE = _F(1 / (3 * DELTA**2))

# Between these L* a step of grey from one 8-bit code to the next is larger than 0.49, so that
# plain rounding of three channels can miss the promised 0.25 (0.260 at most, 4 million colours).
_COARSE_LOW, _COARSE_HIGH = _F((7.2 + 16) / 116), _F((10.7 + 16) / 116)
#: Weighted rounding error, in codes, from which green takes its neighbouring code: 0.2485 at most.
_COARSE_LIMIT = _F(0.46)

#: Plain rounding misses L* by 0.09 on average at most, over many different colours. Over few, as in
#: flat and in tiny pictures, it could be 0.25: there, each pixel takes the best neighbouring codes.
_FLAT = _F(0.55 / 116)  # 0.55 of L*: two neighbouring codes
_LITTLE = _F(0.05 * 3 / 116)  # 0.05 of L*, times f squared: in luminance
_REACHES: Final = (1, 2, 4, 8)  # codes
_LINEAR_8 = srgb_to_linear(np.arange(256) / 255).astype(np.float32)

# The gamut step. Linear light may miss 0..1 by `_EDGE` (a quarter of a 16-bit code) before a
# colour counts as outside; `_TINY` keeps black and white from division by zero; a miss of
# `_CLOSE` is near enough for the last bit to be done in linear light, measured beside `_FAINT`
# of light so that rounding near black and white does not count as a miss.
_EDGE, _TINY, _FAINT = _F(3e-7), _F(1e-8), _F(1e-2)
_CLOSE_8, _CLOSE_16 = _F(0.004), _F(1e-4)
_FLATTEST = _F(0.3)  # least slope of the way to the edge, as a share of a straight line's
_STEPS: Final = 4  # for whole blocks; 98 % need one or two. `_search` does the pixels that are left
_HALVINGS: Final = 24
_THREE = _F(3)

# The way back, from linear light to a* and b* (`chroma_of`).
_TO_NORMAL = RGB_TO_XYZ / WHITE_XYZ[:, None]  # linear light to X/Xn, Y/Yn, Z/Zn; rows sum to 1
_X_R, _X_G, _X_B = (_F(c) for c in _TO_NORMAL[0])
_Y_R, _Y_G, _Y_B = (_F(c) for c in _TO_NORMAL[1])
_Z_R, _Z_G, _Z_B = (_F(c) for c in _TO_NORMAL[2])
_A, _B = _F(500), _F(200)


# --- one pixel --------------------------------------------------------------------------------


@part
def _expand(f):
    """Returns the inverse of CIELAB's f, without a branch: f**3, or its tangent below DELTA."""
    c = max(f, _DELTA)
    return c * c * c + _SLOPE * (f - c)


@part
def _encode_8(x):
    """Returns 255 times sRGB's curve at linear light `x`, plus 0.5 to round by truncation."""
    c = max(x, _LINEAR_END)
    bits = np.float32(c).view(np.int32)
    m = np.int32((bits & _MANTISSA) | _EXPONENT_ZERO).view(np.float32)
    t = _F(bits) * _BITS_TO_LOG
    t += _L0 + m * (_L1 + m * (_L2 + m * (_L3 + m * (_L4 + m * _L5))))
    line = _LINE_8 * (x - c)
    return line + (_E0 + t * (_E1 + t * (_E2 + t * (_E3 + t * (_E4 + t * (_E5 + t * _E6))))))


@part
def _encode_16(x):
    """Returns 65535 times sRGB's curve at linear light `x`, plus 0.5 to round by truncation."""
    c = max(x, _LINEAR_END)
    q = np.sqrt(np.sqrt(c))
    curve = _S3 + q * (_S4 + q * (_S5 + q * (_S6 + q * _S7)))
    return _LINE_16 * (x - c) + (_S0 + q * (_S1 + q * (_S2 + q * curve)))


@part
def _compress(y):
    """Returns CIELAB's f of Y: the cube root, or the line below DELTA**3, without a branch."""
    c = max(y, _DARK_LIGHT)
    q = np.sqrt(np.sqrt(c))
    curve = _C3 + q * (_C4 + q * (_C5 + q * (_C6 + q * _C7)))
    return _INVERSE_SLOPE * (y - c) + (_C0 + q * (_C1 + q * (_C2 + q * curve)))


# --- one segment: samples to f ------------------------------------------------------------------


@part
def _grey_f(samples, stride, n, table, z):
    """Writes f(Y) of `n` grey codes, `stride` apart, from a table of all codes."""
    for i in range(n):
        z[_U(i) + _FY] = table[samples[i * stride]]


@part
def _is_neutral(samples, n):
    """Returns whether the `n` RGB samples all have R = G = B."""
    different = 0
    for j in range(n):
        different |= (samples[3 * j] ^ samples[3 * j + 1]) | (samples[3 * j] ^ samples[3 * j + 2])
    return different == 0


@part
def _colour_f(samples, n, linear, z):
    """Writes f(Y) of `n` RGB codes: a table to linear light, the weighted sum, the cube root."""
    for i in range(n):
        z[_U(i) + _FY] = (
            _W_R * linear[samples[3 * i]]
            + _W_G * linear[samples[3 * i + 1]]
            + _W_B * linear[samples[3 * i + 2]]
        )
    for i in range(n):
        z[_U(i) + _FY] = _compress(z[_U(i) + _FY])


@part
def _load(samples, n, channels, table, linear, z):
    """Writes f(Y) of `n` pixels. Segments of RGB that are all grey are read as grey: it is exact
    and quicker.
    """
    if channels == 1:
        _grey_f(samples, 1, n, table, z)
    elif _is_neutral(samples, n):
        _grey_f(samples, 3, n, table, z)
    else:
        _colour_f(samples, n, linear, z)


# --- one segment: f and chroma to linear light --------------------------------------------------


@part
def _widen(nodes, shift, row, n, z):
    """Interpolates nodes, 2**shift pixels apart, to `n` pixels in a row of the scratch."""
    share = _ONE / _F(1 << shift)
    whole = n >> shift
    for i in range(whole):
        first = nodes[i]
        step = (nodes[i + 1] - first) * share
        start = _U(i << shift) + row
        for j in range(1 << shift):
            z[start + _U(j)] = first + _F(j) * step
    step = (nodes[whole + 1] - nodes[whole]) * share if n > whole << shift else _ZERO
    for j in range(n - (whole << shift)):
        z[_U(j + (whole << shift)) + row] = nodes[whole] + _F(j) * step


@part
def _chroma(z, j, t, row0, row1):
    """Returns a*/500 or b*/200 of pixel `j`, interpolated by `t` between two widened rows."""
    return z[j + row0] + t * (z[j + row1] - z[j + row0])


@part
def _to_linear(z, n, t):
    """Writes linear light of `n` pixels, from f(Y) and chroma.

    It adds the difference from grey to grey, so that without chroma R = G = B bit for bit, and the
    luminance is Y whatever the rounding of X and Z.
    """
    for i in range(n):
        j = _U(i)
        fy = z[j + _FY]
        y = _expand(fy)
        dx = _expand(fy + _chroma(z, j, t, _A0, _A1)) - y
        dz = _expand(fy - _chroma(z, j, t, _B0, _B1)) - y
        z[j + _RED] = y + _R_X * dx + _R_Z * dz
        z[j + _GREEN] = y + _G_X * dx + _G_Z * dz
        z[j + _BLUE] = y + _B_X * dx + _B_Z * dz


@part
def _any_outside(z, k, n):
    """Returns whether any channel of `n` pixels from `k` on is outside 0..1, by sign bits."""
    signs = np.int32(0)
    for i in range(k, k + n):
        j = _U(i)
        r, g, b = z[j + _RED], z[j + _GREEN], z[j + _BLUE]
        low = np.float32(min(r, min(g, b)) + _EDGE).view(np.int32)
        high = np.float32((_ONE + _EDGE) - max(r, max(g, b))).view(np.int32)
        signs = np.int32(signs | low | high)
    return signs < 0


# --- the gamut step -----------------------------------------------------------------------------


@part
def _aim(z, k, n, t):
    """Improves the scale 0..1 that puts a colour's chroma on the edge of the gamut, by one step.

    `reach` says how far the farthest channel has come from grey to its bound: 0 for grey, 1 on the
    edge. As a function of the scale s it is close to A s / (1 + B s), whose two constants follow
    from its value and slope. One step from s = 1 brings nine pixels of ten within 0.4 % of the
    edge, where the secant misses by 4 % and Newton's method by 6 % (chroma of deviation 12).
    Colours inside sRGB keep a scale of exactly 1.
    """
    for i in range(k, k + n):
        j = _U(i)
        fy, s = z[j + _FY], z[j + _SCALE]
        ca, cb = _chroma(z, j, t, _A0, _A1), _chroma(z, j, t, _B0, _B1)
        fx, fz = fy + s * ca, fy - s * cb
        cx, cz = max(fx, _DELTA), max(fz, _DELTA)
        xx, zz = cx * cx, cz * cz
        y = _expand(fy)
        dx = xx * cx + _SLOPE * (fx - cx) - y
        dz = zz * cz + _SLOPE * (fz - cz) - y
        r, g, b = _R_X * dx + _R_Z * dz, _G_X * dx + _G_Z * dz, _B_X * dx + _B_Z * dz
        high, low = max(r, max(g, b)), min(r, min(g, b))
        near, far = max(y, _TINY), max(_ONE - y, _TINY)
        is_high = high * near > -low * far
        worst = high if is_high else low
        m_x = _R_X if worst == r else (_G_X if worst == g else _B_X)
        m_z = _R_Z if worst == r else (_G_Z if worst == g else _B_Z)
        per_bound = _ONE / (far if is_high else -near)
        reach = max(worst * per_bound, _HALF)
        rise = _THREE * s * (m_x * ca * xx - m_z * cb * zz) * per_bound
        rise = max(rise, _FLATTEST * reach)
        next_s = s * rise / max(rise + (reach * reach - reach), _HALF * rise)
        z[j + _SCALE] = _ONE if s == _ONE and reach <= _ONE else next_s


@part
def _land(z, k, n, t):
    """Writes linear light with chroma scaled and moved exactly onto the edge of the gamut.

    `_ERROR` receives how far from the edge the scale of `_aim` was. The remaining distance is
    removed in linear light, by mixing with grey of the same Y, which keeps L* exactly; only the hue
    changes, by the square of that distance.
    """
    for i in range(k, k + n):
        j = _U(i)
        fy, s = z[j + _FY], z[j + _SCALE]
        y = _expand(fy)
        dx = _expand(fy + s * _chroma(z, j, t, _A0, _A1)) - y
        dz = _expand(fy - s * _chroma(z, j, t, _B0, _B1)) - y
        r, g, b = _R_X * dx + _R_Z * dz, _G_X * dx + _G_Z * dz, _B_X * dx + _B_Z * dz
        near, far = max(y, _TINY), max(_ONE - y, _TINY)
        high, low = max(r, max(g, b)) * near, -min(r, min(g, b)) * far
        whole = near * far
        way = max(max(high, low), _HALF * whole)
        is_inside = s == _ONE and way <= whole
        share = _ONE if is_inside else whole / way
        z[j + _ERROR] = _ZERO if is_inside else abs(way - whole) / (whole + _FAINT)
        z[j + _RED], z[j + _GREEN], z[j + _BLUE] = y + r * share, y + g * share, y + b * share


@part
def _all_close(z, k, n, close):
    """Returns whether the last `_land` missed the edge by less than `close` everywhere."""
    signs = np.int32(0)
    for i in range(k, k + n):
        signs = np.int32(signs | np.float32(close - z[_U(i) + _ERROR]).view(np.int32))
    return signs >= 0


@part
def _search(z, j, t):
    """Finds the scale by bisection, for one of the few colours where `_aim` does not converge
    (at corners of the gamut, and far outside).
    """
    fy = z[j + _FY]
    y = _expand(fy)
    ca, cb = _chroma(z, j, t, _A0, _A1), _chroma(z, j, t, _B0, _B1)
    low, high = _ZERO, _ONE
    for _ in range(_HALVINGS):
        s = _HALF * (low + high)
        dx, dz = _expand(fy + s * ca) - y, _expand(fy - s * cb) - y
        r, g, b = _R_X * dx + _R_Z * dz, _G_X * dx + _G_Z * dz, _B_X * dx + _B_Z * dz
        if max(r, max(g, b)) > _ONE - y or -min(r, min(g, b)) > y:
            high = s
        else:
            low = s
    z[j + _SCALE] = low


@part
def _fit(z, n, t, close):
    """Reduces chroma along its hue, at constant L*, in the blocks that have colours outside."""
    for k in range(0, n, _BLOCK):
        size = min(_BLOCK, n - k)
        if _any_outside(z, k, size):
            for i in range(k, k + size):
                z[_U(i) + _SCALE] = _ONE
            for _ in range(_STEPS):
                _aim(z, k, size, t)
                _land(z, k, size, t)
                if _all_close(z, k, size, close):
                    break
            else:
                for j in range(k, k + size):
                    if z[_U(j) + _ERROR] > close:
                        _search(z, _U(j), t)
                _land(z, k, size, t)


# --- one segment: linear light to codes ---------------------------------------------------------


@part
def _any_coarse(z, k, n):
    """Returns whether any pixel has a lightness at which 8-bit codes are too coarse to be just
    rounded.
    """
    signs = np.int32(0)
    for i in range(k, k + n):
        fy = z[_U(i) + _FY]
        between = (fy - _COARSE_LOW) * (fy - _COARSE_HIGH)
        signs = np.int32(signs | np.float32(between).view(np.int32))
    return signs < 0


@part
def _store_8(z, k, n, out):
    """Writes 8-bit codes, rounded to the nearest."""
    for i in range(n):
        j = _U(k + i)
        out[3 * i] = np.uint8(np.int32(_encode_8(z[j + _RED])))
        out[3 * i + 1] = np.uint8(np.int32(_encode_8(z[j + _GREEN])))
        out[3 * i + 2] = np.uint8(np.int32(_encode_8(z[j + _BLUE])))


@part
def _store_8_settled(z, k, n, out):
    """Writes 8-bit codes; where a code is a large step of L*, green takes the neighbouring code if
    the three rounding errors add up to too much.

    The weights are those of grey: these colours are so dark that the curve's slope differs little
    between the channels.
    """
    for i in range(n):
        j = _U(k + i)
        r, g, b = _encode_8(z[j + _RED]), _encode_8(z[j + _GREEN]), _encode_8(z[j + _BLUE])
        code_r, code_g, code_b = np.int32(r), np.int32(g), np.int32(b)
        missed = _W_R * (r - _F(code_r)) + _W_G * (g - _F(code_g)) + _W_B * (b - _F(code_b)) - _HALF
        far = abs(missed) > _COARSE_LIMIT
        coarse = z[j + _FY] > _COARSE_LOW and z[j + _FY] < _COARSE_HIGH
        step = _ONE if missed > _ZERO else -_ONE
        out[3 * i] = np.uint8(code_r)
        out[3 * i + 1] = np.uint8(code_g + np.int32(step if far and coarse else _ZERO))
        out[3 * i + 2] = np.uint8(code_b)


@part
def _is_flat(z, n):
    """Returns whether a segment has so few lightnesses that its rounding errors do not even out."""
    signs, first = np.int32(0), z[_FY]
    for i in range(n):
        signs = np.int32(signs | np.float32(_FLAT - abs(z[_U(i) + _FY] - first)).view(np.int32))
    return signs >= 0


@part
def _settle_8(z, n, out):
    """Replaces codes that miss L* by more than `_LITTLE` by the neighbouring codes that miss it
    least.

    Green changes by one code at most. Red and blue, which weigh less in L*, change by up to 8 where
    one is not enough, as at the gamut's corners.
    """
    for i in range(n):
        f = z[_U(i) + _FY]
        y, little = _expand(f), _LITTLE * max(f, _DELTA) ** 2
        r, g, b = np.int32(out[3 * i]), np.int32(out[3 * i + 1]), np.int32(out[3 * i + 2])
        least = abs(_W_R * _LINEAR_8[r] + _W_G * _LINEAR_8[g] + _W_B * _LINEAR_8[b] - y)
        for reach in _REACHES:
            if least < little:
                break
            for code_r in range(max(r - reach, 0), min(r + reach, 255) + 1):
                for code_g in range(max(g - 1, 0), min(g + 1, 255) + 1):
                    rest = _W_R * _LINEAR_8[code_r] + _W_G * _LINEAR_8[code_g] - y
                    for code_b in range(max(b - reach, 0), min(b + reach, 255) + 1):
                        missed = abs(rest + _W_B * _LINEAR_8[code_b])
                        if missed < least:
                            least = missed
                            out[3 * i], out[3 * i + 1], out[3 * i + 2] = code_r, code_g, code_b


@part
def _write_8(z, n, out, is_narrow):
    """Writes 8-bit codes of a segment, and corrects them where rounding could break the promise."""
    if not _any_coarse(z, 0, n):
        _store_8(z, 0, n, out)
    else:
        for k in range(0, n, _BLOCK):
            size = min(_BLOCK, n - k)
            codes = out[3 * k : 3 * (k + size)]
            if _any_coarse(z, k, size):
                _store_8_settled(z, k, size, codes)
            else:
                _store_8(z, k, size, codes)
    if is_narrow or _is_flat(z, n):
        _settle_8(z, n, out)


@part
def _write_16(z, n, out):
    """Writes 16-bit codes of a segment, rounded to the nearest."""
    for i in range(n):
        j = _U(i)
        out[3 * i] = np.uint16(np.int32(_encode_16(z[j + _RED])))
        out[3 * i + 1] = np.uint16(np.int32(_encode_16(z[j + _GREEN])))
        out[3 * i + 2] = np.uint16(np.int32(_encode_16(z[j + _BLUE])))


@part
def _write_grey(z, n, out, is_8):
    """Writes codes without chroma, encoded once: with `fastmath` three copies may round apart."""
    for i in range(n):
        y = _expand(z[_U(i) + _FY])
        code = np.int32(_encode_8(y) if is_8 else _encode_16(y))
        out[3 * i] = code
        out[3 * i + 1] = code
        out[3 * i + 2] = code


# --- a strip ------------------------------------------------------------------------------------


@compiled
def _colour(source_8, source_16, channels, table, linear, nodes, down, shift, top, out_8, out_16):
    """Colours a strip.

    Of the two sources and of the two results one is empty: a single kernel serves both depths, so
    that only one is compiled, and loaded from the cache by every process.
    """
    height = max(source_8.shape[0], source_16.shape[0])
    width = max(out_8.shape[1], out_16.shape[1]) // 3
    z = np.empty(10 * _SEGMENT, np.float32)
    is_grey = not nodes.any()
    y = 0
    while y < height:
        i = (top + y) // down
        end = min(height, (i + 1) * down - top)
        for x in range(0, width, _SEGMENT):
            n = min(_SEGMENT, width - x)
            _widen(nodes[0, i, x >> shift :], shift, _A0, n, z)
            _widen(nodes[0, i + 1, x >> shift :], shift, _A1, n, z)
            _widen(nodes[1, i, x >> shift :], shift, _B0, n, z)
            _widen(nodes[1, i + 1, x >> shift :], shift, _B1, n, z)
            for row in range(y, end):
                t = _F(top + row - i * down) / _F(down)
                if source_8.size:
                    _load(source_8[row, channels * x :], n, channels, table, linear, z)
                else:
                    _load(source_16[row, channels * x :], n, channels, table, linear, z)
                if is_grey:
                    if out_8.size:
                        _write_grey(z, n, out_8[row, 3 * x : 3 * (x + n)], True)
                    else:
                        _write_grey(z, n, out_16[row, 3 * x : 3 * (x + n)], False)
                    continue
                _to_linear(z, n, t)
                if _any_outside(z, 0, n):
                    _fit(z, n, t, _CLOSE_8 if out_8.size else _CLOSE_16)
                if out_8.size:
                    _write_8(z, n, out_8[row, 3 * x : 3 * (x + n)], width < _BLOCK)
                else:
                    _write_16(z, n, out_16[row, 3 * x : 3 * (x + n)])
        y = end


@compiled
def _lightness(source_8, source_16, channels, table, linear, out):
    """Writes L* of the rows of samples, as `_colour` computes it."""
    z = np.empty(_SEGMENT, np.float32)
    for row in range(out.shape[0]):
        for x in range(0, out.shape[1], _SEGMENT):
            n = min(_SEGMENT, out.shape[1] - x)
            if source_8.size:
                _load(source_8[row, channels * x :], n, channels, table, linear, z)
            else:
                _load(source_16[row, channels * x :], n, channels, table, linear, z)
            for i in range(n):
                out[row, x + i] = max(_F(116) * z[i] - _F(16), _ZERO)


@compiled
def _ab(codes, linear, out):
    """Writes a*, b* of the rows of interleaved RGB codes into rows of interleaved pairs."""
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


# --- called from outside ------------------------------------------------------------------------


def colour_strip(samples: Samples, top: int, prepared: PreparedField, out: Samples) -> None:
    """Colours a strip of full rows: the samples' own L*, the field's chroma fitted into sRGB.

    `samples`: sRGB codes, uint8 or uint16, C-contiguous, shape (rows, width) for grey or
    (rows, width, 3) for RGB. `top`: the strip's first row in the picture. `out`: shape (rows,
    width, 3), uint8 or uint16, C-contiguous; it may be `samples` itself. Keeps contract 2's pixel
    promise; a pixel's result depends neither on how strips are cut nor on threads. Raises
    ValueError where shapes, types or rows do not fit the picture.
    """
    _check_samples(samples)
    rows, width = samples.shape[:2]
    if out.shape != (rows, width, 3) or out.dtype not in _DEPTHS or not out.flags.c_contiguous:
        raise ValueError(f"a coloured strip of {rows} rows has the shape {(rows, width, 3)}")
    if width != prepared.width or top < 0 or top + rows > prepared.height:
        raise ValueError(
            f"rows {top} to {top + rows} of width {width} lie outside a picture of "
            f"{prepared.width} x {prepared.height} pixels"
        )
    if rows:
        table, linear = _tables(samples.dtype)
        _colour(
            *_by_depth(samples),
            1 if samples.ndim == 2 else 3,
            table,
            linear,
            prepared.nodes,
            prepared.pitch[0],
            prepared.pitch[1].bit_length() - 1,
            top,
            *_by_depth(out),
        )


def lightness_of(samples: Samples) -> NDArray[np.float32]:
    """Returns CIE L* of sRGB samples, within 0.001 of `lab.lightness`.

    `samples`: uint8 or uint16, C-contiguous, shape (rows, width) or (rows, width, 3). Returns
    float32 (rows, width), 0..100.

    >>> lightness_of(np.array([[0, 119, 255]], np.uint8)).round(2)
    array([[  0.  ,  50.03, 100.  ]], dtype=float32)
    """
    _check_samples(samples)
    out = np.empty(samples.shape[:2], np.float32)
    if out.size:
        channels = 1 if samples.ndim == 2 else 3
        _lightness(*_by_depth(samples), channels, *_tables(samples.dtype), out)
    return out


def chroma_of(colours: NDArray[np.uint16], out: NDArray[np.float32] | None = None):
    """Returns a*, b* in CIELAB units of 16-bit sRGB codes, within 0.001 of `lab.srgb_to_lab`.

    It serves clients that keep their own lightness (raw mode `chroma`): taken after the fused pass,
    it is the chroma that fits into sRGB at each pixel's L*.

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
        _ab(colours.reshape(rows, -1), linear, out.reshape(rows, -1))
    return out


def warm() -> None:
    """Compiles every kernel, or loads it from the cache; compiling takes some seconds."""
    from core.colour import edge_aware, geodesic

    edge_aware.warm()
    geodesic.warm()
    field = prepare(ChromaField(np.zeros((2, 1, 1), np.float32), (1, 1), 1, 1))
    for depth in _DEPTHS:
        samples = np.zeros((1, 1, 3), depth)
        colour_strip(samples, 0, field, samples)
        lightness_of(samples)


_DEPTHS: Final = (np.dtype(np.uint8), np.dtype(np.uint16))
_TABLES: Final[dict[np.dtype, tuple[NDArray[np.float32], NDArray[np.float32]]]] = {}


def _tables(depth: np.dtype) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Returns f(Y) and linear light of every code of a depth, computed at their first use."""
    if depth not in _TABLES:
        codes = np.iinfo(depth).max
        linear = srgb_to_linear(np.arange(codes + 1) / codes)
        _TABLES[depth] = compress(linear).astype(np.float32), linear.astype(np.float32)
    return _TABLES[depth]


def _by_depth(samples: Samples) -> tuple[Samples, Samples]:
    """Returns the samples as (8-bit rows, 16-bit rows), of which one is empty."""
    rows = samples.reshape(samples.shape[0], -1)
    if not rows.flags.writeable:
        rows = rows.copy()  # for read-only arrays numba would compile the kernels anew
    if rows.dtype == np.uint8:
        return rows, np.empty((0, 0), np.uint16)
    return np.empty((0, 0), np.uint8), rows


def _check_samples(samples: Samples) -> None:
    if samples.ndim not in (2, 3) or (samples.ndim == 3 and samples.shape[2] != 3):
        raise ValueError(f"samples are grey or RGB, not of the shape {samples.shape}")
    if samples.dtype not in _DEPTHS or not samples.flags.c_contiguous:
        raise ValueError("samples are uint8 or uint16 and C-contiguous")
