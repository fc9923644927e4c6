"""The items of HEIF files (AVIF, HEIC): what stands in their boxes beside the coded picture.

Source: ISO/IEC 14496-12 (boxes, tracks), ISO/IEC 23008-12 (items and properties).
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from core.image.boxes import boxes
from core.image.code_points import CodePoints

#: A longer list of items than this is an attack.
_LONGEST: Final = 16 << 20

Read = Callable[[int, int], bytes]


@dataclass(frozen=True, slots=True)
class ItemLocation:
    """Where an item's data stands, and the fields (place, size in bytes) that say so.

    The data begins at the sum of `base` and `offset`.
    """

    start: int
    length: int
    base_field: tuple[int, int]
    offset_field: tuple[int, int]
    length_field: tuple[int, int]

    def moved(self, start: int, length: int) -> list[tuple[int, bytes]]:
        """(place, bytes) of what has to be written for the data to stand elsewhere.

        Raises `OverflowError` where the fields are too small.
        """
        base = start if self.base_field[1] else 0
        values = (
            (self.base_field, base),
            (self.offset_field, start - base),
            (self.length_field, length),
        )
        return [(at, value.to_bytes(size, "big")) for (at, size), value in values if size]


@dataclass(slots=True)
class Items:
    """What the item list of a file says.

    `primary` is the number of its picture; `kinds` has the four letters of each item by its number;
    `points` the colours of the picture by code points (None: unstated); `is_premultiplied` whether
    its colours are multiplied by its alpha; `locations` has those of the items that lie in one
    piece; `frames` is how many pictures its longest track has (0: no track).
    """

    primary: int = 0
    kinds: dict[int, bytes] = field(default_factory=dict)
    points: CodePoints | None = None
    is_premultiplied: bool = False
    locations: dict[int, ItemLocation] = field(default_factory=dict)
    frames: int = 0


def items_of(read: Read, size: int) -> Items:
    """The items of a file; what is damaged is left out."""
    items = Items()
    for kind, start, stop in boxes(read, 0, size):
        if kind == b"meta":
            _read_meta(read, start + 4, min(stop, start + _LONGEST), items)
        elif kind == b"moov":
            items.frames = max(items.frames, _frames(read, start, min(stop, start + _LONGEST)))
    return items


def _read_meta(read: Read, at: int, end: int, items: Items) -> None:
    properties: list[tuple[bytes, bytes]] = []
    owned: dict[int, list[int]] = {}
    premultiplied: set[int] = set()
    for kind, start, stop in boxes(read, at, end):
        try:
            data = read(start, stop - start)
            if kind == b"pitm":
                items.primary = int.from_bytes(data[4:8] if data[0] else data[4:6], "big")
            elif kind == b"iinf":
                _read_kinds(read, start, stop, items)
            elif kind == b"iref":
                premultiplied |= _premultiplied(read, start, stop)
            elif kind == b"iloc":
                _read_locations(data, start, items)
            elif kind == b"iprp":
                for part, first, last in boxes(read, start, stop):
                    if part == b"ipco":
                        properties = [(k, read(a, b - a)) for k, a, b in boxes(read, first, last)]
                    elif part == b"ipma":
                        owned |= _owned(read(first, last - first))
        except (struct.error, IndexError):
            continue
    items.is_premultiplied = items.primary in premultiplied
    for number in owned.get(items.primary, ()):
        kind, data = properties[number - 1] if 0 < number <= len(properties) else (b"", b"")
        if kind == b"colr" and data[:4] == b"nclx" and len(data) >= 8:
            points = CodePoints(*struct.unpack_from(">HH", data, 4))
            items.points = None if points.is_unspecified else points


def _read_kinds(read: Read, start: int, stop: int, items: Items) -> None:
    first = start + (8 if read(start, 1) != b"\0" else 6)
    for kind, at, end in boxes(read, first, stop):
        data = read(at, min(end - at, 16))
        if kind == b"infe" and data[0] in (2, 3):
            wide = 4 if data[0] == 3 else 2
            number = int.from_bytes(data[4 : 4 + wide], "big")
            items.kinds[number] = data[6 + wide : 10 + wide]


def _premultiplied(read: Read, start: int, stop: int) -> set[int]:
    """The items whose colours are multiplied by their alpha, as references of them say."""
    wide = ">I" if read(start, 1) != b"\0" else ">H"
    return {
        struct.unpack(wide, read(at, struct.calcsize(wide)))[0]
        for kind, at, _ in boxes(read, start + 4, stop)
        if kind == b"prem"
    }


def _read_locations(data: bytes, start: int, items: Items) -> None:
    version, sizes, more = data[0], data[4], data[5]
    offset_size, length_size, base_size = sizes >> 4, sizes & 15, more >> 4
    index_size = more & 15 if version else 0
    wide = 4 if version == 2 else 2
    count, at = int.from_bytes(data[6 : 6 + wide], "big"), 6 + wide
    for _ in range(count):
        number = int.from_bytes(data[at : at + wide], "big")
        at += wide
        in_file = not version or data[at + 1] & 15 == 0
        at += (2 if version else 0) + 2  # the way of construction, the number of the data's file
        base, base_at = int.from_bytes(data[at : at + base_size], "big"), at
        at += base_size
        extents = struct.unpack_from(">H", data, at)[0]
        at += 2 + index_size
        if extents == 1 and in_file:
            offset = int.from_bytes(data[at : at + offset_size], "big")
            length_at = at + offset_size
            length = int.from_bytes(data[length_at : length_at + length_size], "big")
            items.locations[number] = ItemLocation(
                base + offset,
                length,
                (start + base_at, base_size),
                (start + at, offset_size),
                (start + length_at, length_size),
            )
        at += extents * (offset_size + length_size) + max(extents - 1, 0) * index_size


def _owned(data: bytes) -> dict[int, list[int]]:
    """Item -> the numbers of its properties, from 1."""
    version, flags = data[0], data[3]
    count, at = struct.unpack_from(">I", data, 4)[0], 8
    found: dict[int, list[int]] = {}
    for _ in range(count):
        item = struct.unpack_from(">I" if version else ">H", data, at)[0]
        at += 4 if version else 2
        amount, at = data[at], at + 1
        wide = 2 if flags & 1 else 1
        numbers = [int.from_bytes(data[at + i * wide :][:wide], "big") for i in range(amount)]
        found[item] = [number & (0x7FFF if wide == 2 else 0x7F) for number in numbers]
        at += amount * wide
    return found


def _frames(read: Read, at: int, end: int) -> int:
    """How many samples the longest track inside a box has."""
    longest = 0
    for kind, start, stop in boxes(read, at, end):
        if kind in (b"trak", b"mdia", b"minf", b"stbl"):
            longest = max(longest, _frames(read, start, stop))
        elif kind == b"stsz":
            longest = max(longest, int.from_bytes(read(start + 8, 4), "big"))
    return longest
