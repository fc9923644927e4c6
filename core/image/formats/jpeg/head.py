"""The segments before a JPEG's picture: metadata read from them, and written for a new file.

Source: ITU-T T.81 annex B, JFIF 1.02, Exif 2.32, XMP Specification Part 3, ICC.1 annex B.4.
"""

import hashlib
import struct
from collections.abc import Callable, Iterator
from typing import Final

from core.image.metadata import (
    GAIN_MAP_LEFT_OUT,
    Metadata,
    Resolution,
    exif,
    photoshop,
    xmp,
    xmp_upright,
)
from core.image.metadata.directories import BadDirectory, read_directory, read_header, reader_of

_EXIF: Final = b"Exif\0\0"
_XMP: Final = b"http://ns.adobe.com/xap/1.0/\0"
_XMP_EXTENSION: Final = b"http://ns.adobe.com/xmp/extension/\0"
_PHOTOSHOP: Final = b"Photoshop 3.0\0"
_ICC: Final = b"ICC_PROFILE\0"
_JFIF: Final = b"JFIF\0"
_MULTI_PICTURE: Final = b"MPF\0"
_ISO_GAIN_MAP: Final = b"urn:iso:std:iso:ts:21496:-1\0"
APP0, _APP1, _APP2, _APP11, _APP13, _COMMENT = 0xE0, 0xE1, 0xE2, 0xEB, 0xED, 0xFE
_START_OF_SCAN, _END = 0xDA, 0xD9
#: A segment's length is 16 bits and counts itself.
_LONGEST: Final = 65533
#: An EXIF block has to fit into one segment.
LONGEST_EXIF: Final = _LONGEST - len(_EXIF)
#: A signature over the picture is void once the picture is another.
CREDENTIALS_VOID: Final = "its content credentials (C2PA) sign the gray picture and are left out"
#: MPF's tag of the list of pictures, and the kind (byte 2) of those that are previews.
_MP_ENTRIES, _MP_PREVIEW = 0xB002, 0x010000
#: Segments before the scan: a profile has up to 255, split XMP a thousand.
MOST_SEGMENTS: Final = 20_000
#: Fill bytes before a marker are skipped so many at a time.
_FILL_BYTES: Final = 1 << 16
#: Start-of-frame markers; the others in this range mean something else.
FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def segments(read: Callable[[int, int], bytes]) -> Iterator[tuple[int, bytes]]:
    """(marker, payload) of every segment before the scan; ends quietly where the file does.

    So it does at `MOST_SEGMENTS`.
    """
    at = 2
    for _ in range(MOST_SEGMENTS):
        head = read(at, 4)
        while head[:2] == b"\xff\xff":
            fill = read(at, _FILL_BYTES)
            at += len(fill) - len(fill.lstrip(b"\xff")) - 1
            head = read(at, 4)
        if len(head) < 4 or head[0] != 0xFF:
            return
        if head[1] in (_START_OF_SCAN, _END):
            return
        length = struct.unpack(">H", head[2:])[0]
        payload = read(at + 4, length - 2)
        if length < 2 or len(payload) < length - 2:
            return
        yield head[1], payload
        at += 2 + length


def frame_of(read: Callable[[int, int], bytes]) -> tuple[int, int, int, int] | None:
    """(bits a sample, width, height, channels) as the frame header states, or None."""
    for marker, payload in segments(read):
        if marker in FRAMES and len(payload) >= 6:
            bits, height, width, channels = struct.unpack_from(">BHHB", payload)
            return bits, width, height, channels
    return None


def read_metadata(read: Callable[[int, int], bytes]) -> Metadata:
    """All that the head of a JPEG file says beside the picture."""
    found: dict[str, bytes] = {}
    icc: dict[int, bytes] = {}
    extension: list[bytes] = []
    comments: list[bytes] = []
    notes: list[str] = []
    others, has_gain_map = 0, False
    resources = b""
    resolution: Resolution | None = None
    for marker, payload in segments(read):
        if marker == APP0 and payload.startswith(_JFIF):
            resolution = _jfif_resolution(payload)
        elif marker == _APP1 and payload.startswith(_EXIF):
            found.setdefault("exif", payload[len(_EXIF) :])
        elif marker == _APP1 and payload.startswith(_XMP):
            found.setdefault("xmp", payload[len(_XMP) :])
        elif marker == _APP1 and payload.startswith(_XMP_EXTENSION):
            extension.append(payload[len(_XMP_EXTENSION) :])
        elif marker == _APP2 and payload.startswith(_ICC) and len(payload) > 14:
            icc[payload[12]] = payload[14:]
        elif marker == _APP2 and payload.startswith(_MULTI_PICTURE):
            others = other_pictures(payload[len(_MULTI_PICTURE) :])
        elif marker == _APP2 and payload.startswith(_ISO_GAIN_MAP):
            has_gain_map = True
        elif marker == _APP13 and payload.startswith(_PHOTOSHOP):
            resources += payload[len(_PHOTOSHOP) :]
        elif marker == _APP11 and payload.startswith(b"JP"):
            notes.append(CREDENTIALS_VOID)
        elif marker == _COMMENT:
            comments.append(payload)
    if extension and "xmp" in found:
        try:
            found["xmp"] = _whole_xmp(found["xmp"], extension)
        except xmp.BadPacket:
            notes.append("the second part of its XMP is damaged and is left out")
    packet = found.get("xmp")
    if has_gain_map or xmp_upright.points_at(packet, xmp_upright.GAIN_MAP):
        notes.append(GAIN_MAP_LEFT_OUT)
        others -= 1
    if others > 0:
        notes.append(f"it holds {others + 1} pictures, of which the first is coloured")
    if xmp_upright.has_video(packet):
        notes.append("its video is left out")
    metadata = Metadata(
        icc=b"".join(icc[number] for number in sorted(icc)) or None,
        exif=found.get("exif"),
        xmp=packet,
        photoshop=resources or None,
        iptc=photoshop.iptc_of(resources),
        resolution=resolution,
        comments=tuple(comments),
        notes=tuple(dict.fromkeys(notes)),
    )
    return exif.oriented(metadata)


def other_pictures(block: bytes) -> int:
    """How many pictures a multi-picture index (MPF) names beside the first and its previews.

    Source: CIPA DC-007, 5.2.3; 0 where the index is damaged.
    """
    try:
        reader = reader_of(block)
        header = read_header(reader)
        entries = read_directory(reader, header.first, header)[0].get(_MP_ENTRIES)
    except BadDirectory:
        return 0
    data = entries.data if entries else b""
    # An entry of 16 bytes begins with its attributes.
    starts = range(16, len(data) - 15, 16)
    kinds = [struct.unpack_from(header.order + "I", data, at)[0] for at in starts]
    return sum(kind & 0xFF0000 != _MP_PREVIEW for kind in kinds)


def head(metadata: Metadata) -> bytes:
    """The segments that stand between a file's first two bytes and its tables."""
    parts = [_segment(APP0, _jfif(metadata.resolution))]
    if metadata.exif:
        parts.append(_segment(_APP1, _EXIF + metadata.exif))
    if metadata.xmp:
        parts += _xmp_segments(metadata.xmp)
    resources = photoshop.with_iptc(metadata.photoshop, metadata.iptc)
    step = _LONGEST - len(_PHOTOSHOP)
    for at in range(0, len(resources), step):
        parts.append(_segment(_APP13, _PHOTOSHOP + resources[at : at + step]))
    icc = metadata.icc or b""
    step = _LONGEST - len(_ICC) - 2
    count = -(-len(icc) // step)
    for number in range(count):
        part = icc[number * step : (number + 1) * step]
        parts.append(_segment(_APP2, _ICC + bytes((number + 1, count)) + part))
    parts += [_segment(_COMMENT, comment) for comment in metadata.comments]
    return b"".join(parts)


def _segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def _whole_xmp(packet: bytes, extension: list[bytes]) -> bytes:
    """The packet with what its extension holds; each part begins with digest, length, offset."""
    # Some cameras write small letters in one of the two places, or in both.
    digest = xmp.read(packet).get(xmp.EXTENDED, "").upper().encode()
    parts = sorted((part[36:40], part[40:]) for part in extension if part[:32].upper() == digest)
    return xmp.joined(packet, b"".join(part for _, part in parts))


def _xmp_segments(packet: bytes) -> list[bytes]:
    """The packet in one segment; what is too long for one goes into an extension.

    The main packet is then ours to make: it only names the extension (XMP Part 3, 1.1.3.1).
    """
    if len(_XMP) + len(packet) <= _LONGEST:
        return [_segment(_APP1, _XMP + packet)]
    main, rest = xmp.split(packet)
    digest = hashlib.md5(rest, usedforsecurity=False).hexdigest().upper().encode()
    step = 65400
    parts = [_segment(_APP1, _XMP + main.replace(b"{DIGEST}", digest))]
    for at in range(0, len(rest), step):
        head = _XMP_EXTENSION + digest + struct.pack(">II", len(rest), at)
        parts.append(_segment(_APP1, head + rest[at : at + step]))
    return parts


def _jfif_resolution(payload: bytes) -> Resolution | None:
    if len(payload) < 12:
        return None
    unit, across, down = struct.unpack_from(">BHH", payload, 7)
    if not across or not down or unit not in (0, 1, 2) or (unit == 0 and across == down):
        return None
    return Resolution(across, down, ("none", "inch", "centimetre")[unit])


def _jfif(resolution: Resolution | None) -> bytes:
    resolution = resolution or Resolution(1, 1, "none")
    if resolution.unit == "centimetre" and resolution.across % 1:
        resolution = resolution.per("inch")  # 300 an inch are 118.11 a centimetre: JFIF has no .11
    unit = ("none", "inch", "centimetre").index(resolution.unit)
    across, down = (min(max(round(x), 1), 65535) for x in (resolution.across, resolution.down))
    return _JFIF + struct.pack(">HBHHBB", 0x0102, unit, across, down, 0, 0)
