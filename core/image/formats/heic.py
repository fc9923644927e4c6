"""HEIC, as phones write it: read by libheif (pillow-heif, an extra). What comes of it is JPEG.

What holds the coded picture's boxes is AVIF's container; see `core.image.heif_items`.
"""

from dataclasses import replace
from typing import Any, Final, Literal

import numpy as np

from core.errors import SourceError
from core.image.faults import check_size, damaged, unsupported
from core.image.format import Format
from core.image.heif_items import items_of
from core.image.layout import SampleLayout
from core.image.metadata import GAIN_MAP_LEFT_OUT, Metadata, exif
from core.image.origin import Origin
from core.image.page import Source, source_in_memory
from core.image.straight_alpha import straight_codes

_BRANDS: Final = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")

FORMAT: Final = Format(
    name="heic",
    title="HEIC",
    suffixes=(".heic", ".heif", ".hif"),
    media_type="image/heic",
    begins=lambda start: (
        start[4:8] == b"ftyp" and start[8:12] in _BRANDS and b"avif" not in start[8:]
    ),
    becomes="jpeg",  # what a phone hands on itself: few programs read HEIC, and none need it
)
#: The decoder's word for the channels -> (colours, alpha); "a": they are multiplied by it.
_CHANNELS: Final = {
    "L": (1, False),
    "LA": (1, True),
    "RGB": (3, False),
    "RGBA": (3, True),
    "RGBa": (3, True),
}


def open(origin: Origin, max_pixels: int) -> Source:
    """See `ReaderModule`."""
    picture = _opened(origin)
    width, height = picture.size
    check_size(width, height, max_pixels, origin.name)
    items = items_of(origin.read, origin.size)
    if items.frames > 1:
        raise unsupported("it is an animation", origin.name)
    metadata = _metadata(picture)
    if b"tmap" in items.kinds.values() or any("gainmap" in name for name in picture.info["aux"]):
        metadata = metadata.noting(GAIN_MAP_LEFT_OUT)
    points = None if metadata.icc else items.points
    if points and (fault := points.fault()):
        raise unsupported(fault, origin.name)
    bits = picture.info["bit_depth"]
    depth: Literal[8, 16] = 16 if bits > 8 else 8
    colours, has_alpha = _CHANNELS[picture.mode.partition(";")[0]]
    layout = SampleLayout(width, height, colours, depth, has_alpha)
    return source_in_memory(
        origin,
        FORMAT,
        layout,
        lambda: _decode(_opened(origin), layout, bits, origin.name),
        metadata,
        bits,
        is_lossless=False,
        without_profile=points.conversion if points else None,
    )


def _opened(origin: Origin) -> Any:
    """The primary picture, its pixels not yet decoded."""
    try:
        import pillow_heif
    except ImportError as error:
        raise SourceError(
            "it is an HEIC picture, for which a decoder is not installed",
            file=origin.name,
            kind="unsupported",
            remedy="pip install pillow-heif, or convert it to JPEG",
        ) from error
    try:
        file = pillow_heif.open_heif(origin.read(0, origin.size), convert_hdr_to_8bit=False)
    except (ValueError, RuntimeError, EOFError, SyntaxError) as error:
        raise damaged(str(error), origin.name) from error
    picture = file[file.primary_index]
    picture.info["pictures"] = len(file)
    return picture


def _metadata(picture: Any) -> Metadata:
    block = (picture.info["exif"] or b"").removeprefix(b"Exif\0\0")
    metadata = Metadata(
        icc=picture.info.get("icc_profile") or None,
        exif=block or None,
        xmp=picture.info.get("xmp") or None,
    )
    # The decoder turns the picture upright by what the container says, and EXIF says it again.
    metadata = replace(exif.oriented(metadata), orientation=1)
    if (count := picture.info["pictures"]) > 1:
        metadata = metadata.noting(f"it holds {count} pictures, of which one is coloured")
    if picture.info["depth_images"]:
        metadata = metadata.noting("its depth map is left out")
    return metadata


def _decode(picture: Any, layout: SampleLayout, bits: int, name: str) -> np.ndarray:
    try:
        codes = np.asarray(picture)
    except (ValueError, RuntimeError, EOFError, SyntaxError) as error:
        raise damaged(str(error), name) from error
    codes = codes.reshape(*codes.shape[:2], -1)
    if codes.shape != layout.shape:
        raise damaged("its size is not what its header says", name)
    if bits != layout.depth:
        # The decoder sets the bits to the left: white would fall short of white.
        top = (1 << bits) - 1
        table = np.rint(np.arange(top + 1) * (65535 / top)).astype(np.uint16)
        codes = table[codes >> (16 - bits)]
    return straight_codes(codes) if picture.premultiplied_alpha else codes
