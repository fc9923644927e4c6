"""Finds damage in the segments of a TIFF that the decoder does not report.

libtiff stops reading a segment once it has its pixels: what JPEG's decoder warns of afterwards may
be lost, and the checksum at the end of a deflated segment is never compared. So these segments are
read once more, each to its end, before the page is decoded: 0.4 of the time of decoding for
deflate, 0.5 for JPEG. Nor does libvips look at the warnings of tiles: those of PackBits and CCITT,
which are rare, are read once more as pages of one strip. LZW, PackBits, CCITT and pixels without
compression have no checksum: damage is noticed where codes run out or make no sense, and nowhere
else.
"""

import struct
import zlib
from typing import Final

from core.image.faults import damaged
from core.image.formats.jpeg import decoder
from core.image.formats.tiff.pages import TiffPage
from core.image.formats.tiff.strip_locations import CodedSegments
from core.image.metadata import tags
from core.image.metadata.directories import LONG, SHORT, integers, serialize
from core.image.origin import Origin
from core.image.pixels import bands_of
from core.image.vips import load

#: Segments up to this many bytes are inflated in one go (libdeflate, twice as fast as zlib).
_AT_ONCE: Final = 32 << 20
#: Bytes that are inflated at a time of others.
_PIECE: Final = 1 << 20
#: A segment that inflates to more than this times what its page has room for is an attack.
_MOST: Final = 4


def check_segments(origin: Origin, page: TiffPage) -> None:
    """Reads the segments of a page; raises `SourceError` (truncated) for a damaged one."""
    if page.coded is None:
        return
    check = {
        "jpeg": _check_jpeg,
        "old-jpeg": _check_jpeg,
        "deflate": _check_deflate,
    }.get(page.compression, _check_tiles)
    check(origin, page.coded)


def _check_jpeg(origin: Origin, coded: CodedSegments) -> None:
    """Each segment is a JPEG file, but for the tables that all of them share."""
    tables = coded.tables.removesuffix(b"\xff\xd9")
    for offset, length in zip(coded.offsets, coded.lengths, strict=False):
        data = origin.read(offset, length)
        if not data.startswith(b"\xff\xd8"):
            raise damaged("a segment is no JPEG", origin.name)
        decoder.check(tables + data[2:] if tables else data, origin.name)


def _check_tiles(origin: Origin, coded: CodedSegments) -> None:
    for offset, length in zip(coded.offsets, coded.lengths, strict=False):
        tile = Origin(_as_page(origin.read(offset, length), coded))
        tile.name = origin.name
        image = load("tiffload", tile, access="sequential", unlimited=True)
        for _ in bands_of(lambda image=image: image, coded.rows, origin.name):
            pass


def _as_page(data: bytes, coded: CodedSegments) -> bytes:
    """A TIFF file whose one strip is `data`."""
    entries = [
        *coded.entries,
        integers(tags.WIDTH, LONG, coded.width),
        integers(tags.HEIGHT, LONG, coded.rows),
        integers(tags.BITS, SHORT, *(coded.bits,) * coded.samples),
        integers(tags.PHOTOMETRIC, SHORT, 1 if coded.samples < 3 else 2),
        integers(tags.STRIP_OFFSETS, LONG, 8),
        integers(tags.SAMPLES, SHORT, coded.samples),
        integers(tags.ROWS_PER_STRIP, LONG, coded.rows),
        integers(tags.STRIP_BYTES, LONG, len(data)),
    ]
    data += bytes(len(data) % 2)
    at = 8 + len(data)
    return struct.pack("<2sHI", b"II", 42, at) + data + serialize(entries, at, big=False)


def _check_deflate(origin: Origin, coded: CodedSegments) -> None:
    import imagecodecs

    memory = bytearray(coded.bytes if coded.bytes <= _AT_ONCE else 0)
    for offset, length in zip(coded.offsets, coded.lengths, strict=False):
        data = origin.read(offset, length)
        if memory:
            try:
                imagecodecs.deflate_decode(data, out=memory)
                continue
            except imagecodecs.DeflateError:
                pass  # damaged, or longer than it should be, which is harmless
        _inflate(data, _MOST * coded.bytes + _PIECE, origin.name)


def _inflate(data: bytes, most: int, name: str) -> None:
    inflater = zlib.decompressobj()
    try:
        done = len(inflater.decompress(data, _PIECE))
        while not inflater.eof and inflater.unconsumed_tail and done <= most:
            done += len(inflater.decompress(inflater.unconsumed_tail, _PIECE))
    except zlib.error as error:
        raise damaged(str(error), name) from error
    if not inflater.eof:
        raise damaged("a deflated segment has no end", name)
