"""TIFF: directories by ourselves (`tree.py`, `pages.py`, `write.py`), segments by the codecs.

Uncompressed rows are read straight from the file (`rows.py`), others by libvips, which is handed
each page as a file of its own (`rewritten.py`, `codecs.py`). What libtiff is
silent about in coded segments is looked for in `segments.py`. Thumbnails and overviews are made
from the coloured page (`overviews.py`).
"""

from collections.abc import Iterator
from typing import Any, BinaryIO, Final, Literal

import numpy as np

from core.errors import SourceError
from core.image.faults import check_size, unsupported
from core.image.format import ALL_METADATA, Format
from core.image.formats.tiff.codecs import put_together
from core.image.formats.tiff.pages import TiffPage, packet_of, read_pages
from core.image.formats.tiff.rewritten import RewrittenPage, RewrittenPixels
from core.image.formats.tiff.rows import UncompressedRows
from core.image.formats.tiff.segment_damage import check_segments
from core.image.formats.tiff.tiff_layout import bytes_of
from core.image.formats.tiff.write import CLASSIC_BYTES, TiffWriter
from core.image.layout import SampleLayout
from core.image.libvips_reader import layout_of as layout_of_image
from core.image.libvips_reader import pixels_of
from core.image.origin import Origin
from core.image.page import Page, Source, page_of
from core.image.painted_page import PaintedPage
from core.image.pixels import HeldPixels, PagePixels, upright

_LOSSY: Final = ("jpeg", "old-jpeg", "webp")

#: So many zeros at a file's end are no directory, which is what stands last in a file of ours.
_END_BYTES: Final = 16

FORMAT: Final = Format(
    name="tiff",
    title="TIFF",
    suffixes=(".tif", ".tiff"),
    media_type="image/tiff",
    depths=(8, 16),
    alpha=True,
    pages=True,
    longest_side=2**31 - 1,
    lossy=False,
    holds=ALL_METADATA,
    begins=lambda start: start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    other_names=("tif",),
)


def open(origin: Origin, max_pixels: int) -> Source:
    """See `FormatModule`."""
    file = read_pages(origin.read, origin.size, origin.name)
    for found in file.pages:
        check_size(found.width, found.height, max_pixels, origin.name)
    decoded_pages: list[HeldPixels] = []
    pages = tuple(
        _page(origin, index, found, decoded_pages) for index, found in enumerate(file.pages)
    )
    notes = tuple(dict.fromkeys(note for page in pages for note in page.metadata.notes))
    lossless = not any(found.compression in _LOSSY for found in file.pages)
    return Source(FORMAT, origin, pages, notes, lossless)


def packet(origin: Origin) -> bytes | None:
    """See `FormatModule`."""
    return packet_of(origin.read, origin.size)


def is_whole(origin: Origin) -> bool:
    """See `FormatModule`: all directories and segments lie inside the file."""
    try:
        file = read_pages(origin.read, origin.size, origin.name)
    except SourceError:
        return False
    return bool(file.pages) and not file.has_faults and any(origin.end(_END_BYTES))


def write(file: BinaryIO, source: Source, pages: Iterator[PaintedPage], quality: int) -> None:
    """See `FormatModule`: each page is stored as it was, where that can hold colours."""
    was_big = any(page.stored is not None and page.stored.big for page in source.pages)
    big = was_big or sum(bytes_of(page, quality) for page in source.pages) > CLASSIC_BYTES
    writer = TiffWriter(file, big=big)
    for page in pages:
        writer.write_page(page, quality)
        if len(source.pages) > 1:
            page.page.pixels.release()
    writer.close()


def _layout_of_planes(found: TiffPage) -> SampleLayout:
    has_alpha = found.alpha is not None
    depth: Literal[8, 16] = 16 if found.bits == 16 else 8
    colours = len(found.kept) - has_alpha
    return SampleLayout(found.width, found.height, colours, depth, has_alpha)


def _page(origin: Origin, index: int, found: TiffPage, decoded_pages: list[HeldPixels]) -> Page:
    """The page that a directory describes; `decoded_pages` is shared by the pages of the file."""
    files: list[RewrittenPage] = []  # the last one is being read

    def open_image() -> Any:
        files[:] = [RewrittenPage(origin, found)]
        image = files[0].image()
        # What libtiff turns into RGB by itself, such as YCbCr without compression, has an alpha.
        return image.extract_band(0, n=3) if image.bands == 4 and is_rgb else image

    is_rgb = found.alpha is None and len(found.kept) == 3
    pixels: PagePixels
    if found.plain and found.metadata.orientation == 1:
        colours = len(found.kept) - (found.alpha is not None)
        depth: Literal[8, 16] = 16 if found.bits == 16 else 8
        layout = SampleLayout(found.width, found.height, colours, depth, found.alpha is not None)
        pixels = UncompressedRows(origin, found, found.plain)
    elif found.is_put_together:
        layout = _layout_of_planes(found)

        def decode() -> np.ndarray:
            check_segments(origin, found)
            return upright(put_together(origin, found), found.metadata.orientation)

        pixels = HeldPixels(decode, decoded_pages)
    else:
        layout = layout_of_image(open_image(), origin.name)
        if (layout.width, layout.height) != (found.width, found.height):
            raise unsupported(f"page {found.number + 1} has two sizes", origin.name)
        pixels = pixels_of(
            origin,
            open_image,
            layout,
            found.metadata.orientation,
            decoded_pages,
            lambda: check_segments(origin, found),
        )
        pixels = RewrittenPixels(pixels, files)
    return page_of(
        index,
        layout,
        pixels,
        found.metadata,
        found.bits,
        stored=found.stored,
        premultiplied=found.alpha == 1,
    )
