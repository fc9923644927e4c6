"""The sentences that say what is wrong with a film, one place each."""

from pathlib import Path

from core.errors import SourceError
from core.image.faults import unreadable


def of_ffmpeg(error: Exception, path: Path) -> SourceError:
    """What FFmpeg, or the operating system through it, said while the film was opened or read."""
    import av.error

    if isinstance(error, av.error.FileNotFoundError | av.error.PermissionError) or (
        isinstance(error, OSError) and not isinstance(error, av.error.FFmpegError)
    ):
        return unreadable(OSError(error.errno, error.strerror), path)
    # an invalid argument is what FFmpeg says of a container that it may not open
    if isinstance(error, av.error.InvalidDataError | av.error.EOFError | av.error.ArgumentError):
        if path.is_file() and path.stat().st_size == 0:
            return SourceError("the file is empty", file=path, kind="truncated")
        return SourceError(
            "it is no film of a known container, or its beginning is damaged",
            file=path,
            kind="not-an-image",
        )
    reason = getattr(error, "strerror", None) or type(error).__name__
    return SourceError(f"it cannot be read as a film ({reason})", file=path)


def unsupported(what: str, path: Path, remedy: str = "") -> SourceError:
    """A film with a feature that is not read; `what` is 'its ... is ...'."""
    return SourceError(
        what, file=path, kind="unsupported", remedy=remedy or "convert it to FFV1 in MKV first"
    )


def without_frames(path: Path) -> SourceError:
    """A film of which nothing can be decoded."""
    return SourceError(
        "not one frame of it can be decoded",
        file=path,
        kind="truncated",
        remedy="get a whole copy of it",
    )


def clock(seconds: float) -> str:
    """A time in a film: '1:02:03.4' or '2:03.4'."""
    tenths = round(max(seconds, 0) * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    head = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{head}:{rest // 10:02d}.{rest % 10}"
