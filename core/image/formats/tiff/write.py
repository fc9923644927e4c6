"""Writing TIFF files: pages one after the other, each strip by strip, in bounded memory.

Ours alone, since no library keeps at once what an archive's scan has: pages of different sizes
and depths, EXIF and GPS directories, tags that nobody knows, compression, predictor and tiles.
Pixels go first and their directory behind them, since only then their sizes are known. Source:
TIFF 6.0, TIFF Technical Notes 1 and 2, BigTIFF.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO, Final

import numpy as np

from core.image.atomic import write_all
from core.image.layout import SampleLayout, rows_of_strips
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

#: A file that may grow beyond this is a BigTIFF; the rest of 4 GB is for metadata.
CLASSIC_BYTES: Final = (4 << 30) - (64 << 20)

#: What the colours are compressed with where the source has: our name -> TIFF's number. CCITT is
#: for black and white only, so that those scans become LZW; WebP-in-TIFF few can read: Deflate.
_CODES: Final = {"none": 1, "lzw": 5, "jpeg": 7, "deflate": 8, "packbits": 32773}
_BECOMES: Final = {
    "ccitt-rle": "lzw", "ccitt-rle-word": "lzw", "ccitt-g3": "lzw", "ccitt-g4": "lzw",
    "webp": "deflate",
}  # fmt: skip


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


def layout_of(page: Page, quality: int) -> TiffLayout:
    """The layout of a page in colour: stored as it was, where that can hold colours."""
    layout = TiffLayout(page.width, page.height, 3, page.depth, page.has_alpha)
    stored = page.stored
    if stored is None:
        return layout
    compression = _BECOMES.get(stored.compression, stored.compression)
    if compression == "jpeg" and (page.depth, layout.channels) != (8, 3):
        compression = "deflate"
    was_kept = compression == stored.compression
    tile = stored.tile
    if tile and page.metadata.orientation > 4:
        tile = tile[1], tile[0]
    return replace(
        layout,
        compression=compression,
        # The predictor makes colours much smaller; it is left out where the source had none.
        predictor=compression in ("lzw", "deflate") and (stored.predictor or not was_kept),
        tile=tile,
        alpha=2 if stored.alpha is None else stored.alpha,
        quality=quality,
    )


class TiffWriter:
    """Writes pages into `file` (at its start, seekable). `close` need not be called: each page is
    in the list of pages as soon as it is written."""

    def __init__(self, file: BinaryIO, *, big: bool) -> None:
        self._file, self._big = file, big
        write_all(
            self._file, struct.pack("<2sHHHQ", b"II", 43, 8, 0, 0) if big else b"II*\0\0\0\0\0"
        )
        self._pointer = 8 if big else 4  # where the offset of the next directory is to stand

    def write_page(
        self, layout: TiffLayout, bands: Iterator[np.ndarray], metadata: Metadata
    ) -> None:
        """One page: `bands` are its rows from the top, (h, width, channels) uint8 or uint16.

        The height of each is a multiple of `layout.rows`, the last one's excepted. A band is
        done with when the next is asked for.
        """
        offsets, counts = [], []
        encode = _encoder(layout)
        for band in bands:
            for segment in _segments(band, layout):
                data = encode(segment)
                offsets.append(self._file.tell())
                counts.append(memoryview(data).nbytes)
                self._write(data)
        entries = _layout_entries(layout, offsets, counts, big=self._big)
        entries += _metadata_entries(metadata, {entry.tag for entry in entries})
        entries += self._write_exif(metadata)
        at = self._align()
        self._write(serialize(entries, at, big=self._big))
        self._file.seek(self._pointer)
        self._write(struct.pack("<Q" if self._big else "<I", at))
        self._pointer = at + (8 + 20 * len(entries) if self._big else 2 + 12 * len(entries))
        self._file.seek(0, 2)

    def _write_exif(self, metadata: Metadata) -> list[TagEntry]:
        """The EXIF and GPS directories, and the entries that point to them."""
        try:
            _, details, gps = exif.read(metadata.exif or b"")
        except BadDirectory:
            return []
        pointers = []
        for tag, directory in ((tags.EXIF_IFD, details), (tags.GPS_IFD, gps)):
            if directory:
                at = self._align()
                pointers.append(integers(tag, LONG8 if self._big else LONG, at))
                write_all(
                    self._file, serialize(exif.without_pointers(directory), at, big=self._big)
                )
        return pointers

    def _align(self) -> int:
        at = self._file.seek(0, 2)
        if at % 2:
            self._write(b"\0")
        return at + at % 2

    def _write(self, data: bytes | bytearray | memoryview) -> None:
        write_all(self._file, data)


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
    compress = {"lzw": imagecodecs.lzw_encode, "deflate": imagecodecs.deflate_encode}
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
