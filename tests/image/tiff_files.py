"""TIFF files as other programs wrote them, built tag by tag: what no library of ours can write."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

_SIZES = {1: "B", 2: "c", 3: "H", 4: "I", 7: "B"}


@dataclass
class Dir:
    """A directory of a gray or RGB picture in strips of `rows` rows (0: one strip).

    `segments` are its strips as they stand in the file (default: the samples of `picture`);
    `tags` are more tags, tag -> (type, values), or None for one that is to be missing.
    """

    picture: np.ndarray
    rows: int = 0
    segments: Sequence[bytes] = ()
    tags: Mapping[int, tuple[int, Sequence[Any]] | None] = field(default_factory=dict)
    below: Sequence["Dir"] = ()


def file_of(*chain: Dir, order: Literal["<", ">"] = "<") -> bytes:
    """A classic TIFF of these pages, each with its sub-directories."""
    data = bytearray({"<": b"II*\0", ">": b"MM\0*"}[order] + bytes(4))
    pointer = 4
    for directory in chain:
        at, pointer_of_next = _add(data, directory, order)
        struct.pack_into(order + "I", data, pointer, at)
        pointer = pointer_of_next
    return bytes(data)


def _add(data: bytearray, directory: Dir, order: Literal["<", ">"]) -> tuple[int, int]:
    """(where the directory stands, where it points to the next one)."""
    below = [_add(data, each, order)[0] for each in directory.below]
    picture = directory.picture
    height, width = picture.shape[:2]
    samples = picture.shape[2] if picture.ndim == 3 else 1
    rows = directory.rows or height
    swapped = picture.astype(picture.dtype.newbyteorder(order))
    segments = directory.segments or [
        swapped[top : top + rows].tobytes() for top in range(0, height, rows)
    ]
    offsets = []
    for segment in segments:
        offsets.append(len(data))
        data += segment + b"\0" * (len(segment) % 2)
    tags: dict[int, Any] = {
        256: (4, [width]),
        257: (4, [height]),
        258: (3, [picture.itemsize * 8] * samples),
        259: (3, [1]),
        262: (3, [1 if samples == 1 else 2]),
        273: (4, offsets),
        277: (3, [samples]),
        278: (4, [rows]),
        279: (4, [len(segment) for segment in segments]),
    }
    if below:
        tags[330] = (4, below)
    tags |= directory.tags
    entries = sorted((tag, value) for tag, value in tags.items() if value is not None)
    at = len(data)
    table = struct.pack(order + "H", len(entries))
    values = bytearray()
    behind = at + 2 + 12 * len(entries) + 4
    for tag, (kind, numbers) in entries:
        packed = struct.pack(f"{order}{len(numbers)}{_SIZES[kind]}", *numbers)
        table += struct.pack(order + "HHI", tag, kind, len(numbers))
        if len(packed) <= 4:
            table += packed.ljust(4, b"\0")
        else:
            table += struct.pack(order + "I", behind + len(values))
            values += packed + b"\0" * (len(packed) % 2)
    data += table + bytes(4) + values
    return at, behind - 4


def packed_12(picture: np.ndarray) -> bytes:
    """Samples of 12 bits as TIFF packs them: each row from a new byte."""
    rows = []
    for row in picture.reshape(len(picture), -1).astype(np.uint16):
        bits = ((row[:, np.newaxis] >> np.arange(11, -1, -1)) & 1).astype(np.uint8)
        rows.append(np.packbits(bits.reshape(-1)).tobytes())
    return b"".join(rows)


#: Tags of a page whose only segment is an old-style JPEG: the four of strips give way.
OLD_JPEG = {259: (3, [6]), 273: None, 278: None, 279: None}


def old_jpeg(data: bytes, at: int, tags: dict | None = None) -> dict:
    """The tags of a page that is the old-style JPEG `data` at byte `at` of the file."""
    return OLD_JPEG | {513: (4, [at]), 514: (4, [len(data)])} | (tags or {})
