"""JPEG 2000: headers, boxes and metadata by ourselves, the codestream by OpenJPEG (imagecodecs).

Read are JP2 and JPX files and bare codestreams; written is always JP2, lossless, since a bare
codestream has no place for metadata. Source: ISO/IEC 15444-1 annexes A and I, 15444-2 annex M.
"""

import contextlib
from collections.abc import Iterator
from typing import BinaryIO, Final, Literal

from core.errors import SourceError
from core.image.atomic import write_all
from core.image.boxes import boxes
from core.image.faults import check_size
from core.image.format import Format
from core.image.formats.jpeg2000.channels import decode
from core.image.formats.jpeg2000.header import END, MAIN_HEADER, SIGNATURE, read_header
from core.image.formats.jpeg2000.write import encode
from core.image.layout import SampleLayout
from core.image.origin import Origin
from core.image.page import Source, page_of
from core.image.painted_page import PaintedPage
from core.image.pixels import HeldPixels

#: So many zeros at a file's end are no end of what stands behind a codestream.
_END_BYTES: Final = 16

FORMAT: Final = Format(
    name="jpeg2000",
    title="JPEG 2000",
    suffixes=(".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx"),
    media_type="image/jp2",
    depths=(8, 16),
    alpha=True,
    pages=False,
    longest_side=2**31 - 1,
    lossy=False,
    holds=frozenset(("icc", "resolution", "exif", "iptc", "xmp")),
    begins=lambda start: start.startswith((SIGNATURE, MAIN_HEADER)),
    other_names=("jp2", "j2k"),
    only_read=frozenset((".j2k", ".j2c", ".jpc")),  # bare codestreams have no room for metadata
)


def open(origin: Origin, max_pixels: int) -> Source:
    """See `FormatModule`."""
    header = read_header(origin.read, origin.size, origin.name)
    stream, channels = header.stream, header.channels
    check_size(stream.width, stream.height, max_pixels, origin.name)
    depth: Literal[8, 16] = channels.depth
    has_alpha = channels.alpha is not None
    layout = SampleLayout(stream.width, stream.height, len(channels.colours), depth, has_alpha)
    pixels = HeldPixels(lambda: decode(origin.read, stream, channels, origin.name), [])
    page = page_of(
        0,
        layout,
        pixels,
        header.metadata,
        channels.bits,
        without_profile=lambda _, depth: channels.conversion(depth),
        premultiplied=channels.premultiplied,
    )
    return Source(FORMAT, origin, (page,), page.metadata.notes)


def packet(origin: Origin) -> bytes | None:
    """See `FormatModule`."""
    with contextlib.suppress(SourceError):
        return read_header(origin.read, origin.size, origin.name).metadata.xmp
    return None


def is_whole(origin: Origin) -> bool:
    """See `FormatModule`: the last box ends where the file does, with the codestream's end."""
    for kind, _, stop in list(boxes(origin.read, 0, origin.size))[-1:]:
        ended = origin.end(len(END)) == END if kind == b"jp2c" else any(origin.end(_END_BYTES))
        return stop == origin.size and ended
    return False


def write(file: BinaryIO, source: Source, pages: Iterator[PaintedPage], quality: int) -> None:
    """See `FormatModule`: always a lossless JP2."""
    page = next(pages)
    samples = page.samples(page.layout(page.page.depth))
    write_all(file, encode(samples, page.metadata, premultiplied=page.page.premultiplied))
