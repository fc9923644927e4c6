"""Decides how the pages of a coloured TIFF are stored: compression, predictor and tiles.

They stay as in the source, where these can hold colours.
"""

from dataclasses import dataclass, replace
from typing import Final

from core.image.layout import Overview, SampleLayout, Storage, rows_of_strips
from core.image.page import Page

_WITH_PREDICTOR: Final = ("lzw", "deflate", "lzma", "zstd")
#: The source's compression -> the result's, where they differ. CCITT is for black and white only,
#: so that those scans become LZW; compressions that few programs read become Deflate.
_BECOMES: Final = {
    "ccitt-rle": "lzw",
    "ccitt-rle-word": "lzw",
    "ccitt-g3": "lzw",
    "ccitt-g4": "lzw",
    "webp": "deflate",
    "lerc": "deflate",
    "jpeg2000": "deflate",
    "jpegxl": "deflate",
    "old-jpeg": "jpeg",
}


@dataclass(frozen=True, slots=True)
class TiffLayout(SampleLayout):
    """How the samples of a page are stored.

    `quality` is that of JPEG inside TIFF; the other fields are those of `Storage`.
    """

    compression: str = "none"
    predictor: bool = False
    tile: tuple[int, int] | None = None
    alpha: int = 2
    quality: int = 92

    @property
    def bytes(self) -> int:
        """The bytes of the samples before compression, tiles' margins included."""
        width, height = self.width, self.height
        if self.tile:
            width, height = (
                -(-a // b) * b for a, b in zip((width, height), self.tile, strict=True)
            )
        return width * height * self.channels * self.depth // 8

    @property
    def rows(self) -> int:
        """The rows of one strip, or of one row of tiles; segments are cut in multiples of it."""
        return self.tile[1] if self.tile else rows_of_strips(self)


def bytes_of(page: Page, quality: int) -> int:
    """Returns the bytes of a page in colour and of its smaller versions, before compression."""
    layouts = [layout_of(page, quality), *(layout for _, layout in layouts_below(page, quality))]
    return sum(layout.bytes for layout in layouts)


def layout_of(page: Page, quality: int) -> TiffLayout:
    """Returns the layout of a page in colour: the source's, where that can hold colours."""
    layout = TiffLayout(page.width, page.height, 3, page.depth, page.has_alpha)
    if page.stored is None:
        return layout
    return _stored_as(layout, page.stored, page.metadata.orientation, quality)


def layouts_below(page: Page, quality: int) -> list[tuple[Overview, TiffLayout]]:
    """Returns the smaller versions of a page, the largest first, with their layouts in colour."""
    found = []
    for overview in page.stored.overviews if page.stored else ():
        has_alpha = page.has_alpha and overview.stored.alpha is not None
        layout = TiffLayout(overview.width, overview.height, 3, overview.depth, has_alpha)
        orientation = overview.metadata.orientation
        found.append((overview, _stored_as(layout, overview.stored, orientation, quality)))
    return sorted(found, key=lambda each: -each[1].width * each[1].height)


def _stored_as(layout: TiffLayout, stored: Storage, orientation: int, quality: int) -> TiffLayout:
    """Returns `layout` with compression, predictor and tiles of `stored`, if they hold colours."""
    compression = _BECOMES.get(stored.compression, stored.compression)
    if compression == "jpeg" and (layout.depth, layout.channels) != (8, 3):
        compression = "deflate"
    was_kept = compression == stored.compression
    tile = stored.tile
    if tile and orientation > 4:
        tile = tile[1], tile[0]
    return replace(
        layout,
        compression=compression,
        # The predictor makes colours much smaller; it is left out where the source had none.
        predictor=compression in _WITH_PREDICTOR and (stored.predictor or not was_kept),
        tile=tile,
        alpha=2 if stored.alpha is None else stored.alpha,
        quality=quality,
    )
