"""The paths of one command: what is written is never what is read.

A command hands every path that it reads and every path that it writes to one `Paths`, before its
work begins. Files are compared by identity, so that no link, other spelling or linked folder hides
that two names are one file. A `Kind` says which files a command has written itself and may
therefore replace.
"""

import contextlib
import mmap
import os
import stat
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from core.errors import OptionsError

#: Device and inode, and the rest of the path (folder names, file name) below them, '' for none.
Identity = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class Kind:
    """How files that a command writes are told from others: they begin with one of `begins` and
    have `holds` somewhere in them. `noun` names the kind in a refusal, as "a report"."""

    noun: str
    begins: tuple[bytes, ...]
    holds: bytes = b""

    def matches(self, path: Path) -> bool:
        """Whether the regular file at `path` is of this kind; an empty file is of every kind."""
        with path.open("rb") as file:
            head = file.read(max(map(len, self.begins)))
            if not head:
                return True
            if not head.startswith(self.begins):
                return False
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                return content.find(self.holds) >= 0


#: Report lines (contract 5), of the command line as of the queue.
REPORT_LINES: Final = Kind("a report", (b'{"source": ',))
#: Keyword of a text in every PNG that is made to be looked at, so that the next may replace it.
SHEET_MARK: Final = "photochrom-sheet"
SHEET: Final = Kind(
    "a sheet that photochrom made", (b"\x89PNG\r\n\x1a\n",), f"{SHEET_MARK}\0".encode()
)


class Paths:
    """The paths that one command reads and writes. Give it those that are read first."""

    def __init__(self) -> None:
        self._read: dict[Identity, tuple[str, str]] = {}
        self._written: dict[Identity, tuple[str, str]] = {}
        self._trees: list[tuple[Path, str]] = []
        self._folders: dict[str, tuple[int, int, str, bool]] = {}

    def read(self, path: Path | None, option: str) -> None:
        """Takes in a file or folder that is read because of `option`; None is no path.

        Raises `OptionsError` where it is written too.
        """
        if path is None:
            return
        identity = self._identity(path)
        if identity in self._written:
            raise _refusal(option, path, *self._written[identity])
        self._read.setdefault(identity, (option, str(path)))

    def read_standard_input(self) -> None:
        """Takes in the file that standard input comes from, where it is one."""
        with contextlib.suppress(OSError):
            status = os.fstat(0)
            name = "standard input"
            self._read.setdefault((status.st_dev, status.st_ino, ""), (name, name))

    def read_tree(self, folder: Path | None, option: str) -> None:
        """Takes in a folder and all the files below it, or a file.

        The folder is walked once a file that exists is to be written: no other can be in it.
        """
        self.read(folder, option)
        if folder is not None and folder.is_dir():
            self._trees.append((folder, option))

    def write(self, path: Path, option: str) -> None:
        """Takes in a file or folder that is written because of `option`.

        Raises `OptionsError` where it is read too, or written because of another option.
        """
        identity = self._identity(path)
        if self._trees and path.is_file():
            self._walk_trees()
        for known in (self._read, self._written):
            if identity in known:
                raise _refusal(option, path, *known[identity])
        self._written[identity] = (option, str(path))

    def replace(self, path: Path | None, option: str, kind: Kind, *, appends: bool = False) -> None:
        """`write` for a file that may stand there already, if it is of this `kind`.

        With `appends` it may be a pipe or device too. None is no path.
        """
        if path is None:
            return
        self.write(path, option)
        try:
            mode = path.stat().st_mode
            if stat.S_ISREG(mode):
                foreign = not kind.matches(path)
            else:
                foreign = stat.S_ISDIR(mode) or not appends
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise OptionsError(
                f"the file of {option} cannot be looked at ({error.strerror})",
                file=path,
                remedy=f"give {option} another name",
            ) from error
        if foreign:
            raise OptionsError(
                f"{option} would write over this file, which is not {kind.noun}",
                file=path,
                remedy=f"give {option} another name",
            )

    def _walk_trees(self) -> None:
        for tree, option in self._trees:
            for folder, _, names in os.walk(tree):
                for name in names:
                    file = Path(folder, name)
                    self._read.setdefault(self._identity(file), (option, str(file)))
        self._trees.clear()

    def _identity(self, path: Path) -> Identity:
        """The file's own; of one that does not exist yet its folder's, and its name there."""
        text = os.fspath(path)
        try:
            status = os.stat(text)  # noqa: PTH116 (pathlib's costs three times as much)
            return status.st_dev, status.st_ino, ""
        except (OSError, ValueError):
            pass
        if os.path.islink(text) or ".." in path.parts:  # noqa: PTH114
            text = os.path.realpath(text)
        folder, name = os.path.split(text)
        device, inode, below, folds = self._folder(folder or os.curdir)
        return device, inode, below + (_folded(name) if folds else name)

    def _folder(self, folder: str) -> tuple[int, int, str, bool]:
        """Of a folder that need not exist: the nearest one that does, the way down from it, and
        whether names are told apart by case there."""
        known = self._folders.get(folder)
        if known is None:
            real, below = os.path.realpath(folder), ""
            while not os.path.isdir(real) and os.path.dirname(real) != real:  # noqa: PTH112, PTH120
                real, name = os.path.split(real)
                below = f"{name}/{below}"
            folds = folds_case(real)
            status = os.stat(real)  # noqa: PTH116
            known = status.st_dev, status.st_ino, _folded(below) if folds else below, folds
            self._folders[folder] = known
        return known


def folds_case(folder: str) -> bool:
    """Whether names that differ by case alone are one name in the folder.

    A name that is there is asked for in the other case; where there is none, in the folder above
    on the same device. False where nothing can be told.
    """
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                other = entry.name.swapcase()
                if entry.name.isascii() and other != entry.name:
                    return _is_same(entry.path, os.path.join(folder, other))  # noqa: PTH118
        above = os.path.dirname(folder)  # noqa: PTH120
        if above == folder or os.stat(above).st_dev != os.stat(folder).st_dev:  # noqa: PTH116
            return False
    except OSError:
        return False
    return folds_case(above)


def _is_same(first: str, second: str) -> bool:
    try:
        return os.path.samestat(os.lstat(first), os.lstat(second))
    except OSError:
        return False


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _refusal(option: str, path: Path, other: str, other_path: str) -> OptionsError:
    """`option`, with its `path`, and `other`, with its own, lead to one file."""
    if option == other:
        what = f"{option} would write it twice, also as {other_path}"
    else:
        what = f"{option} is the same as {other}"
        what += f" ({other_path})" if other_path not in (other, str(path)) else ""
    return OptionsError(what, file=path, remedy="give what is written a name of its own")
