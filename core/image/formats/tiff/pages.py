"""Reads the pages of a TIFF file: each one's layout, metadata and smaller versions.

A page is a picture that is coloured. Thumbnails and overviews (`tree.py`) are none: they are made
anew from the coloured page. Errors name what cannot be read (`support.py`) and what is damaged,
before a decoder sees it. Source: TIFF 6.0, TIFF Technical Notes 1-3, TIFF/EP, BigTIFF.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from core.image.faults import damaged, unsupported
from core.image.formats.tiff.description import metadata_of, with_what_stands_before
from core.image.formats.tiff.strip_locations import (
    CodedSegments,
    PlainStrips,
    Segments,
    coded_segments,
    plain_strips,
    segments_of,
)
from core.image.formats.tiff.support import (
    COMPRESSIONS,
    DECODED_BY_US,
    alpha_of,
    bits_of,
    is_fine_ycbcr,
    kept_channels,
    problem_of,
)
from core.image.formats.tiff.tree import Node, masters_of, one, read_nodes
from core.image.layout import Overview, Storage
from core.image.metadata import Metadata, tags
from core.image.metadata.directories import (
    LONG,
    BadDirectory,
    BlockHeader,
    Directory,
    Reader,
    integers,
    read_directory,
    read_header,
)

#: A tile of more pixels is no program's, and an attack where its own pixels are never read.
_LARGEST_TILE: Final = 1 << 24
#: Smaller versions of so many times the page's pixels are an attack: a pyramid has a third.
_MOST_BELOW: Final = 4
#: So many pictures that are left out are named one by one.
_MOST_NOTES: Final = 20
#: A TIFF of more pages is an attack: its directories alone would take minutes to read.
_MOST_PAGES: Final = 65_535


@dataclass(frozen=True, slots=True)
class TiffPage:
    """One page's layout and metadata. `tile` is (width, height) or None for strips.

    `number` counts the pages of the chain; `is_decoded_here` says that libvips is handed samples,
    since it cannot decode the segments (`rewritten.py`). Of its `samples` channels `kept` are read.
    `alpha` is what ExtraSamples says of a channel beside the colours (0 nothing, 1 alpha that the
    colours are multiplied by, 2 plain alpha), None where there is none; `plain` says where the
    rows are, if they can be read without a decoder, `coded` where the segments are, if damage in
    them has to be looked for (`segments.py`).
    """

    number: int
    width: int
    height: int
    bits: int
    samples: int
    kept: tuple[int, ...]
    photometric: int
    compression: str
    predictor: bool
    tile: tuple[int, int] | None
    alpha: int | None
    segments: Segments
    plain: PlainStrips | None
    coded: CodedSegments | None
    is_decoded_here: bool
    is_big_endian: bool
    directory: Directory
    metadata: Metadata
    stored: Storage

    @property
    def is_planar(self) -> bool:
        """Whether each channel has segments of its own."""
        return one(self.directory, tags.PLANAR, 1) == 2 and self.samples > 1

    @property
    def has_left_out(self) -> bool:
        """Whether some of its channels are not read."""
        return len(self.kept) < self.samples

    @property
    def is_put_together(self) -> bool:
        """Whether each segment has one channel, and libvips reads no such page."""
        return self.is_planar and (self.tile is not None or self.has_left_out)

    @property
    def is_fine_ycbcr(self) -> bool:
        """Whether its samples are YCbCr, as many of each, and no JPEG's."""
        return is_fine_ycbcr(self.directory, self.compression)

    @property
    def is_bit_reversed(self) -> bool:
        """Whether the first pixel of a byte is in its lowest bits."""
        return one(self.directory, tags.FILL_ORDER, 1) == 2

    @property
    def lerc_wrapping(self) -> int:
        """What LERC's segments are compressed with besides: 0 nothing, 1 deflate, 2 Zstandard."""
        entry = self.directory.get(tags.LERC_PARAMETERS)
        values = entry.integers if entry else ()
        return values[1] if len(values) > 1 else 0

    def rows_of(self, number: int) -> int:
        """Rows of segment `number`: a tile has all, a last strip those that are left."""
        rows = self.segments.rows
        if self.tile:
            return rows
        strips = -(-self.height // rows)
        return min(rows, self.height - number % strips * rows)


@dataclass(frozen=True, slots=True)
class TiffFile:
    """The pages of a file in their order, and whether it is a BigTIFF.

    `has_faults`: values of some tags are not there.
    """

    big: bool
    pages: tuple[TiffPage, ...]
    has_faults: bool


@dataclass(frozen=True, slots=True)
class _File:
    """What all pages of a file are read with."""

    header: BlockHeader
    read: Reader
    size: int
    name: str


def read_pages(read_some: Callable[[int, int], bytes], size: int, name: str) -> TiffFile:
    """The pages of a file of `size` bytes; raises `SourceError` (truncated, unsupported)."""

    read = _exactly(read_some, size)
    try:
        header = read_header(read)
        file = _File(header, read, size, name)
        nodes: list[Node] = []
        for node in read_nodes(read, header):
            if len(nodes) == _MOST_PAGES:
                raise unsupported(f"it is a TIFF of more than {_MOST_PAGES:,} pages", name)
            nodes.append(node)
        if not nodes:
            raise BadDirectory("it has no page")
        faults = any(entry.fault for node in nodes for entry in node.directory.values())
        return TiffFile(header.big, tuple(_pages(nodes, file)), faults)
    except BadDirectory as error:
        raise damaged(str(error), name) from error


def _pages(nodes: list[Node], file: _File) -> list[TiffPage]:
    """The pages of a file; what is left out is noted on the first. Raises as `read_pages` does."""
    masters = masters_of(nodes)
    whole = [n for n in nodes if not (n.is_mask or n.is_reduced or n.number in masters)]
    whole_of = Counter(node.page for node in whole if node.directory)
    left_out: set[int] = set()
    notes: list[str] = []
    for node in nodes:
        if node.parent in left_out:
            left_out.add(node.number)
        elif node.number not in masters:
            others = whole_of[node.page] if node.parent is not None else whole_of.total()
            others -= bool(node.directory) and not (node.is_reduced or node.is_mask)
            if fault := _fault(node, bool(others), file):
                left_out.add(node.number)
                notes.append(f"{_called(node)} is left out: {fault}")
    smaller: dict[int, list[Node]] = {}
    for node in nodes:
        if node.number in masters and node.number not in left_out:
            smaller.setdefault(masters[node.number].number, []).append(node)
    pages = [
        _page(node, smaller.get(node.number, ()), file)
        for node in nodes
        if node.number not in left_out and node.number not in masters
    ]
    if not pages:
        raise unsupported("it is a TIFF of masks alone", file.name)
    notes = list(dict.fromkeys(notes))
    if len(notes) > _MOST_NOTES:
        notes[_MOST_NOTES:] = [f"{len(notes) - _MOST_NOTES:,} more pictures in it are left out"]
    for note in notes:
        pages[0] = replace(pages[0], metadata=pages[0].metadata.noting(note))
    return pages


def _called(node: Node) -> str:
    """What messages call a directory."""
    if node.parent is None:
        return f"page {node.page + 1} of the TIFF"
    return f"a picture in a sub-directory of page {node.page + 1}"


def _fault(node: Node, has_others: bool, file: _File) -> str | None:
    """Why a directory is left out and the rest of the file is coloured; None where it is no reason.

    That is a mask, and what cannot be read and is no photograph by itself: a thumbnail that shows
    no page, or what stands in a sub-directory. It is a reason where `has_others`: there are
    pictures, of the same page where it is a sub-directory.
    """
    if node.is_mask:
        is_mask = not node.directory or bits_of(node.directory) == 1
        return (
            "it is a transparency mask" if is_mask else "it is a mask, such as infrared's of dust"
        )
    if not has_others or (node.parent is None and not node.is_reduced):
        return None
    if not node.directory:
        return "it is damaged"
    try:
        problem = problem_of(node.directory, file.header, file.read)
        if problem is None:
            segments_of(node.directory, bits_of(node.directory), file.size)
        return problem and f"it is {problem}"
    except BadDirectory as error:
        return f"it is damaged ({error})"


def packet_of(read_some: Callable[[int, int], bytes], size: int) -> bytes | None:
    """The XMP packet of the first page, or None."""
    read = _exactly(read_some, size)
    try:
        header = read_header(read)
        directory, _ = read_directory(read, header.first, header)
    except BadDirectory:
        return None
    return (directory[tags.XMP].data or None) if tags.XMP in directory else None


def _exactly(read_some: Callable[[int, int], bytes], size: int) -> Reader:
    """A `Reader` of a file of `size` bytes."""

    def read(offset: int, length: int) -> bytes:
        data = read_some(offset, length) if offset + length <= size else b""
        if len(data) < length:
            raise BadDirectory(f"it points to byte {offset + length:,} of {size:,}")
        return data

    return read


def _page(node: Node, smaller: Sequence[Node], file: _File) -> TiffPage:
    """One page of a directory; raises what `read_pages` raises, and `BadDirectory`."""
    directory, header = node.directory, file.header
    width, height = node.size
    if not width or not height:
        raise BadDirectory(f"its page {node.page + 1} has no size")
    bits = bits_of(directory)
    problem = problem_of(directory, file.header, file.read)
    if problem:
        raise unsupported(f"page {node.page + 1} of the TIFF is {problem}", file.name)
    compression = COMPRESSIONS[one(directory, tags.COMPRESSION, 1)]
    samples, kept = one(directory, tags.SAMPLES, 1), kept_channels(directory)
    segments = segments_of(directory, bits, file.size)
    swapped = header.order == ">" and bits == 16
    is_decoded_here = (
        compression in DECODED_BY_US
        or 8 < bits < 16
        or len(kept) < samples
        or swapped  # libvips is handed a little-endian file
        or is_fine_ycbcr(directory, compression)
    )
    if sum(each.size[0] * each.size[1] for each in smaller) > _MOST_BELOW * width * height:
        raise unsupported(f"page {node.page + 1} of the TIFF has too many overviews", file.name)
    metadata = metadata_of(directory, header, file.read)
    if left_out := samples - len(kept):
        channels = "further channel is" if left_out == 1 else f"{left_out} further channels are"
        metadata = metadata.noting(f"its {channels} left out")
    for overview in smaller:
        if overview.number < node.number:
            metadata = with_what_stands_before(metadata, node, overview, header, file.read)
    return TiffPage(
        number=node.page,
        width=width,
        height=height,
        bits=bits,
        samples=samples,
        kept=kept,
        photometric=one(directory, tags.PHOTOMETRIC, -1),
        compression=compression,
        predictor=one(directory, tags.PREDICTOR, 1) == 2,
        tile=_tile(directory),
        alpha=alpha_of(directory),
        segments=segments,
        plain=plain_strips(directory, segments, header, bits),
        coded=coded_segments(directory, segments, compression, bits),
        is_decoded_here=is_decoded_here,
        is_big_endian=header.order == ">",
        directory=directory,
        metadata=metadata,
        stored=replace(
            _stored(node, file),
            overviews=tuple(_overview(each, metadata.orientation, file) for each in smaller),
        ),
    )


def _tile(directory: Directory) -> tuple[int, int] | None:
    if tags.TILE_OFFSETS not in directory:
        return None
    return one(directory, tags.TILE_WIDTH, 0), one(directory, tags.TILE_HEIGHT, 0)


def _stored(node: Node, file: _File) -> Storage:
    """How a directory's samples are stored, as far as a writer can store them alike."""
    directory = node.directory
    tile = _tile(directory)
    return Storage(
        # What is not known is written without compression.
        compression=COMPRESSIONS.get(one(directory, tags.COMPRESSION, 1), "none"),
        predictor=one(directory, tags.PREDICTOR, 1) == 2,
        tile=tile if tile and 0 < tile[0] * tile[1] <= _LARGEST_TILE else None,
        alpha=alpha_of(directory),
        big=file.header.big,
        directory=node.number,
        parent=node.parent,
    )


def _overview(node: Node, orientation: int, file: _File) -> Overview:
    """A smaller version of a page whose Orientation is `orientation`."""
    width, height = node.upright(orientation)
    metadata = metadata_of(node.directory, file.header, file.read)
    if tags.ORIENTATION not in node.directory:
        metadata = replace(metadata, orientation=orientation)
    if node.is_reduced and tags.NEW_SUB_FILE_TYPE not in node.directory:
        flag = integers(tags.NEW_SUB_FILE_TYPE, LONG, 1)
        metadata = replace(metadata, tags=(*metadata.tags, flag))
    depth: Literal[8, 16] = 16 if bits_of(node.directory) > 8 else 8
    return Overview(width, height, depth, _stored(node, file), metadata)
