"""Putting a file in its place, whole or not at all.

`new_file` writes beside the target under a name of its own, brings it to the disk and renames it;
`clean_stale` removes what a killed run left behind, and only that: a living writer holds a lock on
its file, on any machine that shares the folder.
"""

import contextlib
import errno
import os
import re
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

from core.errors import DestinationError
from core.system import fault_of_name, is_alive, lock

#: A file name on all common file systems.
_NAME_BYTES: Final = 255
_TEMPORARY: Final = re.compile(r"\..*\.photochrom-(\d+)-[0-9a-f]{8}\.tmp", re.DOTALL)
#: What Windows says of a file that another program has open.
_SHARING_VIOLATION: Final = 32
#: What a file system says that has no hard links, or no locks.
_CANNOT: Final = frozenset(
    (
        errno.EPERM,
        errno.ENOTSUP,
        errno.EOPNOTSUPP,
        errno.ENOSYS,
        errno.EMLINK,
        errno.ENOLCK,
        errno.EINVAL,
        errno.EXDEV,
    )
)


@contextlib.contextmanager
def new_file(
    target: Path, *, replace: bool, like: os.stat_result | None = None
) -> Iterator[BinaryIO]:
    """A file to `write_all` to, which becomes `target` when the block ends well.

    It is seekable, empty and unbuffered. Where the block raises, or the disk is full, nothing is
    left. Without `replace` a file that stands at `target`, even since a moment ago, is never
    overwritten. `like` is the status of a file whose times and permission bits it is given; until
    then only its owner may read it. Raises `DestinationError` (destination, exists).
    """
    try:
        check_free(target, replace=replace)
        file, temporary = _create(target, 0o600 if like else 0o666)
    except OSError as error:
        raise _refused(error, target) from error
    try:
        with file:
            try:
                yield file
                file.flush()
                if like:
                    _take_on(temporary, like)
                os.fsync(file.fileno())
                if os.name == "nt":  # an open file cannot be renamed there, and holds no lock
                    file.close()
                _put(temporary, target, replace=replace)
            except OSError as error:
                raise _refused(error, target) from error
        _sync_folder(target.parent)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def write_file(target: Path, data: bytes | bytearray | memoryview) -> None:
    """A file of `data` at `target`, over one that stands there; its folder is made.

    Raises `DestinationError`, and then leaves what was there.
    """
    make_folder(target.parent)
    with new_file(target, replace=True) as file:
        write_all(file, data)


def make_folder(folder: Path) -> None:
    """The folder, and those above it; raises `DestinationError` where it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DestinationError(
            f"the folder cannot be made ({error.strerror})",
            file=folder,
            remedy="choose another destination",
        ) from error


def write_all(file: BinaryIO, data: bytes | bytearray | memoryview) -> None:
    """Writes all of `data`; an unbuffered file may take less at once, as on a full disk."""
    view = memoryview(data).cast("B")
    while view:
        view = view[file.write(view) :]


def check_free(target: Path, *, replace: bool) -> None:
    """Raises `DestinationError` where `target` is no file or, without `replace`, exists."""
    if fault := fault_of_name(target.name):
        raise DestinationError(fault, file=target, remedy="give the result another name")
    if target.is_dir():
        raise DestinationError("it is a folder", file=target, remedy="give the name of a file")
    if target.exists() and not target.is_file():  # a rename would put a file in /dev/null's place
        raise DestinationError("it is a device or pipe", file=target, remedy="name a file")
    if not replace and os.path.lexists(target):
        raise DestinationError(
            "there is a file of that name already",
            file=target,
            kind="exists",
            remedy="move it away, or ask for it to be overwritten",
        )


def clean_stale(folder: str | os.PathLike) -> list[Path]:
    """Removes the temporary files of dead runs from `folder` (not below); returns their paths.

    What may not be removed stays, without a word: it is in nobody's way.
    """
    removed = []
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            match = _TEMPORARY.fullmatch(entry.name)
            if match and entry.is_file(follow_symlinks=False):
                path = Path(entry.path)
                with contextlib.suppress(OSError):
                    if _is_abandoned(path, int(match[1])):
                        path.unlink()
                        removed.append(path)
    return removed


def _create(target: Path, mode: int) -> tuple[Any, Path]:
    """The temporary file, open and locked, and its path."""
    while True:
        end = f".photochrom-{os.getpid()}-{secrets.token_hex(4)}.tmp"
        stem = os.fsencode(target.name)[: _NAME_BYTES - len(end) - 1].decode("utf-8", "ignore")
        temporary = target.with_name(f".{stem}{end}")
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        descriptor = os.open(temporary, flags, mode)
        try:
            locked = lock(descriptor)
            # Between its creation and its lock another run may have taken it for abandoned.
            if locked is None or os.fstat(descriptor).st_nlink:
                return os.fdopen(descriptor, "w+b", buffering=0), temporary
        except BaseException:
            temporary.unlink(missing_ok=True)
            os.close(descriptor)
            raise
        os.close(descriptor)


def _take_on(file: Path, like: os.stat_result) -> None:
    """The times and permission bits of `like`, as far as the file system holds any."""
    with contextlib.suppress(OSError):
        os.utime(file, ns=(like.st_atime_ns, like.st_mtime_ns))
    with contextlib.suppress(OSError):
        file.chmod(stat.S_IMODE(like.st_mode) & 0o777)


def _is_abandoned(path: Path, process: int) -> bool:
    if process == os.getpid():
        return False
    descriptor = os.open(path, os.O_RDWR)
    try:
        locked = lock(descriptor)
    finally:
        os.close(descriptor)
    # Without locks the process number has to do, which tells of this machine alone.
    return not is_alive(process) if locked is None else locked


def _put(temporary: Path, target: Path, *, replace: bool) -> None:
    if replace:
        if os.name == "nt":  # a read-only file cannot be replaced there
            with contextlib.suppress(OSError):
                target.chmod(0o666)
        temporary.replace(target)
        return
    try:
        target.hardlink_to(temporary)  # fails where the target exists, in one step
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
        check_free(target, replace=False)
        temporary.replace(target)


def _sync_folder(folder: Path) -> None:
    """Brings the new name to the disk; some file systems cannot, and need not."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _refused(error: OSError, target: Path) -> DestinationError:
    """The `DestinationError` that stands for what the operating system said."""
    if error.errno == errno.EEXIST:
        return DestinationError(
            "there is a file of that name already",
            file=target,
            kind="exists",
            remedy="move it away, or ask for it to be overwritten",
        )
    if getattr(error, "winerror", 0) == _SHARING_VIOLATION:
        return DestinationError(
            "another program has it open", file=target, remedy="close it there and try again"
        )
    known = {
        errno.ENOSPC: ("the disk is full", "make room on it"),
        errno.EDQUOT: ("your share of the disk is used up", "make room on it"),
        errno.EFBIG: ("the file is larger than the disk allows", "choose another disk"),
        errno.EROFS: ("the disk is read-only", "choose another folder"),
        errno.EACCES: ("the folder may not be written to", "choose another, or ask for permission"),
        errno.EPERM: ("the folder may not be written to", "choose another, or ask for permission"),
        errno.ENOENT: ("there is no such folder", "make it first"),
        errno.ENOTDIR: ("there is no such folder", "make it first"),
        errno.ENAMETOOLONG: ("the name is too long for the disk", "choose a shorter one"),
    }
    fallback = (f"it cannot be written ({error.strerror or type(error).__name__})", "")
    what, remedy = known.get(error.errno or 0, fallback)
    return DestinationError(what, file=target, remedy=remedy)
