"""Pictures for the tests of this room: gray, with smooth and grainy parts, in several formats."""

import io
import struct
import zlib

import numpy as np
from PIL import Image


def gray(height: int, width: int, depth: int = 8) -> np.ndarray:
    """(height, width) uint8 or uint16 codes: a ramp with waves and grain, all of the range."""
    y, x = np.mgrid[:height, :width]
    grain = np.random.default_rng(7).normal(0, 0.02, (height, width))
    light = 0.5 + 0.35 * np.sin(x / width * 9) * np.cos(y / height * 7) + 0.1 * (x / width) + grain
    top = 255 if depth == 8 else 65535
    return np.clip(light * top, 0, top).astype(np.uint8 if depth == 8 else np.uint16)


def rgb(height: int, width: int, depth: int = 8) -> np.ndarray:
    """(height, width, 3): a toned print."""
    plane = gray(height, width, depth).astype(float)
    top = 255 if depth == 8 else 65535
    toned = np.stack([plane * 1.04, plane, plane * 0.86], axis=-1)
    return np.clip(toned, 0, top).astype(np.uint8 if depth == 8 else np.uint16)


def file_of(samples: np.ndarray, format: str, **settings) -> bytes:
    """The picture as a file; `format` in Pillow's words."""
    stream = io.BytesIO()
    Image.fromarray(samples).save(stream, format, **settings)
    return stream.getvalue()


def huge_png_header() -> bytes:
    """A PNG that says it has 60,000 x 60,000 pixels, and has none."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    pixels = _chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + pixels + _chunk(b"IEND", b"")


def png_with(kind: bytes, data: bytes) -> bytes:
    """A small whole PNG with one chunk more, right after its header."""
    png = file_of(gray(60, 80), "PNG")
    return png[:33] + _chunk(kind, data) + png[33:]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
