"""What leaves GIMP and what comes back: a layer's samples in strips, and the coloured pixels.

`Pixels` reads a layer's samples in the form that the server wants and makes `Colours` of the
answer, which wait on disk until there is a layer to fill. Out go gray or sRGB codes, of 8 bits
where the image has no more, else of 16; sRGB codes of the same depth come back. Floating-point
pixels outside of sRGB, such as highlights brighter than white, keep their own values: no colour
fits there.

GEGL converts (from linear light, from the image's profile), strip by strip; the whole picture is
never in this process's memory. L* is nowhere asked of GEGL: its CIE Lab is relative to D50, and
differs from the D65 lightness that Photochrom keeps by up to 2.5 in saturated colours.
"""
# pyright: reportMissingImports=false
# gi exists in GIMP's own Python only.

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from client import Request
from gi.repository import Gegl, Gimp
from translation import _
from trouble import Trouble

STRIP_BYTES = 4 << 20  # of an answer's strip: large enough for GEGL, small for memory
# Bytes written to disk at once. Linux takes a longer write in blocks of memory that it may have to
# clear out first: 144 MB took 0.03 to 0.3 s of CPU in megabytes, 0.04 to 0.05 s like this.
PIECE_BYTES = 64 << 10
# Tiles that GEGL keeps in this process. They are GIMP's, which gets back what does not fit; to keep
# all of a 24-megapixel layer costs its memory, and 0.1 s of CPU where 0.4 s is all.
CACHE_BYTES = 8 << 20
NOTHING_OUTSIDE = Gegl.AbyssPolicy.NONE

PLAIN_8 = (Gimp.Precision.U8_NON_LINEAR, Gimp.Precision.U8_PERCEPTUAL)
FLOATING = (
    Gimp.Precision.HALF_LINEAR,
    Gimp.Precision.HALF_NON_LINEAR,
    Gimp.Precision.HALF_PERCEPTUAL,
    Gimp.Precision.FLOAT_LINEAR,
    Gimp.Precision.FLOAT_NON_LINEAR,
    Gimp.Precision.FLOAT_PERCEPTUAL,
    Gimp.Precision.DOUBLE_LINEAR,
    Gimp.Precision.DOUBLE_NON_LINEAR,
    Gimp.Precision.DOUBLE_PERCEPTUAL,
)


def keep_few_tiles() -> None:
    """From now on this process holds no more of GIMP's tiles than it works on."""
    Gegl.config().set_property("tile-cache-size", CACHE_BYTES)


@dataclass(frozen=True)
class Form:
    """How an image's samples travel: gray or RGB, 8 or 16 bits; whether they may be unbounded."""

    gray: bool
    depth: int
    floating: bool

    @property
    def samples(self) -> str:
        """The babl format that goes out."""
        return f"{_GRAY if self.gray else _RGB} u{self.depth}"


_GRAY, _RGB, _RGBA = "Y'", "R'G'B'", "R'G'B'A"


def form_of(image: Gimp.Image) -> Form:
    """The form that loses nothing of this image's lightness and carries no more than that.

    An 8-bit image with linear codes or a profile of its own has codes between ours: 16 bits.
    """
    precision = image.get_precision()
    plain = precision in PLAIN_8 and image.get_color_profile() is None
    gray = image.get_base_type() == Gimp.ImageBaseType.GRAY
    return Form(gray, 8 if plain else 16, precision in FLOATING)


class Pixels:
    """The pixels of a layer (or of a group, as it is composed)."""

    def __init__(self, drawable: Gimp.Drawable, form: Form) -> None:
        self.width, self.height = drawable.get_width(), drawable.get_height()
        self._buffer = drawable.get_buffer()
        self._has_alpha = drawable.has_alpha()
        self._form = form

    def request(self, dials: dict[str, float], model: str) -> Request:
        """The request that goes with these samples."""
        channels = 1 if self._form.gray else 3
        return Request(self.width, self.height, channels, self._form.depth, dials, model)

    def strips(self) -> Iterator[Gegl.Rectangle]:
        """The layer in strips of whole tiles, from top to bottom.

        A tile that two strips share would travel between GIMP and the plug-in twice.
        """
        tile = Gimp.tile_height()
        rows = max(1, STRIP_BYTES // (8 * self.width * tile)) * tile
        for top in range(0, self.height, rows):
            yield Gegl.Rectangle.new(0, top, self.width, min(rows, self.height - top))

    def samples(self, strip: Gegl.Rectangle) -> bytes:
        """What the server gets of this strip."""
        return self._read(strip, self._form.samples)

    def coloured(self, rows: Iterable[memoryview]) -> Colours:
        """The colours of the answer, with the layer's alpha."""
        colours = Colours()
        try:
            for strip, answer in zip(self.strips(), rows, strict=True):
                kind, typecode = f"u{self._form.depth}", "B" if self._form.depth == 8 else "H"
                codes = answer.cast(typecode)
                if self._form.floating and self._is_unbounded(strip):
                    kind, typecode, codes = "float", "f", self._beside_own(strip, codes)
                if self._has_alpha:
                    alpha = array(typecode, self._read(strip, f"A {kind}"))
                    codes = _with_alpha(codes, alpha)
                colours.add(strip, f"{_RGBA if self._has_alpha else _RGB} {kind}", codes)
        except BaseException:
            colours.close()
            raise
        return colours

    def _is_unbounded(self, strip: Gegl.Rectangle) -> bool:
        """Whether pixels are brighter than white or darker than black."""
        gray = array("f", self._read(strip, "Y' float"))
        return not 0.0 <= min(gray) <= max(gray) <= 1.0

    def _beside_own(self, strip: Gegl.Rectangle, codes: memoryview) -> array:
        """The 16-bit codes as numbers, with the pixels that no code holds as they were."""
        result = array("f", (code / 65535 for code in codes))
        own = array("f", self._read(strip, "R'G'B' float"))
        for first in range(0, len(own), 3):
            pixel = own[first : first + 3]
            if not 0.0 <= min(pixel) <= max(pixel) <= 1.0:
                result[first : first + 3] = pixel
        return result

    def _read(self, strip: Gegl.Rectangle, babl_format: str) -> bytes:
        return self._buffer.get(strip, 1.0, babl_format, NOTHING_OUTSIDE)


class Colours:
    """Pixels on disk, strip by strip, each in its babl format, for a layer's buffer.

    Not a buffer of GEGL's: in a plug-in GEGL may have no swap, and then loses what it cannot hold.
    """

    def __init__(self) -> None:
        self._strips: list[tuple[Gegl.Rectangle, str, int]] = []
        self._file = tempfile.TemporaryFile(prefix="photochrom-")  # noqa: SIM115 -- see close()

    def add(self, strip: Gegl.Rectangle, babl_format: str, samples: memoryview | array) -> None:
        """Append the strip that follows."""
        codes = memoryview(samples).cast("B")
        self._strips.append((strip, babl_format, len(codes)))
        try:
            for start in range(0, len(codes), PIECE_BYTES):
                self._file.write(codes[start : start + PIECE_BYTES])
        except OSError as error:
            raise Trouble(
                _(
                    "The colours cannot be kept in {folder} ({reason}); make room there, and try "
                    "again"
                ).format(folder=tempfile.gettempdir(), reason=error.strerror)
            ) from error

    def fill(self, buffer: Gegl.Buffer) -> None:
        """Set all pixels of a buffer of the layer's size."""
        self._file.seek(0)
        for strip, babl_format, size in self._strips:
            buffer.set(strip, babl_format, self._file.read(size))
        buffer.flush()

    def close(self) -> None:
        """Give the disk back."""
        self._file.close()


def _with_alpha(colour: memoryview | array, alpha: array) -> array:
    """Four samples a pixel."""
    colour = array(alpha.typecode, colour.tobytes())
    result = array(alpha.typecode, bytes(4 * len(alpha) * alpha.itemsize))
    for channel in range(3):
        result[channel::4] = colour[channel::3]
    result[3::4] = alpha
    return result
