"""Converts a file's own colours to sRGB codes: ICC profiles, gamma and primaries, CMYK.

The product keeps the lightness, so a picture that is not sRGB is handed over as gray: for each
pixel the sRGB code, in 16 bits, whose CIE L* (D65) is that of the file's colour. That is exact for
colours outside sRGB as well, which clipping would darken or lighten. What a profile does is found
by sending colours through lcms, not by its name: a profile that is sRGB in effect costs nothing,
a gray one becomes a table, one whose channels add up in Y three tables, and only the rest (CMYK,
profiles of tables) goes through lcms pixel by pixel.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

import numpy as np

from core.colour.lab import WHITE_XYZ, compress, linear_to_srgb, srgb_to_linear
from core.image.vips import library

#: From an array (h, w) or (h, w, channels) of the file's codes to (h, w) uint16 sRGB codes of the
#: same CIE L*.
Conversion = Callable[[np.ndarray], np.ndarray]


class ProfileError(ValueError):
    """lcms refuses the profile."""


#: Two encodings are the same where no L* differs by more: well below a step of 8 bits (0.4).
_SAME_LIGHTNESS: Final = 0.05
#: Y / Ymax of a mixture that differs less than this from the sum of its channels is that sum.
_SAME_Y: Final = 2e-4
#: Resolution of the table from the root of Y to a code: 1/8 of a 16-bit code at the steepest.
_ROOTS: Final = (1 << 19) - 1
_SPACES: Final = {1: b"GRAY", 3: b"RGB ", 4: b"CMYK"}
#: CIE xy of white, red, green, blue of ITU-R BT.709, which sRGB uses.
_SRGB_PRIMARIES: Final = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
_ADOBE_RGB_PRIMARIES: Final = (0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
#: CIE XYZ of D50, the white of ICC profiles (ICC.1, 7.2.16).
_D50: Final = (0.9642, 1.0, 0.8249)


def _y_after_adaptation() -> np.ndarray:
    """What X, Y, Z under D50 add to Y under D65, by the Bradford transform (ICC.1, annex E)."""
    cones = np.array(
        [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
    )
    gains = (cones @ WHITE_XYZ) / (cones @ np.array(_D50))
    return (np.linalg.inv(cones) @ np.diag(gains) @ cones)[1]


_Y_OF_D50: Final = _y_after_adaptation()


def srgb_profile() -> bytes:
    """The sRGB profile that our files carry: 480 bytes, public domain (Compact ICC Profiles)."""
    return _builtin("srgb")


def cmyk_profile() -> bytes:
    """The profile that CMYK without one is taken for: libvips' own, a coated offset print."""
    return _builtin("cmyk")


def fault_of(profile: bytes, channels: int) -> str | None:
    """What is wrong with an ICC profile for a picture of so many colours, as a clause, or None."""
    if len(profile) < 132 or profile[36:40] != b"acsp":
        return "it is damaged"
    if not 132 <= int.from_bytes(profile[:4], "big") <= len(profile):
        return "it is cut short"
    if profile[16:20] != _SPACES[channels]:
        return f"it is meant for {profile[16:20].decode('ascii', 'replace').strip()} pictures"
    return None


@lru_cache(maxsize=64)
def conversion_of(profile: bytes, channels: int, depth: int) -> Conversion | None:
    """What brings pictures with `profile` to sRGB codes; None where they are sRGB in effect.

    `channels` is 1, 3 or 4 (CMYK), `depth` 8 or 16. Raises `ProfileError`.
    """
    if channels == 1:
        return _gray_conversion(profile, depth)
    if channels == 3:
        return _rgb_conversion(profile, depth)
    return _Lcms(profile, channels, depth)


def conversion_of_gamma(
    gamma: float | None, primaries: tuple[float, ...] | None, channels: int, depth: int
) -> Conversion | None:
    """What brings a picture to sRGB codes that states a gamma and primaries; None where it is sRGB.

    `gamma` is that of the encoding (0.45455 for a screen of 2.2), None for sRGB's own curve;
    `primaries` are the CIE xy of white, red, green, blue, None for sRGB's.
    """
    ramp = np.linspace(0.0, 1.0, 1 << depth)
    return conversion_of_curve(ramp ** (1 / gamma) if gamma else None, primaries, channels, depth)


def adobe_rgb(channels: int, depth: int) -> Conversion | None:
    """What brings Adobe RGB to sRGB codes. Source: Adobe RGB (1998) Color Image Encoding, 4.3."""
    return conversion_of_gamma(256 / 563, _ADOBE_RGB_PRIMARIES, channels, depth)


def conversion_of_curve(
    linear: np.ndarray | None, primaries: tuple[float, ...] | None, channels: int, depth: int
) -> Conversion | None:
    """`conversion_of_gamma` for any curve: `linear` has the light (0..1) of each code.

    `linear` is None for sRGB's own curve.
    """
    weights = _luminances(primaries or _SRGB_PRIMARIES)
    own_primaries = channels == 3 and np.abs(weights - _luminances(_SRGB_PRIMARIES)).max() > 2e-3
    if linear is None and not own_primaries:
        return None
    if linear is None:
        linear = srgb_to_linear(np.linspace(0.0, 1.0, 1 << depth))
    if channels == 1:
        return _Table(codes(linear))
    return _Sum(tuple((weight * linear).astype(np.float32) for weight in weights))


def codes(linear: np.ndarray) -> np.ndarray:
    """sRGB codes 0..65535 (uint16) of linear light, which is clipped to 0..1."""
    return np.rint(linear_to_srgb(np.clip(linear, 0.0, 1.0)) * 65535).astype(np.uint16)


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """Gray: one table. About 1 ns a pixel."""

    codes: np.ndarray

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        return self.codes[samples]


@dataclass(frozen=True, slots=True, eq=False)
class _Sum:
    """Colours whose shares of Y add up: matrix profiles such as Adobe RGB. About 10 ns a pixel."""

    shares: tuple[np.ndarray, ...]

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        y = self.shares[0][samples[..., 0]]
        for channel in (1, 2):
            y += self.shares[channel][samples[..., channel]]
        return _codes_of(y)


@dataclass(frozen=True, slots=True, eq=False)
class _Lcms:
    """Anything: through lcms in floating point. About 100 ns a pixel."""

    profile: bytes
    channels: int
    depth: int

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        return _codes_of(luminance(samples, self.profile, self.channels))


def luminance(codes: np.ndarray, profile: bytes, channels: int) -> np.ndarray:
    """Y (D65, 1 = the profile's white, float64) of (h, w[, channels]) uint8 or uint16 codes.

    Relative colorimetric, no black point compensation: the L* that stands in the file. lcms works
    in floating point, true to 0.005 L*; in 16 bits (and so in libvips) it is off by up to 0.16.
    Raises `ProfileError`.
    """
    import imagecodecs

    try:
        xyz = imagecodecs.cms_transform(
            np.ascontiguousarray(codes),
            profile,
            imagecodecs.cms_profile("xyz"),
            colorspace={1: "gray", 3: "rgb", 4: "cmyk"}[channels],
            outcolorspace="xyz",
            outdtype="float32",
            intent=imagecodecs.CMS.INTENT.RELATIVE_COLORIMETRIC,
        )
    except imagecodecs.CmsError as error:
        raise ProfileError(str(error)) from error
    return xyz.reshape(*codes.shape[:2], 3) @ _Y_OF_D50


def _gray_conversion(profile: bytes, depth: int) -> Conversion | None:
    ramp = np.arange(1 << depth, dtype=np.uint8 if depth == 8 else np.uint16)[np.newaxis]
    y = luminance(ramp, profile, 1)[0]
    if _same(y, srgb_to_linear(np.linspace(0.0, 1.0, 1 << depth))):
        return None
    return _Table(codes(y))


def _rgb_conversion(profile: bytes, depth: int) -> Conversion | None:
    dtype = np.uint8 if depth == 8 else np.uint16
    top = (1 << depth) - 1
    patches = np.random.default_rng(1).integers(0, top + 1, (1, 512, 3), dtype=dtype)
    patches[0, :64] = np.linspace(0, top, 64).astype(dtype)[:, np.newaxis]  # a gray wedge
    y = luminance(patches, profile, 3)[0]
    if _same(y, srgb_to_linear(patches[0] / top) @ _luminances(_SRGB_PRIMARIES)):
        return None
    ramps = np.zeros((3, 1 << depth, 3), dtype)
    for channel in range(3):
        ramps[channel, :, channel] = np.arange(1 << depth)
    shares = luminance(ramps, profile, 3).astype(np.float32)
    shares -= shares[0, 0]  # where black is not quite black, the sum would count it thrice
    table = _Sum(tuple(shares))
    total = sum(share[patches[0, :, channel]] for channel, share in enumerate(shares))
    if np.abs(total - y).max() < _SAME_Y and _same(y, np.asarray(total, np.float64)):
        return table
    return _Lcms(profile, 3, depth)


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two sets of Y are the same lightness."""
    return bool(np.abs(_lightness(a) - _lightness(b)).max() <= _SAME_LIGHTNESS)


def _lightness(y: np.ndarray) -> np.ndarray:
    return 116 * compress(y) - 16


def _luminances(primaries: tuple[float, ...]) -> np.ndarray:
    """The share of red, green and blue in the Y of white, from the CIE xy of all four."""
    xy = np.asarray(primaries, np.float64).reshape(4, 2)
    if (xy[:, 1] <= 0).any():
        return _luminances(_SRGB_PRIMARIES)
    xyz = np.column_stack((xy[:, 0] / xy[:, 1], np.ones(4), (1 - xy.sum(axis=1)) / xy[:, 1]))
    try:
        return np.linalg.solve(xyz[1:].T, xyz[0])
    except np.linalg.LinAlgError:
        return _luminances(_SRGB_PRIMARIES)


def _codes_of(y: np.ndarray) -> np.ndarray:
    """sRGB codes (uint16) of Y (float32, 0..1): by a table over its root, 4 times as fast."""
    roots = np.sqrt(np.clip(y, 0.0, 1.0, out=y), out=y)
    roots *= np.float32(_ROOTS)
    return _root_table()[np.rint(roots, out=roots).astype(np.int32)]


@cache
def _root_table() -> np.ndarray:
    return codes((np.arange(_ROOTS + 1) / _ROOTS) ** 2)


@cache
def _builtin(name: str) -> bytes:
    return library().Image.profile_load(name)
