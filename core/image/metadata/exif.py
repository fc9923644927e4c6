"""EXIF blocks: read for orientation and resolution, set right in place, built from TIFF tags.

A block is corrected by changing single values where they stand, never by rewriting it, so that
makers' notes with their own offsets live on. Source: Exif 2.32 (CIPA DC-008).
"""

import struct
from dataclasses import replace
from typing import Final

from core.image.metadata import Metadata, Resolution, Unit, tags
from core.image.metadata.directories import (
    LONG,
    SHORT,
    BadDirectory,
    Directory,
    TagEntry,
    integers,
    read_directory,
    read_header,
    reader_of,
    serialize,
)

_SRGB: Final = 1
_UNITS: Final[dict[int, Unit]] = {1: "none", 2: "inch", 3: "centimetre"}
#: Tags of a TIFF's first directory that an EXIF block holds too (Exif 2.32, table 3 and DCF).
DESCRIPTIVE: Final = frozenset(
    (
        tags.IMAGE_DESCRIPTION,
        tags.MAKE,
        tags.MODEL,
        tags.X_RESOLUTION,
        tags.Y_RESOLUTION,
        tags.RESOLUTION_UNIT,
        tags.SOFTWARE,
        tags.DATE_TIME,
        tags.ARTIST,
        tags.HOST_COMPUTER,
        tags.COPYRIGHT,
        tags.XP_TITLE,
        tags.XP_COMMENT,
        tags.XP_AUTHOR,
        tags.XP_KEYWORDS,
        tags.XP_SUBJECT,
    )
)


def read(block: bytes) -> tuple[Directory, Directory, Directory]:
    """The main, EXIF and GPS directories of a block; raises `BadDirectory`."""
    reader = reader_of(block)
    header = read_header(reader)
    main, _ = read_directory(reader, header.first, header)
    parts = []
    for pointer in (tags.EXIF_IFD, tags.GPS_IFD):
        entry = main.get(pointer)
        try:
            offset = entry.integers[0] if entry and entry.integers else 0
            parts.append(read_directory(reader, offset, header)[0] if offset else {})
        except BadDirectory:
            parts.append({})  # the rest of the block is worth having
    return main, parts[0], parts[1]


def orientation_of(directory: Directory) -> int:
    """1-8; 1 where the directory has none or nonsense."""
    entry = directory.get(tags.ORIENTATION)
    value = entry.integers[0] if entry and entry.integers else 1
    return value if 1 <= value <= 8 else 1


def resolution_of(directory: Directory) -> Resolution | None:
    """The resolution that a directory states, or None."""
    across, down = directory.get(tags.X_RESOLUTION), directory.get(tags.Y_RESOLUTION)
    if not across or not down or not across.rationals or not down.rationals:
        return None
    x, y = across.rationals[0], down.rationals[0]
    entry = directory.get(tags.RESOLUTION_UNIT)
    unit = entry.integers[0] if entry and entry.integers else 2
    if x <= 0 or y <= 0 or unit not in _UNITS:
        return None
    return Resolution(x, y, _UNITS[unit])


def oriented(metadata: Metadata) -> Metadata:
    """`metadata` with what its EXIF block says of orientation and resolution, which it fills in.

    A block that nobody can read is left out, with a note.
    """
    if metadata.exif is None:
        return metadata
    try:
        main, _, _ = read(metadata.exif)
    except BadDirectory as error:
        metadata = replace(metadata, exif=None)
        return metadata.noting(f"its EXIF was damaged and is left out ({error})")
    # Exif asks for its own resolution first; JFIF's is often a placeholder.
    resolution = resolution_of(main) or metadata.resolution
    return replace(metadata, orientation=orientation_of(main), resolution=resolution)


def upright(block: bytes, width: int, height: int) -> bytes:
    """The block of the picture as it is written: upright, `width` x `height`, in sRGB.

    Its thumbnail is cut off, for it shows the picture as it was. Raises `BadDirectory`.
    """
    patched = bytearray(block)
    reader = reader_of(block)
    header = read_header(reader)
    main, _ = read_directory(reader, header.first, header)
    _, details, _ = read(block)
    changes = {
        tags.ORIENTATION: 1,
        tags.COLOUR_SPACE: _SRGB,
        tags.PIXEL_WIDTH: width,
        tags.PIXEL_HEIGHT: height,
    }
    for directory in (main, details):
        for tag, value in changes.items():
            if tag in directory:
                _set(patched, directory[tag], value, header.order)
    # The pointer to the thumbnail's directory stands behind the main one's last entry.
    count = struct.unpack_from(header.order + "H", block, header.first)[0]
    end = header.first + 2 + count * 12
    patched[end : end + 4] = bytes(len(patched[end : end + 4]))
    return bytes(patched)


def build(main: Directory, details: Directory, gps: Directory) -> bytes:
    """A block of the descriptive tags of `main` and of the other two; b'' where all are empty."""
    entries = [entry for tag, entry in main.items() if tag in DESCRIPTIVE]
    if not entries and not details and not gps:
        return b""
    pointers = [tag for tag, part in ((tags.EXIF_IFD, details), (tags.GPS_IFD, gps)) if part]
    entries += [integers(tag, LONG, 0) for tag in pointers]
    at = 8 + len(serialize(entries, 8, big=False))
    placed: list[TagEntry] = []
    body = b""
    for tag, part in ((tags.EXIF_IFD, details), (tags.GPS_IFD, gps)):
        if part:
            placed.append(integers(tag, LONG, at + len(body)))
            body += serialize(without_pointers(part), at + len(body), big=False)
            body += b"\0" * (len(body) % 2)
    entries = [entry for entry in entries if entry.tag not in pointers] + placed
    return b"II*\0\x08\0\0\0" + serialize(entries, 8, big=False) + body


def without_pointers(directory: Directory) -> list[TagEntry]:
    """The entries that mean the same anywhere: none that hold an offset into the old file."""
    return [entry for tag, entry in directory.items() if tag != tags.INTEROPERABILITY_IFD]


def _set(block: bytearray, entry: TagEntry, value: int, order: str) -> None:
    if entry.count == 1 and entry.type in (SHORT, LONG) and value < (1 << (8 * len(entry.data))):
        struct.pack_into(order + ("H" if entry.type == SHORT else "I"), block, entry.place, value)
