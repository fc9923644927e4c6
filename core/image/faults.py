"""The sentences that say what is wrong with a source, one place each."""

import errno

from core.errors import SourceError


def damaged(reason: str, name: object) -> SourceError:
    """A picture whose end or middle is missing; `reason` is a clause."""
    return SourceError(
        f"the picture is damaged or cut short ({reason})",
        file=name,
        kind="truncated",
        remedy="get a whole copy of it",
    )


def unsupported(what: str, name: object) -> SourceError:
    """A picture with a feature that nobody here reads; `what` is 'it is a ...'."""
    return SourceError(
        f"{what}, which is not read",
        file=name,
        kind="unsupported",
        remedy="convert it to an 8- or 16-bit gray or RGB TIFF or PNG",
    )


def unreadable(error: OSError, name: object) -> SourceError:
    """What the operating system said about `name`."""
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return SourceError("there is no such file", file=name, kind="vanished")
    if error.errno == errno.ELOOP:
        return SourceError(
            "its symbolic links lead in a circle", file=name, remedy="remove or repair the link"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return SourceError(
            "it may not be read", file=name, remedy="give yourself permission to read it"
        )
    if error.errno == errno.EISDIR:
        return SourceError("it is a folder", file=name, kind="not-an-image")
    reason = error.strerror or type(error).__name__
    return SourceError(f"it cannot be read ({reason})", file=name)


def changed(name: object) -> SourceError:
    """Another program wrote to the file while it was read."""
    return SourceError(
        "the file changed while it was read",
        file=name,
        kind="changed",
        remedy="run it again when the other program is done",
    )


def check_size(width: int, height: int, max_pixels: int, name: object) -> None:
    """Raises `SourceError` (too-large) for a picture of more than `max_pixels`."""
    if width * height > max_pixels:
        raise SourceError(
            f"it has {width:,} x {height:,} pixels, more than the limit of {max_pixels:,}",
            file=name,
            kind="too-large",
            remedy="raise the limit with --max-pixels if you trust the file",
        )
