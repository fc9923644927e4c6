"""Reading pages that libvips decodes: PNG, WebP, AVIF and the compressed pages of TIFF."""

from collections.abc import Callable
from typing import Any, Final, Literal

import numpy as np

from core.image.faults import unsupported
from core.image.format import Format
from core.image.layout import SampleLayout
from core.image.metadata import Metadata
from core.image.origin import Origin
from core.image.page import Source, page_of
from core.image.pixels import HeldPixels, OpenImage, PagePixels, decoded, held_or_streamed
from core.image.profiles import Conversion
from core.image.straight_alpha import StraightPixels
from core.image.vips import load

#: libvips' word for a page's colours -> (colours, depth).
_INTERPRETATIONS: Final[dict[str, tuple[int, Literal[8, 16]]]] = {
    "b-w": (1, 8),
    "grey16": (1, 16),
    "srgb": (3, 8),
    "rgb16": (3, 16),
    "cmyk": (4, 8),
}


def source_of_one_page(
    origin: Origin,
    format: Format,
    loader: str,
    metadata: Metadata,
    *,
    bits: int = 8,
    is_lossless: bool = True,
    is_premultiplied: bool = False,
    without_profile: Callable[[int, int], Conversion | None] | None = None,
    **options: Any,
) -> Source:
    """A source of one page that `loader` ('pngload') of libvips decodes, told `options`.

    `is_premultiplied`: the colours that libvips gives are multiplied by alpha, and are divided.
    """

    def open_image() -> Any:
        return load(loader, origin, access="sequential", **options)

    layout = layout_of(open_image(), origin.name)
    pixels = pixels_of(origin, open_image, layout, metadata.orientation, [])
    if is_premultiplied and layout.has_alpha:
        pixels = StraightPixels(pixels)
    page = page_of(0, layout, pixels, metadata, bits, without_profile=without_profile)
    return Source(format, origin, (page,), page.metadata.notes, is_lossless=is_lossless)


def layout_of(image: Any, name: str) -> SampleLayout:
    """Of a picture that libvips has opened; raises `SourceError` (unsupported)."""
    if image.interpretation not in _INTERPRETATIONS or image.format not in ("uchar", "ushort"):
        raise unsupported(f"its colours are {image.interpretation} in {image.format}", name)
    colours, depth = _INTERPRETATIONS[image.interpretation]
    if image.format == "ushort":
        depth = 16
    extra = image.bands - colours
    if extra not in (0, 1):
        raise unsupported(f"it has {image.bands} channels", name)
    return SampleLayout(image.width, image.height, colours, depth, extra == 1)


def pixels_of(
    origin: Origin,
    open_image: OpenImage,
    layout: SampleLayout,
    orientation: int,
    decoded_pages: list[HeldPixels],
    check: Callable[[], None] = lambda: None,
) -> PagePixels:
    """The pixels that libvips decodes, turned upright.

    `check` raises for damage that libvips does not tell of, before it is asked for pixels.
    """

    def decode() -> np.ndarray:
        check()
        return decoded(open_image, layout.shape, layout.depth == 16, origin.name)

    return held_or_streamed(
        origin.name, layout, orientation, decoded_pages, decode, open_image, check
    )


def field_of(image: Any, name: str, default: Any) -> Any:
    """What libvips says of the picture under `name`."""
    return image.get(name) if image.get_typeof(name) else default
