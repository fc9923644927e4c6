"""What leaves GIMP and what comes back: a layer's samples in strips, and the coloured pixels.

`Pixels` reads a layer's samples in the form that the server wants and makes `Colours` of the
answer, which wait on disk until there is a layer to fill. Three forms, by the image's precision:

- 8-bit codes as they are: gray or sRGB out, 8-bit sRGB back;
- 16-bit, and linear or profiled 8-bit, images: the gray of equal L* in 16 bits, 16-bit sRGB back.
  Gray carries the lightness of colours that sRGB cannot hold, such as those of Adobe RGB;
- 32-bit and floating point: 16-bit gray out, a* and b* back, set beside the layer's own L*, so
  that lightness is kept to the last bit and brighter than white stays brighter than white.

GEGL converts, strip by strip; the whole picture is never in this process's memory.
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
from trouble import Trouble

STRIP_BYTES = 4 << 20  # of an answer's strip: large enough for GEGL, small for memory
NOTHING_OUTSIDE = Gegl.AbyssPolicy.NONE


@dataclass(frozen=True)
class Form:
    """How samples go out and colours come back. `samples` and `colour` are babl formats."""

    samples: str
    channels: int
    depth: int
    want: str
    colour: str


GRAY_8 = Form("Y' u8", 1, 8, "rgb", "R'G'B' u8")
COLOUR_8 = Form("R'G'B' u8", 3, 8, "rgb", "R'G'B' u8")
GRAY_16 = Form("Y' u16", 1, 16, "rgb", "R'G'B' u16")
CHROMA = Form("Y' u16", 1, 16, "chroma", "CIE Lab float")

PLAIN_8 = (Gimp.Precision.U8_NON_LINEAR, Gimp.Precision.U8_PERCEPTUAL)
UP_TO_16 = (
    Gimp.Precision.U8_LINEAR,
    Gimp.Precision.U16_LINEAR,
    Gimp.Precision.U16_NON_LINEAR,
    Gimp.Precision.U16_PERCEPTUAL,
)


def form_of(image: Gimp.Image) -> Form:
    """The form that loses nothing of this image's lightness and carries no more than that."""
    precision = image.get_precision()
    if precision in PLAIN_8 and image.get_color_profile() is None:
        return GRAY_8 if image.get_base_type() == Gimp.ImageBaseType.GRAY else COLOUR_8
    return GRAY_16 if precision in (*PLAIN_8, *UP_TO_16) else CHROMA


class Pixels:
    """The pixels of a layer (or of a group, as it is composed)."""

    def __init__(self, drawable: Gimp.Drawable, form: Form) -> None:
        self.buffer = drawable.get_buffer()
        self.width, self.height = drawable.get_width(), drawable.get_height()
        self.has_alpha = drawable.has_alpha()
        self.form = form

    def request(self, vividness: float, model: str) -> Request:
        """The request that goes with these samples."""
        form = self.form
        return Request(
            self.width, self.height, form.channels, form.depth, form.want, vividness, model
        )

    def strips(self) -> Iterator[Gegl.Rectangle]:
        """The layer in strips, from top to bottom."""
        rows = max(1, STRIP_BYTES // (16 * self.width))
        for top in range(0, self.height, rows):
            yield Gegl.Rectangle.new(0, top, self.width, min(rows, self.height - top))

    def samples(self, strip: Gegl.Rectangle) -> bytes:
        """What the server gets of this strip."""
        return self._read(strip, self.form.samples)

    def coloured(self, rows: Iterable[bytearray]) -> Colours:
        """The colours of the answer with the layer's alpha."""
        colours = Colours(_with_alpha_channel(self.form.colour, self.has_alpha))
        try:
            for strip, answer in zip(self.strips(), rows, strict=True):
                samples = self._beside_lightness(strip, answer)
                if self.has_alpha:
                    samples = self._with_alpha(strip, samples)
                colours.add(strip, samples)
        except BaseException:
            colours.close()
            raise
        return colours

    def _beside_lightness(self, strip: Gegl.Rectangle, answer: bytearray) -> array:
        """Three samples a pixel: RGB as it came, or a* and b* beside the layer's own L*."""
        colour = array(_typecode(self.form.colour))
        if self.form.want == "rgb":
            colour.frombytes(answer)
            return colour
        chroma = array("f")
        chroma.frombytes(answer)
        colour.frombytes(bytes(12 * strip.width * strip.height))
        colour[0::3] = array("f", self._read(strip, "CIE L float"))
        colour[1::3] = chroma[0::2]
        colour[2::3] = chroma[1::2]
        return colour

    def _with_alpha(self, strip: Gegl.Rectangle, colour: array) -> array:
        """Four samples a pixel: `colour` and the layer's alpha."""
        kind = self.form.colour.rpartition(" ")[2]
        alpha = array(colour.typecode, self._read(strip, f"A {kind}"))
        result = array(colour.typecode, bytes(4 * len(alpha) * alpha.itemsize))
        for channel in range(3):
            result[channel::4] = colour[channel::3]
        result[3::4] = alpha
        return result

    def _read(self, strip: Gegl.Rectangle, babl_format: str) -> bytes:
        return self.buffer.get(strip, 1.0, babl_format, NOTHING_OUTSIDE)


class Colours:
    """Pixels on disk, strip by strip, in the babl format that `fill` gives to a layer's buffer.

    Not a buffer of GEGL's: in a plug-in GEGL may have no swap, and then loses what it cannot hold.
    """

    def __init__(self, babl_format: str) -> None:
        self._format = babl_format
        self._strips: list[tuple[Gegl.Rectangle, int]] = []
        self._file = tempfile.TemporaryFile(prefix="photochrom-")  # noqa: SIM115 -- see close()

    def add(self, strip: Gegl.Rectangle, samples: array) -> None:
        """Append the strip that follows."""
        try:
            samples.tofile(self._file)
        except OSError as error:
            raise Trouble(
                f"The colours cannot be kept in {tempfile.gettempdir()} ({error.strerror}); "
                "make room there, and try again"
            ) from error
        self._strips.append((strip, len(samples) * samples.itemsize))

    def fill(self, buffer: Gegl.Buffer) -> None:
        """Set all pixels of a buffer of the layer's size."""
        self._file.seek(0)
        for strip, size in self._strips:
            buffer.set(strip, self._format, self._file.read(size))
        buffer.flush()

    def close(self) -> None:
        """Give the disk back."""
        self._file.close()


def _with_alpha_channel(babl_format: str, has_alpha: bool) -> str:
    """The format, or its sister that has alpha."""
    if not has_alpha:
        return babl_format
    model, _, kind = babl_format.rpartition(" ")
    return f"{model} alpha {kind}" if model == "CIE Lab" else f"{model}A {kind}"


def _typecode(babl_format: str) -> str:
    """The array type of a format's samples."""
    return {"u8": "B", "u16": "H", "float": "f"}[babl_format.rpartition(" ")[2]]
