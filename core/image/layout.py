"""The layout of samples of a page: in memory, in the file that it comes from, in the result."""

from dataclasses import dataclass
from typing import Final, Literal

from core.image.metadata import Metadata

#: Bytes of a new strip before compression; large enough for few calls, small for any reader.
_STRIP_BYTES: Final = 512 << 10


@dataclass(frozen=True, slots=True)
class SampleLayout:
    """The samples of one picture: (height, width, colours and alpha), uint8 or uint16.

    `colours` is 1 (gray), 3 (RGB) or 4 (CMYK); `depth` is 8 or 16 bits. A picture that is read
    lies as it stands in the file, not yet upright; one that is written has three colours.
    """

    width: int
    height: int
    colours: int
    depth: Literal[8, 16]
    has_alpha: bool

    @property
    def channels(self) -> int:
        """Samples of a pixel: the colours, and alpha where there is one."""
        return self.colours + self.has_alpha

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return self.height, self.width, self.channels

    @property
    def bytes(self) -> int:
        """Of all samples."""
        return self.width * self.height * self.channels * self.depth // 8

    @property
    def rows(self) -> int:
        """Rows of one strip of a file; bands that are written come in multiples of it."""
        return rows_of_strips(self)


def rows_of_strips(layout: SampleLayout) -> int:
    """Rows of a new strip: as many as make `_STRIP_BYTES`, one at least."""
    row = layout.width * layout.channels * layout.depth // 8
    return max(1, min(layout.height, _STRIP_BYTES // row))


@dataclass(frozen=True, slots=True)
class Storage:
    """How a page's samples were stored in a TIFF, for a writer that stores them alike.

    `compression` is a name of `formats.tiff.support`; `tile` is (width, height) or None for strips;
    `alpha` is what ExtraSamples says (1: the colours are multiplied by it, 2: plain), None where
    there is none; `big` says that the file is a BigTIFF. `directory` is the number of the page's
    directory among all of the file, `parent` that of the one that it is a sub-directory of;
    `overviews` are the smaller versions of the page in the file.
    """

    compression: str
    predictor: bool
    tile: tuple[int, int] | None
    alpha: int | None
    big: bool
    directory: int = 0
    parent: int | None = None
    overviews: tuple["Overview", ...] = ()


@dataclass(frozen=True, slots=True)
class Overview:
    """A smaller version of a page (a thumbnail, a level of a pyramid) that stands beside it.

    `width` and `height` are upright, `depth` is that of the file; it has alpha where `stored.alpha`
    is not None. Its pixels are never read: they are made anew from the coloured page.
    """

    width: int
    height: int
    depth: Literal[8, 16]
    stored: Storage
    metadata: Metadata
