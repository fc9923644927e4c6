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
    """Colours one file. A failure is an `Outcome`, not an exception: the next file goes on.

    Only an interruption (`InterruptedJob`, Ctrl-C) is raised; nothing half-written is left then
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
    """Colours the source unless nothing is to be done; status and notes. Raises `_LeftAlone`."""

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
    if taken:  # which is no trouble where nothing was to be written
        raise taken
    try:
        return "done", _colour(job, source, key, colorizer, check, page_of)
    except DestinationError as error:
        # Another process may have put the very same result there a moment ago.
        if error.kind == "exists" and _is_done(job, key):
            return "skipped", _skipped(job, source, key, colorizer)
        raise


def _skipped(job: Job, source: Source, key: str, colorizer: Colorizer) -> tuple[str, ...]:
    """The notes of a job that is skipped; a sidecar that its result lacks is carried there."""
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
    """Whether nothing is to be done; raises `DestinationError` where the name is taken."""
    # `lexists` is False, and raises nothing, for a name that the disk cannot hold: writing says so.
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
    """Whether the file is whole and carries the key (contract 3)."""
    try:
        provenance = read_provenance(file)
        return provenance is not None and provenance.job_key == key and is_whole(file)
    except SourceError:  # no file of ours, and its troubles are not the source's
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
    """Each page with its colours.

    The network is asked when the page's turn comes, so that one page's chroma is held at a time.
    """
    for page in source.pages:
        check()
        hints = document_for(job.options.hints, page.index + 1, len(source.pages))
        options = replace(job.options, hints=hints)
        paint = colorizer.painter_of(page_of(page.index), options, lambda *_: check())
        yield PaintedPage(page, paint, check)


class _ThumbnailOnce:
    """A page for the Colorizer that makes its thumbnail once and keeps it."""

    def __init__(self, page: Page) -> None:
        self.height, self.width = page.height, page.width
        self.thumbnail = lru_cache(maxsize=1)(page.thumbnail)


@cache
def _tool() -> str:
    # Asking for the version reads a file: 0.36 ms, which small scans notice.
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
