"""Reads encoded photographs from tar shards (members `SET/NAME.ext`), folders, CIFAR-10's files.

`members` walks a tar or folder in a fixed order and yields encoded bytes; nothing is decoded here.
A picture's set is the folder in which it lies; its identity is `SET/NAME`.
"""

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import SourceError
from train.data import cifar
from train.data.layouts import recognise

PICTURE_SUFFIXES = frozenset({".avif", ".webp", ".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp"})


@dataclass(frozen=True, slots=True)
class Member:
    """One encoded picture: `set_name` (its folder's name), `name` (set/file) and its bytes."""

    set_name: str
    name: str
    data: bytes


def sources(data: Path, pattern: str = "*.tar") -> list[Path]:
    """Returns the sources in `data`: a tar itself, or a folder's tars that match, or the folder.

    Raises `SourceError` where there is no such file or folder.
    """
    if data.is_file():
        return [data]
    if not data.is_dir():
        raise SourceError("no such data folder", file=data, remedy="give a tar file or a folder")
    tars = sorted(data.glob(pattern))
    return tars or [data]


def members(source: Path) -> Iterator[Member]:
    """Yields every picture of one tar or folder, in a fixed order, still encoded.

    Raises `SourceError` for a damaged tar.
    """
    if source.is_dir():
        yield from _of_folder(source)
        return
    if cifar.is_batch(source.name):
        yield from _of_cifar(source.name, source.read_bytes())
        return
    try:
        with tarfile.open(source) as tar:
            for entry in tar:
                name = entry.name.removeprefix("./")
                if not entry.isfile() or not _holds_pictures(Path(name)):
                    continue
                stream = tar.extractfile(entry)
                if stream is None:
                    continue
                if cifar.is_batch(Path(name).name):
                    yield from _of_cifar(Path(name).name, stream.read())
                    continue
                set_name = name.split("/")[0] if "/" in name else source.stem
                yield Member(set_name, name, stream.read())
    except (tarfile.TarError, EOFError) as error:
        raise SourceError(f"not a whole tar file ({error})", file=source) from error


def _of_folder(root: Path) -> Iterator[Member]:
    layout = recognise(root)
    for folder in layout.folders(root) if layout else [root]:
        for path in sorted(folder.rglob("*")):
            if not path.is_file() or not _holds_pictures(path):
                continue
            if cifar.is_batch(path.name):
                yield from _of_cifar(path.name, path.read_bytes())
                continue
            relative = path.relative_to(root)
            first = relative.parts[0] if len(relative.parts) > 1 else root.name
            set_name = layout.name if layout else first
            yield Member(set_name, relative.as_posix(), path.read_bytes())


def _of_cifar(name: str, data: bytes) -> Iterator[Member]:
    for picture_name, encoded in cifar.pictures(name, data):
        yield Member("cifar10", f"cifar10/{picture_name}", encoded)


def _holds_pictures(path: Path) -> bool:
    return path.suffix.lower() in PICTURE_SUFFIXES or cifar.is_batch(path.name)
