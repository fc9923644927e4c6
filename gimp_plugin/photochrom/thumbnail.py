"""Small pictures of a layer, of the image as seen, and of paint, for the preview.

Made by GIMP in 8 bits: of other precisions GIMP 3.0 gives no thumbnail, or a wrong one, and a
plug-in that reads a layer's buffer at a scale gets zeros.
"""
# pyright: reportMissingImports=false
# gi exists in GIMP's own Python only.

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gi.repository import GdkPixbuf, Gimp
from layers import Extent, Target
from pixels import PLAIN_8

KEEP_ALPHA = Gimp.PixbufTransparency.KEEP_ALPHA


def thumbnail_of(target: Target, width: int, height: int) -> GdkPixbuf.Pixbuf:
    """The layer, or the image as seen, as large as fits; never enlarged."""
    image, extent = target.image, target.extent
    size = min(width, extent.width), min(height, extent.height)
    if image.get_precision() in PLAIN_8:
        source = image if target.sample_merged else target.layer
        return source.get_thumbnail(*size, KEEP_ALPHA)
    with _image_of_8_bits(extent) as small:
        if target.sample_merged:
            copy = Gimp.Layer.new_from_visible(image, small, "seen")
        else:
            copy = Gimp.Layer.new_from_drawable(target.layer, small)
        small.insert_layer(copy, None, 0)
        return copy.get_thumbnail(*size, KEEP_ALPHA)


def paint_over(hints: Gimp.Layer, extent: Extent, width: int, height: int) -> bytes:
    """R'G'B'A u8 of what is painted over the photograph, at that size."""
    with _image_of_8_bits(extent) as small:
        copy = Gimp.Layer.new_from_drawable(hints, small)
        small.insert_layer(copy, None, 0)
        _, left, top = hints.get_offsets()
        copy.resize(extent.width, extent.height, left - extent.x, top - extent.y)
        found = copy.get_thumbnail(width, height, KEEP_ALPHA)
    found = found.scale_simple(width, height, GdkPixbuf.InterpType.BILINEAR)
    stride, data = found.get_rowstride(), found.read_pixel_bytes().get_data()
    return b"".join(data[y * stride : y * stride + 4 * width] for y in range(height))


@contextmanager
def _image_of_8_bits(extent: Extent) -> Iterator[Gimp.Image]:
    """An image of that size for a while, without undo."""
    image = Gimp.Image.new_with_precision(
        extent.width, extent.height, Gimp.ImageBaseType.RGB, Gimp.Precision.U8_NON_LINEAR
    )
    image.undo_disable()
    try:
        yield image
    finally:
        image.delete()
