""" "Many files": each file goes the way of `photochrom colorize`, the results into one ZIP.

Failures are kept with their reason and do not stop the others. A batch that was stopped keeps what
it has done: its ZIP is whole, and the same files sent again go on from there.
"""

import secrets
import shutil
import threading
import time
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from core.errors import Failure, InterruptedJob
from core.image.read import open_source
from core.job import Job, run
from core.options import Options
from gradio_app.colorizer_pool import Cancellation, Slot
from gradio_app.page.preview import jpeg_of, preview_size, to_8_bit
from gradio_app.upload import file_name

if TYPE_CHECKING:
    from core.colorizer import Colorizer
    from gradio_app.page.pictures import OpenPictures

#: Files that one batch may have; more belong on the command line.
MOST_FILES: Final = 300
#: Browsers whose last batch is remembered.
MOST_REMEMBERED: Final = 64

#: Long side of a result's small picture in the report.
THUMBNAIL_SIDE: Final = 240

#: A file of a batch: what it is called by whoever asks, and which of several of that name.
Key = tuple[str, int]


class ZipBatch:
    """A batch on its way into `archive`. `sources` are its own files, by their keys.

    `failures` has the reasons of this try; `done` has, for all that is in the archive, the address
    of a small picture, or ''. `current` is at work, `left` are those that this try is about.
    """

    def __init__(
        self,
        folder: Path,
        sources: dict[Key, Path],
        options: Options,
        max_pixels: int,
        pictures: "OpenPictures",
        former: "ZipBatch | None" = None,
    ) -> None:
        self.archive = folder / "photochrom.zip"
        self.options = options
        self.names = {key: source.name for key, source in sources.items()}
        self.done: dict[Key, str] = dict(former.done) if former else {}
        self.failures: dict[Key, Failure] = {}
        self.current: Key | None = None
        self.is_stopped = True  # until the last file was tried
        self.address = ""
        self.left = {key: source for key, source in sources.items() if key not in self.done}
        self._start = time.monotonic()
        self._folder = folder
        self._max_pixels = max_pixels
        self._pictures = pictures
        self._names: set[str] = set(former._names) if former else set()
        self._stop = Cancellation()
        self._slot: Slot | None = None
        self._lock = threading.Lock()  # a worker may still write when the batch is ended
        if former:
            shutil.copyfile(former.archive, self.archive)
        self._zip = zipfile.ZipFile(self.archive, "a", zipfile.ZIP_STORED)  # coded pictures

    @property
    def seconds_left(self) -> float | None:
        """How long the rest will take if it goes on like this; None where nobody can know yet."""
        tried = sum(key in self.done or key in self.failures for key in self.left)
        if not tried:
            return None
        return (time.monotonic() - self._start) / tried * (len(self.left) - tried)

    def stop(self) -> None:
        """Ends the batch soon: at the next strip of the picture that is at work."""
        self._stop.cancel()
        if self._slot is not None:
            self._slot.cancel()

    def at(self, slot: Slot) -> Callable[[], None]:
        """What the work in `slot` asks now and then; it raises `InterruptedJob` after `stop`."""
        self._slot = slot
        self._stop.check()
        return slot.stop.check

    def add(self, key: Key, colorizer: "Colorizer", check: Callable[[], None]) -> None:
        """Colours one file into the archive, or notes why not."""
        source = self.left[key]
        target = self._folder / "result"
        job = Job(source, target, self.options, "overwrite", self._max_pixels)
        try:
            outcome = run(job, colorizer, check=check)
            with self._lock:
                if self._zip.fp is None:
                    raise InterruptedJob("the batch was ended")
                if outcome.error:
                    self.failures[key] = outcome.error
                else:
                    suffix, small = self._suffixes_and_thumbnail(target)
                    self._zip.write(target, self._free_name(source, suffix))
                    self.done[key] = small
        finally:
            target.unlink(missing_ok=True)

    def end(self) -> bool:
        """Closes the archive; whether there is anything in it. Else all of it is removed."""
        with self._lock:
            self._zip.close()
        for source in self.left.values():
            shutil.rmtree(source.parent, ignore_errors=True)
        if not self.done:
            shutil.rmtree(self._folder, ignore_errors=True)
        return bool(self.done)

    def _suffixes_and_thumbnail(self, result: Path) -> tuple[tuple[str, ...], str]:
        """The suffixes that a result's format has, and the address of a small picture of it."""
        with open_source(result, self._max_pixels) as source:
            page, suffixes = source.pages[0], source.format.suffixes
            size = preview_size(page.width, page.height, THUMBNAIL_SIDE)
            small = jpeg_of(to_8_bit(page.thumbnail(*size)))
        return suffixes, self._pictures.offer_thumbnail(small)

    def _free_name(self, source: Path, suffixes: tuple[str, ...]) -> str:
        """A name in the archive that no other file has, whatever the case of its letters.

        A file whose suffix says nothing of its format gets one that does.
        """
        is_known = source.suffix.lower() in suffixes
        stem, suffix = (source.stem, source.suffix) if is_known else (source.name, suffixes[0])
        name, number = file_name(f"{stem}{suffix}", suffix), 1
        while name.casefold() in self._names:
            number += 1
            name = file_name(f"{stem}-{number}{suffix}", suffix)
        self._names.add(name.casefold())
        return name


class ZipBatches:
    """The batches at work, by page, and the last one of each browser."""

    def __init__(self, folder: Path, max_pixels: int, pictures: "OpenPictures") -> None:
        self._folder = folder
        self._max_pixels = max_pixels
        self._pictures = pictures  # gives archives and small pictures their addresses
        self._at_work: dict[str, ZipBatch] = {}
        self._last: OrderedDict[str, ZipBatch] = OrderedDict()

    def begin(
        self,
        owner: str,
        page: str,
        paths: Sequence[str],
        options: Options,
        take: Callable[[str, Path], Path],
    ) -> ZipBatch:
        """A batch of these files, or the rest of the browser's last one where it had no others.

        `take` puts a file of the batch's own, equal to the one at a path, into a folder.
        """
        folder = self._folder / f"batch-{secrets.token_hex(16)}"
        sources = {}
        try:
            for number, path in enumerate(paths):
                own = folder / f"source-{number}"
                own.mkdir(parents=True)
                sources[path, list(paths[:number]).count(path)] = take(path, own)
            former = self._last.get(owner)
            if former and not _goes_on(former, sources, options):
                former = None
            batch = ZipBatch(folder, sources, options, self._max_pixels, self._pictures, former)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self._at_work[page] = batch
        return batch

    def stop(self, page: str) -> None:
        """Stops the batch that the page has at work, if there is one."""
        if page in self._at_work:
            self._at_work[page].stop()

    def end(self, owner: str, page: str, batch: ZipBatch) -> None:
        """Makes what the batch has done so far ready to be fetched, and remembers it."""
        if self._at_work.get(page) is batch:
            del self._at_work[page]
        batch.current = None
        batch.address = self._pictures.offer_archive(batch.archive) if batch.end() else ""
        if owner:
            self._last[owner] = batch
            self._last.move_to_end(owner)
            if len(self._last) > MOST_REMEMBERED:
                self._last.popitem(last=False)

    def last(self, owner: str) -> ZipBatch | None:
        """The browser's last batch whose archive still is there."""
        batch = self._last.get(owner)
        return batch if batch and batch.archive.exists() else None


def _goes_on(former: ZipBatch, sources: dict[Key, Path], options: Options) -> bool:
    """Whether these files are those of a batch that has some left, or have them among them."""
    return (
        (former.is_stopped or bool(former.failures))
        and former.options == options
        and former.done.keys() <= sources.keys()
        and former.archive.exists()
    )
