"""AVIF: pixels and metadata by libvips (libheif)."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO, Final

from core.errors import SourceError
from core.image import libvips_writer
from core.image.boxes import boxes
from core.image.faults import check_size, unsupported
from core.image.format import Format
from core.image.libvips_reader import field_of, source_of_one_page
from core.image.metadata import Metadata, exif
from core.image.origin import Origin
from core.image.page import Source
from core.image.painted import PaintedPage
from core.image.vips import load

#: So many zeros at a file's end are no end of a picture.
_END_BYTES: Final = 16

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
    bits = field_of(image, "bits-per-sample", field_of(image, "heif-bitdepth", 8))
    return source_of_one_page(
        origin, FORMAT, "heifload", metadata, bits=bits, is_lossless=False, unlimited=True
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
    libvips_writer.write(
        file,
        page,
        page.layout(page.page.depth),
        FORMAT.title,
        "heifsave_target",
        Q=quality,
        subsample_mode="off",
        compression="av1",
        bitdepth=8 if page.page.depth == 8 else bits,
    )
