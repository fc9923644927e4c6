"""AVIF: pixels and metadata by libvips (libheif)."""

import contextlib
import io
from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO, Final

from core.errors import SourceError
from core.image import libvips_writer
from core.image.atomic import write_all
from core.image.boxes import box, boxes
from core.image.faults import check_size, unsupported
from core.image.format import Format
from core.image.heif_items import items_of
from core.image.libvips_reader import field_of, source_of_one_page
from core.image.metadata import GAIN_MAP_LEFT_OUT, Metadata, exif
from core.image.origin import Origin
from core.image.page import Source
from core.image.painted_page import PaintedPage
from core.image.vips import load

#: So many zeros at a file's end are no end of a picture.
_END_BYTES: Final = 16

#: What stands before the block in an item: how many bytes of a name follow, and the name.
_EXIF_ITEM: Final = b"\0\0\0\6Exif\0\0"

FORMAT: Final = Format(
    name="avif",
    title="AVIF",
    suffixes=(".avif",),
    media_type="image/avif",
    depths=(8, 10, 12),
    alpha=True,
    pages=False,
    longest_side=16384,
    lossy=True,
    holds=frozenset(("icc", "exif", "xmp")),
    begins=lambda start: start[4:8] == b"ftyp" and (b"avif" in start[8:] or b"avis" in start[8:12]),
)


def open(origin: Origin, max_pixels: int) -> Source:
    """See `FormatModule`."""
    # libheif turns the picture upright by itself, by what the container says.
    image = load("heifload", origin, access="sequential", unlimited=True)
    check_size(image.width, image.height, max_pixels, origin.name)
    items = items_of(origin.read, origin.size)
    if items.frames > 1:
        raise unsupported("it is an animation", origin.name)
    if field_of(image, "n-pages", 1) > 1:
        raise unsupported("it holds more than one picture", origin.name)
    block = field_of(image, "exif-data", b"")
    block = block.removeprefix(b"Exif\0\0")
    metadata = Metadata(
        icc=field_of(image, "icc-profile-data", None),
        exif=block or None,
        xmp=field_of(image, "xmp-data", None),
    )
    metadata = replace(exif.oriented(metadata), orientation=1)
    if b"tmap" in items.kinds.values():
        metadata = metadata.noting(GAIN_MAP_LEFT_OUT)
    # A profile counts before the code points, which are then those of the decoder's YCbCr.
    points = None if metadata.icc else items.points
    if points and (fault := points.fault()):
        raise unsupported(fault, origin.name)
    bits = field_of(image, "bits-per-sample", field_of(image, "heif-bitdepth", 8))
    return source_of_one_page(
        origin,
        FORMAT,
        "heifload",
        metadata,
        bits=bits,
        is_lossless=False,
        is_premultiplied=items.is_premultiplied,
        without_profile=points.conversion if points else None,
        unlimited=True,
    )


def packet(origin: Origin) -> bytes | None:
    """See `FormatModule`."""
    with contextlib.suppress(SourceError):
        image = load("heifload", origin, access="sequential", unlimited=True)
        return field_of(image, "xmp-data", None)
    return None


def is_whole(origin: Origin) -> bool:
    """See `FormatModule`: the last box ends where the file does, and not in zeros."""
    last = list(boxes(origin.read, 0, origin.size))[-1:]
    return any(stop == origin.size for _, _, stop in last) and any(origin.end(_END_BYTES))


def write(file: BinaryIO, source: Source, pages: Iterator[PaintedPage], quality: int) -> None:
    """See `FormatModule`: with the bits of an AVIF's own, 12 of another source's 16."""
    page = next(pages)
    bits = page.page.bits if source.format is FORMAT else 12
    whole = io.BytesIO()
    libvips_writer.write(
        whole,
        page,
        page.layout(page.page.depth),
        FORMAT.title,
        "heifsave_target",
        Q=quality,
        subsample_mode="off",
        compression="av1",
        bitdepth=8 if page.page.depth == 8 else bits,
    )
    data = whole.getvalue()
    if page.metadata.exif:
        data = _with_exif(data, page.metadata.exif)
    write_all(file, data)


def _with_exif(data: bytes, block: bytes) -> bytes:
    """The file with `block` in the place of what libvips made of it.

    libexif, through which it goes there, rewrites the block and adds tags of its own. The new one
    stands behind the file, since the picture's place may not move.
    """
    items = items_of(lambda at, size: data[at : at + size], len(data))
    number = next((number for number, kind in items.kinds.items() if kind == b"Exif"), None)
    location = items.locations.get(number) if number is not None else None
    if location is None:
        return data
    item = _EXIF_ITEM + block
    patched = bytearray(data)
    patched[location.start : location.start + location.length] = bytes(location.length)
    for at, value in location.moved(len(data) + 8, len(item)):
        patched[at : at + len(value)] = value
    # `is_whole` takes zeros at the file's end for a copy's, and blocks may end in zeros.
    return bytes(patched) + box(b"mdat", item + b"\xff" * _END_BYTES)
