"""`colorize` and `colorize_all`: one call for a picture, one for files and folders.

Both turn what a caller writes (paths, arrays, keywords, hints as objects) into what `core.job` and
`core.colorizer` take.
"""

import os
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TypedDict, Unpack, overload

import numpy as np

from core.colorizer import Colorizer
from core.errors import PhotochromError, SourceError
from core.hints import Point, document_of_points, document_of_strokes, read_document
from core.image.read import MAX_PIXELS, open_source
from core.job import Job, Outcome, plan, run, run_all
from core.job.job import Existing
from core.job.planning import into_file
from core.model.store import file_of
from core.options import Options
from core.paths import Paths

File = str | os.PathLike[str]

#: Points; strokes of the picture's size, uint8 sRGB with alpha (H, W, 4); or the path of a file of
#: either (JSON or PNG).
Hints = Iterable[Point] | np.ndarray | File


class Choices(TypedDict, total=False):
    """The keywords of both calls that change the picture; `Options` says what each means."""

    model: str
    side: int
    detail: int
    vividness: float
    calm: float
    warmth: float
    tint: float
    reach: float
    format: str
    quality: int


@overload
def colorize(
    picture: File | np.ndarray,
    output: None = None,
    *,
    hints: Hints = (),
    colorizer: Colorizer | None = None,
    device: str = "auto",
    page: int = 0,
    max_pixels: int = MAX_PIXELS,
    **choices: Unpack[Choices],
) -> np.ndarray: ...


@overload
def colorize(
    picture: File,
    output: File,
    *,
    hints: Hints = (),
    colorizer: Colorizer | None = None,
    device: str = "auto",
    existing: Existing = "same",
    max_pixels: int = MAX_PIXELS,
    **choices: Unpack[Choices],
) -> Outcome: ...


def colorize(
    picture: File | np.ndarray,
    output: File | None = None,
    *,
    hints: Hints = (),
    colorizer: Colorizer | None = None,
    device: str = "auto",
    existing: Existing = "same",
    page: int = 0,
    max_pixels: int = MAX_PIXELS,
    **choices: Unpack[Choices],
) -> np.ndarray | Outcome:
    """Colours one picture: a file or an array, into a file or an array.

    - `picture`: the path of a file, or sRGB codes uint8 or uint16, (H, W) or (H, W, 3).
    - `output`: the path of the result, whose suffix tells its format; it has all pages, the depth
      and the metadata of the source. Without it an array is returned: (H, W, 3) codes of the
      picture's depth, of a file those of its page number `page`, upright and without transparency.
    - `hints`: colours that you know, see `Hints`.
    - `colorizer`: the open model to use; without it, the one called `model` is opened on `device`
      and kept for the next call. ("cpu", "cuda", ...: see `photochrom colorize --help`.)
    - `existing`: what to do where `output` exists: "same" does nothing for the very same work and
      refuses anything else, "skip", "overwrite" and "fail" do what they say.
    - `max_pixels`: pages with more pixels are refused.

    Returns the array, or the `Outcome` of a file. Raises `PhotochromError` for what cannot be
    read, coloured or written; `ValueError` for an array that is no picture.
    """
    options = Options.from_mapping({"hints": _document(hints), **choices})
    if isinstance(picture, np.ndarray):
        if output is not None:
            raise ValueError("an array has no metadata to write: save the returned array yourself")
        return (colorizer or _opened(options.model, device)).colorize(picture, options)
    if output is None:
        colorizer = colorizer or _opened(options.model, device)
        with open_source(picture, max_pixels) as source:
            if not 0 <= page < len(source.pages):
                count = f"{len(source.pages)} pages, which are counted from 0"
                raise SourceError(f"it has {count}, and no page {page}", file=picture)
            return colorizer.colorize_page(source.pages[page], options)
    job = into_file(Path(picture), Path(output), Job(Path(), Path(), options, existing, max_pixels))
    _check_paths([job], hints, options)
    outcome = run(job, colorizer or _opened(options.model, device))
    if outcome.error:
        raise PhotochromError(outcome.error.message, file=outcome.source, kind=outcome.error.kind)
    return outcome


def colorize_all(
    sources: File | Iterable[File],
    output: File,
    *,
    device: str = "auto",
    existing: Existing = "same",
    recolour: bool = False,
    processes: int = 1,
    max_pixels: int = MAX_PIXELS,
    **choices: Unpack[Choices],
) -> Iterator[Outcome]:
    """Colours files and folders into the folder `output`; outcomes as they come.

    A folder's tree is mirrored. A file that fails is an `Outcome` with an `error`, and the next one
    goes on. Begun again, it goes on where it was stopped. Without `recolour` a picture that is in
    colour already is left alone. `processes`: how many work at once; with more than one, the
    calling program must guard its start with `if __name__ == "__main__":`. Raises
    `PhotochromError` where the model or the device is not to be had, or where a result would be
    written over something that is read.
    """
    options = Options.from_mapping(choices)
    paths = [sources] if isinstance(sources, str | os.PathLike) else sources
    like = Job(Path(), Path(), options, existing, max_pixels, recolour)
    planned = list(plan([Path(path) for path in paths], Path(output), like))
    jobs = [item for item in planned if isinstance(item, Job)]
    _check_paths(jobs, (), options)
    return _outcomes(planned, jobs, device, processes)


def _outcomes(
    planned: list[Job | Outcome], jobs: list[Job], device: str, processes: int
) -> Iterator[Outcome]:
    yield from (item for item in planned if isinstance(item, Outcome))
    if jobs:
        model = jobs[0].options.model
        yield from run_all(jobs, model=model, device=device, processes=min(processes, len(jobs)))


def _check_paths(jobs: list[Job], hints: Hints, options: Options) -> None:
    """Raises `OptionsError` where a path that is written is read, or written twice."""
    paths = Paths()
    paths.read(Path(hints) if isinstance(hints, str | os.PathLike) else None, "hints")
    paths.read(file_of(options.model), "model")
    for job in jobs:
        paths.read(job.source, "the picture")
    for job in jobs:
        paths.write(job.destination, "output")


def _document(hints: Hints) -> str:
    """The hint document of what the caller gave; '' for none."""
    if isinstance(hints, str | os.PathLike):
        return read_document(Path(hints))
    if isinstance(hints, np.ndarray):
        return document_of_strokes(hints)
    points = list(hints)
    return document_of_points(points) if points else ""


@lru_cache(maxsize=2)
def _opened(model: str, device: str) -> Colorizer:
    return Colorizer.open(model, device)
