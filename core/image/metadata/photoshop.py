"""Photoshop's image resources (8BIM blocks): the wrapping that IPTC data has in JPEG files.

Source: Adobe Photoshop File Formats Specification, "Image Resources Section".
"""

import struct
from collections.abc import Iterator
from typing import Final

_IPTC: Final = 0x0404
#: What would be untrue of the coloured picture: its thumbnails, its ICC profile.
_OUTDATED: Final = frozenset((0x0409, 0x040C, 0x040F))


def resources(block: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """(number, the whole resource, its data) of each; ends quietly at damage."""
    at = 0
    while block[at : at + 4] == b"8BIM" and at + 8 <= len(block):
        number, name = struct.unpack_from(">HB", block, at + 4)
        data_at = at + 6 + (name + 2 & ~1)
        if data_at + 4 > len(block):
            return
        size = struct.unpack_from(">I", block, data_at)[0]
        end = data_at + 4 + size
        if end > len(block):
            return
        yield number, block[at:end] + b"\0" * (size % 2), block[data_at + 4 : end]
        at = end + size % 2


def iptc_of(block: bytes) -> bytes | None:
    """The IPTC data sets (IIM) among the resources, or None."""
    return next((data for number, _, data in resources(block) if number == _IPTC), None)


def with_iptc(block: bytes | None, iptc: bytes | None) -> bytes:
    """The resources with these IPTC data sets, less what is untrue of the coloured picture."""
    kept = [
        whole
        for number, whole, _ in resources(block or b"")
        if number != _IPTC and number not in _OUTDATED
    ]
    if iptc:
        resource = b"8BIM" + struct.pack(">HxxI", _IPTC, len(iptc)) + iptc + b"\0" * (len(iptc) % 2)
        kept.insert(0, resource)
    return b"".join(kept)
