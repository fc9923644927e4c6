"""A `Source` is a file of `Page`s, each read as strips of sRGB codes.

`read.open_source` makes a `Source`; the writing side and the Colorizer use it. `page_of` makes one
of its pages for the module of a format, `page_in_memory` one of samples that stand in no file.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from core.image import profiles
from core.image.format import Format
from core.image.layout import SampleLayout, Storage
from core.image.metadata import Metadata, exif
from core.image.origin import Origin
from core.image.pixels import STRIP_PIXELS, HeldPixels, PagePixels, upright
from core.image.profiles import Conversion
from core.image.thumbnail import block_means, mixed, taps


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """One picture of a source, upright.

    `depth` (8 or 16) is that of the file and of the result; `channels` and `dtype` are those of
    the samples: a page whose colours are not sRGB is handed over as gray in 16 bits, with the
    lightness of its colours. `bits` are those of the file (1-16); `stored` says how a TIFF stores
    the page, None for a page of another format. `premultiplied`: the colours are multiplied by the
    alpha, and are written so in the same format (`straight.py`).
    """

    index: int
    width: int
    height: int
    depth: Literal[8, 16]
    bits: int
    channels: Literal["gray", "rgb"]
    has_alpha: bool
    metadata: Metadata
    pixels: PagePixels = field(repr=False)
    conversion: Conversion | None = field(default=None, repr=False)
    stored: Storage | None = None
    premultiplied: bool = False

    @property
    def dtype(self) -> np.dtype:
        """Of the samples: uint8 or uint16."""
        return np.dtype(np.uint16 if self.depth == 16 or self.conversion else np.uint8)

    def thumbnail(self, width: int, height: int) -> np.ndarray:
        """The page at `width` x `height`: each pixel the mean of the codes that it covers.

        Its edges are soft by less than a pixel, since whole blocks are averaged first. Returns
        (height, width) or (height, width, 3) uint8 or uint16 sRGB codes. Where it is larger than
        the page, it is interpolated linearly. Raises `SourceError`.
        """
        across, down = max(1, self.width // width), max(1, self.height // height)
        means = block_means(self.pixels, self.width, across, down)
        dtype = np.uint8 if self.depth == 8 else np.uint16
        samples = self._samples(np.rint(means).astype(dtype))
        mean = mixed(samples.astype(np.float32), *taps(self.height, down, height))
        mean = mixed(mean.swapaxes(0, 1), *taps(self.width, across, width)).swapaxes(0, 1)
        return np.ascontiguousarray(np.rint(mean).astype(samples.dtype))

    def strips(self, rows: int = 0) -> Iterator[tuple[int, np.ndarray, np.ndarray | None]]:
        """(top, samples, alpha) from the top, each of `rows` rows (0: a cacheful of them).

        Samples are (h, width) gray or (h, width, 3), C-contiguous; alpha is (h, width) in the
        file's own codes, or None. They are for reading only. Raises `SourceError`.
        """
        rows = rows or max(1, STRIP_PIXELS // self.width)
        for top, codes in self.pixels.bands(rows):
            alpha = np.ascontiguousarray(codes[..., -1]) if self.has_alpha else None
            yield top, self._samples(codes), alpha

    def _samples(self, codes: np.ndarray) -> np.ndarray:
        """sRGB codes of the file's codes (h, w, bands), without alpha."""
        colours = codes[..., :-1] if self.has_alpha else codes
        if colours.shape[2] == 1:
            colours = colours[..., 0]
        colours = np.ascontiguousarray(colours)
        return self.conversion(colours) if self.conversion else colours


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """An opened file and its pages. Close it, or use it in `with`."""

    format: Format
    origin: Origin
    pages: tuple[Page, ...]
    notes: tuple[str, ...] = ()
    is_lossless: bool = True

    @property
    def path(self):
        """Where it was read from; None for bytes."""
        return self.origin.path

    @property
    def sha256(self) -> str:
        """Of the file's bytes, hexadecimal (contract 3)."""
        return self.origin.sha256

    def __enter__(self) -> "Source":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets the file and the memory go."""
        for page in self.pages:
            page.pixels.release()
        self.origin.close()


def page_of(
    index: int,
    layout: SampleLayout,
    pixels: PagePixels,
    metadata: Metadata,
    bits: int,
    *,
    without_profile: Callable[[int, int], Conversion | None] | None = None,
    stored: Storage | None = None,
    premultiplied: bool = False,
) -> Page:
    """A page whose file has samples of `layout`, and whose `pixels` are upright.

    `without_profile(colours, depth)` gives the conversion of a file that has no ICC profile; where
    it is None, EXIF is asked for Adobe RGB.
    """
    conversion, metadata = _conversion(metadata, layout.colours, layout.depth, without_profile)
    turned = metadata.orientation > 4
    return Page(
        index=index,
        width=layout.height if turned else layout.width,
        height=layout.width if turned else layout.height,
        depth=layout.depth,
        bits=bits,
        channels="gray" if layout.colours == 1 or conversion else "rgb",
        has_alpha=layout.has_alpha,
        metadata=metadata,
        pixels=pixels,
        conversion=conversion,
        stored=stored,
        premultiplied=premultiplied,
    )


def source_in_memory(
    origin: Origin,
    format: Format,
    layout: SampleLayout,
    decode: Callable[[], np.ndarray],
    metadata: Metadata,
    bits: int,
    *,
    is_lossless: bool = True,
    without_profile: Callable[[int, int], Conversion | None] | None = None,
) -> Source:
    """A source of one page that is decoded whole.

    `decode` gives the codes (h, w, channels) of `layout`, turned as in the file, and raises
    `SourceError` for damage.
    """

    def decoded() -> np.ndarray:
        codes = upright(decode(), metadata.orientation)
        return np.require(codes, requirements="W")  # see `PaintedPage.colours`

    pixels = HeldPixels(decoded, [])
    page = page_of(0, layout, pixels, metadata, bits, without_profile=without_profile)
    return Source(format, origin, (page,), page.metadata.notes, is_lossless=is_lossless)


def page_in_memory(samples: np.ndarray) -> Page:
    """The page of a file that would hold `samples`: uint8 or uint16 sRGB codes (H, W) or (H, W, 3).

    The samples may be mapped from a file: nothing of their size is copied.
    """
    codes = samples if samples.ndim == 3 else samples[..., np.newaxis]
    depth = 16 if samples.dtype == np.uint16 else 8
    return Page(
        index=0,
        width=samples.shape[1],
        height=samples.shape[0],
        depth=depth,
        bits=depth,
        channels="rgb" if samples.ndim == 3 else "gray",
        has_alpha=False,
        metadata=Metadata(),
        pixels=HeldPixels(lambda: codes, []),
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
    if without_profile:
        return without_profile(colours, depth), metadata
    if colours != 4 and exif.states_adobe_rgb(metadata.exif):
        return profiles.adobe_rgb(colours, depth), metadata
    return None, metadata
