"""Reads the metadata of a TIFF directory, and which of its tags are not carried over."""

from array import array
from dataclasses import replace
from typing import Final

from core.image.formats.tiff.tree import Node, one
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
)

#: Tags that describe how the pixels stood in the old file, or point into it: not carried over.
_STRUCTURAL: Final = frozenset(
    (
        tags.SUB_FILE_TYPE,
        tags.WIDTH,
        tags.HEIGHT,
        tags.BITS,
        tags.COMPRESSION,
        tags.PHOTOMETRIC,
        tags.THRESHHOLDING,
        tags.CELL_WIDTH,
        tags.CELL_LENGTH,
        tags.FILL_ORDER,
        tags.STRIP_OFFSETS,
        tags.ORIENTATION,
        tags.SAMPLES,
        tags.ROWS_PER_STRIP,
        tags.STRIP_BYTES,
        tags.MIN_SAMPLE_VALUE,
        tags.MAX_SAMPLE_VALUE,
        tags.X_RESOLUTION,
        tags.Y_RESOLUTION,
        tags.PLANAR,
        tags.FREE_OFFSETS,
        tags.FREE_BYTES,
        tags.GRAY_RESPONSE_UNIT,
        tags.GRAY_RESPONSE_CURVE,
        tags.GROUP_3_OPTIONS,
        tags.GROUP_4_OPTIONS,
        tags.RESOLUTION_UNIT,
        tags.COLOUR_RESPONSE_UNIT,
        tags.TRANSFER_FUNCTION,
        tags.PREDICTOR,
        tags.WHITE_POINT,
        tags.PRIMARY_CHROMATICITIES,
        tags.COLOUR_MAP,
        tags.HALFTONE_HINTS,
        tags.TILE_WIDTH,
        tags.TILE_HEIGHT,
        tags.TILE_OFFSETS,
        tags.TILE_BYTES,
        tags.BAD_FAX_LINES,
        tags.CLEAN_FAX_DATA,
        tags.CONSECUTIVE_BAD_FAX_LINES,
        tags.SUB_DIRECTORIES,
        tags.INK_SET,
        tags.INK_NAMES,
        tags.NUMBER_OF_INKS,
        tags.DOT_RANGE,
        tags.EXTRA_SAMPLES,
        tags.SAMPLE_FORMAT,
        tags.SMIN_SAMPLE_VALUE,
        tags.SMAX_SAMPLE_VALUE,
        tags.TRANSFER_RANGE,
        tags.CLIP_PATH,
        tags.X_CLIP_PATH_UNITS,
        tags.Y_CLIP_PATH_UNITS,
        tags.INDEXED,
        tags.JPEG_TABLES,
        tags.OPI_PROXY,
        *tags.FAX_PROFILE,
        tags.DECODE,
        tags.DEFAULT_IMAGE_COLOUR,
        tags.BITS_FOR_JPEG,
        *tags.OLD_JPEG,
        tags.YCBCR_COEFFICIENTS,
        tags.YCBCR_SUBSAMPLING,
        tags.YCBCR_POSITIONING,
        tags.REFERENCE_BLACK_WHITE,
        tags.STRIP_ROW_COUNTS,
        tags.XMP,
        tags.IPTC,
        tags.PHOTOSHOP,
        tags.EXIF_IFD,
        tags.ICC,
        tags.GPS_IFD,
        tags.IMAGE_SOURCE_DATA,
        tags.INTEROPERABILITY_IFD,
        tags.OCE_SCANJOB,
        tags.LERC_PARAMETERS,
    )
)


_NAMES: Final = {tags.ICC: "ICC profile", tags.XMP: "XMP", tags.IPTC: "IPTC", tags.EXIF_IFD: "EXIF"}


def _sub_directory(
    directory: Directory, pointer: int, header: BlockHeader, read: Reader
) -> Directory:
    try:
        offset = one(directory, pointer, 0)
        return read_directory(read, offset, header)[0] if offset else {}
    except BadDirectory:
        return {}


def metadata_of(directory: Directory, header: BlockHeader, read: Reader) -> Metadata:
    """What a directory says beside the pixels, with notes on what of it is left out."""

    def data(tag: int) -> bytes | None:
        return directory[tag].data if tag in directory and directory[tag].count else None

    details, gps = (
        _sub_directory(directory, tag, header, read) for tag in (tags.EXIF_IFD, tags.GPS_IFD)
    )
    below = _sub_directory(details, tags.INTEROPERABILITY_IFD, header, read)
    metadata = Metadata(
        icc=data(tags.ICC),
        exif=exif.build(directory, details, gps, below) or None,
        xmp=data(tags.XMP),
        iptc=_iptc(directory.get(tags.IPTC)) or photoshop.iptc_of(data(tags.PHOTOSHOP) or b""),
        photoshop=data(tags.PHOTOSHOP),
        resolution=exif.resolution_of(directory),
        orientation=exif.orientation_of(directory),
        tags=tuple(
            entry
            for tag, entry in directory.items()
            if tag not in _STRUCTURAL and entry.type != IFD and entry.count
        ),
    )
    if tags.IMAGE_SOURCE_DATA in directory:
        metadata = metadata.noting("its Photoshop layers are left out: they show the gray picture")
    for tag, entry in directory.items():
        if entry.fault and tag != tags.IMAGE_SOURCE_DATA:
            metadata = metadata.noting(f"its {_called(tag)} is left out: {entry.fault}")
    return metadata


def _called(tag: int) -> str:
    """What notes call a tag that is left out."""
    return _NAMES.get(tag, f"tag {tag}")


def _iptc(entry: TagEntry | None) -> bytes | None:
    """The IPTC data sets. Many programs call these bytes longs, and mean bytes all the same."""
    if entry is None or not entry.count:
        return None
    if entry.data[0] == 0x1C or entry.type != LONG:
        return entry.data
    longs = array("I", entry.data)
    longs.byteswap()
    return longs.tobytes()


def with_what_stands_before(
    metadata: Metadata, node: Node, thumbnail: Node, header: BlockHeader, read: Reader
) -> Metadata:
    """The metadata of a page (`node`), and what a thumbnail's directory before it says besides.

    In TIFF/EP all of it stands there.
    """
    before = metadata_of(thumbnail.directory, header, read)
    missing = {
        name: getattr(before, name)
        for name in ("icc", "exif", "xmp", "iptc", "photoshop", "resolution")
        if getattr(metadata, name) is None
    }
    if tags.ORIENTATION not in node.directory:
        missing["orientation"] = before.orientation
    known = {entry.tag for entry in metadata.tags} | {tags.NEW_SUB_FILE_TYPE}
    others = tuple(entry for entry in before.tags if entry.tag not in known)
    return replace(metadata, tags=(*metadata.tags, *others), **missing)
