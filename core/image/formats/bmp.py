"""BMP: headers by ourselves, the pixels by imagecodecs. It is only read; what comes of it is PNG.

Source: Microsoft, "Bitmap Storage", BITMAPINFOHEADER, BITMAPV5HEADER.
"""

import struct
from typing import Final

import numpy as np

from core.image.faults import check_size, damaged, unsupported
from core.image.format import Format
from core.image.layout import SampleLayout
from core.image.metadata import Metadata, Resolution
from core.image.origin import Origin
from core.image.page import Source, source_in_memory

#: Sizes of the second header that OS/2 writes.
_OS2: Final = (12, 16, 64)

FORMAT: Final = Format(
    name="bmp",
    title="BMP",
    suffixes=(".bmp", ".dib"),
    media_type="image/bmp",
    # Two letters are few: the size of the second header tells it from a text.
    begins=lambda start: (
        start.startswith(b"BM") and len(start) > 18 and start[14] in (*_OS2, 40, 52, 56, 108, 124)
    ),
    becomes="png",
)
_RGB, _BIT_FIELDS, _ALPHA_BIT_FIELDS = 0, 3, 6
#: A profile that stands in the file ('MBED').
_EMBEDDED: Final = b"DEBM"


def open(origin: Origin, max_pixels: int) -> Source:
    """See `ReaderModule`."""
    head = origin.read(0, 154)
    if len(head) < 54 or head[14] in _OS2:
        raise unsupported("it is a BMP of OS/2", origin.name)
    start, size, width, height = struct.unpack_from("<IIii", head, 10)
    bits, coding = struct.unpack_from("<HI", head, 28)
    height = abs(height)  # negative: the rows come from the top
    if width <= 0 or not height:
        raise damaged("it has no size", origin.name)
    check_size(width, height, max_pixels, origin.name)
    if coding not in (_RGB, _BIT_FIELDS, _ALPHA_BIT_FIELDS):
        raise unsupported("it is a BMP with coded rows", origin.name)
    if start + height * ((width * bits + 31) // 32 * 4) > origin.size:
        raise damaged("its rows are not all there", origin.name)
    codes = _decode(origin, (height, width))
    colours = 1 if codes.shape[2] < 3 else 3
    layout = SampleLayout(width, height, colours, 8, codes.shape[2] in (2, 4))
    held = [codes]  # decoded already, since only the decoder knows how many channels there are
    return source_in_memory(
        origin,
        FORMAT,
        layout,
        lambda: held.pop() if held else _decode(origin, (height, width)),
        Metadata(icc=_profile(origin, head, size), resolution=_resolution(head)),
        8,
    )


def _decode(origin: Origin, shape: tuple[int, int]) -> np.ndarray:
    import imagecodecs

    try:
        codes = imagecodecs.bmp_decode(origin.read(0, origin.size))
    except (imagecodecs.BmpError, ValueError) as error:
        raise damaged(str(error), origin.name) from error
    if codes.shape[:2] != shape or codes.dtype != np.uint8:
        raise damaged("its size is not what its header says", origin.name)
    return codes.reshape(*shape, -1)


def _resolution(head: bytes) -> Resolution | None:
    across, down = struct.unpack_from("<ii", head, 38)
    if across <= 0 or down <= 0:
        return None
    return Resolution(across / 100, down / 100, "centimetre")


def _profile(origin: Origin, head: bytes, size: int) -> bytes | None:
    """The profile that a header of version 5 points at."""
    if size < 124 or len(head) < 138 or head[70:74] != _EMBEDDED:
        return None
    at, length = struct.unpack_from("<II", head, 126)
    return origin.read(14 + at, length) or None
