"""EXIF blocks: read for orientation and resolution, set right in place, built from TIFF tags.

A block is corrected by changing single values where they stand, never by rewriting it, so that
makers' notes with their own offsets live on. Source: Exif 2.32 (CIPA DC-008).
"""

import struct
from contextlib import suppress
from dataclasses import replace
from typing import Final

from core.image.metadata import Metadata, Resolution, Unit, tags
from core.image.metadata.directories import (
    INTEGER_CODES,
    LONG,
    LONG8,
    RATIONAL,
    SHORT,
    BadDirectory,
    Directory,
    TagEntry,
    integers,
    rational,
    read_directory,
    read_header,
    reader_of,
    serialize,
)

_SRGB, _ADOBE_RGB, _UNCALIBRATED = 1, 2, 65535
#: Tag -> numerators and denominators of sRGB's white and primaries.
_SRGB_COLOURS: Final = {
    tags.WHITE_POINT: (3127, 10000, 3290, 10000),
    tags.PRIMARY_CHROMATICITIES: (64, 100, 33, 100, 30, 100, 60, 100, 15, 100, 6, 100),
}
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


def _what_is_left(block: bytes) -> Directory:
    """The entries of the main directory of a block that is cut short."""
    reader = reader_of(block)
    with suppress(BadDirectory):
        header = read_header(reader)
        return read_directory(reader, header.first, header, partly=True)[0]
    return {}


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


def states_adobe_rgb(block: bytes | None) -> bool:
    """Whether a block says that its picture is in Adobe RGB: by DCF (R03), or by cameras' value 2.

    Source: DCF 2.0, 3.4 ("uncalibrated" alone says nothing).
    """
    if not block:
        return False
    try:
        _, details, _ = read(block)
        space = details.get(tags.COLOUR_SPACE)
        value = space.integers[0] if space and space.integers else None
        if value == _ADOBE_RGB:
            return True
        index = interoperability(block, details).get(tags.INTEROPERABILITY_INDEX)
        return value == _UNCALIBRATED and index is not None and index.data[:3] == b"R03"
    except BadDirectory:
        return False


def interoperability(block: bytes, details: Directory) -> Directory:
    """DCF's directory below that of EXIF; {} where there is none, or a damaged one.

    Some phones and editors leave half of it; the rest of the block is worth having.
    """
    entry = details.get(tags.INTEROPERABILITY_IFD)
    if entry is None or not entry.integers:
        return {}
    reader = reader_of(block)
    try:
        return read_directory(reader, entry.integers[0], read_header(reader))[0]
    except BadDirectory:
        return {}


def oriented(metadata: Metadata) -> Metadata:
    """`metadata` with what its EXIF block says of orientation and resolution, which it fills in.

    A block that nobody can read is left out, with a note; what can be read of its first directory
    counts all the same, or the picture would lie on its side.
    """
    if metadata.exif is None:
        return metadata
    try:
        main, _, _ = read(metadata.exif)
    except BadDirectory as error:
        main = _what_is_left(metadata.exif)
        metadata = replace(metadata, exif=None)
        metadata = metadata.noting(f"its EXIF was damaged and is left out ({error})")
    # Exif asks for its own resolution first; JFIF's is often a placeholder.
    resolution = resolution_of(main) or metadata.resolution
    return replace(metadata, orientation=orientation_of(main), resolution=resolution)


def upright(block: bytes, orientation: int, width: int, height: int) -> bytes:
    """The block of the picture as it is written: upright, `width` x `height`, in sRGB.

    `orientation` is how it was turned. Its thumbnail is cut off, for it shows the picture as it
    was. Raises `BadDirectory`.
    """
    patched = bytearray(block)
    reader = reader_of(block)
    header = read_header(reader)
    main, _ = read_directory(reader, header.first, header)
    _, details, _ = read(block)
    changes = {
        tags.ORIENTATION: 1,
        tags.COLOUR_SPACE: _SRGB,
        tags.WIDTH: width,
        tags.HEIGHT: height,
        tags.PIXEL_WIDTH: width,
        tags.PIXEL_HEIGHT: height,
    }
    for directory in (main, details):
        for tag, value in changes.items():
            if tag in directory:
                _set(patched, directory[tag], (value,), header.order)
    _set_colours(patched, main, details, header.order)
    stored = (height, width) if orientation > 4 else (width, height)
    for tag in (tags.SUBJECT_AREA, tags.SUBJECT_LOCATION):
        if tag in details and 2 <= len(details[tag].integers) <= 4:
            area = turned_area(details[tag].integers, orientation, *stored)
            _set(patched, details[tag], area, header.order)
    # The pointer to the thumbnail's directory stands behind the main one's last entry.
    count = struct.unpack_from(header.order + "H", block, header.first)[0]
    end = header.first + 2 + count * 12
    patched[end : end + 4] = bytes(len(patched[end : end + 4]))
    return bytes(patched)


def _set_colours(block: bytearray, main: Directory, details: Directory, order: str) -> None:
    """Sets what the block says of primaries and of DCF's colour space to sRGB's values."""
    for tag, values in _SRGB_COLOURS.items():
        entry = main.get(tag)
        if entry and entry.type == RATIONAL and entry.count * 2 == len(values):
            at = struct.unpack_from(order + "I", block, entry.place)[0]
            struct.pack_into(f"{order}{len(values)}I", block, at, *values)
    index = interoperability(bytes(block), details).get(tags.INTEROPERABILITY_INDEX)
    if index and index.data[:3] == b"R03":
        block[index.place : index.place + 3] = b"R98"


def turned_area(
    area: tuple[int, ...], orientation: int, width: int, height: int
) -> tuple[int, ...]:
    """A subject area in the upright picture: a point, and its diameter or its width and height.

    Raises `ValueError` where it has no two to four numbers. Source: Exif 2.32, 4.6.5.
    """
    if not 2 <= len(area) <= 4:
        raise ValueError("it is no area")
    x, y = turned((area[0] / width, area[1] / height), orientation)
    if orientation > 4:
        width, height = height, width
        area = (*area[:2], *reversed(area[2:]))
    return (min(round(x * width), width - 1), min(round(y * height), height - 1), *area[2:])


def turned(point: tuple[float, float], orientation: int) -> tuple[float, float]:
    """Where a point of the stored picture (0..1, 0..1) lies when it is upright."""
    x, y = point
    if orientation > 4:
        x, y = y, x
    if orientation in (2, 3, 6, 7):
        x = 1 - x
    if orientation in (3, 4, 7, 8):
        y = 1 - y
    return x, y


def build(
    main: Directory, details: Directory, gps: Directory, below: Directory | None = None
) -> bytes:
    """A block of the descriptive tags of `main` and of the other two; b'' where all are empty.

    `below` is the interoperability directory, which belongs to `details`.
    """
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
            own = below or {} if part is details else {}
            body += serialize_with(part, own, at + len(body), big=False)
            body += b"\0" * (len(body) % 2)
    entries = [entry for entry in entries if entry.tag not in pointers] + placed
    return b"II*\0\x08\0\0\0" + serialize(entries, 8, big=False) + body


def of_resolution(resolution: Resolution) -> bytes:
    """A block that says nothing but the resolution: for formats that have no other place for it."""
    unit = next(code for code, name in _UNITS.items() if name == resolution.unit)
    entries = (
        rational(tags.X_RESOLUTION, resolution.across),
        rational(tags.Y_RESOLUTION, resolution.down),
        integers(tags.RESOLUTION_UNIT, SHORT, unit),
    )
    return build({entry.tag: entry for entry in entries}, {}, {})


def serialize_with(directory: Directory, below: Directory, offset: int, *, big: bool) -> bytes:
    """An EXIF or GPS directory that stands at `offset`, and its interoperability directory behind.

    Nothing else in it holds an offset into the file that it comes from.
    """
    entries = [entry for tag, entry in directory.items() if tag != tags.INTEROPERABILITY_IFD]
    if not below:
        return serialize(entries, offset, big=big)

    def pointing_to(place: int) -> bytes:
        pointer = integers(tags.INTEROPERABILITY_IFD, LONG8 if big else LONG, place)
        data = serialize([*entries, pointer], offset, big=big)
        return data + b"\0" * (len(data) % 2)

    place = offset + len(pointing_to(0))
    return pointing_to(place) + serialize(below.values(), place, big=big)


def _set(block: bytearray, entry: TagEntry, values: tuple[int, ...], order: str) -> None:
    """Changes an entry's first integers where they stand, if there are as many and all fit.

    Whatever their type: some programs write bytes, or two numbers where one is meant.
    """
    code = INTEGER_CODES.get(entry.type)
    if code is None or entry.count < len(values) or not entry.data:
        return
    at = entry.place
    if len(entry.data) > 4:  # too long to stand in the entry itself
        at = struct.unpack_from(order + "I", block, at)[0]
    with suppress(struct.error):  # a value that the type does not hold
        struct.pack_into(f"{order}{len(values)}{code}", block, at, *values)
