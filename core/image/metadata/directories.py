"""TIFF directories: the tagged lists that TIFF files and EXIF blocks are made of.

`read_header` and `read_directory` read them from anything that can be asked for a span of bytes,
`serialize` makes one again. Values travel as little-endian bytes, whatever the file's order, so
that a tag nobody here knows is carried over exactly. Source: TIFF 6.0; BigTIFF design (2007).
"""

import struct
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

#: (offset, size) -> exactly `size` bytes; raises `BadDirectory` where there are fewer.
Reader = Callable[[int, int], bytes]

#: type code -> bytes a value; 13 is an IFD offset, 16-18 are BigTIFF's 8-byte types.
SIZES: Final = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, IFD, LONG8 = 1, 2, 3, 4, 5, 7, 13, 16
#: type code of integers -> struct's letter.
INTEGER_CODES: Final = {
    1: "B",
    3: "H",
    4: "I",
    6: "b",
    8: "h",
    9: "i",
    13: "I",
    16: "Q",
    17: "q",
    18: "Q",
}
#: Values that are swapped in units smaller than their size: a rational is two longs.
_SWAP_UNITS: Final = {5: 4, 10: 4}


#: A longer value than this (64 MB) is no metadata: Photoshop keeps its layers in a tag.
LONGEST_VALUE: Final = 64 << 20
_TOO_LONG: Final = "it is longer than 64 MB"


class BadDirectory(ValueError):
    """The directory points outside the file, in a circle, or has impossible values."""


@dataclass(frozen=True, slots=True)
class TagEntry:
    """One tag: its type, how many values, and their bytes, little-endian.

    `place` is where the value (or its offset) stands in the block that it was read from; `fault`
    says why it has no values (a clause), where that is no state of the file's own.
    """

    tag: int
    type: int
    count: int
    data: bytes
    place: int = 0
    fault: str = ""

    @property
    def integers(self) -> tuple[int, ...]:
        """The values of an integer type; () for other types."""
        code = INTEGER_CODES.get(self.type)
        return struct.unpack(f"<{self.count}{code}", self.data) if code else ()

    @property
    def rationals(self) -> tuple[float, ...]:
        """The values of a rational type as floats, 0 where the denominator is 0."""
        if self.type not in _SWAP_UNITS:
            return ()
        parts = struct.unpack(
            f"<{self.count * 2}{'I' if self.type == RATIONAL else 'i'}", self.data
        )
        return tuple(a / b if b else 0.0 for a, b in zip(parts[::2], parts[1::2], strict=True))


@dataclass(frozen=True, slots=True)
class BlockHeader:
    """How the directories of one block are written: `order` is '<' or '>'."""

    order: str
    big: bool
    first: int


Directory = dict[int, TagEntry]


def reader_of(block: bytes) -> Reader:
    """A `Reader` of bytes in memory."""

    def read(offset: int, size: int) -> bytes:
        if offset < 0 or offset + size > len(block):
            raise BadDirectory(f"it points to byte {offset + size:,} of {len(block):,}")
        return block[offset : offset + size]

    return read


def read_header(read: Reader) -> BlockHeader:
    """The first bytes of a TIFF file or EXIF block; raises `BadDirectory`."""
    start = read(0, 8)
    order = {b"II": "<", b"MM": ">"}.get(start[:2])
    if order is None:
        raise BadDirectory("it has no byte order")
    version = struct.unpack(order + "H", start[2:4])[0]
    if version == 42:
        return BlockHeader(order, False, struct.unpack(order + "I", start[4:])[0])
    if version == 43:
        return BlockHeader(order, True, struct.unpack(order + "Q", read(8, 8))[0])
    raise BadDirectory(f"it has the unknown version {version}")


def read_directory(
    read: Reader, offset: int, header: BlockHeader, *, partly: bool = False
) -> tuple[Directory, int]:
    """The directory at `offset`, and where the next one stands (0: there is none).

    A tag of an unknown type is left out, as TIFF 6.0 asks of readers. One over `LONGEST_VALUE`, or
    whose values lie outside the file, has no values, and a `fault`: one wrong tag is no reason to
    lose the others. Raises `BadDirectory` where the directory itself is not all there; with
    `partly`, the entries count that are.
    """
    order, big = header.order, header.big
    width, layout, inline = (20, "HHQ", 8) if big else (12, "HHI", 4)
    start = 8 if big else 2
    count = struct.unpack(order + ("Q" if big else "H"), read(offset, start))[0]
    if count > 65535:
        raise BadDirectory(f"it claims {count:,} tags")
    if partly:
        table = _rows_there(read, offset + start, count, width)
        count = len(table) // width
    else:
        table = read(offset + start, count * width)
    directory: Directory = {}
    for row in range(0, count * width, width):
        tag, type_, length = struct.unpack_from(order + layout, table, row)
        if type_ not in SIZES:
            continue
        size = SIZES[type_] * length
        place = offset + start + row + width - inline
        if size > LONGEST_VALUE:
            directory[tag] = TagEntry(tag, type_, 0, b"", place, _TOO_LONG)
            continue
        if size <= inline:
            raw = table[row + width - inline : row + width - inline + size]
        else:
            at = struct.unpack_from(order + ("Q" if big else "I"), table, row + width - inline)[0]
            try:
                raw = read(at, size)
            except BadDirectory as error:
                directory[tag] = TagEntry(tag, type_, 0, b"", place, str(error))
                continue
        directory[tag] = TagEntry(tag, type_, length, _little(raw, type_, order), place)
    end = offset + start + count * width
    try:
        following = struct.unpack(order + ("Q" if big else "I"), read(end, 8 if big else 4))[0]
    except BadDirectory:
        following = 0  # the last directory of a careless writer
    return directory, following


def _rows_there(read: Reader, at: int, count: int, width: int) -> bytes:
    """Of `count` rows of a table as many as the block has."""
    rows = []
    for number in range(count):
        try:
            rows.append(read(at + number * width, width))
        except BadDirectory:
            break
    return b"".join(rows)


def serialize(entries: Iterable[TagEntry], offset: int, *, big: bool, following: int = 0) -> bytes:
    """A directory (and, behind it, the values that do not fit inside) to stand at `offset`.

    Little-endian; sorted by tag as TIFF 6.0 asks; those with a `fault` are left out. `offset` must
    be even.
    """
    rows = sorted((entry for entry in entries if not entry.fault), key=lambda entry: entry.tag)
    inline = 8 if big else 4
    head = struct.pack("<Q" if big else "<H", len(rows))
    values_at = offset + len(head) + len(rows) * (20 if big else 12) + inline
    values_at += values_at % 2
    table, values = bytearray(head), bytearray()
    for entry in rows:
        table += struct.pack("<HHQ" if big else "<HHI", entry.tag, entry.type, entry.count)
        if len(entry.data) <= inline:
            table += entry.data.ljust(inline, b"\0")
        else:
            table += struct.pack("<Q" if big else "<I", values_at + len(values))
            values += entry.data + b"\0" * (len(entry.data) % 2)
    table += struct.pack("<Q" if big else "<I", following)
    return bytes(table.ljust(values_at - offset, b"\0") + values)


def integers(tag: int, type_: int, *values: int) -> TagEntry:
    """An entry of integers of `type_` (SHORT, LONG, LONG8, BYTE, IFD)."""
    return TagEntry(
        tag, type_, len(values), struct.pack(f"<{len(values)}{INTEGER_CODES[type_]}", *values)
    )


def rational(tag: int, value: float) -> TagEntry:
    """An entry of one unsigned rational, exact to 1/1,000,000 of values below 4,294."""
    from fractions import Fraction

    part = Fraction(value).limit_denominator(1_000_000 if value < 4294 else 1)
    return TagEntry(tag, RATIONAL, 1, struct.pack("<II", part.numerator, part.denominator))


def blob(tag: int, data: bytes, type_: int = BYTE) -> TagEntry:
    """An entry of raw bytes (BYTE, ASCII or UNDEFINED)."""
    return TagEntry(tag, type_, len(data), data)


def _little(raw: bytes, type_: int, order: str) -> bytes:
    unit = _SWAP_UNITS.get(type_, SIZES[type_])
    if order == "<" or unit == 1:
        return bytes(raw)
    values = array({2: "H", 4: "I", 8: "Q"}[unit], raw)
    values.byteswap()
    return values.tobytes()
