"""Writing JP2: one lossless codestream in sRGB, and the boxes around it.

Source: ISO/IEC 15444-1 annex I.
"""

import struct

import numpy as np

from core.image.boxes import box
from core.image.formats.jpeg2000.colours import SRGB_NUMBER
from core.image.formats.jpeg2000.header import EXIF, IPTC, SIGNATURE, XMP
from core.image.metadata import Metadata, Resolution


def encode(codes: np.ndarray, metadata: Metadata, *, premultiplied: bool = False) -> bytes:
    """A JP2 file, lossless, of codes (h, w, 3 or 4) uint8 or uint16 in sRGB.

    `premultiplied` says that the colours are multiplied by the fourth channel.
    """
    import imagecodecs

    stream = imagecodecs.jpeg2k_encode(codes, codecformat="j2k", reversible=True, numthreads=1)
    parts = [SIGNATURE, box(b"ftyp", b"jp2 \0\0\0\0jp2 ")]
    parts.append(box(b"jp2h", _picture_header(codes, metadata, premultiplied)))
    for kind, data in ((XMP, metadata.xmp), (EXIF, metadata.exif), (IPTC, metadata.iptc)):
        if data:
            parts.append(box(b"uuid", kind + data))
    parts += [box(kind, data) for kind, data in metadata.own if kind != b"res "]
    parts.append(box(b"jp2c", stream))
    return b"".join(parts)


def _picture_header(codes: np.ndarray, metadata: Metadata, premultiplied: bool) -> bytes:
    """The boxes inside `jp2h`."""
    height, width, channels = codes.shape
    bits = codes.itemsize * 8
    has_rights = any(kind == b"jp2i" for kind, _ in metadata.own)
    size = (height, width, channels, bits - 1, 7, 0, has_rights)
    header = box(b"ihdr", struct.pack(">IIHBBBB", *size))
    header += box(b"colr", struct.pack(">BbBI", 1, 0, 0, SRGB_NUMBER))
    if channels == 4:
        rows = [(0, 0, 1), (1, 0, 2), (2, 0, 3), (3, 2 if premultiplied else 1, 0)]
        table = b"".join(struct.pack(">HHH", *row) for row in rows)
        header += box(b"cdef", struct.pack(">H", len(rows)) + table)
    # A JP2 keeps its own box, which may hold the display's resolution beside the capture's.
    own = next((data for kind, data in metadata.own if kind == b"res "), None)
    if own is None and metadata.resolution and metadata.resolution.unit != "none":
        own = box(b"resc", _resolution_data(metadata.resolution))
    return header + (box(b"res ", own) if own is not None else b"")


def _resolution_data(resolution: Resolution) -> bytes:
    """Samples a metre, as a fraction of 16 bits and a power of ten: exact to four digits."""
    metric = resolution.per("centimetre")
    parts, powers = [], []
    for value in (metric.down * 100, metric.across * 100):
        power = 0
        while value > 65535:
            value, power = value / 10, power + 1
        scale = 1
        while value * scale * 10 <= 65535 and scale < 10000:
            scale *= 10
        parts += [max(round(value * scale), 1), scale]
        powers.append(power)
    return struct.pack(">HHHHbb", *parts, *powers)
