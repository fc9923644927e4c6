"""WebP: the pixels by libvips, what stands beside them by ourselves.

Source: WebP Container Specification (Google).
"""

import io
import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

from core.image import libvips_writer
from core.image.atomic import write_all
from core.image.faults import check_size, unsupported
from core.image.format import Format
from core.image.libvips_reader import source_of_one_page
from core.image.metadata import Metadata, exif
from core.image.origin import Origin
from core.image.page import Source
from core.image.painted_page import PaintedPage
from core.image.vips import load

#: Metadata chunks longer than this are not worth the memory.
_LONGEST: Final = 64 << 20
#: The chunks that are the picture.
_CODED: Final = (b"ALPH", b"VP8 ", b"VP8L")
_METADATA_CHUNKS: Final = (b"ICCP", b"EXIF", b"XMP ")


#: So many zeros at a file's end are no end of a picture, nor of what we write behind one.
_END_BYTES: Final = 16

FORMAT: Final = Format(
    name="webp",
    title="WebP",
    suffixes=(".webp",),
    media_type="image/webp",
    depths=(8,),
    alpha=True,
    pages=False,
    longest_side=16383,
    lossy=True,
    holds=frozenset(("icc", "exif", "xmp")),
    begins=lambda start: start.startswith(b"RIFF") and start[8:12] == b"WEBP",
)


def open(origin: Origin, max_pixels: int) -> Source:
    """See `FormatModule`."""
    image = load("webpload", origin, access="sequential")
    check_size(image.width, image.height, max_pixels, origin.name)
    metadata, chunks = read_metadata(origin.read)
    if chunks.count(b"ANMF") > 1:
        raise unsupported("it is an animation", origin.name)
    is_lossless = b"VP8L" in chunks
    return source_of_one_page(origin, FORMAT, "webpload", metadata, is_lossless=is_lossless)


def packet(origin: Origin) -> bytes | None:
    """See `FormatModule`."""
    return read_metadata(origin.read)[0].xmp


def is_whole(origin: Origin) -> bool:
    """See `FormatModule`: it has the length that it states, and does not end in zeros."""
    stated = 8 + int.from_bytes(origin.read(4, 4), "little")
    return origin.size == stated and any(origin.end(_END_BYTES))


def write(file: BinaryIO, source: Source, pages: Iterator[PaintedPage], quality: int) -> None:
    """See `FormatModule`: lossless where the source is a lossless WebP."""
    page = next(pages)
    picture = io.BytesIO()
    libvips_writer.write(
        picture,
        page,
        page.layout(8),
        FORMAT.title,
        "webpsave_target",
        lambda start: (start, len(start)),  # as libvips makes it: without metadata
        Q=quality,
        lossless=source.format is FORMAT and source.is_lossless,
        exact=True,  # keeps the colours of wholly transparent pixels, which libwebp makes black
    )
    write_all(file, _with_metadata(picture.getbuffer(), page))


def _with_metadata(picture: memoryview, page: PaintedPage) -> bytes:
    """A file with the coded picture of another, and with the page's metadata as it is.

    libvips would have it written by libexif, which rewrites the block.
    """
    metadata, parts = page.metadata, []
    at = 12
    while at + 8 <= len(picture):
        name, size = struct.unpack_from("<4sI", picture, at)
        stop = at + 8 + size + size % 2
        if name in _CODED:
            parts.append(bytes(picture[at:stop]))
        at = stop
    flags = 0x20 * bool(metadata.icc) | 0x10 * page.page.has_alpha
    flags |= 0x08 * bool(metadata.exif) | 0x04 * bool(metadata.xmp)
    sides = (page.page.width - 1).to_bytes(3, "little") + (page.page.height - 1).to_bytes(
        3, "little"
    )
    head = [_chunk(b"VP8X", bytes((flags, 0, 0, 0)) + sides), _chunk(b"ICCP", metadata.icc)]
    tail = [_chunk(b"EXIF", metadata.exif), _chunk(b"XMP ", metadata.xmp)]
    body = b"WEBP" + b"".join(head + parts + tail)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _chunk(name: bytes, data: bytes | None) -> bytes:
    if not data:
        return b""
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def read_metadata(read: Callable[[int, int], bytes]) -> tuple[Metadata, list[bytes]]:
    """What a WebP file says beside the picture, and the names of all its chunks.

    The names of the chunks inside an animation's frame stand behind that of the frame.
    """
    found: dict[bytes, bytes] = {}
    names: list[bytes] = []
    at = 12
    while len(head := read(at, 8)) == 8:
        name, size = struct.unpack("<4sI", head)
        names.append(name)
        if name == b"ANMF":  # its first chunk follows 16 bytes on place and time
            at += 8 + 16
            continue
        if name in _METADATA_CHUNKS and size <= _LONGEST:
            found.setdefault(name, read(at + 8, size))
        at += 8 + size + size % 2
    block = found.get(b"EXIF", b"").removeprefix(b"Exif\0\0")
    metadata = Metadata(icc=found.get(b"ICCP"), exif=block or None, xmp=found.get(b"XMP "))
    return exif.oriented(metadata), names
