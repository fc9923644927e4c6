"""Pictures and files for the tests of this room, made by other libraries than ours."""

import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from PIL import Image

from core.image.metadata.provenance import Provenance
from core.image.page import Source
from core.image.painted_page import Paint, PaintedPage
from core.image.read import open_source
from core.image.write import encode

PROVENANCE = Provenance(
    job_key="ab" * 32,
    model_name="trial",
    model_version="1.2",
    model_sha256="cd" * 32,
    options='{"side":384,"vividness":1,"why":"<&> é 漢"}',
    tool="photochrom 0.1.0",
)


def gray(height: int = 61, width: int = 83, depth: int = 8) -> np.ndarray:
    """A slope with some texture, over all codes."""
    top = (1 << depth) - 1
    slope = np.add.outer(np.linspace(0, 0.6, height), np.linspace(0, 0.4, width))
    noise = np.random.default_rng(7).uniform(-0.02, 0.02, (height, width))
    return np.rint(np.clip(slope + noise, 0, 1) * top).astype(np.uint8 if depth == 8 else np.uint16)


def colour(height: int = 61, width: int = 83, depth: int = 8) -> np.ndarray:
    """Three different slopes, as red, green and blue."""
    plane = gray(height, width, depth)
    return np.stack((plane, plane[::-1], plane[:, ::-1]), axis=-1)


def alpha(height: int = 61, width: int = 83, depth: int = 8) -> np.ndarray:
    """A mask with every kind of value."""
    return gray(height, width, depth)[::-1, ::-1].copy()


def multiplied(picture: np.ndarray) -> np.ndarray:
    """Colours and alpha (h, w, channels), the colours multiplied by alpha."""
    full = np.iinfo(picture.dtype).max
    opaque = picture[..., -1:] / full
    colours = np.rint(picture[..., :-1] * opaque).astype(picture.dtype)
    return np.concatenate((colours, picture[..., -1:]), axis=-1)


def divided(picture: np.ndarray) -> np.ndarray:
    """Colours and alpha (h, w, channels), the colours divided by alpha and clipped at white."""
    full = np.iinfo(picture.dtype).max
    mask = picture[..., -1:]
    colours = picture[..., :-1].astype(float) * full / np.where(mask == 0, full, mask)
    # Halves are rounded up, by numpy to even.
    colours = np.floor(np.clip(colours, 0, full) + 0.5).astype(picture.dtype)
    return np.concatenate((colours, picture[..., -1:]), axis=-1)


def repeat(samples: np.ndarray, _top: int, out: np.ndarray) -> None:
    """A paint: gray stays gray and colours stay as they are, whatever the depth."""
    if samples.ndim == 2:
        samples = samples[..., np.newaxis]
    if samples.dtype == out.dtype:
        out[:] = samples
    elif out.dtype == np.uint8:
        out[:] = np.rint(samples / 257)
    else:
        out[:] = samples.astype(np.uint16) * 257


def painted(source: Source, paint: Paint = repeat) -> Iterator[PaintedPage]:
    """The pages of a source, each painted by `paint`."""
    return (PaintedPage(page, paint) for page in source.pages)


def samples_of(source, page: int = 0) -> np.ndarray:
    """All samples of a page, put together."""
    return np.concatenate([samples for _, samples, _ in source.pages[page].strips()])


def alpha_of(source, page: int = 0) -> np.ndarray:
    """All alpha of a page, put together."""
    return np.concatenate([part for _, _, part in source.pages[page].strips() if part is not None])


def through(data: bytes | Path, paint: Paint = repeat, **options) -> bytes:
    """The file that a source becomes."""
    with open_source(data) as source:
        return encode(source, painted(source, paint), **{"provenance": PROVENANCE, **options})[0]


def pillow(picture: np.ndarray | Image.Image, kind: str, **options) -> bytes:
    """A file that Pillow writes."""
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def tiff(picture: np.ndarray, **options) -> bytes:
    """A TIFF that tifffile writes."""
    file = io.BytesIO()
    options.setdefault("photometric", "rgb" if picture.ndim == 3 else "minisblack")
    tifffile.imwrite(file, picture, metadata=None, **options)
    return file.getvalue()


def opened(data: bytes) -> Any:
    """What Pillow makes of a file."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def tiff_of(data: bytes) -> tifffile.TiffFile:
    """What tifffile makes of a file."""
    return tifffile.TiffFile(io.BytesIO(data))


def pages_of(data: bytes) -> list[tifffile.TiffPage]:
    """tifffile's pages of a file."""
    return [page for page in tiff_of(data).pages if isinstance(page, tifffile.TiffPage)]


def first_page(data: bytes) -> tifffile.TiffPage:
    """tifffile's first page of a file."""
    return pages_of(data)[0]


def jp2(picture: np.ndarray) -> bytes:
    """A lossless JP2 that OpenJPEG writes."""
    return bytes(imagecodecs.jpeg2k_encode(picture, codecformat="jp2", reversible=True))


def premultiplied_avif(picture: np.ndarray) -> bytes:
    """RGB and alpha as `avifenc --premultiply` writes them: the picture refers to its alpha.

    Pillow's encoder writes the file; the reference is set into it and the places behind are moved.
    """
    data = bytearray(pillow(multiplied(picture), "AVIF", quality=100, subsampling="4:4:4"))
    references = data.index(b"iref") - 4
    size = struct.unpack_from(">I", data, references)[0]
    auxiliary, _, master = struct.unpack_from(">HHH", data, references + 20)
    added = struct.pack(">I4sHHH", 14, b"prem", master, 1, auxiliary)
    data[references + size : references + size] = added
    for box in (references, data.index(b"meta") - 4):
        length = struct.unpack_from(">I", data, box)[0]
        struct.pack_into(">I", data, box, length + len(added))
    places = data.index(b"iloc") + 4
    assert data[places + 4] == 0x44 and not data[places], "offsets and lengths have four bytes"
    at = places + 8
    for _ in range(struct.unpack_from(">H", data, places + 6)[0]):
        at += 4 + (data[places + 5] >> 4) + 2  # item, reference, base, count: one extent each
        offset = struct.unpack_from(">I", data, at)[0]
        struct.pack_into(">I", data, at, offset + len(added))
        at += 8
    return bytes(data)


def lightness(codes: np.ndarray) -> np.ndarray:
    """CIE L* of gray sRGB codes, from the standards' text."""
    code = codes / (255 if codes.dtype == np.uint8 else 65535)
    return lightness_of_y(np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4))


def lightness_of_y(y: np.ndarray) -> np.ndarray:
    """CIE L* of Y 0..1 (CIE 15)."""
    return np.where(y > (6 / 29) ** 3, 116 * np.cbrt(y) - 16, y * 24389 / 27)
