"""What a TIFF file says of each of its pages: the layout and the metadata.

libvips decodes the pixels; what cannot be read, and what is damaged, is said by name here before
a decoder sees it. Source: TIFF 6.0, TIFF Technical Notes 1-3, BigTIFF.
"""

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from core.image.faults import damaged, unsupported
from core.image.metadata import Metadata, exif, photoshop, tags
from core.image.metadata.directories import (
    IFD,
    LONG,
    BadDirectory,
    BlockHeader,
    Directory,
    Reader,
    TagEntry,
    read_directory,
    read_header,
)

#: Tags that describe how the pixels stood in the old file, or point into it: not carried over.
_STRUCTURAL: Final = frozenset(
    (
        tags.SUB_FILE_TYPE, tags.WIDTH, tags.HEIGHT, tags.BITS, tags.COMPRESSION,
        tags.PHOTOMETRIC, tags.THRESHHOLDING, tags.CELL_WIDTH, tags.CELL_LENGTH, tags.FILL_ORDER,
        tags.STRIP_OFFSETS, tags.ORIENTATION, tags.SAMPLES, tags.ROWS_PER_STRIP, tags.STRIP_BYTES,
        tags.MIN_SAMPLE_VALUE, tags.MAX_SAMPLE_VALUE, tags.X_RESOLUTION, tags.Y_RESOLUTION,
        tags.PLANAR, tags.FREE_OFFSETS, tags.FREE_BYTES, tags.GRAY_RESPONSE_UNIT,
        tags.GRAY_RESPONSE_CURVE, tags.GROUP_3_OPTIONS, tags.GROUP_4_OPTIONS,
        tags.RESOLUTION_UNIT, tags.COLOUR_RESPONSE_UNIT, tags.TRANSFER_FUNCTION, tags.PREDICTOR,
        tags.WHITE_POINT, tags.PRIMARY_CHROMATICITIES, tags.COLOUR_MAP, tags.HALFTONE_HINTS,
        tags.TILE_WIDTH, tags.TILE_HEIGHT, tags.TILE_OFFSETS, tags.TILE_BYTES,
        tags.BAD_FAX_LINES, tags.CLEAN_FAX_DATA, tags.CONSECUTIVE_BAD_FAX_LINES,
        tags.SUB_DIRECTORIES, tags.INK_SET, tags.INK_NAMES, tags.NUMBER_OF_INKS, tags.DOT_RANGE,
        tags.EXTRA_SAMPLES, tags.SAMPLE_FORMAT, tags.SMIN_SAMPLE_VALUE, tags.SMAX_SAMPLE_VALUE,
        tags.TRANSFER_RANGE, tags.CLIP_PATH, tags.X_CLIP_PATH_UNITS, tags.Y_CLIP_PATH_UNITS,
        tags.INDEXED, tags.JPEG_TABLES, tags.OPI_PROXY, *tags.FAX_PROFILE, tags.DECODE,
        tags.DEFAULT_IMAGE_COLOUR, tags.BITS_FOR_JPEG, *tags.OLD_JPEG, tags.YCBCR_COEFFICIENTS,
        tags.YCBCR_SUBSAMPLING, tags.YCBCR_POSITIONING, tags.REFERENCE_BLACK_WHITE,
        tags.STRIP_ROW_COUNTS, tags.XMP, tags.IPTC, tags.PHOTOSHOP, tags.EXIF_IFD, tags.ICC,
        tags.GPS_IFD, tags.IMAGE_SOURCE_DATA, tags.INTEROPERABILITY_IFD, tags.OCE_SCANJOB,
    )
)  # fmt: skip
#: Compressions that the libvips of our wheel decodes: code -> name.
_READ: Final = {
    1: "none", 2: "ccitt-rle", 3: "ccitt-g3", 4: "ccitt-g4", 5: "lzw", 7: "jpeg", 8: "deflate",
    32771: "ccitt-rle-word", 32773: "packbits", 32946: "deflate", 50001: "webp",
}  # fmt: skip
#: Those that libtiff reads on from after damage, with a warning; of tiles libvips drops it.
_WARNED_OF: Final = ("packbits", "ccitt-rle", "ccitt-rle-word", "ccitt-g3", "ccitt-g4")
_NOT_READ: Final = {
    6: "old-style JPEG", 34712: "JPEG 2000", 33003: "JPEG 2000", 33005: "JPEG 2000",
    34661: "JBIG", 34887: "LERC", 34925: "LZMA", 50000: "Zstandard", 50002: "JPEG XL",
    52546: "JPEG XL", 34676: "SGI LogLuv", 34677: "SGI LogLuv", 32809: "ThunderScan",
}  # fmt: skip
#: Tags that say how segments are coded.
_CODING: Final = (
    tags.COMPRESSION,
    tags.FILL_ORDER,
    tags.GROUP_3_OPTIONS,
    tags.GROUP_4_OPTIONS,
)
#: A TIFF of more pages is an attack: its directories alone would take minutes to read.
_MOST_PAGES: Final = 65_535
_GRAY: Final = (0, 1)
_RGB, _PALETTE, _CMYK, _YCBCR = 2, 3, 5, 6
_RAW: Final = (32803, 34892)
_NOT_READ_PHOTOMETRIC: Final = {
    8: "CIELAB", 9: "ICC L*a*b*", 10: "ITU L*a*b*", 32803: "a camera's raw mosaic",
    34892: "linear raw", 32844: "LogL", 32845: "LogLuv", 4: "a transparency mask",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PlainStrips:
    """Where the uncompressed rows of a page stand: strips of `rows` rows each."""

    offsets: tuple[int, ...]
    rows: int
    big_endian: bool


@dataclass(frozen=True, slots=True)
class CodedSegments:
    """Where the strips or tiles of a compressed page stand, each with its length in bytes.

    A whole one has `rows` rows of `width` pixels of `samples` channels and `bits` bits; `entries`
    say how it is coded, `tables` are those that all JPEG streams of a page share.
    """

    offsets: tuple[int, ...]
    lengths: tuple[int, ...]
    width: int
    rows: int
    samples: int
    bits: int
    entries: tuple[TagEntry, ...]
    tables: bytes

    @property
    def bytes(self) -> int:
        """Of a whole segment, decoded."""
        return -(-self.width * self.samples * self.bits // 8) * self.rows


@dataclass(frozen=True, slots=True)
class TiffPage:
    """One page's layout and metadata. `tile` is (width, height) or None for strips.

    `alpha` is what ExtraSamples says of a channel beside the colours (0 nothing, 1 alpha that the
    colours are multiplied by, 2 plain alpha), None where there is none; `plain` says where the
    rows are, if they can be read without a decoder, `coded` where the segments are, if damage in
    them has to be looked for (`soundness.py`).
    """

    number: int
    width: int
    height: int
    bits: int
    samples: int
    photometric: int
    compression: str
    predictor: bool
    tile: tuple[int, int] | None
    alpha: int | None
    plain: PlainStrips | None
    coded: CodedSegments | None
    metadata: Metadata


@dataclass(frozen=True, slots=True)
class TiffFile:
    """The pages of a file in their order, and whether it is a BigTIFF."""

    big: bool
    pages: tuple[TiffPage, ...]


def read_pages(read_some: Callable[[int, int], bytes], size: int, name: str) -> TiffFile:
    """The pages of a file of `size` bytes; raises `SourceError` (truncated, unsupported)."""

    read = _exactly(read_some, size)
    try:
        header = read_header(read)
        pages, seen, at = [], set(), header.first
        while at:
            if len(pages) == _MOST_PAGES:
                raise unsupported(f"it is a TIFF of more than {_MOST_PAGES:,} pages", name)
            if at in seen:
                raise BadDirectory("its list of pages runs in a circle")
            seen.add(at)
            directory, following = read_directory(read, at, header)
            pages.append(_page(len(pages), directory, header, read, size, name))
            at = following
        if not pages:
            raise BadDirectory("it has no page")
        return TiffFile(header.big, tuple(pages))
    except BadDirectory as error:
        raise damaged(str(error), name) from error


def packet_of(read_some: Callable[[int, int], bytes], size: int) -> bytes | None:
    """The tags.XMP packet of the first page, or None."""
    read = _exactly(read_some, size)
    try:
        header = read_header(read)
        directory, _ = read_directory(read, header.first, header)
    except BadDirectory:
        return None
    return directory[tags.XMP].data if tags.XMP in directory else None


def _exactly(read_some: Callable[[int, int], bytes], size: int) -> Reader:
    """A `Reader` of a file of `size` bytes."""

    def read(offset: int, length: int) -> bytes:
        data = read_some(offset, length) if offset + length <= size else b""
        if len(data) < length:
            raise BadDirectory(f"it points to byte {offset + length:,} of {size:,}")
        return data

    return read


def _page(
    number: int, directory: Directory, header: BlockHeader, read: Reader, size: int, name: str
) -> TiffPage:
    """One page of a directory; raises what `read_pages` raises, and `BadDirectory`."""
    width, height = (_one(directory, tag, 0) for tag in (tags.WIDTH, tags.HEIGHT))
    if not width or not height:
        raise BadDirectory(f"its page {number + 1} has no size")
    bits = _bits(directory)
    compression = _one(directory, tags.COMPRESSION, 1)
    photometric = _one(directory, tags.PHOTOMETRIC, -1)
    problem = _problem(directory, bits, compression, photometric, header, read)
    if problem:
        raise unsupported(f"page {number + 1} of the TIFF is {problem}", name)
    _check_segments(directory, width, height, size)
    tile = (
        (_one(directory, tags.TILE_WIDTH, 0), _one(directory, tags.TILE_HEIGHT, 0))
        if tags.TILE_OFFSETS in directory
        else None
    )
    extra = directory[tags.EXTRA_SAMPLES].integers if tags.EXTRA_SAMPLES in directory else ()
    colours = {_RGB: 3, _YCBCR: 3, _CMYK: 4}.get(photometric, 1)
    has_alpha = _one(directory, tags.SAMPLES, 1) == colours + 1
    return TiffPage(
        number=number,
        width=width,
        height=height,
        bits=bits,
        samples=_one(directory, tags.SAMPLES, 1),
        photometric=photometric,
        compression=_READ[compression],
        predictor=_one(directory, tags.PREDICTOR, 1) == 2,
        tile=tile,
        alpha=(extra[0] if extra else 2) if has_alpha else None,
        plain=_plain_strips(directory, header, width, height, bits),
        coded=_coded_segments(directory, width, height, bits),
        metadata=_metadata(directory, header, read),
    )


def _problem(
    directory: Directory,
    bits: int,
    compression: int,
    photometric: int,
    header: BlockHeader,
    read: Reader,
) -> str | None:
    """What about a page cannot be read, as a noun, or None."""
    formats = directory[tags.SAMPLE_FORMAT].integers if tags.SAMPLE_FORMAT in directory else (1,)
    if tags.DNG_VERSION in directory or photometric in _RAW or _holds_raw(directory, header, read):
        return "a camera's raw picture"
    if {3, 5, 6} & set(formats):
        return f"a {bits}-bit floating-point picture"
    if 2 in formats:
        return "a picture of signed numbers"
    if compression not in _READ:
        return f"compressed with {_NOT_READ.get(compression, f'the unknown method {compression}')}"
    if photometric in _NOT_READ_PHOTOMETRIC or not (0 <= photometric <= 6):
        if photometric < 0:
            return "without a word on its colour space"
        return f"in the colour space {_NOT_READ_PHOTOMETRIC.get(photometric, f'{photometric}')}"
    if bits not in (1, 2, 4, 8, 16) or (bits < 8 and photometric not in (*_GRAY, _PALETTE)):
        return f"a picture of {bits} bits a sample"
    samples = _one(directory, tags.SAMPLES, 1)
    colours = {_RGB: 3, _YCBCR: 3, _CMYK: 4}.get(photometric, 1)
    if not colours <= samples <= colours + 1:
        return f"a picture of {samples} channels"
    return None


def _holds_raw(directory: Directory, header: BlockHeader, read: Reader) -> bool:
    """Whether the page is the preview of a raw picture in a sub-directory (NEF, ARW, DNG)."""
    for offset in (
        directory[tags.SUB_DIRECTORIES].integers[:8] if tags.SUB_DIRECTORIES in directory else ()
    ):
        try:
            picture, _ = read_directory(read, offset, header)
        except BadDirectory:
            continue
        if _one(picture, tags.PHOTOMETRIC, 1) in _RAW:
            return True
    return False


def _bits(directory: Directory) -> int:
    bits = directory[tags.BITS].integers if tags.BITS in directory else (1,)
    return bits[0] if bits and len(set(bits)) == 1 else -1


def _check_segments(directory: Directory, width: int, height: int, size: int) -> None:
    """Raises `BadDirectory` where strips or tiles are missing or lie outside the file."""
    tiled = tags.TILE_OFFSETS in directory
    if tiled:
        across, down = _one(directory, tags.TILE_WIDTH, 0), _one(directory, tags.TILE_HEIGHT, 0)
        if not across or not down:
            raise BadDirectory("its tiles have no size")
        expected = -(-width // across) * -(-height // down)
    else:
        expected = -(-height // min(_one(directory, tags.ROWS_PER_STRIP, height) or height, height))
    if _one(directory, tags.PLANAR, 1) == 2:
        expected *= _one(directory, tags.SAMPLES, 1)
    offsets = directory.get(tags.TILE_OFFSETS if tiled else tags.STRIP_OFFSETS)
    counts = directory.get(tags.TILE_BYTES if tiled else tags.STRIP_BYTES)
    if offsets is None or len(offsets.integers) < expected:
        have = 0 if offsets is None else len(offsets.integers)
        raise BadDirectory(f"it has {have:,} of {expected:,} strips")
    lengths = counts.integers if counts else (1,) * expected
    if len(lengths) < expected:
        raise BadDirectory(f"it has the lengths of {len(lengths):,} of {expected:,} strips")
    for offset, length in zip(offsets.integers[:expected], lengths, strict=False):
        if not length or offset + length > size:
            raise BadDirectory(f"a strip ends at byte {offset + length:,} of {size:,}")


def _plain_strips(
    directory: Directory, header: BlockHeader, width: int, height: int, bits: int
) -> PlainStrips | None:
    """Where the rows stand, if they are uncompressed gray or RGB in whole strips; else None."""
    samples = _one(directory, tags.SAMPLES, 1)
    if (
        _one(directory, tags.COMPRESSION, 1) != 1
        or _one(directory, tags.PHOTOMETRIC, -1) not in (*_GRAY, _RGB)
        or bits not in (8, 16)
        or tags.TILE_OFFSETS in directory
        or (_one(directory, tags.PLANAR, 1) != 1 and samples > 1)
        or _one(directory, tags.FILL_ORDER, 1) != 1
        or tags.STRIP_BYTES not in directory
    ):
        return None
    rows = min(_one(directory, tags.ROWS_PER_STRIP, height) or height, height)
    row = width * samples * bits // 8
    wanted = [min(rows, height - top) * row for top in range(0, height, rows)]
    lengths = directory[tags.STRIP_BYTES].integers
    if any(length < want for length, want in zip(lengths, wanted, strict=False)):
        return None  # libtiff has its own ways with strips whose lengths are wrong
    return PlainStrips(
        directory[tags.STRIP_OFFSETS].integers[: len(wanted)], rows, header.order == ">"
    )


def _coded_segments(
    directory: Directory, width: int, height: int, bits: int
) -> CodedSegments | None:
    compression = _READ[_one(directory, tags.COMPRESSION, 1)]
    tiled = tags.TILE_OFFSETS in directory
    if compression not in ("jpeg", "deflate") and not (tiled and compression in _WARNED_OF):
        return None
    offsets, lengths = (
        directory[tag].integers if tag in directory else ()
        for tag in (
            (tags.TILE_OFFSETS, tags.TILE_BYTES)
            if tiled
            else (tags.STRIP_OFFSETS, tags.STRIP_BYTES)
        )
    )
    rows = min(_one(directory, tags.ROWS_PER_STRIP, height) or height, height)
    return CodedSegments(
        offsets,
        lengths,
        width=_one(directory, tags.TILE_WIDTH, 0) if tiled else width,
        rows=_one(directory, tags.TILE_HEIGHT, 0) if tiled else rows,
        samples=_one(directory, tags.SAMPLES, 1) if _one(directory, tags.PLANAR, 1) == 1 else 1,
        bits=bits,
        entries=tuple(directory[tag] for tag in _CODING if tag in directory),
        tables=directory[tags.JPEG_TABLES].data if tags.JPEG_TABLES in directory else b"",
    )


def _sub_directory(
    directory: Directory, pointer: int, header: BlockHeader, read: Reader
) -> Directory:
    try:
        offset = _one(directory, pointer, 0)
        return read_directory(read, offset, header)[0] if offset else {}
    except BadDirectory:
        return {}


def _metadata(directory: Directory, header: BlockHeader, read: Reader) -> Metadata:
    def data(tag: int) -> bytes | None:
        return directory[tag].data if tag in directory and directory[tag].count else None

    details, gps = (
        _sub_directory(directory, tag, header, read) for tag in (tags.EXIF_IFD, tags.GPS_IFD)
    )
    return Metadata(
        icc=data(tags.ICC),
        exif=exif.build(directory, details, gps) or None,
        xmp=data(tags.XMP),
        iptc=_iptc(directory.get(tags.IPTC)) or photoshop.iptc_of(data(tags.PHOTOSHOP) or b""),
        photoshop=data(tags.PHOTOSHOP),
        resolution=exif.resolution_of(directory),
        orientation=exif.orientation_of(directory),
        tags=tuple(e for tag, e in directory.items() if tag not in _STRUCTURAL and e.type != IFD),
    )


def _iptc(entry: TagEntry | None) -> bytes | None:
    """The IPTC data sets. Many programs call these bytes longs, and mean bytes all the same."""
    if entry is None or not entry.count:
        return None
    if entry.data[0] == 0x1C or entry.type != LONG:
        return entry.data
    longs = array("I", entry.data)
    longs.byteswap()
    return longs.tobytes()


def _one(directory: Directory, tag: int, default: int) -> int:
    entry: TagEntry | None = directory.get(tag)
    values = entry.integers if entry else ()
    return values[0] if values else default
