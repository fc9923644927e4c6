"""Writing one page through libvips: JPEG, PNG, WebP and AVIF.

libvips encodes the pixels, pulled strip by strip from a `ForgedTiff`. A format either gives its
files a beginning of its own, metadata included (JPEG and PNG, of which libvips would rewrite or
drop parts), or leaves the metadata to libvips (WebP and AVIF).
"""

import threading
from collections.abc import Callable
from typing import Any, BinaryIO

from core.errors import SourceError
from core.image.atomic import write_all
from core.image.forged_tiff import ForgedTiff
from core.image.layout import SampleLayout
from core.image.metadata import Metadata
from core.image.painted_page import PaintedPage
from core.image.vips import library, reasons_of

#: begin(start) is given the first bytes that libvips writes and answers (what to write instead, how
#: many of them it stands for), or None to be asked again with more.
Begin = Callable[[bytes], tuple[bytes, int] | None]


def write(
    file: BinaryIO,
    page: PaintedPage,
    layout: SampleLayout,
    title: str,
    saver: str,
    begin: Begin | None = None,
    **settings: Any,
) -> None:
    """Writes `page` with libvips' `saver` ('pngsave_target'), told `settings`, to `file`.

    Without `begin`, libvips writes the metadata. `title` is what messages call the format. Raises
    what painting and `file` raise, and `SourceError` (unsupported) where the encoder refuses.
    """
    vips = library()
    forged = ForgedTiff(layout, page.bands(layout))
    sink = _Sink(file, begin)
    kinds = {"exif": page.metadata.exif, "xmp": page.metadata.xmp, "icc": page.metadata.icc}
    # Asked for EXIF where there is none, libvips makes one up, with 25.4 dots an inch.
    kept = [] if begin else [kind for kind, data in kinds.items() if data]
    settings["keep"] = "|".join(kept) or "none"

    def encode() -> None:
        try:
            image = forged.image() if begin else _bearing(forged.image(), page.metadata)
            getattr(image, saver)(sink.target, **settings)
        except vips.Error as error:
            forged.error = forged.error or sink.error or _refused(error, title)

    try:
        _run_interruptibly(encode, forged)
        if error := forged.error or sink.error:
            raise error
    finally:
        forged.close()


def _refused(error: Exception, title: str) -> SourceError:
    return SourceError(
        f"{title} cannot be made of it ({reasons_of(error)[-1]})",
        kind="unsupported",
        remedy="choose another format",
    )


def _run_interruptibly(encode: Callable[[], None], forged: ForgedTiff) -> None:
    """Runs `encode` beside this thread, which stays awake for Ctrl-C: libvips sleeps through it."""
    thread = threading.Thread(target=encode, name="encoder")
    thread.start()
    try:
        thread.join()
    except BaseException as interruption:
        forged.error = interruption
        thread.join()
        raise


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
    """Where libvips writes to: a file, with the beginning that `begin` gives it.

    What writing raises is kept in `error`.
    """

    def __init__(self, file: BinaryIO, begin: Begin | None) -> None:
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
