"""The fused pass: from grey or colour samples and a small chroma field to coloured samples.

`prepare` a field once a picture, then `colour_strip` as often as the picture has strips;
`lightness_of` gives the L* of samples, `warm` compiles everything. Pixels go through in segments
of up to `_SEGMENT`, and each segment through short loops over scratch that fits the first-level
cache; every such loop is simple enough for LLVM to vectorise (`tests/bench_kernels.py` measures
them, `tests/colour/test_speed.py` guards them). All in float32; `lab` and `gamut` are the float64
reference. Importing this module imports numba.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.colour.compiled import compiled
from core.colour.field import ChromaField, PreparedField, prepare
from core.colour.lab import DELTA, RGB_TO_XYZ, WHITE_XYZ, XYZ_TO_RGB, compress, srgb_to_linear

__all__ = ["ChromaField", "PreparedField", "colour_strip", "lightness_of", "prepare", "warm"]

Samples = NDArray[np.uint8] | NDArray[np.uint16]

_F = np.float32


def _polynomial(function, low: float, high: float, degree: int) -> tuple[np.float32, ...]:
    """Coefficients, lowest first, of the near-minimax polynomial of `function` on low..high."""
    series = np.polynomial.Chebyshev.interpolate(function, degree, domain=[low, high])
    return tuple(_F(c) for c in series.convert(kind=np.polynomial.Polynomial).coef)


# --- constants, frozen into the machine code --------------------------------------------------

_SEGMENT: Final = 512  # pixels; scratch of 14 float32 rows is 28 KB

_ZERO, _HALF, _ONE = _F(0), _F(0.5), _F(1)
_DELTA, _SLOPE = _F(DELTA), _F(3 * DELTA**2)
_NORMAL = XYZ_TO_RGB * WHITE_XYZ  # from X/Xn, Y/Yn, Z/Zn to linear light; rows sum to 1
_R_X, _G_X, _B_X = (_F(c) for c in _NORMAL[:, 0])
_R_Z, _G_Z, _B_Z = (_F(c) for c in _NORMAL[:, 2])
_W_R, _W_G, _W_B = (_F(c) for c in RGB_TO_XYZ[1])

_KNEE = 0.0031308  # IEC 61966-2-1: below, sRGB is a straight line
_LINEAR_END = _F(_KNEE)
_TINY = _F(1e-6)
_THREE = _F(3)
_EDGE = _F(3e-7)
_FAINT = _F(1e-3)
_FLATTEST = _F(0.3)
_BLOCK = 64
_STEPS = 12
_CLOSE_8, _CLOSE_16 = _F(0.004), _F(1e-4)
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
_C0, _C1, _C2, _C3, _C4, _C5, _C6, _C7 = _polynomial(
    lambda q: q ** (4 / 3), DELTA**0.75, 1.0, 7
)
_INVERSE_SLOPE = _F(1 / (3 * DELTA**2))

# Between these L* a step of grey from one 8-bit code to the next is larger than 0.49, so that
# plain rounding of three channels can miss the promised 0.25 (0.260 at most, 4 million colours).
_COARSE_LOW, _COARSE_HIGH = _F((7.2 + 16) / 116), _F((10.7 + 16) / 116)
#: Weighted rounding error, in codes, from which green takes its neighbouring code: 0.2485 at most.
_COARSE_LIMIT = _F(0.46)


# --- one pixel --------------------------------------------------------------------------------


@compiled
def _expand(f):
    """The inverse of CIELAB's f: f**3, or the tangent at DELTA below it, without a branch."""
    c = max(f, _DELTA)
    return c * c * c + _SLOPE * (f - c)


@compiled
def _encode_8(x):
    """255 times sRGB's curve at linear light `x`, plus a half for rounding by truncation."""
    c = max(x, _LINEAR_END)
    bits = np.float32(c).view(np.int32)
    m = np.int32((bits & _MANTISSA) | _EXPONENT_ZERO).view(np.float32)
    t = _F(bits) * _BITS_TO_LOG
    t += _L0 + m * (_L1 + m * (_L2 + m * (_L3 + m * (_L4 + m * _L5))))
    line = _LINE_8 * (x - c)
    return line + (_E0 + t * (_E1 + t * (_E2 + t * (_E3 + t * (_E4 + t * (_E5 + t * _E6))))))


@compiled
def _encode_16(x):
    """65535 times sRGB's curve at linear light `x`, plus a half for rounding by truncation."""
    c = max(x, _LINEAR_END)
    q = np.sqrt(np.sqrt(c))
    curve = _S3 + q * (_S4 + q * (_S5 + q * (_S6 + q * _S7)))
    return _LINE_16 * (x - c) + (_S0 + q * (_S1 + q * (_S2 + q * curve)))


@compiled
def _compress(y):
    """CIELAB's f of Y: the cube root, or the line below DELTA**3, without a branch."""
    c = max(y, _DARK_LIGHT)
    q = np.sqrt(np.sqrt(c))
    curve = _C3 + q * (_C4 + q * (_C5 + q * (_C6 + q * _C7)))
    return _INVERSE_SLOPE * (y - c) + (_C0 + q * (_C1 + q * (_C2 + q * curve)))


# --- one segment: samples to f ------------------------------------------------------------------


@compiled
def _grey_f(samples, table, f):
    """f(Y) of grey codes from a table of all codes."""
    for j in range(f.size):
        f[j] = table[samples[j]]


@compiled
def _is_neutral(samples, n):
    """Whether the `n` RGB samples all have R = G = B."""
    different = 0
    for j in range(n):
        different |= (samples[3 * j] ^ samples[3 * j + 1]) | (samples[3 * j] ^ samples[3 * j + 2])
    return different == 0


@compiled
def _neutral_f(samples, table, f):
    """f(Y) of neutral RGB codes from the table for grey ones."""
    for j in range(f.size):
        f[j] = table[samples[3 * j]]


@compiled
def _colour_f(samples, linear, f):
    """f(Y) of RGB codes: a table to linear light, the weighted sum, the cube root."""
    for j in range(f.size):
        f[j] = (
            _W_R * linear[samples[3 * j]]
            + _W_G * linear[samples[3 * j + 1]]
            + _W_B * linear[samples[3 * j + 2]]
        )
    for j in range(f.size):
        f[j] = _compress(f[j])


@compiled
def _rgb_f(samples, table, linear, f):
    """f(Y) of RGB codes; neutral stretches take the exact and quicker way of grey ones."""
    if _is_neutral(samples, f.size):
        _neutral_f(samples, table, f)
    else:
        _colour_f(samples, linear, f)


# --- one segment: f and chroma to linear light --------------------------------------------------


@compiled
def _widen(nodes, shift, x0, a):
    """One row of nodes, 2**shift pixels apart, drawn out to the pixels from `x0` on.

    `x0` is a multiple of every pitch. Whole cells of 16 pixels, the usual ones, have a loop of
    their own with a fixed count: 0.32 instead of 0.94 ns a pixel.
    """
    nodes = nodes[x0 >> shift :]
    share = _ONE / _F(1 << shift)
    whole = (a.size >> 4) if shift == 4 else 0
    for i in range(whole):
        step = (nodes[i + 1] - nodes[i]) * share
        cell = a[16 * i : 16 * i + 16]
        for j in range(16):
            cell[j] = nodes[i] + _F(j) * step
    mask = (1 << shift) - 1
    for j in range(16 * whole, a.size):
        i = j >> shift
        a[j] = nodes[i] + _F(j & mask) * ((nodes[i + 1] - nodes[i]) * share)


@compiled
def _to_linear(f, t, a0, a1, b0, b1, red, green, blue):
    """Linear light from f(Y) and chroma, the latter `t` of the way between two widened rows.

    Written as the difference from grey, so that no chroma means R = G = B bit for bit and the
    luminance is Y whatever the rounding of X and Z.
    """
    for j in range(f.size):
        fy = f[j]
        y = _expand(fy)
        dx = _expand(fy + (a0[j] + t * (a1[j] - a0[j]))) - y
        dz = _expand(fy - (b0[j] + t * (b1[j] - b0[j]))) - y
        red[j] = y + _R_X * dx + _R_Z * dz
        green[j] = y + _G_X * dx + _G_Z * dz
        blue[j] = y + _B_X * dx + _B_Z * dz


@compiled
def _any_outside(red, green, blue):
    """Whether any channel lies outside 0..1, read from the sign bits."""
    signs = np.int32(0)
    for j in range(red.size):
        r, g, b = red[j], green[j], blue[j]
        low = np.float32(min(r, min(g, b)) + _EDGE).view(np.int32)
        high = np.float32((_ONE + _EDGE) - max(r, max(g, b))).view(np.int32)
        signs = np.int32(signs | low | high)
    return signs < 0


@compiled
def _shrink(f, t, a0, a1, b0, b1, scale, error, red, green, blue):
    """One step towards the edge of the gamut, from chroma times `scale` and updating it.

    `reach` is how far the farthest channel has come from grey to its bound: 0 for grey, 1 on the
    edge. Over the scale s it bends much like A s / (1 + B s), whose two constants its value and
    slope give: in one step from s = 1 nine pixels of ten land within 0.4 % of the edge where a
    chord misses by 4 % and Newton's method by 6 % (chroma of deviation 12). `error` is how far
    from the edge this step began; what is missing is done in linear light, where mixing with a
    grey of the same Y keeps L* exactly, and only the hue of that small rest bends.
    """
    for j in range(f.size):
        fy, s = f[j], scale[j]
        a = a0[j] + t * (a1[j] - a0[j])
        b = b0[j] + t * (b1[j] - b0[j])
        fx, fz = fy + s * a, fy - s * b
        cx, cz = max(fx, _DELTA), max(fz, _DELTA)
        y = _expand(fy)
        dx = cx * cx * cx + _SLOPE * (fx - cx) - y
        dz = cz * cz * cz + _SLOPE * (fz - cz) - y
        slope_x, slope_z = _THREE * a * cx * cx, -_THREE * b * cz * cz
        r, g, b = _R_X * dx + _R_Z * dz, _G_X * dx + _G_Z * dz, _B_X * dx + _B_Z * dz
        high, low = max(r, max(g, b)), min(r, min(g, b))
        near, far = max(y, _TINY), max(_ONE - y, _TINY)
        is_high = high * near > -low * far
        worst = high if is_high else low
        m_x = _R_X if worst == r else (_G_X if worst == g else _B_X)
        m_z = _R_Z if worst == r else (_G_Z if worst == g else _B_Z)
        bound = far if is_high else -near
        reach = worst / bound
        is_inside = s == _ONE and reach <= _ONE
        reach = _ONE if is_inside else max(reach, _HALF)
        error[j] = abs(reach - _ONE) * abs(bound) / (abs(bound) + _FAINT)
        share = _ONE / reach
        red[j], green[j], blue[j] = y + r * share, y + g * share, y + b * share
        rise = max(s * (m_x * slope_x + m_z * slope_z) / bound, _FLATTEST * reach)
        next_s = s * rise / max(rise + (reach * reach - reach), _HALF * rise)
        scale[j] = _ONE if is_inside else next_s


@compiled
def _largest(values):
    """The largest of non-negative floats; as integers, of which LLVM finds it faster."""
    largest = np.int32(0)
    for j in range(values.size):
        largest = max(largest, np.int32(np.float32(values[j]).view(np.int32)))
    return np.int32(largest).view(np.float32)


@compiled
def _fit(f, t, a0, a1, b0, b1, scale, error, red, green, blue, close):
    """Shrink chroma along its hue, at constant L*, where a block has colours outside sRGB."""
    for k in range(0, f.size, _BLOCK):
        r, g, b = red[k : k + _BLOCK], green[k : k + _BLOCK], blue[k : k + _BLOCK]
        if _any_outside(r, g, b):
            s, e = scale[k : k + _BLOCK], error[k : k + _BLOCK]
            s[:] = _ONE
            for _ in range(_STEPS):
                _shrink(
                    f[k : k + _BLOCK],
                    t,
                    a0[k : k + _BLOCK],
                    a1[k : k + _BLOCK],
                    b0[k : k + _BLOCK],
                    b1[k : k + _BLOCK],
                    s,
                    e,
                    r,
                    g,
                    b,
                )
                if _largest(e) < close:
                    break


# --- one segment: linear light to codes ---------------------------------------------------------


@compiled
def _store_8(red, green, blue, out):
    """8-bit codes, rounded to the nearest."""
    for j in range(red.size):
        out[3 * j] = np.uint8(np.int32(_encode_8(red[j])))
        out[3 * j + 1] = np.uint8(np.int32(_encode_8(green[j])))
        out[3 * j + 2] = np.uint8(np.int32(_encode_8(blue[j])))


@compiled
def _store_16(red, green, blue, out):
    """16-bit codes, rounded to the nearest."""
    for j in range(red.size):
        out[3 * j] = np.uint16(np.int32(_encode_16(red[j])))
        out[3 * j + 1] = np.uint16(np.int32(_encode_16(green[j])))
        out[3 * j + 2] = np.uint16(np.int32(_encode_16(blue[j])))


@compiled
def _any_coarse(f):
    """Whether any pixel has a lightness at which 8-bit codes are too coarse to be just rounded."""
    signs = np.int32(0)
    for j in range(f.size):
        inside = (f[j] - _COARSE_LOW) * (f[j] - _COARSE_HIGH)
        signs = np.int32(signs | np.float32(inside).view(np.int32))
    return signs < 0


@compiled
def _store_8_settled(f, red, green, blue, out):
    """8-bit codes; where L* is coarse, green takes the neighbouring code if all three roundings
    add up to too much. The weights are those of grey: these colours are so dark that the curve's
    slope differs little between the channels.
    """
    for j in range(red.size):
        r, g, b = _encode_8(red[j]), _encode_8(green[j]), _encode_8(blue[j])
        code_r, code_g, code_b = np.int32(r), np.int32(g), np.int32(b)
        missed = (
            _W_R * (r - _F(code_r)) + _W_G * (g - _F(code_g)) + _W_B * (b - _F(code_b)) - _HALF
        )
        far = abs(missed) > _COARSE_LIMIT
        coarse = _COARSE_LOW < f[j] and f[j] < _COARSE_HIGH
        step = _ONE if missed > _ZERO else -_ONE
        out[3 * j] = np.uint8(code_r)
        out[3 * j + 1] = np.uint8(code_g + np.int32(step if far and coarse else _ZERO))
        out[3 * j + 2] = np.uint8(code_b)


# --- a strip ------------------------------------------------------------------------------------


@compiled
def _load(samples, x0, n, channels, table, linear, f):
    """f(Y) of `n` pixels from `x0` on; what lies behind them in `f` repeats the last of them."""
    if channels == 1:
        _grey_f(samples[x0 : x0 + n], table, f[:n])
    else:
        _rgb_f(samples[3 * x0 : 3 * (x0 + n)], table, linear, f[:n])


@compiled
def _colour(source_8, source_16, channels, table, linear, nodes, down, shift, top, out_8, out_16):
    """The pass over a strip. One source and one result are empty: one kernel for all depths,
    so that only one has to be compiled, and loaded from the cache by every process."""
    height = max(source_8.shape[0], source_16.shape[0])
    width = max(out_8.shape[1], out_16.shape[1]) // 3
    scratch = np.empty((10, _SEGMENT), np.float32)
    y = 0
    while y < height:
        i = (top + y) // down
        end = min(height, (i + 1) * down - top)
        for x0 in range(0, width, _SEGMENT):
            n = min(_SEGMENT, width - x0)
            f, red, green, blue = scratch[0, :n], scratch[1, :n], scratch[2, :n], scratch[3, :n]
            a0, a1, b0, b1 = scratch[4, :n], scratch[5, :n], scratch[6, :n], scratch[7, :n]
            scale, error = scratch[8, :n], scratch[9, :n]
            _widen(nodes[0, i], shift, x0, a0)
            _widen(nodes[0, i + 1], shift, x0, a1)
            _widen(nodes[1, i], shift, x0, b0)
            _widen(nodes[1, i + 1], shift, x0, b1)
            for row in range(y, end):
                t = _F(top + row - i * down) / _F(down)
                if source_8.size:
                    _load(source_8[row], x0, n, channels, table, linear, f)
                else:
                    _load(source_16[row], x0, n, channels, table, linear, f)
                _to_linear(f, t, a0, a1, b0, b1, red, green, blue)
                if out_8.size:
                    if _any_outside(red, green, blue):
                        _fit(f, t, a0, a1, b0, b1, scale, error, red, green, blue, _CLOSE_8)
                    codes_8 = out_8[row, 3 * x0 : 3 * (x0 + n)]
                    if _any_coarse(f):
                        _store_8_settled(f, red, green, blue, codes_8)
                    else:
                        _store_8(red, green, blue, codes_8)
                else:
                    if _any_outside(red, green, blue):
                        _fit(f, t, a0, a1, b0, b1, scale, error, red, green, blue, _CLOSE_16)
                    _store_16(red, green, blue, out_16[row, 3 * x0 : 3 * (x0 + n)])
        y = end


@compiled
def _lightness(source_8, source_16, channels, table, linear, out):
    """L* of the rows of samples, as `_colour` sees it."""
    for row in range(out.shape[0]):
        f = out[row]
        if source_8.size:
            _load(source_8[row], 0, f.size, channels, table, linear, f)
        else:
            _load(source_16[row], 0, f.size, channels, table, linear, f)
        for j in range(f.size):
            f[j] = _F(116) * f[j] - _F(16)


# --- called from outside ------------------------------------------------------------------------


def colour_strip(samples: Samples, top: int, prepared: PreparedField, out: Samples) -> None:
    """Colour a strip of full rows: the samples' own L*, the field's chroma fitted into sRGB.

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
    """CIE L* of sRGB samples, within 0.001 of `lab.lightness`.

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


def warm() -> None:
    """Compile every kernel, or load it from the cache: some seconds the first time on a machine."""
    field = prepare(ChromaField(np.zeros((2, 1, 1), np.float32), (1, 1), 1, 1))
    for depth in _DEPTHS:
        samples = np.zeros((1, 1, 3), depth)
        colour_strip(samples, 0, field, samples)
        lightness_of(samples)


_DEPTHS: Final = (np.dtype(np.uint8), np.dtype(np.uint16))
_TABLES: Final[dict[np.dtype, tuple[NDArray[np.float32], NDArray[np.float32]]]] = {}


def _tables(depth: np.dtype) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """f(Y) and linear light of every code of a depth, made at their first use."""
    if depth not in _TABLES:
        codes = np.iinfo(depth).max
        linear = srgb_to_linear(np.arange(codes + 1) / codes)
        _TABLES[depth] = compress(linear).astype(np.float32), linear.astype(np.float32)
    return _TABLES[depth]


def _by_depth(samples: Samples) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """The samples as rows of codes in the place of their depth, and nothing in the other's."""
    rows = samples.reshape(samples.shape[0], -1)
    if rows.dtype == np.uint8:
        return rows, np.empty((0, 0), np.uint16)
    return np.empty((0, 0), np.uint8), rows


def _check_samples(samples: Samples) -> None:
    if samples.ndim not in (2, 3) or (samples.ndim == 3 and samples.shape[2] != 3):
        raise ValueError(f"samples are grey or RGB, not of the shape {samples.shape}")
    if samples.dtype not in _DEPTHS or not samples.flags.c_contiguous:
        raise ValueError("samples are uint8 or uint16 and C-contiguous")
