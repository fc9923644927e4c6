"""What a source is: a file of pages, each read as strips of sRGB codes.

`read.open_source` makes a `Source`; `write.save` and the Colorizer use it. A page's pixels are
either held in memory, decoded once, or streamed from the file each time they are asked for; who
uses a page need not know which. Stands on `vips.py`, `origin.py`, `metadata.py`.
"""

import math
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
#: Larger blocks than this are new memory from the system each time (glibc's M_MMAP_THRESHOLD).
_REUSED_BYTES: Final = 32 << 20

#: Opens the picture of a page anew, lazily.
OpenImage = Callable[[], Any]


class Pixels(Protocol):
    """The codes of a page as its file has them, upright: (h, w, bands) uint8 or uint16."""

    def bands(self, rows: int) -> Iterator[tuple[int, np.ndarray]]:
        """(top, codes) from the top; every band but the last has `rows` rows."""
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

    def take(self) -> np.ndarray:
        """All of them, given away to be written over; whoever asks again has them decoded anew."""
        codes = self.codes()
        self.release()
        return codes

    def release(self) -> None:
        self._codes = None


class Streamed:
    """Pixels that are read from the file, strip by strip, each time.

    `check` is called once, before the first strip: it raises `SourceError` for damage that the
    decoder would not tell of.
    """

    def __init__(self, open_image: OpenImage, name: str, check: Callable[[], None]) -> None:
        self._open, self._name, self._check = open_image, name, check
        self._checked = False

    def bands(self, rows: int) -> Iterator[tuple[int, np.ndarray]]:
        if not self._checked:
            self._check()
            self._checked = True
        return bands_of(self._open, rows, self._name)

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

        Its edges are soft by less than a pixel, since whole blocks are averaged first. Returns
        (height, width) or (height, width, 3) uint8 or uint16 sRGB codes. Where it is larger than
        the page, it is interpolated linearly. Raises `SourceError`.
        """
        across, down = max(1, self.width // width), max(1, self.height // height)
        means = block_means(self.pixels, self.width, across, down)
        dtype = np.uint8 if self.depth == 8 else np.uint16
        samples = self._samples(np.rint(means).astype(dtype))
        mean = _resized(samples.astype(np.float32), *_taps(self.height, down, height))
        mean = _resized(mean.swapaxes(0, 1), *_taps(self.width, across, width)).swapaxes(0, 1)
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


def block_means(pixels: Pixels, width: int, across: int, down: int) -> np.ndarray:
    """The mean of each block of `down` x `across` codes, (h, w, bands) float32.

    Blocks at the right and the lower margin may be smaller. Sums of whole rows first: as fast as
    libvips' shrink on 8 bits, 1.6 times as fast on 16 (0.03 s for 100 megapixels), and exact.
    """
    if across == down == 1:
        bands = pixels.bands(max(1, STRIP_PIXELS // width))
        return np.concatenate([codes.astype(np.float32) for _, codes in bands])
    starts = np.arange(0, width, across)
    widths = np.minimum(starts + across, width) - starts
    means = []
    for _, codes in pixels.bands(down * max(1, STRIP_PIXELS // (width * down))):
        # 257 codes of 8 bits add up to 65,535: sums in 16 bits are the quickest.
        narrow = codes.dtype == np.uint8 and down <= 257
        for top in range(0, len(codes), down):
            block = codes[top : top + down]
            rows = block.reshape(len(block), -1).sum(0, np.uint16 if narrow else np.uint64)
            sums = np.add.reduceat(rows.reshape(width, -1), starts, axis=0, dtype=np.float64)
            means.append(sums / (widths[:, np.newaxis] * len(block)))
    return np.asarray(means, np.float32)


def bands_of(open_image: OpenImage, rows: int, name: str) -> Iterator[tuple[int, np.ndarray]]:
    """(top, codes) of what libvips decodes; raises `SourceError` for a damaged file."""
    vips = library()
    image = open_image()
    dtype = {"uchar": np.uint8, "ushort": np.uint16}[image.format]
    region = vips.Region.new(image)
    for top in range(0, image.height, rows):
        height = min(rows, image.height - top)
        try:
            memory = region.fetch(0, top, image.width, height)
        except vips.Error as error:
            raise explain(error, name) from error
        yield top, np.frombuffer(memory, dtype).reshape(height, image.width, image.bands)


def decoded(
    open_image: OpenImage, shape: tuple[int, int, int], wide: bool, name: str
) -> np.ndarray:
    """All codes of what libvips decodes: `shape` is (h, w, bands), `wide` stands for 16 bits.

    Up to `_REUSED_BYTES` in one go, into memory that malloc keeps; more than that band by band into
    memory of numpy's, which has huge pages: two thirds of the time for 72 MB of colour.
    """
    dtype = np.dtype(np.uint16 if wide else np.uint8)
    if math.prod(shape) * dtype.itemsize <= _REUSED_BYTES:
        return np.frombuffer(_decoded_at_once(open_image, name), dtype).reshape(shape)
    codes = np.empty(shape, dtype)
    for top, band in bands_of(open_image, max(1, (1 << 18) // shape[1]), name):
        codes[top : top + len(band)] = band
    return codes


def _decoded_at_once(open_image: OpenImage, name: str) -> Any:
    image = open_image()
    try:
        return image.write_to_memory()
    except library().Error as error:
        raise explain(error, name) from error


def _taps(size: int, block: int, wanted: int) -> tuple[np.ndarray, np.ndarray]:
    """Which blocks make up each of `wanted` means of `size` pixels, and how much each counts.

    Blocks are of `block` pixels, the last one may be smaller. Returns two arrays (taps, wanted):
    the blocks' numbers and their weights (float32), which add up to 1.
    """
    blocks = -(-size // block)
    if wanted > size:  # between the centres of two pixels
        centres = np.clip((np.arange(wanted) + 0.5) * size / wanted - 0.5, 0, size - 1)
        first = np.floor(centres).astype(np.intp)
        numbers = np.stack((first, np.minimum(first + 1, size - 1)))
        weights = np.stack((1 - (centres - first), centres - first))
        return numbers, weights.astype(np.float32)
    bounds = np.arange(wanted + 1) * (size / wanted)
    low, high = bounds[:-1], bounds[1:]
    first = np.floor(low / block).astype(np.intp)
    numbers = first + np.arange(size // wanted // block + 2)[:, np.newaxis]
    starts, ends = numbers * block, np.minimum((numbers + 1) * block, size)
    weights = np.maximum(np.minimum(ends, high) - np.maximum(starts, low), 0.0)
    weights /= weights.sum(axis=0)
    return np.minimum(numbers, blocks - 1), weights.astype(np.float32)


def _resized(samples: np.ndarray, numbers: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Rows of `samples` (float32) mixed by `_taps`. No matrix product: its threads cost more."""
    shape = (-1,) + (1,) * (samples.ndim - 1)
    taps = [w.reshape(shape) * samples[n] for n, w in zip(numbers, weights, strict=True)]
    return np.sum(taps, axis=0)
