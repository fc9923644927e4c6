"""The boxes that JPEG 2000 and AVIF files are made of.

Source: ISO/IEC 15444-1 annex I, ISO/IEC 14496-12.
"""

import struct
from collections.abc import Callable, Iterator


def boxes(read: Callable[[int, int], bytes], at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(kind, start of the data, its end) of each box; ends quietly at damage."""
    while at + 8 <= end:
        head = read(at, 16)
        if len(head) < 8:
            return
        size, kind = struct.unpack_from(">I4s", head)
        start = at + 8
        if size == 1 and len(head) == 16:
            size, start = struct.unpack_from(">Q", head, 8)[0], at + 16
        stop = end if size == 0 else at + size
        if stop < start:
            return
        yield kind, start, stop
        at = stop


def box(kind: bytes, data: bytes | bytearray) -> bytes:
    """A box with its header."""
    if len(data) + 8 < 1 << 32:
        return struct.pack(">I4s", len(data) + 8, kind) + data
    return struct.pack(">I4sQ", 1, kind, len(data) + 16) + data
