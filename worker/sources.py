"""Lists the sources of `batch submit`: a folder, a list of files, a glob, or a bucket's prefix.

`sources_of` reads the argument, `Sources.plan` yields scans and their results one at a time.
`core.job.plan` chooses the results' names and finds conflicts; this module only lists the files.
The results of a list or glob lie under the destination as the files lie under their common folder.
"""

import hashlib
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal

from core.errors import OptionsError, SourceError
from core.job import Job, Outcome, Selection, plan
from core.job.selection import matches
from worker.roots import is_remote

Planned = tuple[str, str, None] | Outcome


@dataclass(frozen=True, slots=True)
class Sources:
    """The sources that an argument names.

    `root`: the absolute folder or URL under which all of them lie; `shown`: the argument as typed;
    `identity`: equal for equal submissions; `files`: of a list or glob; `named_in`: the list's
    file.
    """

    kind: Literal["folder", "files", "remote"]
    root: str
    shown: str
    identity: str
    files: tuple[str, ...] = ()
    named_in: Path | None = None

    def plan(self, destination: str, template: Job, selection: Selection) -> Iterator[Planned]:
        """Yields (source, result, None) for each scan, or a failed `Outcome` of planning."""
        if self.kind == "folder" and not is_remote(destination):
            for item in plan([Path(self.root)], Path(destination), template, selection=selection):
                yield _planned(item)
        else:
            yield from self._plan_by_folders(destination, template, selection)

    def _plan_by_folders(
        self, destination: str, template: Job, selection: Selection
    ) -> Iterator[Planned]:
        """Plans sources other than a local folder, grouping files into folders by name."""
        folders: dict[str, list[Path]] = {}
        for name in self._relative_names(template, selection):
            folder, _, file = name.rpartition("/")
            folders.setdefault(folder, []).append(Path(file))
        for folder, files in folders.items():
            # Relative paths under a folder that does not exist: nothing here touches a disk.
            nowhere = Path(os.devnull, "nowhere")
            for item in plan([nowhere / file for file in files], nowhere, template):
                yield _planned(item, self.root, destination, folder)

    def _relative_names(self, template: Job, selection: Selection) -> Iterable[str]:
        if self.kind == "files":
            names = [os.path.relpath(file, self.root) for file in self.files]
            return [name for name in names if selection.takes_named(name)]
        if self.kind == "remote":
            from worker.object_store import pictures_under

            return pictures_under(self.root, selection)
        nowhere = Path(os.devnull, "nowhere")
        everything = plan([Path(self.root)], nowhere, template, selection=selection)
        return [
            os.path.relpath(item.source, self.root) for item in everything if isinstance(item, Job)
        ]


def sources_of(word: str, tree: str | None = None) -> Sources:
    """Returns the sources that the argument SRC names.

    `tree`: the folder whose tree the results mirror, instead of the common folder of a list or
    glob. Raises `SourceError` or `OptionsError` where SRC names nothing.
    """
    found = _found(word)
    if tree is None:
        return found
    root = os.path.abspath(tree)  # noqa: PTH100 (links keep their names)
    outside = [file for file in found.files if not PurePosixPath(file).is_relative_to(root)]
    if found.kind != "files" or outside:
        what = f"{outside[0]} does not lie below it" if outside else "SRC is no list and no glob"
        raise OptionsError(f"--tree {tree}: {what}")
    return replace(found, root=root, identity=f"{found.identity} below {root}")


def _found(word: str) -> Sources:
    if is_remote(word):
        root = word.rstrip("/")
        return Sources("remote", root, word, root)
    if word == "-":
        return _listed(sys.stdin.buffer.read(), "standard input")
    if word.startswith("@"):
        try:
            listed = _listed(Path(word[1:]).read_bytes(), word)
            return replace(listed, named_in=Path(word[1:]))
        except OSError as error:
            raise SourceError(
                f"the list cannot be read ({error.strerror})", file=word[1:]
            ) from error
    path = Path(word)
    if path.is_dir():
        root = os.path.abspath(word)  # noqa: PTH100 (links keep their names)
        return Sources("folder", root, word, root)
    if path.exists():
        return _files([word], word, word)
    if any(mark in word for mark in "*?["):
        # What is excluded is left out, and counted, when the files are planned.
        found = [file for file in matches(word, Selection()) if Path(file).is_file()]
        if not found:
            raise OptionsError(f"nothing matches {word!r}")
        return _files(found, word, "glob " + os.path.abspath(word))  # noqa: PTH100
    raise SourceError("there is no such folder or file", file=word, kind="vanished")


def _listed(content: bytes, shown: str) -> Sources:
    lines = [os.fsdecode(line.rstrip(b"\r")) for line in content.split(b"\n")]
    files = list(dict.fromkeys(line for line in lines if line.strip()))
    if not files:
        raise OptionsError(f"the list {shown} is empty", remedy="give one file's path a line")
    remote = [file for file in files if is_remote(file)]
    if remote:
        raise OptionsError(
            f"the list {shown} names {remote[0]}", remedy="submit an s3:// prefix by itself"
        )
    return _files(files, shown, hashlib.sha256(content).hexdigest())


def _files(files: list[str], shown: str, identity: str) -> Sources:
    absolute = [os.path.abspath(file) for file in files]  # noqa: PTH100
    root = os.path.commonpath([str(PurePosixPath(file).parent) for file in absolute])
    return Sources("files", root, shown, f"{identity} under {root}", tuple(absolute))


def _planned(
    item: Job | Outcome, root: str = "", destination: str = "", folder: str = ""
) -> Planned:
    """Returns a plan as paths; with `root`, under `root` and `destination` instead of `nowhere`."""
    if isinstance(item, Outcome):
        if not root:
            return item
        name = "/".join(filter(None, (root, folder, Path(item.source).name)))
        return Outcome(name, item.output, item.status, attempts=0, error=item.error)
    if not root:
        return str(item.source), str(item.destination), None
    source = "/".join(filter(None, (root.rstrip("/"), folder, item.source.name)))
    result = "/".join(filter(None, (destination.rstrip("/"), folder, item.destination.name)))
    return source, result, None
