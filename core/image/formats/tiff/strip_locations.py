"""Locates the strips or tiles of a TIFF's picture, with the lengths that they really have.

This is for reading; `write.py` writes them. Many programs wrote StripByteCounts of zero, none at
all, or more than the file holds. The length of an uncompressed strip follows from its rows. A
compressed one ends at the latest where the next begins or the file ends; its decoder finds the end.
"""

from dataclasses import dataclass
from typing import Final

from core.image.formats.tiff.tree import one
from core.image.metadata import tags
from core.image.metadata.directories import BadDirectory, BlockHeader, Directory, TagEntry

#: Compressions in which libtiff goes on reading after damage, with a warning. libvips drops the
#: warning where the picture is in tiles.
_WARNED_OF: Final = ("packbits", "ccitt-rle", "ccitt-rle-word", "ccitt-g3", "ccitt-g4")
_GRAY: Final = (0, 1)
_RGB, _YCBCR = 2, 6


@dataclass(frozen=True, slots=True)
class Segments:
    """The strips or tiles of a picture: where each stands and its length in bytes.

    A whole one has `rows` rows of `width` pixels.
    """

    offsets: tuple[int, ...]
    lengths: tuple[int, ...]
    width: int
    rows: int


@dataclass(frozen=True, slots=True)
class PlainStrips:
    """Where the uncompressed rows of a page stand: strips of `rows` rows each."""

    offsets: tuple[int, ...]
    rows: int
    big_endian: bool


@dataclass(frozen=True, slots=True)
class CodedSegments:
    """Where the strips or tiles of a compressed page stand, each with its length in bytes.

    A whole one has `rows` rows of `width` pixels of `samples` channels and `bits` bits; `entries`
    say how it is coded, `tables` are those that all JPEG streams of a page share.
    """

    offsets: tuple[int, ...]
    lengths: tuple[int, ...]
    width: int
    rows: int
    samples: int
    bits: int
    entries: tuple[TagEntry, ...]
    tables: bytes

    @property
    def bytes(self) -> int:
        """Of a whole segment, decoded."""
        return -(-self.width * self.samples * self.bits // 8) * self.rows


def segments_of(directory: Directory, bits: int, size: int) -> Segments:
    """The segments of a picture in a file of `size` bytes.

    Raises `BadDirectory` where strips or tiles are missing or lie outside the file.
    """
    width, height = one(directory, tags.WIDTH, 0), one(directory, tags.HEIGHT, 0)
    if not width or not height:
        raise BadDirectory("it has no size")
    if tags.OLD_JPEG_OFFSET in directory:
        start = one(directory, tags.OLD_JPEG_OFFSET, 0)
        length = min(one(directory, tags.OLD_JPEG_BYTES, 0) or size, size - start)
        if length <= 0:
            raise BadDirectory(f"its JPEG stream begins at byte {start:,} of {size:,}")
        return Segments((start,), (length,), width, height)
    tiled = tags.TILE_OFFSETS in directory
    rows = min(one(directory, tags.ROWS_PER_STRIP, height) or height, height)
    across = width
    if tiled:
        across, rows = one(directory, tags.TILE_WIDTH, 0), one(directory, tags.TILE_HEIGHT, 0)
        if not across or not rows:
            raise BadDirectory("its tiles have no size")
    a_plane = -(-width // across) * -(-height // rows)
    is_planar = one(directory, tags.PLANAR, 1) == 2
    expected = a_plane * one(directory, tags.SAMPLES, 1) if is_planar else a_plane
    offsets = directory.get(tags.TILE_OFFSETS if tiled else tags.STRIP_OFFSETS)
    counts = directory.get(tags.TILE_BYTES if tiled else tags.STRIP_BYTES)
    if offsets is None or len(offsets.integers) < expected:
        have = 0 if offsets is None else len(offsets.integers)
        raise BadDirectory(f"it has {have:,} of {expected:,} strips")
    stated = counts.integers if counts else (0,) * expected
    if len(stated) < expected:
        raise BadDirectory(f"it has the lengths of {len(stated):,} of {expected:,} strips")
    starts, stated = offsets.integers[:expected], stated[:expected]
    if one(directory, tags.COMPRESSION, 1) == 1:
        last = rows if tiled else height - rows * (-(-height // rows) - 1)
        needs = [_plain_bytes(directory, across, rows, bits)] * expected
        for number in range(a_plane - 1, expected, a_plane) if not tiled else ():
            needs[number] = _plain_bytes(directory, across, last, bits)
        lengths = _plain_lengths(starts, stated, needs, size)
    else:
        lengths = _coded_lengths(starts, stated, size)
    return Segments(starts, lengths, across, rows)


def _plain_bytes(directory: Directory, width: int, rows: int, bits: int) -> int:
    """Bytes of `rows` rows without compression."""
    samples = 1 if one(directory, tags.PLANAR, 1) == 2 else one(directory, tags.SAMPLES, 1)
    if one(directory, tags.PHOTOMETRIC, -1) == _YCBCR and samples > 1:
        across, down = subsampling(directory)
        units = -(-width // across) * -(-rows // down)
        return units * (across * down + 2)
    return -(-width * samples * bits // 8) * rows


def subsampling(directory: Directory) -> tuple[int, int]:
    """How many pixels of a YCbCr picture share a colour, across and down."""
    entry = directory.get(tags.YCBCR_SUBSAMPLING)
    values = entry.integers if entry else ()
    return (max(1, values[0]), max(1, values[1])) if len(values) == 2 else (2, 2)


def _plain_lengths(
    starts: tuple[int, ...], stated: tuple[int, ...], needs: list[int], size: int
) -> tuple[int, ...]:
    lengths = []
    borders = set(starts)
    ordered = sorted(borders)
    following = dict(zip(ordered, [*ordered[1:], size], strict=True))
    for start, length, need in zip(starts, stated, needs, strict=True):
        if start + need > size or not start:
            raise BadDirectory(f"a strip ends at byte {start + need:,} of {size:,}")
        if 0 < length < need and following[start] < start + need:
            raise BadDirectory(f"a strip has {length:,} bytes of {need:,}")
        lengths.append(length if need <= length <= size - start else need)
    return tuple(lengths)


def _coded_lengths(starts: tuple[int, ...], stated: tuple[int, ...], size: int) -> tuple[int, ...]:
    ordered = sorted(set(starts))
    following = dict(zip(ordered, [*ordered[1:], size], strict=True))
    lengths = []
    for start, length in zip(starts, stated, strict=True):
        if not 0 < start < size:
            raise BadDirectory(f"a strip begins at byte {start:,} of {size:,}")
        lengths.append(min(length, size - start) or min(following[start], size) - start)
    return tuple(lengths)


def plain_strips(
    directory: Directory, segments: Segments, header: BlockHeader, bits: int
) -> PlainStrips | None:
    """Where the rows stand, if they are uncompressed gray or RGB in whole strips; else None."""
    if (
        one(directory, tags.COMPRESSION, 1) != 1
        or one(directory, tags.PHOTOMETRIC, -1) not in (*_GRAY, _RGB)
        or bits not in (8, 16)
        or tags.TILE_OFFSETS in directory
        or (one(directory, tags.PLANAR, 1) != 1 and one(directory, tags.SAMPLES, 1) > 1)
        or one(directory, tags.FILL_ORDER, 1) != 1
    ):
        return None
    return PlainStrips(segments.offsets, segments.rows, header.order == ">")


def coded_segments(
    directory: Directory, segments: Segments, compression: str, bits: int
) -> CodedSegments | None:
    """The segments in which damage has to be looked for before they are decoded, if any."""
    tiled = tags.TILE_OFFSETS in directory
    if compression not in ("jpeg", "old-jpeg", "deflate") and not (
        tiled and compression in _WARNED_OF
    ):
        return None
    return CodedSegments(
        segments.offsets,
        segments.lengths,
        width=segments.width,
        rows=segments.rows,
        samples=one(directory, tags.SAMPLES, 1) if one(directory, tags.PLANAR, 1) == 1 else 1,
        bits=bits,
        entries=tuple(
            directory[tag]
            for tag in (
                tags.COMPRESSION,
                tags.FILL_ORDER,
                tags.GROUP_3_OPTIONS,
                tags.GROUP_4_OPTIONS,
            )
            if tag in directory
        ),
        tables=directory[tags.JPEG_TABLES].data if tags.JPEG_TABLES in directory else b"",
    )
