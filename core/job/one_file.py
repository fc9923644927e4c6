"""Colours one file: opens it, checks whether the work is done, colours it, puts it in its place.

`run` opens the source and compares job keys. `_painted_pages` asks the network, page by page, and
`core.image.write.save` paints each page in bands, writes them in the result's format, brings the
file to the disk and renames it.
"""

import logging
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import numpy as np

from core.colorizer import Colorizer
from core.errors import (
    DestinationError,
    Failure,
    InterruptedJob,
    PhotochromError,
    SourceError,
)
from core.hints import document_for
from core.image.atomic import make_folder
from core.image.format import Format
from core.image.formats import by_name, result_of
from core.image.metadata.provenance import Provenance
from core.image.page import Page, Source
from core.image.painted_page import PaintedPage
from core.image.read import is_whole, open_source, read_provenance
from core.image.write import check_apart, save
from core.job.colour_detection import reason_to_leave
from core.job.job import NAME_TAKEN, Job, Outcome, job_key
from core.job.sidecars import Result, carry
from core.options import canonical_json

log = logging.getLogger(__name__)

#: Is called before every inference and every strip, and stops the work by raising.
StopCheck = Callable[[], None]


class _LeftAlone(Exception):
    """The source should not be coloured; its argument says why."""


def run(
    job: Job, colorizer: Colorizer, *, attempts: int = 1, check: StopCheck = lambda: None
) -> Outcome:
    """Colours one file. A failure is returned as an `Outcome`, so that the next file can go on.

    Only an interruption (`InterruptedJob`, Ctrl-C) is raised; it leaves no half-written file
    either. `attempts` counts how often this job has been begun, this time included; `check`
    raises `InterruptedJob` once the work is no longer wanted.
    """
    start = time.perf_counter()
    status, key, pixels, error, notes = "failed", None, None, None, ()
    output: str | None = str(job.destination)
    try:
        with open_source(job.source, max_pixels=job.max_pixels) as source:
            key = job_key(source.sha256, colorizer.session.sha256, job.options)
            check_apart(source, job.destination)
            status, notes = _done_or_colour(job, source, key, colorizer, check)
            if status == "done":
                pixels = sum(page.width * page.height for page in source.pages)
    except InterruptedJob:
        raise
    except _LeftAlone as left:
        status, notes, output = "skipped", (str(left),), None
    except PhotochromError as known:
        error = Failure.of(known)
    except Exception as defect:
        # One strange file must not end a night's batch: it is listed, its traceback in the log.
        log.debug("%s", job.source, exc_info=True)
        error = Failure.of(defect)
    return Outcome(
        source=str(job.source),
        output=output,
        status=status,
        key=key,
        pixels=pixels,
        seconds=time.perf_counter() - start,
        model=colorizer.session.description.name,
        provider=colorizer.session.provider,
        attempts=attempts,
        error=error,
        notes=notes,
    )


def _done_or_colour(
    job: Job, source: Source, key: str, colorizer: Colorizer, check: StopCheck
) -> tuple[Literal["done", "skipped"], tuple[str, ...]]:
    """Colours the source unless its result is there already; returns status and notes.

    Raises `_LeftAlone` for a source that should not be coloured.
    """

    @lru_cache(maxsize=1)
    def page_of(index: int) -> _ThumbnailOnce:
        return _ThumbnailOnce(source.pages[index])

    def thumbnail(index: int) -> np.ndarray:
        page = page_of(index)
        height, width = colorizer.sizes_of(page.height, page.width, job.options).thumbnail
        return page.thumbnail(width, height)

    taken: DestinationError | None = None
    try:
        if _is_done(job, key):
            return "skipped", _skipped(job, source, key, colorizer)
    except DestinationError as error:
        taken = error
    if not job.recolour and (why := reason_to_leave(source, thumbnail)):
        raise _LeftAlone(why)
    if taken:  # raised only now: it does not matter for a source that should not be coloured
        raise taken
    try:
        return "done", _colour(job, source, key, colorizer, check, page_of)
    except DestinationError as error:
        # Another process may have written the same result a moment ago.
        if error.kind == "exists" and _is_done(job, key):
            return "skipped", _skipped(job, source, key, colorizer)
        raise


def _skipped(job: Job, source: Source, key: str, colorizer: Colorizer) -> tuple[str, ...]:
    """Returns the notes of a skipped job, and carries the sidecars that its result lacks."""
    if job.existing == "skip":
        return (NAME_TAKEN,)
    carry(job.source, _result(job, source, key, colorizer), replaces=False)
    return ()


def _result(job: Job, source: Source, key: str, colorizer: Colorizer) -> Result:
    format = _format(job) or result_of(source.format)
    return Result(job.destination, format, _provenance(job, key, colorizer), source.pages[0])


def _format(job: Job) -> Format | None:
    return None if job.options.format == "same" else by_name(job.options.format)


def _is_done(job: Job, key: str) -> bool:
    """Returns whether no work is left; raises `DestinationError` where the name is taken."""
    # For a name that the disk cannot hold `lexists` is False: writing then raises the error.
    if not os.path.lexists(job.destination) or job.existing == "overwrite":
        return False
    if job.existing == "skip" or (job.existing == "same" and _carries(job.destination, key)):
        return True
    raise DestinationError(
        "another file stands there already",
        file=job.destination,
        remedy="choose another destination, or --existing overwrite",
        kind="exists",
    )


def _carries(file: Path, key: str) -> bool:
    """Returns whether the file is whole and carries the key (contract 3)."""
    try:
        provenance = read_provenance(file)
        return provenance is not None and provenance.job_key == key and is_whole(file)
    except SourceError:  # not a result of this program; its faults are not the source's
        return False


def _colour(
    job: Job,
    source: Source,
    key: str,
    colorizer: Colorizer,
    check: StopCheck,
    page_of: Callable[[int], "_ThumbnailOnce"],
) -> tuple[str, ...]:
    """Writes the coloured source and its sidecars; returns notes."""
    make_folder(job.destination.parent)
    replaces = job.existing == "overwrite"
    result = _result(job, source, key, colorizer)
    written = save(
        source,
        job.destination,
        _painted_pages(source, job, colorizer, check, page_of),
        format=_format(job),
        quality=job.options.quality,
        provenance=result.provenance,
        replace=replaces,
    )
    return (*written.notes, *carry(job.source, result, replaces=replaces))


def _painted_pages(
    source: Source,
    job: Job,
    colorizer: Colorizer,
    check: StopCheck,
    page_of: Callable[[int], "_ThumbnailOnce"],
) -> Iterator[PaintedPage]:
    """Yields each page with its colours.

    The network runs when its page is requested, so that one page's chroma is in memory at a time.
    """
    for page in source.pages:
        check()
        hints = document_for(job.options.hints, page.index + 1, len(source.pages))
        options = replace(job.options, hints=hints)
        paint = colorizer.painter_of(page_of(page.index), options, lambda *_: check())
        yield PaintedPage(page, paint, check)


class _ThumbnailOnce:
    """A page, for the `Colorizer`, whose thumbnail is computed once and kept."""

    def __init__(self, page: Page) -> None:
        self.height, self.width = page.height, page.width
        self.thumbnail = lru_cache(maxsize=1)(page.thumbnail)


@cache
def _tool() -> str:
    # Cached, since `version` reads a file each time, which is noticeable with small scans.
    return f"photochrom {version('photochrom')}"


def _provenance(job: Job, key: str, colorizer: Colorizer) -> Provenance:
    model = colorizer.session.description
    return Provenance(
        job_key=key,
        model_name=model.name,
        model_version=model.version,
        model_sha256=colorizer.session.sha256,
        options=canonical_json(job.options.canonical()),
        tool=_tool(),
    )
