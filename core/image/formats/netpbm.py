"""PBM, PGM and PPM, read by ourselves. They are only read; what comes of them is PNG.

Source: netpbm's manual, pbm(5), pgm(5), ppm(5). Samples of `maxval` N are spread over 8 or 16 bits.
"""

import re
from typing import Final

import numpy as np

from core.image.faults import check_size, damaged, unsupported
from core.image.format import Format
from core.image.layout import SampleLayout
from core.image.metadata import Metadata
from core.image.origin import Origin
from core.image.page import Source, source_in_memory

#: A number, before it white space and remarks.
_NUMBER: Final = re.compile(rb"(?:\s|#[^\n\r]*[\n\r])+(\d{1,9})")
#: Remarks longer than this, together, are an attack.
_HEAD_BYTES: Final = 65536

FORMAT: Final = Format(
    name="netpbm",
    title="PBM, PGM, PPM",
    suffixes=(".pnm", ".pgm", ".ppm", ".pbm"),
    media_type="image/x-portable-anymap",
    begins=lambda start: re.match(rb"P[1-6][\s#]", start) is not None,
    becomes="png",
)


def open(origin: Origin, max_pixels: int) -> Source:
    """See `ReaderModule`."""
    head = origin.read(0, _HEAD_BYTES)
    kind = head[1] - ord("0")
    numbers, at = [], 2
    for _ in range(2 if kind in (1, 4) else 3):
        found = _NUMBER.match(head, at)
        if found is None:
            raise damaged("its header is cut short", origin.name)
        numbers.append(int(found[1]))
        at = found.end()
    width, height, top = (*numbers, 1)[:3]
    if not width or not height or not 1 <= top <= 65535:
        raise damaged("it has no size", origin.name)
    check_size(width, height, max_pixels, origin.name)
    channels = 3 if kind in (3, 6) else 1
    layout = SampleLayout(width, height, channels, 16 if top > 255 else 8, False)
    if kind > 3:
        row = (width + 7) // 8 if kind == 4 else width * channels * (2 if top > 255 else 1)
        rest = origin.size - (at + 1) - row * height
        if rest < 0:
            raise damaged("its rows are not all there", origin.name)
        if re.match(rb"P[4-6]\s", origin.read(at + 1 + row * height, 3)):
            raise unsupported("it holds more than one picture", origin.name)

    def decode() -> np.ndarray:
        data = origin.read(at + 1, origin.size)
        codes = (
            _plain(data, kind, layout, origin.name) if kind < 4 else _raw(data, kind, top, layout)
        )
        return _spread(codes, top, layout, origin.name).reshape(layout.shape)

    return source_in_memory(origin, FORMAT, layout, decode, Metadata(), max(1, top.bit_length()))


def _raw(data: bytes, kind: int, top: int, layout: SampleLayout) -> np.ndarray:
    if kind == 4:
        row = (layout.width + 7) // 8
        bits = np.frombuffer(data, np.uint8, row * layout.height).reshape(layout.height, row)
        return 1 - np.unpackbits(bits, axis=1, count=layout.width)  # 1 is black
    dtype = np.dtype(">u2" if top > 255 else "u1")
    return np.frombuffer(data, dtype, layout.height * layout.width * layout.channels)


def _plain(data: bytes, kind: int, layout: SampleLayout, name: str) -> np.ndarray:
    """Numbers in text; the bits of a PBM need no space between them."""
    count = layout.height * layout.width * layout.channels
    text = re.sub(rb"#[^\n\r]*", b" ", data)
    if kind == 1:
        codes = 1 - (np.frombuffer(re.sub(rb"\s", b"", text), np.uint8).astype(int) - ord("0"))
    else:
        try:
            codes = np.array(text.split(), np.int64)
        except (ValueError, OverflowError) as error:
            raise damaged("it has numbers that are none", name) from error
    if len(codes) < count:
        raise damaged("its rows are not all there", name)
    return codes[:count]


def _spread(codes: np.ndarray, top: int, layout: SampleLayout, name: str) -> np.ndarray:
    """Codes 0..top over the whole of 8 or 16 bits."""
    if codes.min() < 0 or codes.max() > top:
        raise damaged("it has samples above its largest", name)
    dtype = np.uint16 if layout.depth == 16 else np.uint8
    full = (1 << layout.depth) - 1
    if top == full:
        return codes.astype(dtype)
    return np.rint(np.arange(top + 1) * (full / top)).astype(dtype)[codes]
