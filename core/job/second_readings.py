"""Reads a page with Pillow, imagecodecs or tifffile, to compare it with our own reader.

Each reader returns a `Reading`; it returns None for pages that it is known to read wrongly or
coarsely (Pillow: 16-bit RGB), with which nothing can be compared.
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
    """The samples of a page as a second reader decodes them, turned upright.

    `codes` are (h, w) or (h, w, 3 or 4) of `mode`, `full` is the code of white (of full ink in
    CMYK), `alpha` (h, w) in 0..`alpha_full`, None for an opaque page; `icc` is the profile in the
    file. `is_exact`: the codes are those of the file, not converted from another colour space.
    """

    codes: np.ndarray
    mode: Literal["gray", "rgb", "cmyk"]
    full: int
    alpha: np.ndarray | None = None
    alpha_full: int = 255
    icc: bytes | None = None
    is_exact: bool = True


#: read(source, page) -> the reading, or None where this reader cannot read such a page exactly.
Reader = Callable[[Source, Page], Reading | None]
#: Number of channels of each mode, without transparency.
COLOURS: Final = {"gray": 1, "rgb": 3, "cmyk": 4}


def _upright(codes: np.ndarray, orientation: int) -> np.ndarray:
    """Returns the picture turned as EXIF's orientation 1-8 demands."""
    mirrored = codes[:, ::-1] if orientation in (2, 4, 5, 7) else codes
    quarters = {3: 2, 4: 2, 5: 1, 6: 3, 7: 3, 8: 1}.get(orientation, 0)
    return np.rot90(mirrored, quarters)


#: Numbers of TIFF tags (TIFF 6.0).
_PHOTOMETRIC, _COLOUR_MAP, _EXTRA_SAMPLES = 262, 320, 338
#: A value of the tag PhotometricInterpretation: gray, in which 0 is white.
_WHITE_IS_ZERO: Final = 0
#: Values of the tag ExtraSamples: alpha by which the colours are multiplied, and plain alpha.
_ASSOCIATED_ALPHA, _UNASSOCIATED_ALPHA = 1, 2
#: A value of the tag PlanarConfiguration: each channel is stored on its own.
_SEPARATE_PLANES: Final = 2
#: The JPEG marker DNL with its length: the height behind the first scan (ITU-T T.81, B.2.5).
_DNL: Final = b"\xff\xdc\x00\x04"


def by_pillow(source: Source, page: Page) -> Reading | None:
    """Returns Pillow's reading: of 8 bits in every mode, of 16 bits in opaque gray alone."""
    if _has_another_size(source):
        return None
    image, icc, orientation = _opened(source, source.pages.index(page))
    if getattr(image, "n_frames", 1) != len(source.pages):
        return None  # it is not certain which of its frames is the page
    tags = getattr(image, "tag_v2", {})
    if tags.get(_EXTRA_SAMPLES, (_UNASSOCIATED_ALPHA,)) != (_UNASSOCIATED_ALPHA,):
        return None  # Pillow divides by a premultiplied alpha, and drops an unspecified channel
    if max(tags.get(_COLOUR_MAP, (256,))) < 256:
        return None  # Pillow takes its entries for 16 bits, which makes 8-bit ones black
    if page.depth == 16:
        # Pillow reduces 16-bit RGB to 8 bits, and does not invert 16-bit gray whose 0 is white.
        is_inverted = tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO
        if not image.mode.startswith("I;16") or is_inverted or page.has_alpha:
            return None
        return Reading(_upright(np.asarray(image, np.uint16), orientation), "gray", 65535, icc=icc)
    if page.bits < 8 and image.mode in ("1", "L") and "transparency" in image.info:
        return None  # Pillow scales the codes to 8 bits, but not the transparent one
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
    """Returns whether Pillow and imagecodecs may find another size than our own reader.

    libjpeg reads the height from the header alone, and not from a DNL segment behind the first
    scan; libavif does not crop to the box `clap`.
    """
    if source.format.name == "jpeg":
        return _DNL in source.origin.read(0, source.origin.size)
    return source.format.name == "avif" and b"clap" in source.origin.read(0, 1 << 16)


def _plain_mode(image: Any) -> str:
    if image.mode == "1":
        return "L"
    if image.mode == "L":
        return "LA"
    return "RGBA" if "transparency" in image.info else "RGB"


def _opened(source: Source, index: int) -> tuple[Any, bytes | None, int]:
    """Returns Pillow's image of a page, its ICC profile or None, and its orientation 1-8."""
    from PIL import ExifTags, Image

    with _file(source) as file, warnings.catch_warnings():
        # Pillow ignores the tags that follow a damaged EXIF tag, perhaps the orientation.
        warnings.filterwarnings("error", message="Truncated File Read|Corrupt EXIF")
        image = Image.open(file)
        image.seek(index)
        icc = image.info.get("icc_profile")
        image.load()  # turns a TIFF and drops its orientation; reads EXIF at the end of a PNG
        orientation = int(image.getexif().get(ExifTags.Base.Orientation, 1))
    return image, icc or None, orientation


def _file(source: Source) -> BinaryIO:
    """Opens the file again: from memory where the source holds it, else from the disk."""
    if source.origin.data is not None or source.path is None:
        return io.BytesIO(source.origin.read(0, source.origin.size))
    return source.path.open("rb")


def by_imagecodecs(source: Source, page: Page) -> Reading | None:
    """Returns imagecodecs' reading, of all depths; profile and orientation come from Pillow.

    Where Pillow is missing or cannot read the file, they are those that our own reader found.
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
        return None  # CMYK, which Adobe's programs store inverted and others do not
    try:
        _, icc, orientation = _opened(source, 0)
    except Exception:  # Pillow is missing, or cannot read the file
        icc, orientation = page.metadata.icc, page.metadata.orientation
    full = 255 if codes.dtype == np.uint8 else (1 << page.bits) - 1
    return _of_channels(_upright(codes, orientation), channels < 3, full, icc)


def _of_channels(codes: np.ndarray, is_gray: bool, full: int, icc: bytes | None) -> Reading:
    """Returns the reading of gray or RGB codes, whose last channel may be alpha."""
    if codes.ndim == 2:
        return Reading(codes, "gray", full, icc=icc)
    alpha = codes[..., -1] if codes.shape[2] in (2, 4) else None
    colours = codes[..., 0] if is_gray else codes[..., :3]
    return Reading(colours, "gray" if is_gray else "rgb", full, alpha, full, icc)


#: Compressions that every build of libtiff decodes; it decodes others to black without an error.
_OF_LIBTIFF: Final = ("none", "lzw", "deflate", "packbits", "jpeg")


def by_libtiff(source: Source, page: Page) -> Reading | None:
    """Returns libtiff's reading, as 8 bits of opaque RGB: it reads Y'CbCr of every subsampling."""
    import imagecodecs

    is_decoded = page.stored is not None and page.stored.compression in _OF_LIBTIFF
    if not is_decoded or page.depth != 8 or page.conversion or page.metadata.orientation != 1:
        return None
    data = source.origin.read(0, source.origin.size)
    codes = imagecodecs.tiff_decode(data, index=page.index, asrgb=True)
    if codes.shape[:2] != (page.height, page.width):
        return None  # libtiff has read another page of the file
    if codes.ndim != 3 or codes.shape[2] != 4 or codes[..., 3].min() < 255:
        return None  # libtiff multiplies the colours by their alpha
    alpha = codes[..., 3] if page.has_alpha else None
    return Reading(codes[..., :3], "rgb", 255, alpha, is_exact=False)


#: Colour spaces of a `colr` box, as ISO/IEC 15444-1 and 15444-2 number them (EnumCS).
_GRAY, _RGB, _SYCC, _CMYK = 17, 16, 18, 12
#: Methods of a `colr` box: a numbered colour space, or an ICC profile (restricted 2, any 3).
_ENUMERATED, _ANY_ICC = 1, 3
#: The largest type of a channel in a `cdef` box that has a meaning: premultiplied opacity.
_PREMULTIPLIED_OPACITY = 2


def by_openjpeg(source: Source, page: Page) -> Reading | None:
    """Returns OpenJPEG's reading, which applies palettes and channel definitions."""
    import imagecodecs

    data = source.origin.read(0, source.origin.size)
    method, space, icc = _first_colour_box(data)
    several = data.count(b"colr", 0, data.find(b"jp2c")) > 1
    is_unknown = method == _ENUMERATED and space not in (_GRAY, _RGB, _SYCC, _CMYK)
    if several or method > _ANY_ICC or is_unknown:
        return None  # OpenJPEG does not convert the colours of such a file
    if icc:  # imagecodecs would convert to sRGB and clip, so that the box is given another name
        at = data.index(b"colr")
        data = data[:at] + b"free" + data[at + 4 :]
    codes = imagecodecs.jpeg2k_decode(data, numthreads=1)
    codes = codes.reshape(*codes.shape[:2], -1)
    channels = codes.shape[2]
    is_cmyk = space == _CMYK or (icc or b"")[16:20] == b"CMYK"
    colours = 4 if is_cmyk else 1 if channels < 3 else 3
    if channels > colours + 1 or _has_channel_without_meaning(data):
        return None  # OpenJPEG does not tell which channel is the alpha
    full = (1 << page.bits) - 1
    alpha = codes[..., colours] if channels > colours else None
    mode: Literal["gray", "rgb", "cmyk"] = "cmyk" if is_cmyk else "gray" if colours == 1 else "rgb"
    plain = codes[..., 0] if colours == 1 else codes[..., :colours]
    return Reading(plain, mode, full, alpha, full, icc, is_exact=space != _SYCC)


def _has_channel_without_meaning(data: bytes) -> bool:
    """Returns whether the box `cdef` has a channel that is neither colour nor transparency."""
    at = data.find(b"cdef", 0, data.find(b"jp2c"))
    if at < 0:
        return False
    count = int.from_bytes(data[at + 4 : at + 6], "big")
    types = struct.unpack_from(f">{3 * count}H", data, at + 6)[1::3]
    return any(kind > _PREMULTIPLIED_OPACITY for kind in types)


def _first_colour_box(data: bytes) -> tuple[int, int, bytes | None]:
    """Returns method, number of the space or 0, and ICC profile of the first box `colr`.

    They are (0, 0, None) without one.
    """
    at = data.find(b"colr", 0, data.find(b"jp2c"))
    if at < 4:
        return 0, 0, None
    size = int.from_bytes(data[at - 4 : at], "big")
    method, body = data[at + 4], data[at + 7 : at - 4 + size]
    if method == _ENUMERATED:
        return method, struct.unpack_from(">I", body)[0], None
    return method, 0, body


def by_tifffile(source: Source, page: Page) -> Reading | None:
    """Returns tifffile's reading; None where it is not certain which of its pages is meant."""
    import tifffile

    with _file(source) as file, tifffile.TiffFile(file) as tiff:
        tiff_page = _tiff_page_of(tiff, source, page)
        if tiff_page is None:
            return None
        codes = tiff_page.asarray()
        if tiff_page.planarconfig == _SEPARATE_PLANES and codes.ndim == 3:
            codes = np.moveaxis(codes, 0, 2)
        codes = _upright(codes, int(tiff_page.tags.valueof("Orientation", 1)))
        return _of_tiff(tiff_page, codes)


def _tiff_page_of(tiff: Any, source: Source, page: Page) -> Any:
    """Returns tifffile's page that is the page `page` of `source`: the n-th one of its size.

    Returns None where tifffile has another number of pages of that size: it also lists thumbnails
    and overviews, which our reader leaves out.
    """
    size = {page.width, page.height}
    listed = [each for main in tiff.pages for each in (main, *(main.pages or ()))]
    same_size = [each for each in listed if {each.imagewidth, each.imagelength} == size]
    of_source = [each for each in source.pages if {each.width, each.height} == size]
    return same_size[of_source.index(page)] if len(same_size) == len(of_source) else None


def _of_tiff(page: Any, codes: np.ndarray) -> Reading | None:
    """Returns the reading of a TIFF page's codes; None for colours that tifffile cannot convert."""
    icc = page.iccprofile or None  # some programs write an empty profile
    if codes.dtype == bool:
        codes = codes.astype(np.uint8)
    if codes.dtype not in (np.uint8, np.uint16):
        return None
    full = (1 << page.bitspersample) - 1
    name = page.photometric.name
    if name == "RGB" and page.compression.name == "JPEG" and page.is_jfif:
        # tifffile takes the colour space of the JPEG header; libtiff, Pillow and our reader take
        # that of the TIFF directory.
        return None
    mode: Literal["gray", "rgb", "cmyk"]
    if name == "PALETTE":
        # As in libtiff: some programs write a colour map of 8 bits.
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
    # A single extra channel is alpha; of several it is the first that is marked as alpha.
    kinds = page.extrasamples if channels > count + 1 else [_UNASSOCIATED_ALPHA]
    is_alpha = [int(kind) in (_ASSOCIATED_ALPHA, _UNASSOCIATED_ALPHA) for kind in kinds]
    place = count + is_alpha.index(True) if True in is_alpha else channels
    alpha = codes[..., place] if place < channels else None
    colours = codes[..., :count] if codes.ndim == 3 else codes
    if mode == "gray" and codes.ndim == 3:
        colours = colours[..., 0]
    if name == "MINISWHITE":
        colours = full - colours
    return Reading(colours, mode, full, alpha, full, icc)


#: Pairs of distribution and reader by the name of the format, the best reader first.
READERS: Final[dict[str, tuple[tuple[str, Reader], ...]]] = {
    "jpeg": (("Pillow", by_pillow), ("imagecodecs", by_imagecodecs)),
    "png": (("Pillow", by_pillow), ("imagecodecs", by_imagecodecs)),
    "webp": (("Pillow", by_pillow), ("imagecodecs", by_imagecodecs)),
    "avif": (("Pillow", by_pillow), ("imagecodecs", by_imagecodecs)),
    "tiff": (("tifffile", by_tifffile), ("Pillow", by_pillow), ("imagecodecs", by_libtiff)),
    "jpeg2000": (("imagecodecs", by_openjpeg),),
}
#: The readers of a format that is not in `READERS`.
USUAL: Final[tuple[tuple[str, Reader], ...]] = (("Pillow", by_pillow),)
