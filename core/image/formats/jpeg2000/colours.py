"""The colour space that a JPEG 2000 declares, and how its codes become sRGB.

A file has one or more `colr` boxes; `choose` takes the best one that is understood. A space that
nobody here converts is refused by its name: taken for sRGB it would be coloured wrong in silence.
Source: ISO/IEC 15444-1 I.5.3.3, 15444-2 M.11.7.3 (the numbers), IEC 61966-2-1 annex F (sYCC).
"""

import struct
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from core.colour.lab import RGB_TO_XYZ, expand, srgb_to_linear
from core.image import profiles
from core.image.faults import unsupported

#: What has to be done to the codes of a space: nothing, each channel is to be turned round, luma
#: and two colour differences (of RGB, or of CMY with K beside them), or L* stands in the file.
Treatment = Literal["none", "inverted", "ycc", "ycck", "lab"]


@dataclass(frozen=True, slots=True)
class Space:
    """A colour space: how many channels it has, and the `parameters` (CIELab only) of its box."""

    name: str
    colours: int
    treatment: Treatment = "none"
    parameters: tuple[int, ...] = ()


GRAY: Final = Space("gray", 1)
SRGB: Final = Space("sRGB", 3)

#: The number of sRGB, which our own files carry.
SRGB_NUMBER: Final = 16
_LAB_NUMBER: Final = 14
_SPACES: Final[dict[int, Space]] = {
    0: Space("bi-level, 1 is black", 1, "inverted"),
    3: Space("YCbCr of ITU-R BT.601, full range", 3, "ycc"),
    11: Space("CMY", 3, "inverted"),
    12: Space("CMYK", 4),
    13: Space("YCCK", 4, "ycck"),
    _LAB_NUMBER: Space("CIELab", 3, "lab"),
    15: Space("bi-level, 1 is white", 1),
    SRGB_NUMBER: SRGB,
    17: GRAY,
    18: Space("sYCC", 3, "ycc"),
}
_NOT_READ: Final = {
    1: "YCbCr of ITU-R BT.709 video",
    4: "YCbCr of ITU-R BT.601 video",
    9: "PhotoYCC",
    19: "CIEJab",
    20: "e-sRGB",
    21: "ROMM-RGB",
    22: "YPbPr (1125/60)",
    23: "YPbPr (1250/50)",
    24: "e-sYCC",
    25: "scRGB",
    26: "gray scRGB",
}
_ENUMERATED, _RESTRICTED_ICC, _ICC, _VENDOR, _CODE_POINTS = 1, 2, 3, 4, 5
#: Colour primaries, transfer, matrix, full range of sRGB (ITU-T H.273).
_SRGB_CODE_POINTS: Final = (1, 13, 0, 0x80)
#: The space of a profile's device colours (ICC.1, 7.2.6) -> colours.
_PROFILE_COLOURS: Final = {b"GRAY": 1, b"RGB ": 3, b"CMYK": 4}


@dataclass(frozen=True, slots=True)
class Declaration:
    """What one `colr` box says: a space, or a profile of so many colours (`space` is None)."""

    space: Space | None = None
    icc: bytes | None = None
    fault: str | None = None

    @property
    def colours(self) -> int | None:
        """How many channels are colours; None where a profile is too damaged to say."""
        if self.space:
            return self.space.colours
        return _PROFILE_COLOURS.get((self.icc or b"")[16:20])


def choose(colour_boxes: list[bytes], name: str) -> Declaration | None:
    """The best of the `colr` boxes that is understood; None where there is none.

    JPX orders them by precedence, then by how exact they are; in JP2 the first one counts. Raises
    `SourceError` (unsupported) where none is understood.
    """
    found = [data for data in colour_boxes if len(data) > 3]
    ordered = sorted(found, key=lambda data: (-_signed(data[1]), data[2] or 1))
    declarations = [_read(data) for data in ordered]
    for declaration in declarations:
        if declaration.fault is None:
            return declaration
    if declarations:
        raise unsupported(f"it is a JPEG 2000 in {declarations[0].fault}", name)
    return None


def _signed(byte: int) -> int:
    return byte - 256 if byte > 127 else byte


def _read(data: bytes) -> Declaration:
    """The declaration of one box; `fault` is 'the colour space ...' where it is not understood."""
    method, body = data[0], data[3:]
    if method == _ENUMERATED and len(body) >= 4:
        number = int.from_bytes(body[:4], "big")
        space = _SPACES.get(number)
        if space is None:
            named = f"{_NOT_READ[number]} ({number})" if number in _NOT_READ else str(number)
            return Declaration(fault=f"the colour space {named}")
        if number == _LAB_NUMBER and len(body) >= 28:
            space = Space(space.name, 3, "lab", struct.unpack_from(">6I", body, 4))
        return Declaration(space=space)
    if method in (_RESTRICTED_ICC, _ICC):
        kind = body[16:20]
        if body[36:40] == b"acsp" and kind not in _PROFILE_COLOURS:
            named = kind.decode("ascii", "replace").strip()
            return Declaration(fault=f"the colour space {named} of its ICC profile")
        return Declaration(icc=body)
    if method == _CODE_POINTS and len(body) >= 7:
        points = struct.unpack_from(">HHHB", body)
        if points == _SRGB_CODE_POINTS:
            return Declaration(space=SRGB)
        return Declaration(fault=f"the colour space of the code points {points[:3]}")
    if method == _VENDOR:
        return Declaration(fault="a colour space of one vendor's own")
    return Declaration(fault=f"a colour space that is stated in a way of its own ({method})")


def conversion_of(space: Space, bits: int, depth: int) -> profiles.Conversion | None:
    """What brings the codes of a space to sRGB; None where they are sRGB or CMYK already.

    `bits` are those of the file, whose codes were spread over `depth` bits.
    """
    if space.treatment == "ycc":
        return _LumaAndDifferences(bits, depth)
    if space.treatment == "lab":
        return _Lightness.of(space, bits, depth)
    return None


@dataclass(frozen=True, slots=True, eq=False)
class _LumaAndDifferences:
    """sYCC: the lightness of the R'G'B' that it stands for, without rounding in between."""

    bits: int
    depth: int

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        linear = srgb_to_linear(rgb_of(samples, self.bits, self.depth))
        return profiles.codes(linear @ RGB_TO_XYZ[1])


def rgb_of(samples: np.ndarray, bits: int, depth: int) -> np.ndarray:
    """R'G'B' 0..1 (float64) of Y'CbCr codes (h, w, 3), clipped as every reader clips it."""
    values = samples / ((1 << depth) - 1)
    neutral = (1 << (bits - 1)) / ((1 << bits) - 1)
    y, cb, cr = values[..., 0], values[..., 1] - neutral, values[..., 2] - neutral
    red, blue = y + 1.402 * cr, y + 1.772 * cb
    green = y - (0.114 * 1.772 * cb + 0.299 * 1.402 * cr) / 0.587
    return np.clip(np.stack((red, green, blue), axis=-1), 0.0, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class _Lightness:
    """CIELab: its L* is the lightness; a* and b* do not count."""

    codes: np.ndarray

    @classmethod
    def of(cls, space: Space, bits: int, depth: int) -> "_Lightness":
        """The box states the range of L* and the code of 0; by default 0..100 from the code 0."""
        span, zero = (space.parameters or (100, 0))[:2]
        code = np.linspace(0.0, (1 << bits) - 1, 1 << depth)
        lightness = (code - zero) * span / ((1 << bits) - 1)
        return cls(profiles.codes(expand((lightness + 16) / 116)))

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        return self.codes[samples[..., 0]]
