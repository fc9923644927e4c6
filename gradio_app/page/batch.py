"""Many files in, one ZIP out: each file goes the way of `photochrom colorize`, one after another.

Failures are kept with their reason and do not stop the others. Stands on `core.job`.
"""

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from core.job import Job, run
from core.options import Options
from gradio_app.upload import file_name

if TYPE_CHECKING:
    from core.colorizer import Colorizer

#: Files that one batch may have; more belong on the command line.
MOST_FILES: Final = 300


class Batch:
    """A batch on its way into `archive`; `failures` lists (name, reason)."""

    def __init__(self, folder: Path, options: Options, max_pixels: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.archive = folder / "photochrom.zip"
        self.done = 0
        self.failures: list[tuple[str, str]] = []
        self._folder = folder
        self._options = options
        self._max_pixels = max_pixels
        self._names: set[str] = set()
        self._zip = zipfile.ZipFile(self.archive, "w", zipfile.ZIP_STORED)  # coded pictures

    def add(self, source: Path, colorizer: "Colorizer", check: Callable[[], None]) -> None:
        """Colours one file into the archive, or notes why not. The upload is removed."""
        target = self._folder / "result"
        job = Job(source, target, self._options, "overwrite", self._max_pixels)
        try:
            outcome = run(job, colorizer, check=check)
            if outcome.error:
                self.failures.append((source.name, outcome.error.message))
            else:
                self._zip.write(target, self._free_name(source))
                self.done += 1
        finally:
            target.unlink(missing_ok=True)
            source.unlink(missing_ok=True)

    def finish(self) -> Path | None:
        """Closes the archive; None where nothing could be coloured."""
        self._zip.close()
        return self.archive if self.done else None

    def discard(self) -> None:
        """Ends the batch and removes what it made."""
        self._zip.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _free_name(self, source: Path) -> str:
        """A name in the archive that no other file has, whatever the case of its letters."""
        name, number = file_name(source.name, source.suffix), 1
        while name.casefold() in self._names:
            number += 1
            name = file_name(f"{source.stem}-{number}{source.suffix}", source.suffix)
        self._names.add(name.casefold())
        return name
