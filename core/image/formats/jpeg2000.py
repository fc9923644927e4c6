"""JPEG 2000: headers, boxes and metadata by ourselves, the codestream by OpenJPEG (imagecodecs).

Read are JP2 files and bare codestreams; written is always JP2, lossless, since a bare codestream
has no place for metadata. Source: ISO/IEC 15444-1 annexes A and I; XMP Specification Part 3.
"""

import contextlib
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO, Final, Literal

import numpy as np

from core.errors import SourceError
from core.image.atomic import write_all
from core.image.boxes import box, boxes
from core.image.faults import check_size, damaged, unsupported
from core.image.format import Format
from core.image.layout import SampleLayout
from core.image.metadata import Metadata, Resolution, exif
from core.image.origin import Origin
from core.image.page import Source, page_of
from core.image.painted import PaintedPage
from core.image.pixels import Held

_SIGNATURE: Final = b"\0\0\0\x0cjP  \r\n\x87\n"
_XMP: Final = bytes.fromhex("BE7ACFCB97A942E89C71999491E3AFAC")
_EXIF: Final = b"JpgTiffExif->JP2"
_IPTC: Final = bytes.fromhex("33C7A4D2B81D4723A0BAF1A3E097AD38")
#: Boxes beside the picture longer than this are not worth the memory.
_LONGEST: Final = 64 << 20
_GRAY, _SRGB, _SYCC = 17, 16, 18
_MAIN_HEADER: Final = b"\xff\x4f\xff\x51"
#: The codestream's last two bytes.
_END: Final = b"\xff\xd9"
_WIDE: Final = {8: np.uint8, 16: np.uint16}


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
    begins=lambda start: start.startswith((_SIGNATURE, _MAIN_HEADER)),
    other_names=("jp2", "j2k"),
    only_read=frozenset((".j2k", ".j2c", ".jpc")),  # bare codestreams have no room for metadata
)


@dataclass(frozen=True, slots=True)
class Codestream:
    """What the codestream holds: `channels` 1-4 of `bits` each; it starts at byte `start`."""

    width: int
    height: int
    channels: int
    bits: int
    start: int
    end: int


def open(origin: Origin, max_pixels: int) -> Source:
    """See `FormatModule`."""
    stream, metadata = read_header(origin.read, origin.size, origin.name)
    check_size(stream.width, stream.height, max_pixels, origin.name)
    depth: Literal[8, 16] = 16 if stream.bits > 8 else 8
    colours = 1 if stream.channels < 3 else 3
    layout = SampleLayout(stream.width, stream.height, colours, depth, stream.channels in (2, 4))
    pixels = Held(lambda: decode(origin.read(0, origin.size), stream, origin.name), [])
    page = page_of(0, layout, pixels, metadata, stream.bits)
    return Source(FORMAT, origin, (page,), page.metadata.notes)


def packet(origin: Origin) -> bytes | None:
    """See `FormatModule`."""
    with contextlib.suppress(SourceError):
        return read_header(origin.read, origin.size, origin.name)[1].xmp
    return None


def is_whole(origin: Origin) -> bool:
    """See `FormatModule`: the last box ends where the file does, with the codestream's end."""
    for kind, _, stop in list(boxes(origin.read, 0, origin.size))[-1:]:
        ended = origin.end(len(_END)) == _END if kind == b"jp2c" else any(origin.end(_END_BYTES))
        return stop == origin.size and ended
    return False


def write(file: BinaryIO, source: Source, pages: Iterator[PaintedPage], quality: int) -> None:
    """See `FormatModule`: always a lossless JP2."""
    page = next(pages)
    samples = page.samples(page.layout(page.page.depth))
    write_all(file, encode(samples, page.metadata))


def read_header(
    read: Callable[[int, int], bytes], size: int, name: str
) -> tuple[Codestream, Metadata]:
    """The header and metadata of a file; raises `SourceError` (truncated, unsupported)."""
    metadata, start, end = Metadata(), 0, size
    if read(0, 12) == _SIGNATURE:
        start = -1
        own = []
        for kind, at, stop in boxes(read, 0, size):
            if kind == b"jp2c":
                start, end = at, stop
            elif kind == b"jp2h":
                metadata = _read_picture_header(read, at, stop, metadata, name)
            elif kind in (b"uuid", b"xml ") and stop - at <= _LONGEST:
                data = read(at, stop - at)
                if kind == b"uuid" and data[:16] in (_XMP, _EXIF, _IPTC):
                    metadata = _with_uuid(metadata, data[:16], data[16:])
                else:
                    own.append((kind, data))
        metadata = replace(metadata, own=tuple(own))
    if start < 0 or end > size or read(start, 4) != _MAIN_HEADER:
        raise damaged("it has no codestream", name)
    stream = _codestream(read(start + 4, 38 + 3 * 16), start, end, name)
    # OpenJPEG fills a codestream that stops early with gray, and says nothing.
    if read(end - 2, 2) != _END:
        raise damaged("its codestream has no end", name)
    return stream, metadata


def decode(data: bytes, stream: Codestream, name: str) -> np.ndarray:
    """The codes (h, w, channels) of a file, spread over 8 or 16 bits; raises `SourceError`."""
    import imagecodecs

    try:
        codes = imagecodecs.jpeg2k_decode(data[stream.start : stream.end], numthreads=1)
    except MemoryError:
        raise
    except Exception as error:  # imagecodecs raises several types of its own
        raise damaged(str(error), name) from error
    codes = codes.reshape(*codes.shape[:2], -1)
    if codes.shape != (stream.height, stream.width, stream.channels):
        raise damaged("its size is not what its header says", name)
    if stream.bits in (8, 16):
        return codes
    depth = 16 if stream.bits > 8 else 8
    top = (1 << stream.bits) - 1
    table = np.rint(np.arange(top + 1) * (((1 << depth) - 1) / top)).astype(_WIDE[depth])
    return table[np.minimum(codes, top)]


def encode(codes: np.ndarray, metadata: Metadata) -> bytes:
    """A JP2 file, lossless, of codes (h, w, 3 or 4) uint8 or uint16 in sRGB."""
    import imagecodecs

    stream = imagecodecs.jpeg2k_encode(codes, codecformat="j2k", reversible=True, numthreads=1)
    height, width, channels = codes.shape
    bits = codes.itemsize * 8
    header = box(b"ihdr", struct.pack(">IIHBBBB", height, width, channels, bits - 1, 7, 0, 0))
    header += box(b"colr", struct.pack(">BbBI", 1, 0, 0, _SRGB))
    if channels == 4:
        colours = [(i, 0, i + 1) for i in range(3)] + [(3, 1, 0)]
        table = b"".join(struct.pack(">HHH", *row) for row in colours)
        header += box(b"cdef", struct.pack(">H", 4) + table)
    if metadata.resolution and metadata.resolution.unit != "none":
        header += box(b"res ", box(b"resc", _resolution_data(metadata.resolution)))
    parts = [_SIGNATURE, box(b"ftyp", b"jp2 \0\0\0\0jp2 "), box(b"jp2h", header)]
    for kind, data in ((_XMP, metadata.xmp), (_EXIF, metadata.exif), (_IPTC, metadata.iptc)):
        if data:
            parts.append(box(b"uuid", kind + data))
    parts += [box(kind, data) for kind, data in metadata.own]
    parts.append(box(b"jp2c", stream))
    return b"".join(parts)


def _read_picture_header(
    read: Callable[[int, int], bytes], at: int, end: int, metadata: Metadata, name: str
) -> Metadata:
    for kind, start, stop in boxes(read, at, end):
        data = read(start, min(stop - start, _LONGEST))
        if kind == b"pclr":
            raise unsupported("it is a JPEG 2000 with a palette", name)
        if kind == b"colr" and len(data) > 7 and data[0] == 1:
            space = struct.unpack_from(">I", data, 3)[0]
            if space not in (_GRAY, _SRGB, _SYCC):
                raise unsupported(f"it is a JPEG 2000 in the colour space {space}", name)
        if kind == b"colr" and data[:1] in (b"\2", b"\3"):
            metadata = replace(metadata, icc=data[3:])
        if kind == b"res ":
            metadata = replace(metadata, resolution=_read_resolution(read, start, stop))
    return metadata


def _with_uuid(metadata: Metadata, kind: bytes, data: bytes) -> Metadata:
    if kind == _XMP:
        return replace(metadata, xmp=data)
    if kind == _IPTC:
        return replace(metadata, iptc=data)
    resolution = metadata.resolution
    metadata = exif.oriented(replace(metadata, exif=data.removeprefix(b"Exif\0\0")))
    # JP2 has a box for the resolution, and pictures in it stand upright whatever EXIF says.
    return replace(metadata, orientation=1, resolution=resolution or metadata.resolution)


def _codestream(data: bytes, start: int, end: int, name: str) -> Codestream:
    """The SIZ segment, from behind its marker."""
    if len(data) < 38:
        raise damaged("its header is cut short", name)
    right, bottom, left, top = struct.unpack_from(">IIII", data, 4)
    channels = struct.unpack_from(">H", data, 36)[0]
    parts = data[38 : 38 + 3 * channels]
    if not 1 <= channels <= 4 or len(parts) < 3 * channels:
        raise unsupported(f"it is a JPEG 2000 of {channels} channels", name)
    bits = {part & 127 for part in parts[::3]}
    if any(part & 128 for part in parts[::3]):
        raise unsupported("it is a JPEG 2000 of signed numbers", name)
    if len(bits) != 1 or max(bits) > 15:
        raise unsupported(f"it is a JPEG 2000 of {max(bits) + 1} bits a sample", name)
    if set(parts[1::3]) | set(parts[2::3]) != {1}:
        raise unsupported("it is a JPEG 2000 with coarser colours than lightness", name)
    if right <= left or bottom <= top:
        raise damaged("it has no size", name)
    return Codestream(right - left, bottom - top, channels, bits.pop() + 1, start, end)


def _read_resolution(read: Callable[[int, int], bytes], at: int, end: int) -> Resolution | None:
    for kind, start, _ in boxes(read, at, end):
        data = read(start, 10)
        if kind in (b"resc", b"resd") and len(data) == 10:
            a, b, c, d, e, f = struct.unpack(">HHHHbb", data)
            if a and b and c and d:
                return Resolution(c / d * 10.0**f / 100, a / b * 10.0**e / 100, "centimetre")
    return None


def _resolution_data(resolution: Resolution) -> bytes:
    """Samples a metre, as a fraction of 16 bits and a power of ten: exact to four digits."""
    metric = resolution.per("centimetre")
    parts, powers = [], []
    for value in (metric.down * 100, metric.across * 100):
        power = 0
        while value > 65535:
            value, power = value / 10, power + 1
        scale = 1
        while value * scale * 10 <= 65535 and scale < 10000:
            scale *= 10
        parts += [max(round(value * scale), 1), scale]
        powers.append(power)
    return struct.pack(">HHHHbb", *parts, *powers)
