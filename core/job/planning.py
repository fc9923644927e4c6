"""Planning: files and folders in, jobs out, one folder at a time, each with a name of its own.

A folder is walked lazily, in the order of its names, so that fifty thousand scans cost no more
memory than the largest folder among them. The tree is mirrored under the destination. Two sources
never share a result: where names would meet (`a.tif` and `a.jpg`, both to PNG), each keeps its
whole name (`a.tif.png`, `a.jpg.png`).
"""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from core.errors import Failure, OptionsError, PhotochromError, SourceError
from core.film_names import is_film, result_name
from core.image.format import Format
from core.image.formats import (
    FORMATS,
    HEAD_BYTES,
    by_name,
    by_suffix,
    recognize,
    suffix_of_result,
)
from core.job.job import Job, Outcome
from core.job.selection import Selection


def plan(
    sources: Iterable[Path],
    destination: Path,
    like: Job,
    *,
    apart: Path | None = None,
    selection: Selection | None = None,
) -> Iterator[Job | Outcome]:
    """The jobs for `sources` under the folder `destination`, with the settings of `like`.

    Files are taken as they are; folders are walked for pictures (by suffix) that `selection`
    takes, and their tree is mirrored. What cannot be planned comes as a failed `Outcome` in its
    place. `apart` is a folder that is not walked, just as `destination`: other results go there.
    """
    sources = list(sources)
    walk = _Walk(destination, apart, selection or Selection(), one_tree=len(sources) == 1)
    for source in sources:
        if not is_folder(source):
            continue
        if _identity(source) == walk.destination:
            yield _failed(
                source,
                SourceError(
                    "the folder is its own destination",
                    remedy="choose another folder for the results",
                    kind="conflict",
                ),
            )
            continue
        yield from _folder(source, destination, "", like, walk)
    yield from _jobs([s for s in sources if not is_folder(s)], destination, like, walk)


def into_file(source: Path, target: Path, like: Job) -> Job:
    """One source into one named file, whose suffix then tells the format.

    Raises `OptionsError` where no format is written under that name.
    """
    target_format = by_suffix(target.suffix)
    if (
        target_format is None
        or target_format not in FORMATS
        or target.suffix.lower() in target_format.only_read
    ):
        raise OptionsError(
            f"no format is written under the name {target}",
            remedy=f"end it with one of {' '.join(row.suffixes[0] for row in FORMATS)}, "
            "or with / for a folder",
        )
    if like.options.format not in ("same", target_format.name):
        raise OptionsError(f"--format {like.options.format} and the name {target.name} disagree")
    same = (_format_of(source) or by_suffix(source.suffix)) is target_format
    chosen = replace(like.options, format="same" if same else target_format.name)
    return replace(like, source=source, destination=target, options=chosen)


def _format_of(source: Path) -> Format | None:
    """The format that a file has, whatever it is called; None where it cannot be told."""
    try:
        if not source.is_file():  # a pipe would wait for its other end
            return None
        with source.open("rb") as file:
            return recognize(file.read(HEAD_BYTES))
    except OSError:
        return None


def is_folder(path: Path | os.DirEntry) -> bool:
    """Whether `path` is a folder; what cannot even be looked at is none, and fails when read."""
    try:
        return path.is_dir()
    except OSError:  # a symbolic link to itself, a name that the disk cannot hold
        return False


class _Walk:
    """What a walk must not enter (its own destination, a folder that it is in already) and the
    results that are spoken for."""

    def __init__(
        self, destination: Path, apart: Path | None, selection: Selection, one_tree: bool
    ) -> None:
        self.selection = selection
        self.destination = _identity(destination)
        self.apart = _identity(apart) if apart else None
        self.inside: set[tuple[int, int]] = set()
        self.one_tree = one_tree
        self.taken: set[Path] = set()


def _folder(
    folder: Path, destination: Path, below: str, like: Job, walk: _Walk
) -> Iterator[Job | Outcome]:
    """The jobs of a folder; `below` is its path below SRC with a slash at its end, or ''."""
    identity = _identity(folder)
    if identity is None or identity in (walk.destination, walk.apart) or identity in walk.inside:
        return
    walk.inside.add(identity)
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        yield _failed(folder, SourceError(f"the folder cannot be read ({error.strerror})"))
        entries = []
    folders = [entry for entry in entries if is_folder(entry)]
    names = {entry.name for entry in folders}
    pictures = [
        Path(entry.path)
        for entry in entries
        if entry.name not in names and walk.selection.takes_file(below + entry.name)
    ]
    yield from _jobs(pictures, destination, like, walk)
    if walk.one_tree:  # its folders have results in folders of their own: forget, and stay small
        walk.taken.clear()
    for entry in folders:
        if walk.selection.enters(below + entry.name):
            inner = f"{below}{entry.name}/"
            yield from _folder(Path(entry.path), destination / entry.name, inner, like, walk)
    walk.inside.discard(identity)


def _jobs(sources: list[Path], folder: Path, like: Job, walk: _Walk) -> Iterator[Job | Outcome]:
    """Jobs for files whose results stand side by side in `folder`."""
    wished = {source: _result_name(source, like) for source in sources}
    # Case is folded: on many file systems A.tif and a.tif are one name.
    count = Counter(name.casefold() for name in wished.values())
    for source, name in wished.items():
        if count[name.casefold()] > 1 and name != source.name:
            name = source.name + Path(name).suffix
        if folder / name in walk.taken:
            yield _failed(
                source,
                SourceError(
                    f"another source is called {name} too",
                    remedy="colour them into different folders",
                    kind="conflict",
                ),
            )
            continue
        walk.taken.add(folder / name)
        yield replace(like, source=source, destination=folder / name)


def _result_name(source: Path, like: Job) -> str:
    """The source's own name; with another suffix where its format or `format` says so."""
    if is_film(source):
        return result_name(source.name)
    target_format = None if like.options.format == "same" else by_name(like.options.format)
    return source.stem + suffix_of_result(source.suffix, target_format)


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _failed(source: Path, error: PhotochromError) -> Outcome:
    return Outcome(str(source), None, "failed", attempts=0, error=Failure.of(error))
