"""Photographs as they lie on disk: tar shards (members `SET/NAME.ext`) and folders.

`members` walks a data folder in a fixed order and hands out encoded bytes; nothing is decoded
here. A picture's set is the folder it lies in; its identity is `SET/NAME`.
"""

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import SourceError

PICTURE_SUFFIXES = frozenset({".avif", ".webp", ".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp"})


@dataclass(frozen=True, slots=True)
class Member:
    """One encoded picture: `set_name` (its folder's name), `name` (set/file) and its bytes."""

    set_name: str
    name: str
    data: bytes


def sources(data: Path, pattern: str = "*.tar") -> list[Path]:
    """What `data` is made of: itself (a tar), the tars in it that match, or the folder itself."""
    if data.is_file():
        return [data]
    if not data.is_dir():
        raise SourceError("no such data folder", file=data, remedy="give a tar file or a folder")
    tars = sorted(data.glob(pattern))
    return tars or [data]


def members(source: Path) -> Iterator[Member]:
    """Every picture of one tar or folder, in a fixed order, still encoded."""
    if source.is_dir():
        for path in sorted(source.rglob("*")):
            if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file():
                relative = path.relative_to(source)
                set_name = relative.parts[0] if len(relative.parts) > 1 else source.name
                yield Member(set_name, relative.as_posix(), path.read_bytes())
        return
    try:
        with tarfile.open(source) as tar:
            for entry in tar:
                name = entry.name.removeprefix("./")
                if not entry.isfile() or Path(name).suffix.lower() not in PICTURE_SUFFIXES:
                    continue
                stream = tar.extractfile(entry)
                if stream is not None:
                    set_name = name.split("/")[0] if "/" in name else source.stem
                    yield Member(set_name, name, stream.read())
    except (tarfile.TarError, EOFError) as error:
        raise SourceError(f"not a whole tar file ({error})", file=source) from error
