"""Many files in, one ZIP out: each file goes the way of `photochrom colorize`, one after another.

Failures are kept with their reason and do not stop the others. A batch that was stopped keeps what
it has done: its ZIP is whole, and the same files sent again go on from there.
"""

import secrets
import shutil
import threading
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from core.errors import InterruptedJob
from core.image.formats import suffix_of_result
from core.job import Job, run
from core.options import Options
from gradio_app.upload import file_name
from gradio_app.workshop import Place, Stop

if TYPE_CHECKING:
    from core.colorizer import Colorizer

#: Files that one batch may have; more belong on the command line.
MOST_FILES: Final = 300
#: Browsers whose last batch is remembered.
MOST_REMEMBERED: Final = 64

#: A file of a batch: what it is called by whoever asks, and which of several of that name.
Key = tuple[str, int]


class Batch:
    """A batch on its way into `archive`. `sources` are its own files, by their keys.

    `failures` lists (name, reason) of this try; `done` has the keys of all that is in the archive.
    """

    def __init__(
        self, folder: Path, sources: dict[Key, Path], options: Options, max_pixels: int,
        former: "Batch | None" = None,
    ) -> None:  # fmt: skip
        self.archive = folder / "photochrom.zip"
        self.options = options
        self.whole = len(sources)
        self.done: set[Key] = set(former.done) if former else set()
        self.failures: list[tuple[str, str]] = []
        self.is_stopped = True  # until the last file was tried
        self.address = ""
        self.left = {key: source for key, source in sources.items() if key not in self.done}
        self._folder = folder
        self._max_pixels = max_pixels
        self._names: set[str] = set(former._names) if former else set()
        self._stop = Stop()
        self._place: Place | None = None
        self._lock = threading.Lock()  # a worker may still write when the batch is ended
        if former:
            shutil.copyfile(former.archive, self.archive)
        self._zip = zipfile.ZipFile(self.archive, "a", zipfile.ZIP_STORED)  # coded pictures

    def stop(self) -> None:
        """Ends the batch soon: at the next strip of the picture that is at work."""
        self._stop.ask()
        if self._place is not None:
            self._place.cancel()

    def at(self, place: Place) -> Callable[[], None]:
        """What the work at `place` asks now and then; it raises `InterruptedJob` after `stop`."""
        self._place = place
        self._stop.check()
        return place.stop.check

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
                    self.failures.append((source.name, outcome.error.message))
                else:
                    self._zip.write(target, self._free_name(source))
                    self.done.add(key)
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

    def _free_name(self, source: Path) -> str:
        """A name in the archive that no other file has, whatever the case of its letters."""
        suffix = suffix_of_result(source.suffix)
        name, number = file_name(source.name, suffix), 1
        while name.casefold() in self._names:
            number += 1
            name = file_name(f"{source.stem}-{number}{suffix}", suffix)
        self._names.add(name.casefold())
        return name


class Batches:
    """The batches at work, by page, and the last one of each browser."""

    def __init__(self, folder: Path, max_pixels: int, offer: Callable[[Path], str]) -> None:
        self._folder = folder
        self._max_pixels = max_pixels
        self._offer = offer  # gives a finished archive an address
        self._at_work: dict[str, Batch] = {}
        self._last: OrderedDict[str, Batch] = OrderedDict()

    def begin(
        self, owner: str, page: str, paths: Sequence[str], options: Options,
        take: Callable[[str, Path], Path],
    ) -> Batch:  # fmt: skip
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
            batch = Batch(folder, sources, options, self._max_pixels, former)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self._at_work[page] = batch
        return batch

    def stop(self, page: str) -> None:
        """Stops the batch that the page has at work, if there is one."""
        if page in self._at_work:
            self._at_work[page].stop()

    def end(self, owner: str, page: str, batch: Batch) -> None:
        """Makes what the batch has done so far ready to be fetched, and remembers it."""
        if self._at_work.get(page) is batch:
            del self._at_work[page]
        batch.address = self._offer(batch.archive) if batch.end() else ""
        if owner:
            self._last[owner] = batch
            self._last.move_to_end(owner)
            if len(self._last) > MOST_REMEMBERED:
                self._last.popitem(last=False)

    def last(self, owner: str) -> Batch | None:
        """The browser's last batch whose archive still is there."""
        batch = self._last.get(owner)
        return batch if batch and batch.archive.exists() else None


def _goes_on(former: Batch, sources: dict[Key, Path], options: Options) -> bool:
    """Whether these files are those of a stopped batch, or have them among them."""
    return (
        former.is_stopped
        and former.options == options
        and former.done <= sources.keys()
        and former.archive.exists()
    )
