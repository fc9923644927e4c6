"""Writing one page through libvips: JPEG, PNG, WebP and AVIF.

libvips encodes the pixels, pulled strip by strip from a `Feed`. The metadata of JPEG and PNG is
ours (`jpeg.head`, `png.head`), since libvips would rewrite or drop parts of it; that of WebP and
AVIF is libvips' work. Stands on `feed.py`, `jpeg.py`, `png.py`.
"""

import threading
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Final

import numpy as np

from core.errors import SourceError
from core.image import formats, jpeg, png
from core.image.atomic import write_all
from core.image.feed import Feed
from core.image.formats import Format
from core.image.metadata import Metadata
from core.image.tiff_writer import Layout
from core.image.vips import library, reasons_of

_SAVERS: Final = {
    formats.JPEG: "jpegsave_target",
    formats.PNG: "pngsave_target",
    formats.WEBP: "webpsave_target",
    formats.AVIF: "heifsave_target",
}


def write(
    file: BinaryIO,
    format: Format,
    layout: Layout,
    bands: Iterator[np.ndarray],
    metadata: Metadata,
    settings: dict[str, Any],
) -> None:
    """Writes the page that `bands` make up, (h, width, channels) from the top, to `file`.

    `settings` are options of libvips' saver. Raises what `bands` and `file` raise, and
    `SourceError` (unsupported) where the encoder refuses.
    """
    vips = library()
    feed = Feed(layout, bands)
    sink = _Sink(file, _beginning(format, metadata))
    if format in (formats.JPEG, formats.PNG):
        settings = {**settings, "keep": "none"}

    def encode() -> None:
        try:
            image = _bearing(feed.image(), metadata) if "keep" not in settings else feed.image()
            getattr(image, _SAVERS[format])(sink.target, **settings)
        except vips.Error as error:
            feed.error = feed.error or sink.error or _refused(error, format)

    try:
        _run_interruptibly(encode, feed)
        if error := feed.error or sink.error:
            raise error
    finally:
        feed.close()


def _refused(error: Exception, format: Format) -> SourceError:
    return SourceError(
        f"{format.title} cannot be made of it ({reasons_of(error)[-1]})",
        kind="unsupported",
        remedy="choose another format",
    )


def _run_interruptibly(encode: Callable[[], None], feed: Feed) -> None:
    """Runs `encode` beside this thread, which stays awake for Ctrl-C: libvips sleeps through it."""
    thread = threading.Thread(target=encode, name="encoder")
    thread.start()
    try:
        thread.join()
    except BaseException as interruption:
        feed.error = interruption
        thread.join()
        raise


def _beginning(
    format: Format, metadata: Metadata
) -> Callable[[bytes], tuple[bytes, int] | None] | None:
    if format is formats.JPEG:
        return lambda start: _jpeg_start(start, metadata)
    if format is formats.PNG:
        return lambda start: _png_start(start, metadata)
    return None


def _bearing(image: Any, metadata: Metadata) -> Any:
    """The image with the metadata that libvips writes for us."""
    vips = library()
    image = image.copy()
    blocks = {
        "icc-profile-data": metadata.icc,
        "exif-data": metadata.exif and b"Exif\0\0" + metadata.exif,
        "xmp-data": metadata.xmp,
    }
    for name, data in blocks.items():
        if data:
            image.set_type(vips.GValue.blob_type, name, data)
    return image


class _Sink:
    """Where libvips writes to: a file, with another beginning than libvips gives it.

    `begin(start)` is given the first bytes and answers (what to write instead, how many of them
    it stands for), or None to be asked again with more. What writing raises is kept in `error`.
    """

    def __init__(
        self, file: BinaryIO, begin: Callable[[bytes], tuple[bytes, int] | None] | None
    ) -> None:
        self.error: BaseException | None = None
        self._file, self._begin, self._start = file, begin, b""
        self.target = library().TargetCustom()
        self.target.on_write(self._write)

    def _write(self, data: bytes) -> int:
        try:
            if self._begin:
                self._start += bytes(data)
                if begun := self._begin(self._start):
                    beginning, used = begun
                    write_all(self._file, beginning)
                    write_all(self._file, self._start[used:])
                    self._begin = None
            else:
                write_all(self._file, data)
            return len(data)
        except BaseException as error:
            self.error = error
            return -1


def _jpeg_start(start: bytes, metadata: Metadata) -> tuple[bytes, int] | None:
    """Our segments behind the first two bytes."""
    return start[:2] + jpeg.head(metadata), 2


def _png_start(start: bytes, metadata: Metadata) -> tuple[bytes, int] | None:
    """Our chunks in place of all that libvips puts between the header and the picture."""
    at = start.find(b"IDAT")
    if at < 0:
        return None
    return start[: png.HEADER_BYTES] + png.head(metadata), at - 4
