"""Photoshop documents (PSD, PSB): the flattened picture. Only read; what comes of them is TIFF.

Source: Adobe Photoshop File Formats Specification (2019). Layers, masks and further channels are
not read: what is coloured is what Photoshop shows, on white, and is stored beside the layers.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from core.image.faults import check_size, damaged, unsupported
from core.image.format import Format
from core.image.layout import SampleLayout
from core.image.metadata import Metadata, Resolution, exif, photoshop
from core.image.origin import Origin
from core.image.page import Source, source_in_memory

FORMAT: Final = Format(
    name="psd",
    title="Photoshop document",
    suffixes=(".psd", ".psb"),
    media_type="image/vnd.adobe.photoshop",
    begins=lambda start: start.startswith(b"8BPS"),
    becomes="tiff",
)
_BITMAP, _GRAY, _INDEXED, _RGB, _CMYK, _DUOTONE = 0, 1, 2, 3, 4, 8
_COLOURS: Final = {_BITMAP: 1, _GRAY: 1, _INDEXED: 1, _RGB: 3, _CMYK: 4, _DUOTONE: 1}
#: Image resources: the resolution, whether the flattened picture is real, ICC, EXIF, XMP.
_RESOLUTION, _VERSION, _ICC, _EXIF, _XMP = 1005, 1057, 1039, 1058, 1060
_LONGEST: Final = 256 << 20
_RAW, _PACK_BITS = 0, 1


@dataclass(frozen=True, slots=True)
class _Head:
    """The header, and where the sections stand."""

    big: bool
    channels: int
    width: int
    height: int
    bits: int
    mode: int
    palette: bytes
    resources: bytes
    has_layers: bool
    picture: int


def open(origin: Origin, max_pixels: int) -> Source:
    """See `ReaderModule`."""
    try:
        head = _read_head(origin.read)
    except struct.error as error:
        raise damaged("its header is cut short", origin.name) from error
    if not head.width or not head.height:
        raise damaged("it has no size", origin.name)
    check_size(head.width, head.height, max_pixels, origin.name)
    if head.mode not in _COLOURS:
        raise unsupported("it is a Photoshop document in Lab or multichannel colours", origin.name)
    if head.bits not in (1, 8, 16):
        raise unsupported(f"it is a Photoshop document of {head.bits} bits a sample", origin.name)
    colours = _COLOURS[head.mode]
    if head.channels < colours:
        raise damaged("it has too few channels", origin.name)
    found = {number: data for number, _, data in photoshop.resources(head.resources)}
    if found.get(_VERSION, b"\0\0\0\0\1")[4:5] == b"\0":
        raise unsupported("it is a Photoshop document without its flattened picture", origin.name)
    depth: Literal[8, 16] = 16 if head.bits == 16 else 8
    if head.mode == _INDEXED:
        colours = 3
    layout = SampleLayout(head.width, head.height, colours, depth, False)
    return source_in_memory(
        origin, FORMAT, layout, lambda: _decode(origin, head), _metadata(head, found), head.bits
    )


def _read_head(read: Callable[[int, int], bytes]) -> _Head:
    version, channels, height, width, bits, mode = struct.unpack(">H6xHIIHH", read(4, 22))
    big, at = version == 2, 26
    sections = []
    for wide in (False, False, big):
        size = struct.unpack(">Q" if wide else ">I", read(at, 8 if wide else 4))[0]
        start = at + (8 if wide else 4)
        sections.append((start, size))
        at = start + size
    palette, resources = (read(start, min(size, _LONGEST)) for start, size in sections[:2])
    layers = sections[2][1] > 4
    return _Head(big, channels, width, height, bits, mode, palette, resources, layers, at)


def _metadata(head: _Head, found: dict[int, bytes]) -> Metadata:
    resolution = None
    if len(data := found.get(_RESOLUTION, b"")) >= 12:
        across, unit, down = struct.unpack_from(">IH2xI", data)  # samples an inch, in 1/65536
        if across and down:
            resolution = Resolution(across / 65536, down / 65536, "inch")
            resolution = resolution.per("centimetre") if unit == 2 else resolution
    metadata = Metadata(
        icc=found.get(_ICC) if head.mode != _INDEXED else None,
        exif=found.get(_EXIF),
        xmp=found.get(_XMP),
        iptc=photoshop.iptc_of(head.resources),
        resolution=resolution,
    )
    metadata = exif.oriented(metadata)
    if head.has_layers or head.channels > _COLOURS[head.mode]:
        metadata = metadata.noting("its layers and further channels are left out: it is flattened")
    # Photoshop turns its pictures itself, and leaves EXIF as the camera wrote it.
    return replace(metadata, orientation=1, resolution=resolution or metadata.resolution)


def _decode(origin: Origin, head: _Head) -> np.ndarray:
    """(h, w, colours): the planes of the flattened picture, one after the other in the file."""
    colours = _COLOURS[head.mode]
    row = (head.width * head.bits + 7) // 8
    size = row * head.height * colours
    data = origin.read(head.picture, origin.size)
    coding = int.from_bytes(data[:2], "big")
    if coding == _RAW:
        planes = data[2 : 2 + size]
        if len(data) < 2 + row * head.height * head.channels:
            raise damaged("its rows are not all there", origin.name)
    elif coding == _PACK_BITS:
        planes = _unpacked(data, head, colours, row, origin.name)
    else:
        raise unsupported("it is a Photoshop document whose picture is zipped", origin.name)
    if len(planes) != size:
        raise damaged("its rows are not all there", origin.name)
    if head.bits == 1:
        bits = np.frombuffer(planes, np.uint8).reshape(head.height, row)
        return ((1 - np.unpackbits(bits, axis=1, count=head.width)) * 255)[..., np.newaxis]
    dtype = ">u2" if head.bits == 16 else "u1"
    codes = np.frombuffer(planes, dtype).reshape(colours, head.height, head.width)
    if head.mode == _INDEXED:
        table = np.frombuffer(head.palette.ljust(768, b"\0")[:768], np.uint8).reshape(3, 256)
        return np.ascontiguousarray(table.T[codes[0]])
    codes = np.ascontiguousarray(np.moveaxis(codes, 0, -1)).astype(dtype.replace(">", "="))
    return np.invert(codes) if head.mode == _CMYK else codes  # 0 is all ink


def _unpacked(data: bytes, head: _Head, colours: int, row: int, name: str) -> bytes:
    """The rows of the first planes, each packed by itself, their lengths before all of them."""
    import imagecodecs

    dtype = np.dtype(">u4" if head.big else ">u2")
    at = 2 + head.height * head.channels * dtype.itemsize
    if len(data) < at:
        raise damaged("its rows are not all there", name)
    lengths = np.frombuffer(data, dtype, head.height * head.channels, 2).astype(np.int64)
    if at + lengths.sum() > len(data):
        raise damaged("its rows are not all there", name)
    rows = []
    try:
        for length in lengths[: head.height * colours].tolist():
            rows.append(imagecodecs.packbits_decode(data[at : at + length])[:row])
            at += length
    except (imagecodecs.PackbitsError, ValueError) as error:
        raise damaged(str(error), name) from error
    return b"".join(rows)
