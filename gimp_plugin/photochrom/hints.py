"""The hints layer: a transparent layer on which the user paints the colours that he knows.

`new_hints_layer` makes one, `find` finds it again by its mark, `as_png` makes of it what the
server wants: a PNG of the photograph's size.
"""
# pyright: reportMissingImports=false
# gi exists in GIMP's own Python only.

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator

import gi

gi.require_version("Babl", "0.1")

from gi.repository import Babl, Gegl, Gimp  # noqa: E402
from layers import Extent  # noqa: E402
from marks import HINTS_MARK, all_layers, mark, photograph_of  # noqa: E402
from pixels import NOTHING_OUTSIDE, STRIP_BYTES  # noqa: E402
from points import HintPoint, draw  # noqa: E402
from translation import _  # noqa: E402

NAME = _("Hints: {}")
PAINTED = "R'G'B'A u8"
SOME_PAINT = bytes(32) + bytes([255]) * 224  # of every alpha: whether a small pixel is painted


def new_hints_layer(image: Gimp.Image, photograph: Gimp.Layer) -> Gimp.Layer:
    """A transparent layer above all beside `photograph`, of the image's size, to be painted on.

    In LCh Color mode, so that paint shows as the colour that it stands for.
    """
    layer = Gimp.Layer.new(
        image,
        NAME.format(photograph.get_name()),
        image.get_width(),
        image.get_height(),
        Gimp.ImageType.RGBA_IMAGE,
        100,
        Gimp.LayerMode.LCH_COLOR,
    )
    layer.fill(Gimp.FillType.TRANSPARENT)
    mark(layer, HINTS_MARK, photograph)
    image.insert_layer(layer, photograph.get_parent(), 0)
    image.set_selected_layers([layer])
    return layer


def find(image: Gimp.Image, photograph: Gimp.Layer) -> Gimp.Layer | None:
    """The topmost hints layer that was made for `photograph`."""
    for layer in all_layers(image):
        meant = photograph_of(image, layer, HINTS_MARK)
        if meant and meant.get_id() == photograph.get_id():
            return layer
    return None


def as_png(hints: Gimp.Layer | None, points: list[HintPoint], extent: Extent) -> tuple[bytes, bool]:
    """The paint where it lies over the photograph, and its points, as a PNG; b"" without any.

    The second answer tells whether there is paint, beside the points.
    """
    if not hints:
        strips = (bytes(4 * extent.width * count) for _, count in _rows(extent))
        return _packed(extent, _with_points(strips, points, extent)) if points else b"", False
    painted = False

    def paint() -> Iterator[bytes]:
        nonlocal painted
        _, left, top = hints.get_offsets()
        for strip in _strips(hints.get_buffer(), extent, extent.x - left, extent.y - top, PAINTED):
            painted = painted or any(strip[3::4])
            yield strip

    png = _packed(extent, _with_points(paint(), points, extent))
    return png, painted


def selection_as_png(image: Gimp.Image, extent: Extent, colour: Gegl.Color) -> bytes:
    """One colour, as opaque as the photograph is selected there, as a PNG."""
    buffer = image.get_selection().get_buffer()
    red, green, blue = colour.get_bytes(Babl.format("R'G'B' u8")).get_data()

    def strips() -> Iterator[bytes]:
        for selected in _strips(buffer, extent, extent.x, extent.y, "Y u8"):
            pixels = bytearray(bytes((red, green, blue, 0)) * len(selected))
            pixels[3::4] = selected
            yield bytes(pixels)

    return _packed(extent, strips())


def _strips(
    buffer: Gegl.Buffer, extent: Extent, x: int, y: int, babl_format: str
) -> Iterator[bytes]:
    """The part of a buffer at `x`, `y` that has the photograph's size, some rows at a time."""
    for row, count in _rows(extent):
        area = Gegl.Rectangle.new(x, y + row, extent.width, count)
        yield buffer.get(area, 1.0, babl_format, NOTHING_OUTSIDE)


def _rows(extent: Extent) -> Iterator[tuple[int, int]]:
    """(first row, how many) of each strip."""
    rows_at_once = max(1, STRIP_BYTES // (4 * extent.width))
    for row in range(0, extent.height, rows_at_once):
        yield row, min(rows_at_once, extent.height - row)


def _with_points(
    strips: Iterable[bytes], points: list[HintPoint], extent: Extent
) -> Iterator[bytes]:
    """Strips of paint with the points drawn on them."""
    for (row, _count), strip in zip(_rows(extent), strips, strict=True):
        pixels = bytearray(strip)
        draw(points, pixels, extent.width, extent.height, row)
        yield bytes(pixels)


def _packed(extent: Extent, strips: Iterator[bytes]) -> bytes:
    """A PNG of strips of R'G'B'A u8; b"" where all is transparent."""
    packer = zlib.compressobj(1)
    packed = bytearray()
    painted = False
    for pixels in strips:
        painted = painted or any(pixels[3::4])
        packed += packer.compress(_scanlines(pixels, 4 * extent.width))
    packed += packer.flush()
    return _png(extent.width, extent.height, bytes(packed)) if painted else b""


def as_small_png(paint: bytes, points: list[HintPoint], width: int, height: int) -> bytes:
    """The paint (R'G'B'A u8; b"" for none) and the points on a thumbnail of that size, as a PNG.

    A dab may be smaller than a pixel there: what has some paint in it counts as painted.
    """
    pixels = bytearray(paint or 4 * width * height)
    pixels[3::4] = bytes(pixels[3::4]).translate(SOME_PAINT)
    draw(points, pixels, width, height, 0)
    packed = zlib.compress(_scanlines(bytes(pixels), 4 * width), 1)
    return _png(width, height, packed) if any(pixels[3::4]) else b""


def _scanlines(pixels: bytes, row_bytes: int) -> bytes:
    """PNG's rows: each begins with its filter, 0 for none."""
    rows = (pixels[start : start + row_bytes] for start in range(0, len(pixels), row_bytes))
    return b"".join(b"\0" + row for row in rows)


def _png(width: int, height: int, packed: bytes) -> bytes:
    """A PNG file of 8-bit RGBA (ISO/IEC 15948)."""
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", packed), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
