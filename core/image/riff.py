"""WebP's chunks: the metadata of a file. libvips writes them.

Source: WebP Container Specification (Google). Stands on `metadata.py`.
"""

import struct
from collections.abc import Callable
from typing import Final

from core.image import exif
from core.image.metadata import Metadata

#: Metadata chunks longer than this are not worth the memory.
_LONGEST: Final = 64 << 20
_WANTED: Final = (b"ICCP", b"EXIF", b"XMP ")


def read_metadata(read: Callable[[int, int], bytes]) -> tuple[Metadata, frozenset[bytes]]:
    """What a WebP file says beside the picture, and the names of all its chunks."""
    found: dict[bytes, bytes] = {}
    names: set[bytes] = set()
    at = 12
    while len(head := read(at, 8)) == 8:
        name, size = struct.unpack("<4sI", head)
        names.add(name)
        if name in _WANTED and size <= _LONGEST:
            found.setdefault(name, read(at + 8, size))
        at += 8 + size + size % 2
    block = found.get(b"EXIF", b"").removeprefix(b"Exif\0\0")
    metadata = Metadata(icc=found.get(b"ICCP"), exif=block or None, xmp=found.get(b"XMP "))
    return exif.oriented(metadata), frozenset(names)
