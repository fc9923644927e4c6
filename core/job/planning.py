"""Plans jobs: finds the sources in files and folders, and names the result of each.

A folder is walked lazily, in the order of its names, so that fifty thousand scans cost no more
memory than the largest folder among them. The tree is mirrored under the destination. Two sources
never share a result: where two results would have one name (`a.tif` and `a.jpg`, both to PNG), each
keeps the whole name of its source (`a.tif.png`, `a.jpg.png`).
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
    template: Job,
    *,
    sheets: Path | None = None,
    selection: Selection | None = None,
) -> Iterator[Job | Outcome]:
    """Yields a job for each of the `sources`, with a result under the folder `destination`.

    Named files are always sources; in a folder those are that `selection` takes. The jobs have the
    settings of `template`. A source that cannot be planned is yielded as a failed `Outcome`.
    `destination` and `sheets`, the folder of the before/after pictures, are not walked.
    """
    sources = list(sources)
    walk = _Walk(destination, sheets, selection or Selection(), one_tree=len(sources) == 1)
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
        yield from _folder(source, destination, "", template, walk)
    yield from _jobs([s for s in sources if not is_folder(s)], destination, template, walk)


def into_file(source: Path, target: Path, template: Job) -> Job:
    """Returns the job that colours one source into the file `target`, in the format of its suffix.

    The other settings are those of `template`. Raises `OptionsError` where no format is written
    under that name, or where it is not the format that the settings ask for.
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
    if template.options.format not in ("same", target_format.name):
        raise OptionsError(
            f"--format {template.options.format} and the name {target.name} disagree"
        )
    same = (_format_of(source) or by_suffix(source.suffix)) is target_format
    chosen = replace(template.options, format="same" if same else target_format.name)
    return replace(template, source=source, destination=target, options=chosen)


def _format_of(source: Path) -> Format | None:
    """Returns the format of a file's contents; None where they cannot be read or recognized."""
    try:
        if not source.is_file():  # opening a named pipe would block until something writes to it
            return None
        with source.open("rb") as file:
            return recognize(file.read(HEAD_BYTES))
    except OSError:
        return None


def is_folder(path: Path | os.DirEntry) -> bool:
    """Returns whether `path` is a folder; False where that cannot be read from the disk."""
    try:
        return path.is_dir()
    except OSError:  # a symbolic link to itself, a name that the disk cannot hold
        return False


class _Walk:
    """The state of a walk: folders that it must not enter, and the results that have a source.

    `open_folders` are the folder that is being walked and those above it: a symbolic link to one
    of them would never end. `one_tree`: there is one source, so that no two folders share results.
    """

    def __init__(
        self, destination: Path, sheets: Path | None, selection: Selection, one_tree: bool
    ) -> None:
        self.selection = selection
        self.destination = _identity(destination)
        self.sheets = _identity(sheets) if sheets else None
        self.open_folders: set[tuple[int, int]] = set()
        self.one_tree = one_tree
        self.results: set[Path] = set()


def _folder(
    folder: Path, destination: Path, below: str, template: Job, walk: _Walk
) -> Iterator[Job | Outcome]:
    """Yields the jobs of a folder; `below` is its path below SRC with a slash at its end, or ''."""
    identity = _identity(folder)
    if identity is None or identity in (walk.destination, walk.sheets, *walk.open_folders):
        return
    walk.open_folders.add(identity)
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
    yield from _jobs(pictures, destination, template, walk)
    if walk.one_tree:  # no other folder has results in this one, so that memory stays small
        walk.results.clear()
    for entry in folders:
        if walk.selection.enters(below + entry.name):
            inner = f"{below}{entry.name}/"
            yield from _folder(Path(entry.path), destination / entry.name, inner, template, walk)
    walk.open_folders.discard(identity)


def _jobs(sources: list[Path], folder: Path, template: Job, walk: _Walk) -> Iterator[Job | Outcome]:
    """Yields the jobs of files whose results all lie in `folder`."""
    names = {source: _result_name(source, template) for source in sources}
    # Case is folded: on many file systems A.tif and a.tif are one name.
    count = Counter(name.casefold() for name in names.values())
    for source, name in names.items():
        if count[name.casefold()] > 1 and name != source.name:
            name = source.name + Path(name).suffix
        if folder / name in walk.results:
            yield _failed(
                source,
                SourceError(
                    f"another source is called {name} too",
                    remedy="colour them into different folders",
                    kind="conflict",
                ),
            )
            continue
        walk.results.add(folder / name)
        yield replace(template, source=source, destination=folder / name)


def _result_name(source: Path, template: Job) -> str:
    """Returns the source's name, with the suffix of the format that the result has."""
    if is_film(source):
        return result_name(source.name)
    target_format = None if template.options.format == "same" else by_name(template.options.format)
    return source.stem + suffix_of_result(source.suffix, target_format)


def _identity(folder: Path) -> tuple[int, int] | None:
    """Returns the device and inode of a folder; None where there is none."""
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _failed(source: Path, error: PhotochromError) -> Outcome:
    return Outcome(str(source), None, "failed", attempts=0, error=Failure.of(error))
