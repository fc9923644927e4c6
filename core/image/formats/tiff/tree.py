"""The directories of a TIFF file: which of them are pictures, and which show another one smaller.

A file is a chain of directories, and each may have sub-directories (TIFF Technical Note 1). Besides
photographs they hold thumbnails, overviews (the pyramid of a Cloud Optimized GeoTIFF) and masks; in
TIFF/EP the first directory is the thumbnail and the photograph stands in a sub-directory of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from core.image.metadata import exif, tags
from core.image.metadata.directories import (
    BadDirectory,
    BlockHeader,
    Directory,
    Reader,
    TagEntry,
    read_directory,
)

_REDUCED, _MASK = 1, 4  # bits of NewSubfileType
_OLD_REDUCED: Final = 2  # a value of SubfileType
_MASK_COLOURS: Final = 4  # a value of PhotometricInterpretation
#: No program nests deeper than two.
_DEEPEST: Final = 4
#: Tags without whose values the pixels cannot be read as they are meant, or not be found.
_NEEDED: Final = (
    tags.BITS,
    tags.SAMPLE_FORMAT,
    tags.EXTRA_SAMPLES,
    tags.STRIP_OFFSETS,
    tags.STRIP_BYTES,
    tags.TILE_OFFSETS,
    tags.TILE_BYTES,
    tags.COLOUR_MAP,
    tags.JPEG_TABLES,
    tags.YCBCR_COEFFICIENTS,
    tags.REFERENCE_BLACK_WHITE,
    tags.LERC_PARAMETERS,
    tags.SUB_DIRECTORIES,
)
#: So many directories are looked at for the master of one.
_NEAREST: Final = 64


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A directory: `number` counts all of the file in their order, `page` those of the chain.

    `parent` is the number of the directory that it is a sub-directory of, None in the chain.
    `directory` is empty where it is a damaged sub-directory; `size` is (width, height) as stored,
    `orientation` what it says itself, or None.
    """

    number: int
    page: int
    parent: int | None
    directory: Directory
    size: tuple[int, int] = field(init=False)
    orientation: int | None = field(init=False)

    def __post_init__(self) -> None:
        size = one(self.directory, tags.WIDTH, 0), one(self.directory, tags.HEIGHT, 0)
        turned = tags.ORIENTATION in self.directory
        object.__setattr__(self, "size", size)  # once: each is compared with up to `_NEAREST`
        object.__setattr__(
            self, "orientation", exif.orientation_of(self.directory) if turned else None
        )

    @property
    def is_mask(self) -> bool:
        """Whether it says which pixels of another picture count."""
        bits = one(self.directory, tags.NEW_SUB_FILE_TYPE, 0)
        return bool(bits & _MASK) or one(self.directory, tags.PHOTOMETRIC, 1) == _MASK_COLOURS

    @property
    def is_reduced(self) -> bool:
        """Whether the file says that it shows another picture smaller."""
        return (
            bool(one(self.directory, tags.NEW_SUB_FILE_TYPE, 0) & _REDUCED)
            or one(self.directory, tags.SUB_FILE_TYPE, 0) == _OLD_REDUCED
        )

    def upright(self, orientation: int) -> tuple[int, int]:
        """(width, height) upright, as its own Orientation says, else as `orientation` does."""
        orientation = self.orientation or orientation
        width, height = self.size
        return (height, width) if orientation > 4 else (width, height)

    def shows_smaller(self, other: "Node") -> bool:
        """Whether it has the shape of `other`, but for rounding, and is smaller."""
        orientation = other.orientation or self.orientation or 1
        (width, height), (across, down) = self.upright(orientation), other.upright(orientation)
        is_smaller = (
            0 < width <= across and 0 < height <= down and (width, height) != (across, down)
        )
        return is_smaller and abs(width * down - height * across) <= across + down


def one(directory: Directory, tag: int, default: int) -> int:
    """The first integer of a tag; `default` where it has none."""
    entry: TagEntry | None = directory.get(tag)
    values = entry.integers if entry else ()
    return values[0] if values else default


def read_nodes(read: Reader, header: BlockHeader) -> Iterator[Node]:
    """All directories of a file, each before its sub-directories; raises `BadDirectory`.

    What is wrong with the chain raises; what is wrong with a sub-directory gives an empty one.
    """
    visited: set[int] = set()
    number, page, at = 0, 0, header.first
    while at:
        if at in visited:
            raise BadDirectory("its list of pages runs in a circle")
        visited.add(at)
        directory, following = _directory_at(read, at, header)
        top = Node(number, page, None, directory)
        yield top
        for node in _below(top, read, header, visited, 1):
            number = node.number
            yield node
        number, page, at = number + 1, page + 1, following


def _directory_at(read: Reader, at: int, header: BlockHeader) -> tuple[Directory, int]:
    """`read_directory` of a picture; raises `BadDirectory` where what its pixels need is lost."""
    directory, following = read_directory(read, at, header)
    for tag in _NEEDED:
        if tag in directory and directory[tag].fault:
            raise BadDirectory(directory[tag].fault)
    return directory, following


def _below(
    node: Node, read: Reader, header: BlockHeader, visited: set[int], depth: int
) -> Iterator[Node]:
    """The sub-directories of a directory, and the sub-directories of these."""
    pointers = node.directory.get(tags.SUB_DIRECTORIES)
    number = node.number
    for offset in pointers.integers if pointers and depth <= _DEEPEST else ():
        at = offset
        while at and at not in visited:  # each may be the first of a list
            visited.add(at)
            try:
                directory, following = _directory_at(read, at, header)
            except BadDirectory:
                directory, following = {}, 0
            number += 1
            below = Node(number, node.page, node.number, directory)
            yield below
            for deeper in _below(below, read, header, visited, depth + 1):
                number = deeper.number
                yield deeper
            at = following


def masters_of(nodes: list[Node]) -> dict[int, Node]:
    """Of each directory that shows another one smaller (its number), the one that it shows.

    A reduced page of the chain shows the one page of its shape among the whole pages right before
    it; where none is before it, the first one behind it. Where two could be meant, none is.
    """
    masters: dict[int, Node] = {}
    for _, family in groupby(nodes, lambda node: node.page):
        masters |= _masters_in_family([node for node in family if not node.is_mask])
    run: list[Node] = []  # the whole pages right before
    first: list[Node] = []  # reduced pages that none is before
    run_is_over = False
    for node in nodes:
        if node.parent is not None or node.is_mask or node.number in masters:
            continue
        if not node.is_reduced:
            run = [node] if run_is_over else [*run[-_NEAREST:], node]
            run_is_over = False
            masters |= {early.number: node for early in first if early.shows_smaller(node)}
            first = []
        elif run:
            run_is_over = True
            alike = [page for page in run if node.shows_smaller(page)]
            if len(alike) == 1:
                masters[node.number] = alike[0]
        else:
            first.append(node)
    return masters


def _masters_in_family(family: list[Node]) -> dict[int, Node]:
    """A directory and its sub-directories: the smaller ones of one shape show the largest."""
    whole = [node for node in family if not node.is_reduced] or family
    whole = sorted(whole, key=lambda node: node.size)[-_NEAREST:]
    masters = {}
    for node in family:
        larger = [other for other in whole if node.shows_smaller(other)]
        if larger:
            masters[node.number] = max(larger, key=lambda other: other.size)
    return masters
