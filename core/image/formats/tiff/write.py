"""Writes TIFF files: pages one after the other, each strip by strip, in bounded memory.

The smaller versions of a page are made of its coloured rows as they come (`overviews.py`). All
directories stand at the end, each in the place that it has in the source.

Ours alone, since no library keeps at once what an archive's scan has: pages of different sizes
and depths, EXIF and GPS directories, tags that nobody knows, compression, predictor and tiles.
Pixels go first, since only then the sizes that directories state are known. Source: TIFF 6.0, TIFF
Technical Notes 1 and 2, BigTIFF.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import BinaryIO, Final

import numpy as np

from core.image.atomic import write_all
from core.image.formats.tiff.overviews import Pyramid
from core.image.layout import Overview, SampleLayout, Storage, rows_of_strips
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
from core.image.page import Page
from core.image.painted_page import PaintedPage

#: A file that may grow beyond this is a BigTIFF; the rest of 4 GB is for metadata.
CLASSIC_BYTES: Final = (4 << 30) - (64 << 20)

#: What the colours are compressed with where the source has: our name -> TIFF's number. CCITT is
#: for black and white only, so that those scans become LZW; what few can read becomes Deflate.
_CODES: Final = {
    "none": 1,
    "lzw": 5,
    "jpeg": 7,
    "deflate": 8,
    "packbits": 32773,
    "lzma": 34925,
    "zstd": 50000,
}
_WITH_PREDICTOR: Final = ("lzw", "deflate", "lzma", "zstd")
_BECOMES: Final = {
    "ccitt-rle": "lzw",
    "ccitt-rle-word": "lzw",
    "ccitt-g3": "lzw",
    "ccitt-g4": "lzw",
    "webp": "deflate",
    "lerc": "deflate",
    "jpeg2000": "deflate",
    "jpegxl": "deflate",
    "old-jpeg": "jpeg",
}


@dataclass(frozen=True, slots=True)
class TiffLayout(SampleLayout):
    """How the samples of a page are stored; `quality` is for JPEG inside TIFF, the rest as in
    `Storage`."""

    compression: str = "none"
    predictor: bool = False
    tile: tuple[int, int] | None = None
    alpha: int = 2
    quality: int = 92

    @property
    def bytes(self) -> int:
        """Of the samples before compression, tiles' margins included."""
        width, height = self.width, self.height
        if self.tile:
            width, height = (
                -(-a // b) * b for a, b in zip((width, height), self.tile, strict=True)
            )
        return width * height * self.channels * self.depth // 8

    @property
    def rows(self) -> int:
        """Rows of one strip, or of one row of tiles: bands must come in multiples of it."""
        return self.tile[1] if self.tile else rows_of_strips(self)


def bytes_of(page: Page, quality: int) -> int:
    """Bytes of the samples of a page in colour and of its smaller versions, before compression."""
    layouts = [layout_of(page, quality), *(layout for _, layout in layouts_below(page, quality))]
    return sum(layout.bytes for layout in layouts)


def layout_of(page: Page, quality: int) -> TiffLayout:
    """The layout of a page in colour: stored as it was, where that can hold colours."""
    layout = TiffLayout(page.width, page.height, 3, page.depth, page.has_alpha)
    if page.stored is None:
        return layout
    return _stored_as(layout, page.stored, page.metadata.orientation, quality)


def layouts_below(page: Page, quality: int) -> list[tuple[Overview, TiffLayout]]:
    """The smaller versions of a page, the largest first, each with its layout in colour."""
    found = []
    for overview in page.stored.overviews if page.stored else ():
        has_alpha = page.has_alpha and overview.stored.alpha is not None
        layout = TiffLayout(overview.width, overview.height, 3, overview.depth, has_alpha)
        orientation = overview.metadata.orientation
        found.append((overview, _stored_as(layout, overview.stored, orientation, quality)))
    return sorted(found, key=lambda each: -each[1].width * each[1].height)


def _stored_as(layout: TiffLayout, stored: Storage, orientation: int, quality: int) -> TiffLayout:
    """`layout` with compression, predictor and tiles of `stored`, where these can hold colours."""
    compression = _BECOMES.get(stored.compression, stored.compression)
    if compression == "jpeg" and (layout.depth, layout.channels) != (8, 3):
        compression = "deflate"
    was_kept = compression == stored.compression
    tile = stored.tile
    if tile and orientation > 4:
        tile = tile[1], tile[0]
    return replace(
        layout,
        compression=compression,
        # The predictor makes colours much smaller; it is left out where the source had none.
        predictor=compression in _WITH_PREDICTOR and (stored.predictor or not was_kept),
        tile=tile,
        alpha=2 if stored.alpha is None else stored.alpha,
        quality=quality,
    )


@dataclass(slots=True)
class _Directory:
    """What is known of a directory before it is written: its tags, and those of sub-directories."""

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
        """The rows of a page, and of its smaller versions while they come."""
        page = painted.page
        layout = layout_of(page, quality)
        below = layouts_below(page, quality)
        rows = _Segments(self._write_segment, layout)
        smaller = Pyramid(layout, [each for _, each in below])
        rows_below = [_Segments(self._write_segment, each) for _, each in below]
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
        self, number: int, parent: int | None, rows: "_Segments", metadata: Metadata
    ) -> None:
        """Keeps what is known of a directory until it is written."""
        rows.finish()
        entries = _layout_entries(rows.layout, rows.offsets, rows.counts, big=self._big)
        self._directories[number] = _Directory(entries, metadata)
        self._last = max(self._last, number)
        if parent is not None:
            self._parents[number] = parent

    def _write_directory(self, number: int) -> tuple[int, int]:
        """Where the directory now stands, and how many tags it has."""
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
        """Writes a strip or tile at the end; returns where it stands."""
        at = self._file.tell()
        self._write(data)
        return at

    def _write_exif(self, metadata: Metadata) -> list[TagEntry]:
        """The EXIF and GPS directories, and the entries that point to them."""
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


class _Segments:
    """The strips or tiles of one picture, written as soon as their rows are there."""

    def __init__(
        self, write: Callable[[bytes | bytearray | memoryview], int], layout: TiffLayout
    ) -> None:
        self.layout = layout
        self.offsets: list[int] = []
        self.counts: list[int] = []
        self._write_segment, self._encode = write, _encoder(layout)
        self._rest: np.ndarray | None = None

    def add(self, band: np.ndarray) -> None:
        """The next rows (h, width, channels); they are done with afterwards."""
        if self._rest is not None:
            band = np.concatenate((self._rest, band))
        whole = len(band) - len(band) % self.layout.rows
        self._rest = band[whole:].copy() if whole < len(band) else None
        self._write(band[:whole])

    def finish(self) -> None:
        """There are no more rows."""
        if self._rest is not None:
            self._write(self._rest)
            self._rest = None

    def _write(self, band: np.ndarray) -> None:
        for segment in _segments(band, self.layout):
            data = self._encode(segment)
            self.offsets.append(self._write_segment(data))
            self.counts.append(memoryview(data).nbytes)


def _of_overview(overview: Overview, of_page: Metadata, *, is_first: bool) -> Metadata:
    """The metadata of a smaller version as it is written: upright, in sRGB.

    Where it stands before its page (`is_first`), programs look for the page's XMP and EXIF there.
    """
    metadata = replace(overview.metadata, icc=of_page.icc, orientation=1)
    if overview.metadata.orientation > 4 and metadata.resolution:
        metadata = replace(metadata, resolution=metadata.resolution.turned())
    if is_first:
        metadata = replace(metadata, xmp=of_page.xmp, exif=of_page.exif if metadata.exif else None)
    return metadata


def _segments(band: np.ndarray, layout: TiffLayout) -> Iterator[np.ndarray]:
    """The strips or tiles of a band, in the order of the file; tiles filled up at the margins."""
    if not layout.tile:
        for top in range(0, len(band), layout.rows):
            yield band[top : top + layout.rows]
        return
    across, down = layout.tile
    for top in range(0, len(band), down):
        for left in range(0, layout.width, across):
            tile = band[top : top + down, left : left + across]
            if tile.shape[:2] != (down, across):
                missing = ((0, down - tile.shape[0]), (0, across - tile.shape[1]), (0, 0))
                tile = np.pad(tile, missing, mode="edge")
            yield np.ascontiguousarray(tile)


def _encoder(layout: TiffLayout) -> Callable[[np.ndarray], bytes | bytearray | memoryview]:
    """What turns a segment (h, w, channels) into the bytes of the file."""
    if layout.compression == "none":
        return lambda segment: segment.reshape(-1).view(np.uint8).data
    import imagecodecs

    if layout.compression == "jpeg":
        return lambda segment: imagecodecs.jpeg8_encode(
            segment, layout.quality, colorspace="RGB", outcolorspace="YCbCr", subsampling="444"
        )
    if layout.compression == "packbits":
        return lambda segment: b"".join(
            imagecodecs.packbits_encode(row.tobytes()) for row in segment
        )
    compress = {
        "lzw": imagecodecs.lzw_encode,
        "deflate": imagecodecs.deflate_encode,
        "lzma": imagecodecs.lzma_encode,
        "zstd": imagecodecs.zstd_encode,
    }
    encode = compress[layout.compression]
    if layout.predictor:
        return lambda segment: encode(_differences(segment).tobytes())
    return lambda segment: encode(segment.tobytes())


def _differences(segment: np.ndarray) -> np.ndarray:
    """The horizontal predictor (TIFF 6.0, section 14)."""
    differences = segment.copy()
    np.subtract(segment[:, 1:], segment[:, :-1], out=differences[:, 1:])
    return differences


def _layout_entries(
    layout: TiffLayout, offsets: list[int], counts: list[int], *, big: bool
) -> list[TagEntry]:
    """The tags that say how the pixels of a page stand in the file."""
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
    """The tags of all metadata but the EXIF and GPS directories."""
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
