"""Selects the sources below a folder, and counts the others by the reason why they were left out.

The command line and the queue call a `Selection` for every entry of a walk, a glob or a list.
"""

import fnmatch
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from glob import iglob
from pathlib import Path, PurePath
from typing import Any, Final

from core.errors import OptionsError
from core.film_names import is_film
from core.image.formats import by_suffix

#: Names, in lower case, of folders that programs make: previews, recycle bins, snapshots.
SYSTEM_FOLDERS: Final = frozenset(
    (
        "@eadir",
        "@recycle",
        "#recycle",
        "#snapshot",
        "$recycle.bin",
        ".thumbnails",
        "system volume information",
        "lost+found",
        "__macosx",
    )
)
#: Names, in lower case, of files that a system puts into folders of pictures; they are not counted.
_SYSTEM_FILES: Final = frozenset(("thumbs.db", "desktop.ini"))
#: Suffix of sidecars, which are copied with their pictures: see `core.job.sidecars`.
_SIDECAR: Final = ".xmp"
#: Suffixes that `in_words` names one by one; the others are added up.
_NAMED: Final = 6


@dataclass
class PassedOver:
    """Counts of what a selection has refused: files `not_read` by suffix, `folders` by name."""

    not_read: Counter[str] = field(default_factory=Counter)
    folders: Counter[str] = field(default_factory=Counter)
    excluded: int = 0
    hidden: int = 0

    def __bool__(self) -> bool:
        return bool(self.not_read or self.folders or self.excluded or self.hidden)

    def in_words(self) -> str:
        """Returns '12 GIF, 3 TXT: not read; 4: --exclude; 1 folder @eaDir: left out'."""
        clauses = []
        if self.not_read:
            ordered = sorted(self.not_read.items(), key=lambda kind: (-kind[1], kind[0]))
            named = [f"{count} {suffix}" for suffix, count in ordered[:_NAMED]]
            rest = sum(count for _, count in ordered[_NAMED:])
            clauses.append(", ".join(named + [f"{rest} others"] * bool(rest)) + ": not read")
        if self.excluded:
            clauses.append(f"{self.excluded}: --exclude")
        if self.hidden:
            clauses.append(f"{self.hidden}: hidden")
        if self.folders:
            folders = (
                f"{count} folder{'s' * (count > 1)} {name}"
                for name, count in sorted(self.folders.items())
            )
            clauses.append(", ".join(folders) + ": left out")
        return "; ".join(clauses)

    def as_mapping(self) -> dict[str, Any]:
        """Returns the counts as JSON values, without those that are 0."""
        values: dict[str, Any] = {
            "not_read": dict(self.not_read),
            "folders": dict(self.folders),
            "excluded": self.excluded,
            "hidden": self.hidden,
        }
        return {name: value for name, value in values.items() if value}


class Selection:
    """Selects files and folders by their names; `passed` counts those that it refuses.

    `exclude` are patterns with `*`, `?` and `[...]`. A pattern without a slash is compared with the
    name of every file and folder below SRC, one with a slash with the whole path below SRC; a
    folder that matches is not entered. Case matters. `films`: whether films are sources.
    """

    def __init__(self, exclude: Iterable[str] = (), *, films: bool = False) -> None:
        self.passed = PassedOver()
        self._films = films
        patterns = [pattern.removeprefix("./").strip("/") for pattern in exclude]
        self._of_names = [pattern for pattern in patterns if pattern and "/" not in pattern]
        self._of_paths = [pattern for pattern in patterns if "/" in pattern]
        self._entered: dict[str, bool] = {}

    def takes_file(self, path: str) -> bool:
        """Returns whether a file found by a walk is a source, by its path below SRC."""
        name = path.rpartition("/")[2]
        suffix = PurePath(name).suffix
        is_picture = by_suffix(suffix) is not None or (self._films and is_film(name))
        if name.startswith("."):
            self.passed.hidden += is_picture and not name.startswith("._")
        elif name.lower() in _SYSTEM_FILES or suffix.lower() == _SIDECAR:
            pass
        elif not is_picture:
            self.passed.not_read[suffix[1:].upper() or "without a suffix"] += 1
        else:
            return self.takes_named(path)
        return False

    def takes_named(self, path: str) -> bool:
        """Returns whether a file named by the user is a source: only `exclude` refuses it."""
        parts = path.split("/")
        if any(self._is_excluded("/".join(parts[: n + 1])) for n in range(len(parts))):
            self.passed.excluded += 1
            return False
        return True

    def enters(self, folder: str) -> bool:
        """Returns whether a folder is walked, by its path below SRC."""
        if folder not in self._entered:
            self._entered[folder] = self._enters(folder)
        return self._entered[folder]

    def enters_all(self, path: str) -> bool:
        """Returns whether all folders above the file `path` are entered."""
        parts = path.split("/")[:-1]
        return all(self.enters("/".join(parts[: n + 1])) for n in range(len(parts)))

    def _enters(self, folder: str) -> bool:
        name = folder.rpartition("/")[2]
        if name.lower() in SYSTEM_FOLDERS:
            self.passed.folders[name] += 1
            return False
        if name.startswith("."):
            return False
        if self._is_excluded(folder):
            self.passed.folders[name] += 1
            return False
        return True

    def _is_excluded(self, path: str) -> bool:
        name = path.rpartition("/")[2]
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self._of_names) or any(
            fnmatch.fnmatchcase(path, pattern) for pattern in self._of_paths
        )


def matches(pattern: str, selection: Selection) -> list[str]:
    """Returns the sorted paths that match a glob, without those that `selection` refuses.

    A folder of `SYSTEM_FOLDERS` is entered where the pattern itself names it. Raises `OptionsError`
    where the pattern matches nothing.
    """
    paths = sorted(set(iglob(pattern, recursive=True)))  # noqa: PTH207 (it may be absolute)
    if not paths:
        raise OptionsError(f"nothing matches {pattern!r}")
    fixed = _fixed_part(pattern)
    return [path for path in paths if _takes_match(path, fixed, selection)]


def _takes_match(path: str, fixed: Path, selection: Selection) -> bool:
    below = Path(os.path.relpath(path, fixed)).as_posix()
    if below == ".":  # `scans/**` matches scans/ too
        return True
    if not selection.enters_all(below):
        return False
    return selection.enters(below) if Path(path).is_dir() else selection.takes_named(below)


def _fixed_part(pattern: str) -> Path:
    """Returns the folder named by the parts of a glob before its first wildcard."""
    parts = Path(pattern).parts
    first = next((n for n, part in enumerate(parts) if any(c in part for c in "*?[")), len(parts))
    return Path(*parts[:first])
