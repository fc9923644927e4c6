"""Opening a source: which format it is, which pages it has, and what each of them says.

`open_source` is the front door. It looks at the first bytes, never at the name; reads the headers
with our own readers; refuses by name what cannot be read; and only then shows the file to a
decoder, which decodes when pixels are asked for. Stands on every other module of this room but
the writing ones.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np

from core.errors import SourceError
from core.image import exif, formats, jpeg, jpeg2000, png, profiles, riff, soundness, tiff
from core.image.faults import damaged, unsupported
from core.image.jpeg_decoder import Jpeg
from core.image.metadata import Metadata
from core.image.origin import Origin
from core.image.picture import (
    HELD_BYTES,
    Held,
    OpenImage,
    Page,
    Pixels,
    Source,
    Streamed,
    decoded,
)
from core.image.plain import Plain
from core.image.profiles import Conversion
from core.image.vips import load

#: Pixels of a page beyond which a file is taken for an attack (`--max-pixels`).
MAX_PIXELS: Final = 1_000_000_000


def open_source(source: str | os.PathLike | bytes, max_pixels: int = MAX_PIXELS) -> Source:
    """Opens a file, or a picture in memory; a context manager.

    Headers are read, pixels are not. Raises `SourceError`: unreadable, vanished, changed,
    not-an-image, truncated, too-large, unsupported, out-of-memory.
    """
    origin = Origin(source)
    try:
        head = origin.read(0, formats.HEAD_BYTES)
        format_ = formats.recognize(head)
        if format_ is None:
            raise _not_known(head, origin.name)
        return _OPENERS[format_.name](origin, max_pixels)
    except BaseException:
        origin.close()
        raise


def _not_known(head: bytes, name: str) -> SourceError:
    foreign = formats.foreign_name(head)
    titles = ", ".join(row.title for row in formats.FORMATS)
    if foreign:
        return SourceError(
            f"it is {foreign}, which is not read",
            file=name,
            kind="unsupported",
            remedy=f"convert it to one of {titles}",
        )
    return SourceError(
        "it is not a picture", file=name, kind="not-an-image", remedy=f"give a file of {titles}"
    )


def _check_size(width: int, height: int, max_pixels: int, name: str) -> None:
    if width * height > max_pixels:
        raise SourceError(
            f"it has {width:,} x {height:,} pixels, more than the limit of {max_pixels:,}",
            file=name,
            kind="too-large",
            remedy="raise the limit with --max-pixels if you trust the file",
        )


def _open_jpeg(origin: Origin, max_pixels: int) -> Source:
    frame = jpeg.frame_of(origin.read)
    if frame is None:
        raise damaged("it has no picture header", origin.name)
    bits, width, height, channels = frame
    if not width or not height:
        raise damaged("it has no size", origin.name)
    _check_size(width, height, max_pixels, origin.name)
    if bits != 8:
        raise unsupported(f"it is a JPEG of {bits} bits a sample", origin.name)
    if channels not in (1, 3, 4):
        raise unsupported(f"it is a JPEG of {channels} channels", origin.name)
    metadata = jpeg.read_metadata(origin.read)

    picture = Jpeg(origin, (height, width, channels))
    facts = _Facts(width, height, channels, 8, False)
    pixels = _held_or_streamed(
        origin, facts, metadata, [], picture.decode, picture.open_image, picture.check
    )
    page = _page(0, facts, pixels, metadata, 8)
    return Source(formats.JPEG, origin, (page,), page.metadata.notes, is_lossless=False)


def _open_png(origin: Origin, max_pixels: int) -> Source:
    header = png.header_of(origin.read)
    if header is None:
        raise damaged("it has no picture header", origin.name)
    width, height, bits = header
    _check_size(width, height, max_pixels, origin.name)
    metadata, colour = png.read_metadata(origin.read)
    if colour.animated:
        raise unsupported("it is an animation", origin.name)
    if colour.fault:
        raise damaged(colour.fault, origin.name)

    def without_profile(channels: int, depth: int) -> Conversion | None:
        return profiles.png_conversion(colour, channels, depth)

    return _single(
        origin, formats.PNG, "pngload", metadata, bits=bits, without_profile=without_profile
    )


def _open_webp(origin: Origin, max_pixels: int) -> Source:
    image = load("webpload", origin, access="sequential")
    _check_size(image.width, image.height, max_pixels, origin.name)
    metadata, parts = riff.read_metadata(origin.read)
    if b"ANIM" in parts:
        raise unsupported("it is an animation", origin.name)
    lossless = b"VP8L" in parts
    return _single(origin, formats.WEBP, "webpload", metadata, is_lossless=lossless)


def _open_avif(origin: Origin, max_pixels: int) -> Source:
    # libheif turns the picture upright by itself, by what the container says.
    image = load("heifload", origin, access="sequential", unlimited=True)
    _check_size(image.width, image.height, max_pixels, origin.name)
    if _field(image, "n-pages", 1) > 1:
        raise unsupported("it holds more than one picture", origin.name)
    block = _field(image, "exif-data", b"")
    block = block.removeprefix(b"Exif\0\0")
    metadata = Metadata(
        icc=_field(image, "icc-profile-data", None),
        exif=block or None,
        xmp=_field(image, "xmp-data", None),
    )
    metadata = replace(exif.oriented(metadata), orientation=1)
    bits = _field(image, "bits-per-sample", _field(image, "heif-bitdepth", 8))
    return _single(
        origin, formats.AVIF, "heifload", metadata, bits=bits, is_lossless=False, unlimited=True
    )


def _open_tiff(origin: Origin, max_pixels: int) -> Source:
    file = tiff.read_pages(origin.read, origin.size, origin.name)
    for layout in file.pages:
        _check_size(layout.width, layout.height, max_pixels, origin.name)
    shelf: list[Held] = []
    pages = tuple(_tiff_page(origin, layout, shelf) for layout in file.pages)
    notes = tuple(dict.fromkeys(note for page in pages for note in page.metadata.notes))
    lossless = not any(layout.compression in ("jpeg", "webp") for layout in file.pages)
    return Source(formats.TIFF, origin, pages, notes, file.big, lossless)


def _tiff_page(origin: Origin, layout: tiff.TiffPage, shelf: list[Held]) -> Page:
    def open_image() -> Any:
        number = layout.number
        return load("tiffload", origin, access="sequential", page=number, unlimited=True)

    if layout.plain and layout.metadata.orientation == 1:
        colours = 1 if layout.photometric in (0, 1) else 3
        depth: Literal[8, 16] = 16 if layout.bits == 16 else 8
        facts = _Facts(layout.width, layout.height, colours, depth, layout.alpha is not None)
        pixels: Pixels | None = Plain(origin, layout, layout.plain)
    else:
        facts, pixels = _facts(open_image(), origin.name), None
        if (facts.width, facts.height) != (layout.width, layout.height):
            raise unsupported(f"page {layout.number + 1} has two sizes", origin.name)
    pixels = pixels or _decoded_by_libvips(
        origin,
        open_image,
        facts,
        layout.metadata,
        shelf,
        lambda: soundness.check_tiff_page(origin, layout),
    )
    page = _page(layout.number, facts, pixels, layout.metadata, layout.bits)
    return replace(page, tiff=layout)


def _open_jpeg2000(origin: Origin, max_pixels: int) -> Source:
    header, metadata = jpeg2000.read_header(origin.read, origin.size, origin.name)
    _check_size(header.width, header.height, max_pixels, origin.name)
    depth: Literal[8, 16] = 16 if header.bits > 8 else 8
    colours = 1 if header.channels < 3 else 3
    has_alpha = header.channels in (2, 4)
    facts = _Facts(header.width, header.height, colours, depth, has_alpha)
    pixels = Held(lambda: jpeg2000.decode(origin.read(0, origin.size), header, origin.name), [])
    page = _page(0, facts, pixels, metadata, header.bits)
    return Source(formats.JPEG2000, origin, (page,), page.metadata.notes)


_OPENERS: Final[dict[str, Callable[[Origin, int], Source]]] = {
    "jpeg": _open_jpeg,
    "png": _open_png,
    "tiff": _open_tiff,
    "webp": _open_webp,
    "avif": _open_avif,
    "jpeg2000": _open_jpeg2000,
}


def _single(
    origin: Origin,
    format_: formats.Format,
    loader: str,
    metadata: Metadata,
    *,
    bits: int = 8,
    is_lossless: bool = True,
    without_profile: Callable[[int, int], Conversion | None] | None = None,
    **options: Any,
) -> Source:
    """A source of one page that libvips decodes."""

    def open_image() -> Any:
        return load(loader, origin, access="sequential", **options)

    facts = _facts(open_image(), origin.name)
    pixels = _decoded_by_libvips(origin, open_image, facts, metadata, [])
    page = _page(0, facts, pixels, metadata, bits, without_profile)
    return Source(format_, origin, (page,), page.metadata.notes, is_lossless=is_lossless)


#: libvips' word for a page's colours -> (colours, depth).
_INTERPRETATIONS: Final[dict[str, tuple[int, Literal[8, 16]]]] = {
    "b-w": (1, 8),
    "grey16": (1, 16),
    "srgb": (3, 8),
    "rgb16": (3, 16),
    "cmyk": (4, 8),
}


@dataclass(frozen=True, slots=True)
class _Facts:
    """What a decoder will hand over: a picture as it stands in the file, not yet upright."""

    width: int
    height: int
    colours: int
    depth: Literal[8, 16]
    has_alpha: bool


def _facts(image: Any, name: str) -> _Facts:
    """Of a picture that libvips has opened; raises `SourceError` (unsupported)."""
    if image.interpretation not in _INTERPRETATIONS or image.format not in ("uchar", "ushort"):
        raise unsupported(f"its colours are {image.interpretation} in {image.format}", name)
    colours, depth = _INTERPRETATIONS[image.interpretation]
    if image.format == "ushort":
        depth = 16
    extra = image.bands - colours
    if extra not in (0, 1):
        raise unsupported(f"it has {image.bands} channels", name)
    return _Facts(image.width, image.height, colours, depth, extra == 1)


def _decoded_by_libvips(
    origin: Origin,
    open_image: OpenImage,
    facts: _Facts,
    metadata: Metadata,
    shelf: list[Held],
    check: Callable[[], None] = lambda: None,
) -> Pixels:
    """`check` raises for damage that libvips does not tell of, before it is asked for pixels."""
    shape = (facts.height, facts.width, facts.colours + facts.has_alpha)

    def decode() -> np.ndarray:
        check()
        return decoded(open_image, shape, facts.depth == 16, origin.name)

    return _held_or_streamed(origin, facts, metadata, shelf, decode, open_image, check)


def _held_or_streamed(
    origin: Origin,
    facts: _Facts,
    metadata: Metadata,
    shelf: list[Held],
    decode: Callable[[], np.ndarray],
    open_image: OpenImage,
    check: Callable[[], None],
) -> Pixels:
    """Held where that is little memory or the picture must be turned, streamed otherwise.

    What is held is what `decode` gives; what is streamed comes from `open_image` after `check`.
    Both raise for every damage that can be noticed: no other way leads to a page's pixels.
    """
    size = facts.height * facts.width * (facts.colours + facts.has_alpha) * facts.depth // 8
    if size > HELD_BYTES and metadata.orientation == 1:
        return Streamed(open_image, origin.name, check)
    return Held(lambda: _upright(decode(), metadata.orientation), shelf)


def _page(
    index: int,
    facts: _Facts,
    pixels: Pixels,
    metadata: Metadata,
    bits: int,
    without_profile: Callable[[int, int], Conversion | None] | None = None,
) -> Page:
    conversion, metadata = _conversion(metadata, facts.colours, facts.depth, without_profile)
    turned = metadata.orientation > 4
    return Page(
        index=index,
        width=facts.height if turned else facts.width,
        height=facts.width if turned else facts.height,
        depth=facts.depth,
        bits=bits,
        channels="gray" if facts.colours == 1 or conversion else "rgb",
        has_alpha=facts.has_alpha,
        metadata=metadata,
        pixels=pixels,
        conversion=conversion,
    )


def _conversion(
    metadata: Metadata,
    colours: int,
    depth: int,
    without_profile: Callable[[int, int], Conversion | None] | None,
) -> tuple[Conversion | None, Metadata]:
    """What brings the file's codes to sRGB, and the metadata with a note where a profile fails."""
    profile = metadata.icc
    if profile and (fault := profiles.fault_of(profile, colours)):
        metadata, profile = metadata.noting(f"its ICC profile is left out: {fault}"), None
    if profile is None and colours == 4:
        profile = profiles.cmyk_profile()
    if profile:
        try:
            return profiles.conversion_of(profile, colours, depth), metadata
        except profiles.ProfileError:
            metadata = metadata.noting("its ICC profile is left out: it is damaged")
    return (without_profile(colours, depth) if without_profile else None), metadata


def _upright(codes: np.ndarray, orientation: int) -> np.ndarray:
    """The picture turned as EXIF's orientation 1-8 asks for."""
    if orientation in (5, 6, 7, 8):
        codes = codes.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        codes = codes[::-1]
    if orientation in (2, 3, 6, 7):
        codes = codes[:, ::-1]
    return np.ascontiguousarray(codes)


def _field(image: Any, name: str, default: Any) -> Any:
    return image.get(name) if image.get_typeof(name) else default
