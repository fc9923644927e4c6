"""A page handed to libvips as a file of its own, which is never written anywhere.

Its directory holds what the pixels need and nothing else. libtiff warns of much that is harmless in
the others (a NUL in a name, tags that are out of order, one value for three channels, a thumbnail
without a size), and every warning counts. Segments that libvips' own libtiff cannot decode are
decoded on the way (`codecs.py`). It costs no time: strips are read as they are asked for.
"""

import struct
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import Any, Final

import numpy as np

from core.image.formats.tiff.codecs import samples_of_segment
from core.image.formats.tiff.pages import TiffPage
from core.image.metadata import tags
from core.image.metadata.directories import LONG, LONG8, SHORT, TagEntry, integers, serialize
from core.image.origin import Origin
from core.image.pixels import PagePixels
from core.image.vips import explain, library

_GRAY, _RGB = 1, 2
#: Tags that say how coded segments are to be read.
_OF_CODES: Final = (
    tags.COMPRESSION,
    tags.FILL_ORDER,
    tags.PREDICTOR,
    tags.JPEG_TABLES,
    tags.GROUP_3_OPTIONS,
    tags.GROUP_4_OPTIONS,
    tags.PHOTOMETRIC,
)
#: Tags that say what samples mean and where they stand.
_OF_SAMPLES: Final = (
    tags.WIDTH,
    tags.HEIGHT,
    tags.SAMPLES,
    tags.PLANAR,
    tags.ROWS_PER_STRIP,
    tags.TILE_WIDTH,
    tags.TILE_HEIGHT,
    tags.EXTRA_SAMPLES,
    tags.COLOUR_MAP,
    tags.INK_SET,
    tags.YCBCR_COEFFICIENTS,
    tags.YCBCR_SUBSAMPLING,
    tags.YCBCR_POSITIONING,
    tags.REFERENCE_BLACK_WHITE,
)


class RewrittenPage:
    """The file of one page. What reading a segment raises is kept in `error`: it cannot pass
    through libvips."""

    def __init__(self, origin: Origin, page: TiffPage) -> None:
        self.error: BaseException | None = None
        self._origin, self._page = origin, page
        lengths = self._lengths()
        self._head = _head(page, lengths)
        self._starts = list(accumulate(lengths, initial=len(self._head)))  # the last: the end
        self._at = 0
        self._held: tuple[int, bytes | memoryview] = (-1, b"")

    def image(self) -> Any:
        """The picture, to be read once from the top; raises `SourceError`."""
        vips = library()
        self._source = vips.SourceCustom()
        self._source.on_read(self._read)
        self._source.on_seek(self._seek)
        try:
            return vips.Image.tiffload_source(
                self._source, access="sequential", unlimited=True, fail_on="warning"
            )
        except vips.Error as error:
            raise self.error or explain(error, self._origin.name) from error

    def _lengths(self) -> list[int]:
        page = self._page
        if not page.is_decoded_here:
            return list(page.segments.lengths)
        samples = 1 if page.is_planar else len(page.kept)
        row = page.segments.width * samples * (1 if page.bits == 8 else 2)
        return [page.rows_of(number) * row for number in range(len(page.segments.offsets))]

    def _segment(self, number: int) -> bytes | memoryview:
        if self._held[0] != number:
            page = self._page
            if page.is_decoded_here:
                codes = samples_of_segment(self._origin, page, number)
                data: bytes | memoryview = codes.reshape(-1).view(np.uint8).data
            else:
                segments = page.segments
                data = self._origin.read(segments.offsets[number], segments.lengths[number])
            self._held = number, data
        return self._held[1]

    def _read(self, size: int) -> bytes | memoryview:
        if self.error:
            return b""
        try:
            if self._at < len(self._head):
                part: bytes | memoryview = self._head[self._at : self._at + size]
            elif self._at >= self._starts[-1]:
                return b""
            else:
                # Segments of no length share a start: the last of them is the one that is read.
                number = bisect_right(self._starts, self._at) - 1
                offset = self._at - self._starts[number]
                part = self._segment(number)[offset : offset + size]
            self._at += len(part)
            return part
        except BaseException as error:
            self.error = error
            return b""

    def _seek(self, offset: int, whence: int) -> int:
        self._at = offset + {0: 0, 1: self._at, 2: self._starts[-1]}[whence]
        return self._at


class RewrittenPixels:
    """`PagePixels` decoded from rewritten pages, which raise what went wrong inside them."""

    def __init__(self, pixels: PagePixels, files: list[RewrittenPage]) -> None:
        self.pixels, self._files = pixels, files

    def bands(self, rows: int) -> Iterator[tuple[int, np.ndarray]]:
        try:
            yield from self.pixels.bands(rows)
        except Exception:
            if self._files and self._files[-1].error:
                raise self._files[-1].error from None
            raise

    def release(self) -> None:
        self.pixels.release()


def _head(page: TiffPage, lengths: list[int]) -> bytes:
    """Header and directory; the segments follow at once, one behind the other."""
    kept = _OF_SAMPLES if page.is_decoded_here else (*_OF_SAMPLES, *_OF_CODES)
    entries = {tag: page.directory[tag] for tag in kept if tag in page.directory}
    entries[tags.BITS] = integers(tags.BITS, SHORT, *(page.bits,) * page.samples)
    if page.is_decoded_here:
        entries.pop(tags.EXTRA_SAMPLES, None)
        entries |= _of_decoded(page)
    tiled = page.tile is not None
    offsets_tag, bytes_tag = (
        (tags.TILE_OFFSETS, tags.TILE_BYTES) if tiled else (tags.STRIP_OFFSETS, tags.STRIP_BYTES)
    )

    def directory(first: int) -> bytes:
        offsets = list(accumulate(lengths, initial=first))[:-1]
        entries[offsets_tag] = integers(offsets_tag, LONG8, *offsets)
        entries[bytes_tag] = integers(bytes_tag, LONG8, *lengths)
        return serialize(entries.values(), 16, big=True)

    size = len(directory(0))
    return struct.pack("<2sHHHQ", b"II", 43, 8, 0, 16) + directory(16 + size)


def _of_decoded(page: TiffPage) -> dict[int, TagEntry]:
    """The tags of samples that lie in the file as they are."""
    photometric = page.photometric
    is_turned = page.compression in ("old-jpeg", "jpeg2000", "jpegxl") or page.is_fine_ycbcr
    if is_turned and photometric not in (0, _GRAY):
        photometric = _RGB  # its decoder has turned YCbCr into that
    depth = 8 if page.bits == 8 else 16
    found = [
        integers(tags.COMPRESSION, SHORT, 1),
        integers(tags.PHOTOMETRIC, SHORT, photometric),
        integers(tags.SAMPLES, SHORT, len(page.kept)),
        integers(tags.BITS, SHORT, *(depth,) * len(page.kept)),
    ]
    if page.alpha is not None:
        found.append(integers(tags.EXTRA_SAMPLES, SHORT, page.alpha))
    if page.compression == "old-jpeg":
        found.append(integers(tags.ROWS_PER_STRIP, LONG, page.height))
    return {entry.tag: entry for entry in found}
