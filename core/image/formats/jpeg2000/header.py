"""The boxes of a JPEG 2000: where its codestream is, what its channels are, what it says besides.

Source: ISO/IEC 15444-1 annexes A and I, 15444-2 annex M; XMP Specification Part 3.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from core.image.boxes import boxes
from core.image.faults import damaged, unsupported
from core.image.formats.jpeg2000.channels import Channels, Codestream, arrange
from core.image.formats.jpeg2000.colours import choose
from core.image.metadata import Metadata, Resolution, exif

SIGNATURE: Final = b"\0\0\0\x0cjP  \r\n\x87\n"
MAIN_HEADER: Final = b"\xff\x4f\xff\x51"
#: The codestream's last two bytes.
END: Final = b"\xff\xd9"
XMP: Final = bytes.fromhex("BE7ACFCB97A942E89C71999491E3AFAC")
EXIF: Final = b"JpgTiffExif->JP2"
IPTC: Final = bytes.fromhex("33C7A4D2B81D4723A0BAF1A3E097AD38")
#: Boxes beside the picture longer than this are not worth the memory.
_LONGEST: Final = 64 << 20
#: Components of a codestream, five of which can have a meaning (CMYK and transparency).
_MOST_COMPONENTS: Final = 8
#: Boxes that say how the file is built, and are written anew.
_STRUCTURE: Final = frozenset(
    (b"jP  ", b"ftyp", b"rreq", b"jp2h", b"jp2c", b"jpch", b"jplh", b"free")
)
#: Boxes beside the picture that are carried over as they are.
_CARRIED: Final = frozenset((b"uuid", b"xml ", b"uinf", b"jp2i", b"asoc", b"lbl ", b"nlst"))

#: Boxes beside the picture that are carried or named; each costs as much as all before it.
_MOST_BOXES: Final = 1000

Read = Callable[[int, int], bytes]


@dataclass(frozen=True, slots=True)
class Header:
    """All that is known of a file before its codestream is decoded."""

    stream: Codestream
    channels: Channels
    metadata: Metadata


@dataclass(slots=True)
class _Boxes:
    """What was found on the way through a file: (start, end) of codestreams, boxes of a picture.

    `picture` holds `pclr`, `cmap`, `cdef` and `res `, `colours` the data of every `colr`.
    """

    streams: list[tuple[int, int]]
    picture: dict[bytes, bytes]
    colours: list[bytes]
    metadata: Metadata
    is_in_pieces: bool = False


def read_header(read: Read, size: int, name: str) -> Header:
    """The header and metadata of a file; raises `SourceError` (truncated, unsupported)."""
    found = _Boxes([], {}, [], Metadata())
    if read(0, len(SIGNATURE)) == SIGNATURE:
        _walk(read, size, found, name)
    else:
        found.streams.append((0, size))
    if not found.streams and found.is_in_pieces:
        raise unsupported("it is a JPEG 2000 whose codestream is in pieces", name)
    start, end = found.streams[0] if found.streams else (-1, 0)
    if start < 0 or end > size or read(start, 4) != MAIN_HEADER:
        raise damaged("it has no codestream", name)
    stream = _codestream(read(start + 4, 38 + 3 * _MOST_COMPONENTS), start, end, name)
    # OpenJPEG fills a codestream that stops early with gray, and says nothing.
    if read(end - 2, 2) != END:
        raise damaged("its codestream has no end", name)
    declared = choose(found.colours, name)
    channels = arrange(stream, found.picture, declared, name)
    metadata = replace(found.metadata, icc=declared.icc if declared else None)
    for note in channels.notes:
        metadata = metadata.noting(note)
    if len(found.streams) > 1:
        metadata = metadata.noting(
            f"it holds {len(found.streams)} pictures: the first is coloured, the rest is left out"
        )
    return Header(stream, channels, metadata)


def _walk(read: Read, size: int, found: _Boxes, name: str) -> None:
    """All boxes of a file. A JPX describes its first picture in `jpch` and `jplh` once more.

    Raises `SourceError` (truncated) for more of them than any program writes.
    """
    described = set()
    carried: list[tuple[bytes, bytes]] = []
    left_out: dict[str, None] = {}
    for kind, at, stop in boxes(read, 0, size):
        if kind == b"jp2c":
            found.streams.append((at, stop))
        elif kind in (b"jp2h", b"jpch", b"jplh"):
            if kind not in described:
                _read_picture(read, at, stop, found, fresh=kind == b"jplh")
            described.add(kind)
        elif kind == b"ftbl":
            found.is_in_pieces = True
        elif kind in _CARRIED and stop - at <= _LONGEST:
            carried.append((kind, read(at, stop - at)))
        elif kind not in _STRUCTURE and any(kind):  # zeros fill a file up
            left_out[kind.decode("ascii", "replace").strip()] = None
        if len(carried) + len(left_out) > _MOST_BOXES:
            raise damaged(f"it has more than {_MOST_BOXES:,} boxes beside the picture", name)
    for kind, data in carried:
        found.metadata = _with_box(found.metadata, kind, data)
    for shown in left_out:
        found.metadata = found.metadata.noting(f"its box '{shown}' is left out")


def _read_picture(read: Read, at: int, end: int, found: _Boxes, *, fresh: bool) -> None:
    """The boxes that describe a picture; with `fresh`, its colours replace those known before."""
    colours: list[bytes] = []
    for kind, start, stop in boxes(read, at, end):
        if kind == b"cgrp":
            for inner, first, last in boxes(read, start, stop):
                if inner == b"colr":
                    colours.append(read(first, min(last - first, _LONGEST)))
        elif kind == b"colr":
            colours.append(read(start, min(stop - start, _LONGEST)))
        elif kind in (b"pclr", b"cmap", b"cdef"):
            found.picture[kind] = read(start, min(stop - start, _LONGEST))
        elif kind == b"res ":
            data = read(start, min(stop - start, 1 << 10))
            own = (*found.metadata.own, (kind, data))
            resolution = _resolution(data)
            found.metadata = replace(found.metadata, resolution=resolution, own=own)
    if colours:
        found.colours = colours if fresh else found.colours + colours


def _with_box(metadata: Metadata, kind: bytes, data: bytes) -> Metadata:
    """The metadata with a box that stands beside the picture."""
    if kind != b"uuid" or data[:16] not in (XMP, EXIF, IPTC):
        return replace(metadata, own=(*metadata.own, (kind, data)))
    body = data[16:]
    if data[:16] == XMP:
        return replace(metadata, xmp=body)
    if data[:16] == IPTC:
        return replace(metadata, iptc=body)
    resolution = metadata.resolution
    metadata = exif.oriented(replace(metadata, exif=body.removeprefix(b"Exif\0\0")))
    # JP2 has a box for the resolution, and pictures in it stand upright whatever EXIF says.
    return replace(metadata, orientation=1, resolution=resolution or metadata.resolution)


def _codestream(data: bytes, start: int, end: int, name: str) -> Codestream:
    """The SIZ segment, from behind its marker."""
    if len(data) < 38:
        raise damaged("its header is cut short", name)
    right, bottom, left, top = struct.unpack_from(">IIII", data, 4)
    components = struct.unpack_from(">H", data, 36)[0]
    parts = data[38 : 38 + 3 * components]
    if not 1 <= components <= _MOST_COMPONENTS or len(parts) < 3 * components:
        raise unsupported(f"it is a JPEG 2000 of {components} channels", name)
    bits = {(part & 127) + 1 for part in parts[::3]}
    if any(part & 128 for part in parts[::3]):
        raise unsupported("it is a JPEG 2000 of signed numbers", name)
    if len(bits) != 1:
        shown = " and ".join(str(depth) for depth in sorted(bits))
        raise unsupported(f"it is a JPEG 2000 of {shown} bits a sample", name)
    if max(bits) > 16:
        raise unsupported(f"it is a JPEG 2000 of {max(bits)} bits a sample", name)
    if set(parts[1::3]) | set(parts[2::3]) != {1}:
        raise unsupported("it is a JPEG 2000 with coarser colours than lightness", name)
    if right <= left or bottom <= top:
        raise damaged("it has no size", name)
    return Codestream(right - left, bottom - top, components, bits.pop(), start, end)


def _resolution(data: bytes) -> Resolution | None:
    """Of a `res ` box: that of the capture, or that of the display where it stands alone."""
    known: dict[bytes, Resolution] = {}
    for kind, start, _ in boxes(lambda at, count: data[at : at + count], 0, len(data)):
        body = data[start : start + 10]
        if kind in (b"resc", b"resd") and len(body) == 10:
            a, b, c, d, e, f = struct.unpack(">HHHHbb", body)
            if a and b and c and d:
                across, down = c / d * 10.0**f / 100, a / b * 10.0**e / 100
                known[kind] = Resolution(across, down, "centimetre")
    return known.get(b"resc") or known.get(b"resd")
