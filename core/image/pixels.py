"""The codes of a page as its file has them: decoded once and held, or streamed again each time.

Who uses a page need not know which: both are `PagePixels`. `held_or_streamed` chooses.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

import numpy as np

from core.image.layout import SampleLayout
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


class PagePixels(Protocol):
    """The codes of a page as its file has them, upright: (h, w, bands) uint8 or uint16."""

    def bands(self, rows: int) -> Iterator[tuple[int, np.ndarray]]:
        """(top, codes) from the top; every band but the last has `rows` rows."""
        ...

    def release(self) -> None:
        """Lets go of memory; the pixels can still be asked for."""
        ...


class HeldPixels:
    """Pixels that are decoded whole, on first use, and kept until they are released.

    The pages of a source share the list `decoded_pages`, which holds one page at most: decoding
    another page releases it, so that a file of a hundred pages needs the memory of one.
    """

    def __init__(self, decode: Callable[[], np.ndarray], decoded_pages: list["HeldPixels"]) -> None:
        self._decode, self._decoded_pages = decode, decoded_pages
        self._codes: np.ndarray | None = None

    def codes(self) -> np.ndarray:
        """All of them: (h, w, bands)."""
        if self._codes is None:
            for other in self._decoded_pages:
                other.release()
            self._decoded_pages[:] = [self]
            self._codes = self._decode()
        return self._codes

    def bands(self, rows: int) -> Iterator[tuple[int, np.ndarray]]:
        codes = self.codes()
        for top in range(0, len(codes), rows):
            yield top, codes[top : top + rows]

    def take(self) -> np.ndarray:
        """All of them, given away to be written over; the next call decodes them again."""
        codes = self.codes()
        self.release()
        return codes

    def release(self) -> None:
        self._codes = None


class StreamedPixels:
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


def held_or_streamed(
    name: str,
    layout: SampleLayout,
    orientation: int,
    decoded_pages: list[HeldPixels],
    decode: Callable[[], np.ndarray],
    open_image: OpenImage,
    check: Callable[[], None],
) -> PagePixels:
    """Pixels held where that is little memory or the picture must be turned, streamed otherwise.

    What is held is what `decode` gives; what is streamed comes from `open_image` after `check`.
    Both raise for every damage that can be noticed: no other way leads to a page's pixels.
    """
    if layout.bytes > HELD_BYTES and orientation == 1:
        return StreamedPixels(open_image, name, check)
    return HeldPixels(lambda: upright(decode(), orientation), decoded_pages)


def upright(codes: np.ndarray, orientation: int) -> np.ndarray:
    """The picture turned as EXIF's orientation 1-8 asks for."""
    if orientation in (5, 6, 7, 8):
        codes = codes.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        codes = codes[::-1]
    if orientation in (2, 3, 6, 7):
        codes = codes[:, ::-1]
    return np.ascontiguousarray(codes)


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
