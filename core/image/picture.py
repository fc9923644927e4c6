"""What a source is: a file of pages, each read as strips of sRGB codes.

`read.open_source` makes a `Source`; `write.save` and the Colorizer use it. A page's pixels are
either held in memory, decoded once, or streamed from the file each time they are asked for; who
uses a page need not know which. Stands on `vips.py`, `origin.py`, `metadata.py`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

import numpy as np

from core.image.formats import Format
from core.image.metadata import Metadata
from core.image.origin import Origin
from core.image.profiles import Conversion
from core.image.tiff import TiffPage
from core.image.vips import explain, library

#: Pixels of one strip: its samples and its colours stay in a core's cache (measured: a 24 MP JPEG
#: costs 10 % more in one strip, and 72 MB).
STRIP_PIXELS: Final = 1 << 19
#: A page of up to this many bytes is held in memory once it is decoded; a larger one is streamed.
HELD_BYTES: Final = 256 << 20


class Pixels(Protocol):
    """The codes of a page as its file has them, upright: (h, w, bands) uint8 or uint16."""

    def bands(self, rows: int) -> Iterator[tuple[int, np.ndarray]]:
        """(top, codes) from the top; every band but the last has `rows` rows."""
        ...

    def shrunk(self, across: int, down: int) -> np.ndarray:
        """The mean of each block of `down` x `across` pixels; blocks at the margins are smaller."""
        ...

    def release(self) -> None:
        """Lets go of memory; the pixels can still be asked for."""
        ...


class Held:
    """Pixels that are decoded whole, on first use, and kept until they are released.

    `shelf` is shared by the pages of a source and has room for one: who is decoded there puts the
    other one away, so that a file of a hundred pages needs the memory of one.
    """

    def __init__(self, decode: Callable[[], np.ndarray], shelf: list["Held"]) -> None:
        self._decode, self._shelf = decode, shelf
        self._codes: np.ndarray | None = None

    def codes(self) -> np.ndarray:
        """All of them: (h, w, bands)."""
        if self._codes is None:
            for other in self._shelf:
                other.release()
            self._shelf[:] = [self]
            self._codes = self._decode()
        return self._codes

    def bands(self, rows: int) -> Iterator[tuple[int, np.ndarray]]:
        codes = self.codes()
        for top in range(0, len(codes), rows):
            yield top, codes[top : top + rows]

    def shrunk(self, across: int, down: int) -> np.ndarray:
        image = image_of(self.codes())
        return pixels_of(image.shrink(across, down, ceil=True))

    def release(self) -> None:
        self._codes = None


class Streamed:
    """Pixels that are read from the file, strip by strip, each time."""

    def __init__(self, open_image: Callable[[], Any], name: str) -> None:
        self._open, self._name = open_image, name

    def bands(self, rows: int) -> Iterator[tuple[int, np.ndarray]]:
        return bands_of(self._open(), rows, self._name)

    def shrunk(self, across: int, down: int) -> np.ndarray:
        try:
            return pixels_of(self._open().shrink(across, down, ceil=True))
        except library().Error as error:
            raise explain(error, self._name) from error

    def release(self) -> None:
        pass


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """One picture of a source, upright.

    `depth` (8 or 16) is that of the file and of the result; `channels` and `dtype` are those of
    the samples: a page whose colours are not sRGB is handed over as gray in 16 bits, with the
    lightness of its colours. `tiff` is its layout, where it comes from a TIFF; `bits` those of
    the file (1-16).
    """

    index: int
    width: int
    height: int
    depth: Literal[8, 16]
    bits: int
    channels: Literal["gray", "rgb"]
    has_alpha: bool
    metadata: Metadata
    pixels: Pixels = field(repr=False)
    conversion: Conversion | None = field(default=None, repr=False)
    tiff: TiffPage | None = field(default=None, repr=False)

    @property
    def dtype(self) -> np.dtype:
        """Of the samples: uint8 or uint16."""
        return np.dtype(np.uint16 if self.depth == 16 or self.conversion else np.uint8)

    def thumbnail(self, width: int, height: int) -> np.ndarray:
        """The page at `width` x `height`: each pixel the mean of the codes that it covers.

        Returns (height, width) or (height, width, 3) uint8 or uint16 sRGB codes. Where it is
        larger than the page, it is interpolated linearly. Raises `SourceError`.
        """
        across, down = max(1, self.width // width), max(1, self.height // height)
        samples = self._samples(self.pixels.shrunk(across, down))
        rows = _weights(self.height, down, height)
        columns = _weights(self.width, across, width)
        planes = samples.astype(np.float32).reshape(*samples.shape[:2], -1)
        planes = [rows @ planes[..., plane] @ columns.T for plane in range(planes.shape[2])]
        mean = np.stack(planes, axis=-1) if samples.ndim == 3 else planes[0]
        return np.rint(mean).astype(samples.dtype)

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
    is_big_tiff: bool = False
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


def image_of(codes: np.ndarray, interpretation: str | None = None) -> Any:
    """A libvips image on the memory of `codes` (h, w, bands); no copy, so keep `codes` alive."""
    height, width, bands = codes.shape
    wide = codes.dtype == np.uint16
    image = library().Image.new_from_memory(
        codes.data, width, height, bands, "ushort" if wide else "uchar"
    )
    if interpretation is None:
        interpretation = ("grey16" if wide else "b-w") if bands < 3 else "rgb16" if wide else "srgb"
    return image.copy(interpretation=interpretation)


def pixels_of(image: Any) -> np.ndarray:
    """The codes of a small libvips image: (h, w, bands)."""
    return image.numpy().reshape(image.height, image.width, image.bands)


def bands_of(image: Any, rows: int, name: str) -> Iterator[tuple[int, np.ndarray]]:
    """(top, codes) of a sequential libvips image; raises `SourceError` for a damaged file."""
    vips = library()
    dtype = {"uchar": np.uint8, "ushort": np.uint16}[image.format]
    region = vips.Region.new(image)
    for top in range(0, image.height, rows):
        height = min(rows, image.height - top)
        try:
            memory = region.fetch(0, top, image.width, height)
        except vips.Error as error:
            raise explain(error, name) from error
        yield top, np.frombuffer(memory, dtype).reshape(height, image.width, image.bands)


def decoded(image: Any, name: str) -> np.ndarray:
    """All codes of a sequential libvips image: (h, w, bands).

    Band by band into memory of numpy's, which has huge pages: 0.074 s for a 24 MP colour JPEG
    against 0.107 s with libvips' own `write_to_memory` (tests/image/test_cost.py).
    """
    dtype = {"uchar": np.uint8, "ushort": np.uint16}[image.format]
    codes = np.empty((image.height, image.width, image.bands), dtype)
    for top, band in bands_of(image, max(1, (1 << 18) // image.width), name):
        codes[top : top + len(band)] = band
    return codes


def _weights(size: int, block: int, wanted: int) -> np.ndarray:
    """(wanted, blocks) float32: how much each block of `block` pixels adds to each wanted pixel."""
    edges = np.minimum(np.arange(0, size + block, block), size)[: -(-size // block) + 1]
    if wanted <= size:
        bounds = np.linspace(0, size, wanted + 1)
        low = np.maximum(bounds[:-1, np.newaxis], edges[np.newaxis, :-1])
        high = np.minimum(bounds[1:, np.newaxis], edges[np.newaxis, 1:])
        weights = np.maximum(high - low, 0.0)
    else:
        centres = np.clip((np.arange(wanted) + 0.5) * size / wanted - 0.5, 0, size - 1)
        weights = np.maximum(1 - np.abs(centres[:, np.newaxis] - np.arange(size)), 0.0)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
