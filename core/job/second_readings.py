"""Pillow, imagecodecs and tifffile as second readers of a page: each gives a `Reading` or None.

A reader gives nothing where it is known to read such a page wrong or coarser (Pillow: 16 bits of
RGB): what it says is held against our own reader.
"""

import io
import struct
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, Final, Literal

import numpy as np

from core.image.page import Page, Source


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What a second reader makes of a page, upright.

    `codes` are (h, w) or (h, w, 3 or 4) of `mode`, `full` the code of white (of full ink in CMYK),
    `alpha` (h, w) or None, in 0..`alpha_full`; `icc` is the profile that it found. `is_exact`: the
    codes are those of the file, not converted from other colours.
    """

    codes: np.ndarray
    mode: Literal["gray", "rgb", "cmyk"]
    full: int
    alpha: np.ndarray | None = None
    alpha_full: int = 255
    icc: bytes | None = None
    is_exact: bool = True


#: read(source, page) -> the reading, or None where this reader cannot read such a page truly.
Reader = Callable[[Source, Page], Reading | None]
#: Colours of a mode.
COLOURS: Final = {"gray": 1, "rgb": 3, "cmyk": 4}


def _upright(codes: np.ndarray, orientation: int) -> np.ndarray:
    """The picture turned as EXIF's orientation 1-8 asks for."""
    mirrored = codes[:, ::-1] if orientation in (2, 4, 5, 7) else codes
    quarters = {3: 2, 4: 2, 5: 1, 6: 3, 7: 3, 8: 1}.get(orientation, 0)
    return np.rot90(mirrored, quarters)


#: Tags of a TIFF: whether 0 is black; what the channels beside the colours are (2: plain alpha).
_PHOTOMETRIC, _COLOUR_MAP, _EXTRA_SAMPLES = 262, 320, 338


def by_pillow(source: Source, page: Page) -> Reading | None:
    """Pillow reads 8 bits of everything, and 16 bits of opaque gray."""
    if _has_another_size(source):
        return None
    image, icc, orientation = _opened(source, source.pages.index(page))
    if getattr(image, "n_frames", 1) != len(source.pages):
        return None  # it is not sure which of them the page is
    tags = getattr(image, "tag_v2", {})
    if tags.get(_EXTRA_SAMPLES, (2,)) != (2,):
        return None  # Pillow divides by a premultiplied alpha, and drops one without a meaning
    if max(tags.get(_COLOUR_MAP, (256,))) < 256:
        return None  # a map of 8 bits is black to Pillow
    if page.depth == 16:
        # Pillow takes 16 bits of RGB for 8, and leaves white at 0 where a TIFF has it there.
        if not image.mode.startswith("I;16") or tags.get(_PHOTOMETRIC) == 0 or page.has_alpha:
            return None
        return Reading(_upright(np.asarray(image, np.uint16), orientation), "gray", 65535, icc=icc)
    if page.bits < 8 and image.mode in ("1", "L") and "transparency" in image.info:
        return None  # Pillow looks for the transparent code among codes spread over 8 bits
    is_exact = image.mode != "YCbCr"
    if image.mode in ("1", "P", "YCbCr") or "transparency" in image.info:
        image = image.convert(_plain_mode(image))
    if image.mode not in ("L", "LA", "RGB", "RGBA", "CMYK"):
        return None
    codes = _upright(np.asarray(image), orientation)
    if image.mode == "CMYK":
        return Reading(codes, "cmyk", 255, icc=icc)
    return replace(_of_channels(codes, image.mode in ("L", "LA"), 255, icc), is_exact=is_exact)


def _has_another_size(source: Source) -> bool:
    """Whether Pillow and imagecodecs may see another size.

    libjpeg looks for a height in the header alone, and not behind the first scan (DNL); libavif
    does not crop (clap).
    """
    if source.format.name == "jpeg":
        return b"\xff\xdc\x00\x04" in source.origin.read(0, source.origin.size)
    return source.format.name == "avif" and b"clap" in source.origin.read(0, 1 << 16)


def _plain_mode(image: Any) -> str:
    if image.mode == "1":
        return "L"
    if image.mode == "L":
        return "LA"
    return "RGBA" if "transparency" in image.info else "RGB"


def _opened(source: Source, index: int) -> tuple[Any, bytes | None, int]:
    """(Pillow's image of a page, its ICC profile, its orientation)."""
    from PIL import ExifTags, Image

    with _file(source) as file, warnings.catch_warnings():
        # It stops at a damaged tag of EXIF, and forgets those behind it.
        warnings.filterwarnings("error", message="Truncated File Read|Corrupt EXIF")
        image = Image.open(file)
        image.seek(index)
        icc = image.info.get("icc_profile")
        image.load()  # turns a TIFF, which has no orientation afterwards; a PNG's may stand last
        orientation = int(image.getexif().get(ExifTags.Base.Orientation, 1))
    return image, icc or None, orientation


def _file(source: Source) -> BinaryIO:
    """The file anew: a large one is not held in memory."""
    if source.origin.data is not None or source.path is None:
        return io.BytesIO(source.origin.read(0, source.origin.size))
    return source.path.open("rb")


def by_imagecodecs(source: Source, page: Page) -> Reading | None:
    """imagecodecs decodes pixels of all depths; profile and orientation are told by Pillow.

    Without Pillow those are what our own reader found.
    """
    import imagecodecs

    data = source.origin.read(0, source.origin.size)
    name = source.format.name
    if _has_another_size(source):
        return None
    decode = {
        "jpeg": imagecodecs.jpeg8_decode,
        "png": imagecodecs.png_decode,
        "webp": imagecodecs.webp_decode,
        "avif": imagecodecs.avif_decode,
    }[name]
    codes = decode(data)
    channels = 1 if codes.ndim == 2 else codes.shape[2]
    if name == "jpeg" and channels == 4:
        return None  # Adobe's are turned round, others are not
    try:
        _, icc, orientation = _opened(source, 0)
    except Exception:  # Pillow is missing, or cannot read the file
        icc, orientation = page.metadata.icc, page.metadata.orientation
    full = 255 if codes.dtype == np.uint8 else (1 << page.bits) - 1
    return _of_channels(_upright(codes, orientation), channels < 3, full, icc)


def _of_channels(codes: np.ndarray, is_gray: bool, full: int, icc: bytes | None) -> Reading:
    """A reading of gray or RGB codes, the last of which may be transparency."""
    if codes.ndim == 2:
        return Reading(codes, "gray", full, icc=icc)
    alpha = codes[..., -1] if codes.shape[2] in (2, 4) else None
    colours = codes[..., 0] if is_gray else codes[..., :3]
    return Reading(colours, "gray" if is_gray else "rgb", full, alpha, full, icc)


#: Compressions that libtiff decodes everywhere; of others it makes black without a word.
_OF_LIBTIFF: Final = ("none", "lzw", "deflate", "packbits", "jpeg")


def by_libtiff(source: Source, page: Page) -> Reading | None:
    """libtiff's own way to 8 bits of opaque RGB, which knows Y'CbCr in all its samplings."""
    import imagecodecs

    known = page.stored is not None and page.stored.compression in _OF_LIBTIFF
    if not known or page.depth != 8 or page.conversion or page.metadata.orientation != 1:
        return None
    data = source.origin.read(0, source.origin.size)
    codes = imagecodecs.tiff_decode(data, index=page.index, asrgb=True)
    if codes.shape[:2] != (page.height, page.width):
        return None  # it is another page of the file
    if codes.ndim != 3 or codes.shape[2] != 4 or codes[..., 3].min() < 255:
        return None  # libtiff multiplies colours by their alpha
    alpha = codes[..., 3] if page.has_alpha else None
    return Reading(codes[..., :3], "rgb", 255, alpha, is_exact=False)


_GRAY, _RGB, _SYCC, _CMYK = 17, 16, 18, 12


def by_openjpeg(source: Source, page: Page) -> Reading | None:
    """The whole file through OpenJPEG, which follows its palettes and channel definitions."""
    import imagecodecs

    data = source.origin.read(0, source.origin.size)
    method, space, icc = _first_colour_box(data)
    several = data.count(b"colr", 0, data.find(b"jp2c")) > 1
    if several or method > 3 or (method == 1 and space not in (_GRAY, _RGB, _SYCC, _CMYK)):
        return None  # OpenJPEG hands the colours over as they stand
    if icc:  # imagecodecs would follow it itself, and clip what lies outside sRGB
        at = data.index(b"colr")
        data = data[:at] + b"free" + data[at + 4 :]
    codes = imagecodecs.jpeg2k_decode(data, numthreads=1)
    codes = codes.reshape(*codes.shape[:2], -1)
    channels = codes.shape[2]
    is_cmyk = space == _CMYK or (icc or b"")[16:20] == b"CMYK"
    colours = 4 if is_cmyk else 1 if channels < 3 else 3
    if channels > colours + 1 or _has_channel_without_meaning(data):
        return None  # OpenJPEG does not say which of them is the transparency
    full = (1 << page.bits) - 1
    alpha = codes[..., colours] if channels > colours else None
    mode: Literal["gray", "rgb", "cmyk"] = "cmyk" if is_cmyk else "gray" if colours == 1 else "rgb"
    plain = codes[..., 0] if colours == 1 else codes[..., :colours]
    return Reading(plain, mode, full, alpha, full, icc, is_exact=space != _SYCC)


def _has_channel_without_meaning(data: bytes) -> bool:
    """Whether a channel definition names one that is neither colour nor transparency."""
    at = data.find(b"cdef", 0, data.find(b"jp2c"))
    if at < 0:
        return False
    count = int.from_bytes(data[at + 4 : at + 6], "big")
    kinds = struct.unpack_from(f">{3 * count}H", data, at + 6)[1::3]
    return any(kind > 2 for kind in kinds)


def _first_colour_box(data: bytes) -> tuple[int, int, bytes | None]:
    """(method, number of the space or 0, ICC profile) of the first `colr`; (0, 0, None) without."""
    at = data.find(b"colr", 0, data.find(b"jp2c"))
    if at < 4:
        return 0, 0, None
    size = int.from_bytes(data[at - 4 : at], "big")
    method, body = data[at + 4], data[at + 7 : at - 4 + size]
    if method == 1:
        return method, struct.unpack_from(">I", body)[0], None
    return method, 0, body


def by_tifffile(source: Source, page: Page) -> Reading | None:
    import tifffile

    with _file(source) as file, tifffile.TiffFile(file) as tiff:
        found = _tiff_page_of(tiff, source, page)
        if found is None:
            return None
        codes = found.asarray()
        if found.planarconfig == 2 and codes.ndim == 3:
            codes = np.moveaxis(codes, 0, 2)
        codes = _upright(codes, int(found.tags.valueof("Orientation", 1)))
        return _of_tiff(found, codes)


def _tiff_page_of(tiff: Any, source: Source, page: Page) -> Any:
    """The page of a TIFF that ours is: of those of its size in the chain and below it, as many
    as we know of. None where it is not sure which one it is (thumbnails and overviews are left out
    by our reader and not by tifffile).
    """
    size = {page.width, page.height}
    found = [below for one in tiff.pages for below in (one, *(one.pages or ()))]
    alike = [one for one in found if {one.imagewidth, one.imagelength} == size]
    own = [one for one in source.pages if {one.width, one.height} == size]
    return alike[own.index(page)] if len(alike) == len(own) else None


def _of_tiff(page: Any, codes: np.ndarray) -> Reading | None:
    """The reading of a TIFF page's own codes; None for colours that tifffile hands over raw."""
    icc = page.iccprofile or None  # some programs write an empty one
    if codes.dtype == bool:
        codes = codes.astype(np.uint8)
    if codes.dtype not in (np.uint8, np.uint16):
        return None
    full = (1 << page.bitspersample) - 1
    name = page.photometric.name
    if name == "RGB" and page.compression.name == "JPEG" and page.is_jfif:
        return None  # tifffile believes the JPEG's head; libtiff and Pillow the directory, as we do
    mode: Literal["gray", "rgb", "cmyk"]
    if name == "PALETTE":
        # As libtiff takes it: some programs write codes of 8 bits.
        shift = 8 if page.colormap.max() > 255 else 0
        palette = np.moveaxis(page.colormap >> shift, 0, 1).astype(np.uint8)
        return Reading(palette[codes], "rgb", 255, icc=icc)
    if name in ("MINISBLACK", "MINISWHITE"):
        mode = "gray"
    elif name == "RGB" or (name == "YCBCR" and page.compression.name == "JPEG"):
        mode = "rgb"
    elif name == "SEPARATED":
        mode = "cmyk"
    else:
        return None
    channels = 1 if codes.ndim == 2 else codes.shape[2]
    count = COLOURS[mode]
    # Of several channels beside the colours the transparency is read, or none.
    kinds = [int(kind) for kind in page.extrasamples] if channels > count + 1 else [2]
    place = next((count + at for at, kind in enumerate(kinds) if kind in (1, 2)), channels)
    alpha = codes[..., place] if place < channels else None
    colours = codes[..., :count] if codes.ndim == 3 else codes
    if mode == "gray" and codes.ndim == 3:
        colours = colours[..., 0]
    if name == "MINISWHITE":
        colours = full - colours
    return Reading(colours, mode, full, alpha, full, icc)


#: (distribution, reader) by the format's name, the best first.
READERS: Final[dict[str, tuple[tuple[str, Reader], ...]]] = {
    "jpeg": (("Pillow", by_pillow), ("imagecodecs", by_imagecodecs)),
    "png": (("Pillow", by_pillow), ("imagecodecs", by_imagecodecs)),
    "webp": (("Pillow", by_pillow), ("imagecodecs", by_imagecodecs)),
    "avif": (("Pillow", by_pillow), ("imagecodecs", by_imagecodecs)),
    "tiff": (("tifffile", by_tifffile), ("Pillow", by_pillow), ("imagecodecs", by_libtiff)),
    "jpeg2000": (("imagecodecs", by_openjpeg),),
}
#: A format without a line above.
USUAL: Final[tuple[tuple[str, Reader], ...]] = (("Pillow", by_pillow),)
