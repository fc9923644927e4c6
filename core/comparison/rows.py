"""The rows of a comparison: a photograph, and how each of two sources colours it.

A source is a model, which is asked here, or a folder of results, whoever made them: another
program's, or true colour photographs. A folder's file belongs to the photograph whose path below
its own folder is the same but for the suffix.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Final, Protocol

import numpy as np

from core.colorizer import Colorizer
from core.errors import OptionsError, PhotochromError, SourceError
from core.image.formats import READ
from core.image.page import page_in_memory
from core.image.read import open_source
from core.image.vips import library
from core.options import Options

#: Short side at most of the pictures that a model is asked about, in px; what is shown is smaller.
ASKED: Final = 1024
_QUALITY: Final = 90
#: Pictures of one photograph may be cut a little differently: largest ratio of their shapes.
_UNEQUAL: Final = 1.25


class ComparedSource(Protocol):
    """Where coloured pictures come from."""

    @property
    def name(self) -> str:
        """What the result calls it."""
        ...

    def has(self, photograph: str) -> bool:
        """Whether it has that photograph, named by its path without suffix."""
        ...

    def picture(self, photograph: str, path: Path, height: int) -> np.ndarray:
        """Uint8 (height, w, 3) of the photograph, whose file is `path`; raises `SourceError`."""
        ...


@dataclass(frozen=True)
class ComparedFolder:
    """A folder of coloured files, or files that were put together like one."""

    name: str
    files: Mapping[str, Path]

    @classmethod
    def open(cls, name: str, folder: Path) -> "ComparedFolder":
        """All picture files below `folder`."""
        return cls(name, _pictures_below(folder))

    def has(self, photograph: str) -> bool:
        return photograph in self.files

    def picture(self, photograph: str, path: Path, height: int) -> np.ndarray:
        return _shown(self.files[photograph], height)


@dataclass(frozen=True)
class ComparedModel:
    """A model that colours photographs when they are asked for."""

    name: str
    colorizer: Colorizer
    options: Options

    def has(self, photograph: str) -> bool:
        return True

    def picture(self, photograph: str, path: Path, height: int) -> np.ndarray:
        coloured = self.colorizer.colorize(_shown(path, ASKED), self.options)
        return _reduced(coloured, height)


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """One question: a photograph as gray JPEG, and the JPEGs of two sources in the order shown."""

    photograph: str
    gray: bytes
    pictures: tuple[bytes, bytes]
    sources: tuple[str, str]


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """Rows in the order shown, the sources' names, and what was left out, with the reason."""

    sources: tuple[str, ...]
    rows: tuple[ComparisonRow, ...]
    left_out: tuple[str, ...]


def gather(
    photographs: Path | Mapping[str, Path] | None,
    sources: Sequence[ComparedSource],
    *,
    seed: int,
    against: str | None = None,
    height: int = 480,
    watch: Callable[[str], None] = lambda _: None,
) -> PairedComparison:
    """The comparison of every pair of `sources` over photographs: a folder's, or named ones.

    `against` names a source that is one of each pair. Without `photographs` the first folder among
    the sources says which there are, and its lightness is the gray picture. `height` is that of
    the pictures in px. Order and sides are drawn by `seed`. `watch` hears the name of each
    photograph before it is coloured. A photograph that cannot be read is left out. Raises
    `OptionsError` where nothing can be compared.
    """
    names = [source.name for source in sources]
    if len(set(names)) != len(names):
        raise OptionsError("the same source is named twice", remedy="give two different ones")
    if photographs is None:
        files = _files_of_first_folder(sources)
    else:
        files = _pictures_below(photographs) if isinstance(photographs, Path) else photographs
    random = Random(seed)
    rows: list[ComparisonRow] = []
    left_out: list[str] = []
    for name, path in sorted(files.items()):
        missing = [source.name for source in sources if not source.has(name)]
        if missing:
            left_out.append(f"{name}: not in {', '.join(missing)}")
            continue
        watch(name)
        try:
            rows += _rows_of(name, path, sources, against, height, random)
        except PhotochromError as error:
            left_out.append(str(error))
    if not rows:
        reason = f": {left_out[0]}" if left_out else ""
        raise OptionsError(
            f"there is no photograph to compare{reason}",
            remedy="give --photographs a folder of photographs, and sources that have them",
        )
    random.shuffle(rows)
    return PairedComparison(tuple(names), tuple(rows), tuple(left_out))


def _rows_of(
    name: str,
    path: Path,
    sources: Sequence[ComparedSource],
    against: str | None,
    height: int,
    random: Random,
) -> Iterator[ComparisonRow]:
    gray = _gray(_shown(path, height))
    pictures = {source.name: source.picture(name, path, gray.shape[0]) for source in sources}
    shapes = [picture.shape[1] / picture.shape[0] for picture in (gray, *pictures.values())]
    if max(shapes) > _UNEQUAL * min(shapes):
        raise SourceError("the pictures differ in shape", file=path, remedy="compare whole ones")
    encoded = {source: _jpeg(picture) for source, picture in pictures.items()}
    for pair in combinations(encoded, 2):
        if against not in (None, *pair):
            continue
        left, right = random.sample(pair, 2)
        yield ComparisonRow(name, _jpeg(gray), (encoded[left], encoded[right]), (left, right))


def _files_of_first_folder(sources: Sequence[ComparedSource]) -> Mapping[str, Path]:
    for source in sources:
        if isinstance(source, ComparedFolder):
            return source.files
    raise OptionsError(
        "models need photographs to colour", remedy="give --photographs a folder of them"
    )


def _pictures_below(folder: Path) -> dict[str, Path]:
    """Path below `folder` without suffix -> file, of all pictures by suffix."""
    suffixes = {suffix for row in READ for suffix in row.suffixes}
    return {
        path.relative_to(folder).with_suffix("").as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in suffixes and path.is_file() and path.name[0] != "."
    }


def _shown(path: Path, height: int) -> np.ndarray:
    """The first page of a file, uint8 (h, w, 3), of at most `height` rows; raises `SourceError`."""
    with open_source(path) as source:
        page = source.pages[0]
        scale = min(1.0, height / page.height)
        size = max(1, round(page.width * scale)), max(1, round(page.height * scale))
        samples = page.thumbnail(*size)
    if samples.dtype == np.uint16:
        samples = np.rint(samples / 257).astype(np.uint8)
    return samples if samples.ndim == 3 else np.repeat(samples[..., None], 3, axis=2)


def _reduced(picture: np.ndarray, height: int) -> np.ndarray:
    if picture.shape[0] <= height:
        return picture
    width = max(1, round(picture.shape[1] * height / picture.shape[0]))
    return page_in_memory(picture).thumbnail(width, height)


def _gray(picture: np.ndarray) -> np.ndarray:
    """The picture's lightness as gray, uint8 (h, w, 3)."""
    from core.colour.lab import lab_to_srgb, srgb_to_lab

    lab = srgb_to_lab(picture / 255)
    lab[..., 1:] = 0
    return np.rint(np.clip(lab_to_srgb(lab), 0, 1) * 255).astype(np.uint8)


def _jpeg(picture: np.ndarray) -> bytes:
    """A JPEG without metadata, which would tell who made it."""
    image = library().Image.new_from_array(picture, interpretation="srgb")
    return image.jpegsave_buffer(Q=_QUALITY, strip=True)
