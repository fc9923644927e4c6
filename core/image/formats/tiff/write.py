"""Writes TIFF files: pages one after the other, each strip by strip, in bounded memory.

`tiff_layout.py` decides how a page is stored, `segment_writer.py` writes its strips or tiles. The
smaller versions of a page are made of its coloured rows as they come (`overviews.py`). All
directories are at the end of the file, in the order that they have in the source: they state the
sizes of segments, which are known only when the pixels are written.

It is written by hand, since no library keeps everything that an archive's scan has: pages of
different sizes and depths, EXIF and GPS directories, unknown tags, compression, predictor and
tiles. Source: TIFF 6.0, TIFF Technical Notes 1 and 2, BigTIFF.
"""

import struct
from dataclasses import dataclass, field, replace
from typing import BinaryIO, Final

from core.image.atomic import write_all
from core.image.formats.tiff.overviews import Pyramid
from core.image.formats.tiff.segment_writer import SegmentWriter
from core.image.formats.tiff.tiff_layout import TiffLayout, layout_of, layouts_below
from core.image.layout import Overview
from core.image.metadata import Metadata, exif, photoshop, tags
from core.image.metadata.directories import (
    ASCII,
    LONG,
    LONG8,
    SHORT,
    UNDEFINED,
    BadDirectory,
    TagEntry,
    blob,
    integers,
    rational,
    serialize,
)
from core.image.painted_page import PaintedPage

#: A file that may grow beyond this is a BigTIFF; the rest of 4 GB is for metadata.
CLASSIC_BYTES: Final = (4 << 30) - (64 << 20)

#: Compressions that are written: our name -> TIFF's number.
_CODES: Final = {
    "none": 1,
    "lzw": 5,
    "jpeg": 7,
    "deflate": 8,
    "packbits": 32773,
    "lzma": 34925,
    "zstd": 50000,
}


@dataclass(slots=True)
class _Directory:
    """A directory that is not written yet: its tags, and the numbers of its sub-directories."""

    entries: list[TagEntry]
    metadata: Metadata
    below: list[int] = field(default_factory=list)


class TiffWriter:
    """Writes pages into `file` (at its start, seekable). Without `close` it has no directory."""

    def __init__(self, file: BinaryIO, *, big: bool) -> None:
        self._file, self._big = file, big
        self._write(struct.pack("<2sHHHQ", b"II", 43, 8, 0, 0) if big else b"II*\0\0\0\0\0")
        self._directories: dict[int, _Directory] = {}
        self._parents: dict[int, int] = {}
        self._last = -1  # the highest number of a directory

    def write_page(self, painted: PaintedPage, quality: int) -> None:
        """Writes the rows of a page, and of its smaller versions while they come."""
        page = painted.page
        layout = layout_of(page, quality)
        below = layouts_below(page, quality)
        rows = SegmentWriter(self._write_segment, layout)
        smaller = Pyramid(layout, [each for _, each in below])
        rows_below = [SegmentWriter(self._write_segment, each) for _, each in below]
        for band in painted.bands(layout):
            rows.add(band)
            for level, small in smaller.add(band):
                rows_below[level].add(small)
        stored = page.stored
        number = stored.directory if stored else self._last + 1
        self._place(number, stored.parent if stored else None, rows, painted.metadata)
        for (overview, _), rows in zip(below, rows_below, strict=True):
            metadata = _of_overview(
                overview, painted.metadata, is_first=overview.stored.directory < number
            )
            self._place(overview.stored.directory, overview.stored.parent, rows, metadata)

    def close(self) -> None:
        """Writes the directories: the chain, each behind its sub-directories."""
        pointer = 8 if self._big else 4  # where the offset of the next directory is to stand
        for number, parent in self._parents.items():
            self._directories[parent].below.append(number)
        for number in sorted(self._directories):
            if number in self._parents:
                continue
            at, length = self._write_directory(number)
            self._file.seek(pointer)
            self._write(struct.pack("<Q" if self._big else "<I", at))
            pointer = at + (8 + 20 * length if self._big else 2 + 12 * length)
            self._file.seek(0, 2)

    def _place(
        self, number: int, parent: int | None, rows: "SegmentWriter", metadata: Metadata
    ) -> None:
        """Keeps a directory's tags and place until it is written."""
        rows.finish()
        entries = _layout_entries(rows.layout, rows.offsets, rows.counts, big=self._big)
        self._directories[number] = _Directory(entries, metadata)
        self._last = max(self._last, number)
        if parent is not None:
            self._parents[number] = parent

    def _write_directory(self, number: int) -> tuple[int, int]:
        """Writes a directory; returns its offset and its number of tags."""
        directory = self._directories[number]
        entries = list(directory.entries)
        if directory.below:
            places = [self._write_directory(each)[0] for each in sorted(directory.below)]
            wide = LONG8 if self._big else LONG
            entries.append(integers(tags.SUB_DIRECTORIES, wide, *places))
        entries += _metadata_entries(directory.metadata, {entry.tag for entry in entries})
        entries += self._write_exif(directory.metadata)
        at = self._align()
        self._write(serialize(entries, at, big=self._big))
        return at, len(entries)

    def _write_segment(self, data: bytes | bytearray | memoryview) -> int:
        """Writes a strip or tile at the end of the file; returns its offset."""
        at = self._file.tell()
        self._write(data)
        return at

    def _write_exif(self, metadata: Metadata) -> list[TagEntry]:
        """Writes the EXIF and GPS directories; returns the entries that point to them."""
        try:
            block = metadata.exif or b""
            _, details, gps = exif.read(block)
        except BadDirectory:
            return []
        pointers = []
        below = exif.interoperability(block, details)
        for tag, directory, own in ((tags.EXIF_IFD, details, below), (tags.GPS_IFD, gps, {})):
            if directory:
                at = self._align()
                pointers.append(integers(tag, LONG8 if self._big else LONG, at))
                self._write(exif.serialize_with(directory, own, at, big=self._big))
        return pointers

    def _align(self) -> int:
        at = self._file.seek(0, 2)
        if at % 2:
            self._write(b"\0")
        return at + at % 2

    def _write(self, data: bytes | bytearray | memoryview) -> None:
        write_all(self._file, data)


def _of_overview(overview: Overview, of_page: Metadata, *, is_first: bool) -> Metadata:
    """Returns the metadata of a smaller version as it is written: upright, in sRGB.

    Where it stands before its page (`is_first`), programs look for the page's XMP and EXIF there.
    """
    metadata = replace(overview.metadata, icc=of_page.icc, orientation=1)
    if overview.metadata.orientation > 4 and metadata.resolution:
        metadata = replace(metadata, resolution=metadata.resolution.turned())
    if is_first:
        metadata = replace(metadata, xmp=of_page.xmp, exif=of_page.exif if metadata.exif else None)
    return metadata


def _layout_entries(
    layout: TiffLayout, offsets: list[int], counts: list[int], *, big: bool
) -> list[TagEntry]:
    """Returns the tags that describe the pixels of a page, and the places of its segments."""
    wide = LONG8 if big else LONG
    entries = [
        integers(tags.WIDTH, LONG, layout.width),
        integers(tags.HEIGHT, LONG, layout.height),
        integers(tags.BITS, SHORT, *(layout.depth,) * layout.channels),
        integers(tags.COMPRESSION, SHORT, _CODES[layout.compression]),
        integers(tags.PHOTOMETRIC, SHORT, 6 if layout.compression == "jpeg" else 2),
        integers(tags.SAMPLES, SHORT, layout.channels),
        integers(tags.PLANAR, SHORT, 1),
        integers(tags.ORIENTATION, SHORT, 1),
    ]
    if layout.predictor:
        entries.append(integers(tags.PREDICTOR, SHORT, 2))
    if layout.compression == "jpeg":
        entries.append(
            integers(tags.YCBCR_SUBSAMPLING, SHORT, 1, 1)
        )  # colours as fine as lightness: 4:4:4
    if layout.channels == 4:
        entries.append(integers(tags.EXTRA_SAMPLES, SHORT, layout.alpha))
    if layout.tile:
        entries.append(integers(tags.TILE_WIDTH, LONG, layout.tile[0]))
        entries.append(integers(tags.TILE_HEIGHT, LONG, layout.tile[1]))
        entries.append(integers(tags.TILE_OFFSETS, wide, *offsets))
        entries.append(integers(tags.TILE_BYTES, wide, *counts))
    else:
        entries.append(integers(tags.ROWS_PER_STRIP, LONG, layout.rows))
        entries.append(integers(tags.STRIP_OFFSETS, wide, *offsets))
        entries.append(integers(tags.STRIP_BYTES, wide, *counts))
    return entries


def _metadata_entries(metadata: Metadata, taken: set[int]) -> list[TagEntry]:
    """Returns the tags of all metadata except the EXIF and GPS directories."""
    entries: dict[int, TagEntry] = {}
    try:
        main, _, _ = exif.read(metadata.exif or b"")
        entries |= {tag: entry for tag, entry in main.items() if tag in exif.DESCRIPTIVE}
    except BadDirectory:
        pass  # there is no EXIF
    entries |= {entry.tag: entry for entry in metadata.tags}
    resources = photoshop.with_iptc(metadata.photoshop, None)
    for tag, data, type_ in (
        (tags.ICC, metadata.icc, UNDEFINED),
        (tags.XMP, metadata.xmp, 1),
        (tags.IPTC, metadata.iptc, UNDEFINED),
        (tags.PHOTOSHOP, resources, UNDEFINED),
    ):
        if data:
            entries[tag] = blob(tag, data, type_)
    if resolution := metadata.resolution:
        unit = ("none", "inch", "centimetre").index(resolution.unit) + 1
        entries[tags.X_RESOLUTION] = rational(tags.X_RESOLUTION, resolution.across)
        entries[tags.Y_RESOLUTION] = rational(tags.Y_RESOLUTION, resolution.down)
        entries[tags.RESOLUTION_UNIT] = integers(tags.RESOLUTION_UNIT, SHORT, unit)
    if metadata.comments and tags.IMAGE_DESCRIPTION not in entries:
        text = metadata.comments[0].rstrip(b"\0") + b"\0"
        entries[tags.IMAGE_DESCRIPTION] = blob(tags.IMAGE_DESCRIPTION, text, ASCII)
    return [entry for tag, entry in entries.items() if tag not in taken]
