"""Segments that libvips' own libtiff does not decode, decoded by imagecodecs.

Zstandard, LZMA, LERC, JPEG 2000, JPEG XL and old-style JPEG; samples of 9 to 15 bits; YCbCr whose
colours are as fine as its lightness, which libvips takes for RGB; and words of a big-endian file
where a page is handed to libvips as a file of its own (`rewritten.py`).
"""

import lzma
import struct
import zlib
from typing import Any, Final

import numpy as np

from core.image.faults import damaged, unreadable
from core.image.formats.tiff.pages import TiffPage
from core.image.metadata import tags
from core.image.metadata.directories import Directory
from core.image.origin import Origin

#: Rec. 601, and the codes of black and white, where a file says nothing (TIFF 6.0, section 21).
_COEFFICIENTS: Final = (0.299, 0.587, 0.114)
_BLACK_AND_WHITE: Final = (0.0, 255.0, 128.0, 255.0, 128.0, 255.0)
#: Those whose decoders give samples, with imagecodecs' names of them; the others give bytes.
_DECODERS: Final = {
    "old-jpeg": "jpeg8",
    "lerc": "lerc",
    "jpeg2000": "jpeg2k",
    "jpegxl": "jpegxl",
}
#: LERC inside another compression is at most so many bytes longer than samples of 16 bits.
_LONGEST_WRAPPED: Final = 1 << 16


def samples_of_segment(origin: Origin, page: TiffPage, number: int) -> np.ndarray:
    """Segment `number` of a page: (rows, width, channels) uint8 or uint16, without a predictor.

    Channels are those that are read, or the one of the segment. Samples of 9 to 15 bits are spread
    over 16. A last strip has the rows that are left.
    Raises `SourceError` (truncated).
    """
    segments = page.segments
    data = origin.read(segments.offsets[number], segments.lengths[number])
    samples = 1 if page.is_planar else page.samples
    shape = page.rows_of(number), segments.width, samples
    try:
        if page.compression in _DECODERS:
            codes = _decoded_samples(data, page, shape)
        else:
            if page.is_bit_reversed:
                data = _codecs().bitorder_decode(data)
            codes = _unpacked(_decoded_bytes(data, page, shape), page, shape)
    except (RuntimeError, ValueError, TypeError, MemoryError, lzma.LZMAError) as error:
        # imagecodecs has an error a codec, each a RuntimeError.
        raise damaged(f"a segment cannot be decoded: {_first_line(error)}", origin.name) from error
    except OSError as error:
        raise unreadable(error, origin.name) from error
    if page.predictor and page.compression not in _DECODERS:
        codes = np.cumsum(codes, axis=1, dtype=codes.dtype)
    if page.has_left_out and not page.is_planar:
        codes = codes[..., page.kept]
    if page.is_fine_ycbcr:
        codes = _rgb_of_ycbcr(codes, page.directory)
    if page.bits in (8, 16):
        return np.ascontiguousarray(codes)
    top = (1 << page.bits) - 1
    return ((codes.astype(np.uint32) * 65535 + top // 2) // top).astype(np.uint16)


def put_together(origin: Origin, page: TiffPage) -> np.ndarray:
    """All samples of a page whose segments have one channel each: what libvips does not read.

    (height, width, channels) uint8 or uint16, black at 0 where the page is gray. Raises
    `SourceError` (truncated).
    """
    across, down = page.segments.width, page.segments.rows
    columns, rows = -(-page.width // across), -(-page.height // down)
    dtype = np.uint8 if page.bits == 8 else np.uint16
    codes = np.empty((rows * down, columns * across, len(page.kept)), dtype)
    for channel, stored in enumerate(page.kept):
        for place in range(rows * columns):
            top, left = place // columns * down, place % columns * across
            tile = samples_of_segment(origin, page, stored * rows * columns + place)
            codes[top : top + len(tile), left : left + across, channel] = tile[..., 0]
    codes = codes[: page.height, : page.width]
    if page.photometric == 0:
        codes[..., 0] = ~codes[..., 0]
    return codes


def _decoded_bytes(data: bytes, page: TiffPage, shape: tuple[int, int, int]) -> Any:
    """The bytes of a segment without compression; raises what imagecodecs raises."""
    size = -(-shape[1] * shape[2] * page.bits // 8) * shape[0]
    codecs = _codecs()
    if page.compression == "none":
        decoded: Any = data
    elif page.compression == "deflate":
        decoded = _inflated(data, size)
    elif page.compression == "lzma":
        decoded = lzma.LZMADecompressor().decompress(data, size)
    else:
        decode = getattr(codecs, f"{page.compression}_decode")
        # A segment may be as long as a whole one, also the last.
        decoded = decode(data, out=-(-size // shape[0]) * page.segments.rows)
    if len(decoded) < size:
        raise ValueError(f"{len(decoded):,} bytes of {size:,}")
    return memoryview(decoded)[:size]


def _inflated(data: bytes, size: int) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, size)
    except zlib.error as error:
        raise ValueError(str(error)) from error


def _unpacked(data: Any, page: TiffPage, shape: tuple[int, int, int]) -> np.ndarray:
    if page.bits not in (8, 16):
        codes = _codecs().packints_decode(data, "uint16", page.bits, runlen=shape[1] * shape[2])
        return np.asarray(codes, np.uint16).reshape(shape)
    dtype = "u1" if page.bits == 8 else (">u2" if page.is_big_endian else "<u2")
    codes = np.frombuffer(data, dtype).reshape(shape)
    return codes.astype(np.uint8 if page.bits == 8 else np.uint16)


def _decoded_samples(data: bytes, page: TiffPage, shape: tuple[int, int, int]) -> np.ndarray:
    """The samples of a segment, which has at least the rows of `shape`."""
    if page.compression == "lerc" and page.lerc_wrapping:
        codecs, size = _codecs(), _LONGEST_WRAPPED + 2 * int(np.prod(shape))
        unwrap = codecs.deflate_decode if page.lerc_wrapping == 1 else codecs.zstd_decode
        data = bytes(unwrap(data, out=size))
    height = _rows_stated(data, page, shape[0])
    if not shape[0] <= height <= page.segments.rows:
        raise ValueError(f"it has {height:,} rows of {shape[0]:,}")
    # The decoder compares its header with the memory that it is given, before it takes more.
    dtype = np.dtype(np.uint8 if page.bits == 8 else np.uint16)
    size = (height, *shape[1:]) if shape[2] > 1 else (height, shape[1])
    decode = getattr(_codecs(), f"{_DECODERS[page.compression]}_decode")
    codes = decode(data, out=np.empty(size, dtype))
    return np.asarray(codes).reshape(height, *shape[1:])[: shape[0]]


def _rows_stated(data: bytes, page: TiffPage, rows: int) -> int:
    """The height of a segment, as its header says: some programs fill the last one up.

    Raises `ValueError` where a JPEG 2000 codestream, whose decoder would take the memory for it
    first, has another width.
    """
    if page.compression == "jpeg2000":
        at = data.find(b"\xff\x4f\xff\x51", 0, 4096)
        if at < 0 or len(data) < at + 24:
            raise ValueError("it is no JPEG 2000 codestream")
        right, bottom, left, top = struct.unpack_from(">IIII", data, at + 8)
        if right - left != page.segments.width:
            raise ValueError(f"it is {right - left:,} pixels wide")
        return bottom - top
    if page.compression == "lerc" and data.startswith(b"Lerc2 "):
        version = struct.unpack_from("<i", data, 6)[0]
        return struct.unpack_from("<i", data, 10 if version < 3 else 14)[0]
    return rows


def _rgb_of_ycbcr(codes: np.ndarray, directory: Directory) -> np.ndarray:
    """RGB codes (rows, width, 3) uint8 of YCbCr ones (TIFF 6.0, section 21)."""

    def stated(tag: int, default: tuple[float, ...]) -> tuple[float, ...]:
        values = directory[tag].rationals if tag in directory else ()
        return values if len(values) == len(default) else default

    red, green, blue = stated(tags.YCBCR_COEFFICIENTS, _COEFFICIENTS)
    marks = stated(tags.REFERENCE_BLACK_WHITE, _BLACK_AND_WHITE)
    y, cb, cr = (
        (codes[..., channel].astype(np.float32) - black) * (span / ((white - black) or 1.0))
        for channel, (black, white, span) in enumerate(
            zip(marks[::2], marks[1::2], (255.0, 127.0, 127.0), strict=True)
        )
    )
    r, b = y + cr * (2 - 2 * red), y + cb * (2 - 2 * blue)
    g = (y - blue * b - red * r) / (green or 1.0)
    return np.rint(np.clip(np.stack((r, g, b), axis=-1), 0, 255)).astype(np.uint8)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or ["no reason given"])[0]


def _codecs() -> Any:
    import imagecodecs

    return imagecodecs
