"""Provenance: what makes a coloured file say that it is coloured, by what and from what.

`Provenance` is written into the XMP of every file that we write and read back by
`read_provenance` from the file's header alone, in about a millisecond: "is this work done?" is
asked of the output file (contract 3). Stands on `xmp.py` and the modules of the formats.
"""

import contextlib
import os
from dataclasses import dataclass, replace
from typing import Final

from core.errors import SourceError
from core.image import formats, jpeg, jpeg2000, png, riff, tiff, xmp
from core.image.metadata import Metadata
from core.image.origin import Origin
from core.image.vips import load

#: IPTC NewsCodes; `Provenance.source_type` is a name in it.
SOURCE_TYPES: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"
DEFAULT_SOURCE_TYPE: Final = "compositeWithTrainedAlgorithmicMedia"

_SOURCE_TYPE: Final = (xmp.IPTC_EXTENSION, "DigitalSourceType")
_TOOL: Final = (xmp.XMP, "CreatorTool")
_OURS: Final = {
    field: (xmp.PHOTOCHROM, name)
    for field, name in (
        ("job_key", "JobKey"),
        ("model_name", "ModelName"),
        ("model_version", "ModelVersion"),
        ("model_sha256", "ModelSHA256"),
        ("options", "Options"),
        ("tool", "Tool"),
    )
}
#: Where the value of a property that we set lives on.
_KEPT: Final = {
    _SOURCE_TYPE: (xmp.PHOTOCHROM, "SourceDigitalSourceType"),
    _TOOL: (xmp.PHOTOCHROM, "SourceCreatorTool"),
}
#: So many zeros at a file's end are no end of a picture, nor of what we write behind one.
_END_BYTES: Final = 16
#: Characters from space up that XML 1.0 has no place for: surrogates and two that are none.
_NO_XML: Final = frozenset(map(chr, (*range(0xD800, 0xE000), 0xFFFE, 0xFFFF)))


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the colours of a file come from.

    `job_key`: contract 3; `options`: canonical JSON text; `tool`: 'photochrom 0.1.0';
    `source_type`: a name of IPTC's Digital Source Type vocabulary.
    """

    job_key: str
    model_name: str
    model_version: str
    model_sha256: str
    options: str
    tool: str
    source_type: str = DEFAULT_SOURCE_TYPE


def add_provenance(metadata: Metadata, provenance: Provenance) -> Metadata:
    """`metadata` with `provenance` in its XMP packet; never fails.

    A packet that is no XMP is replaced and noted.
    """
    properties = {name: getattr(provenance, field) for field, name in _OURS.items()}
    properties[_SOURCE_TYPE] = SOURCE_TYPES + provenance.source_type
    properties[_TOOL] = provenance.tool
    properties = {name: _printable(text) for name, text in properties.items()}
    try:
        return replace(metadata, xmp=xmp.merge(metadata.xmp, properties, _KEPT))
    except xmp.BadPacket as error:
        packet = xmp.replacing(metadata.xmp or b"", properties)
        return replace(metadata, xmp=packet).noting(
            f"its XMP was damaged and is replaced ({error})"
        )


def provenance_of(packet: bytes | None) -> Provenance | None:
    """The provenance in an XMP packet, or None where it has none of ours."""
    if not packet:
        return None
    try:
        found = xmp.read(packet)
    except xmp.BadPacket:
        return None
    ours = {field: found.get(name, "") for field, name in _OURS.items()}
    if not ours["job_key"]:
        return None
    return Provenance(**ours, source_type=found.get(_SOURCE_TYPE, "").rpartition("/")[2])


def _printable(text: str) -> str:
    """`text` without the characters that XML 1.0 cannot hold."""
    return "".join(c for c in text if c in "\t\n" or (c >= " " and c not in _NO_XML))


def read_provenance(path: str | os.PathLike) -> Provenance | None:
    """The provenance in a file's header, of any format that we write; None where it has none.

    No pixel is decoded and nothing is hashed: a file that is cut short may still have it, see
    `is_whole`. Raises `SourceError` (unreadable, vanished, not-an-image) for what cannot be opened.
    """
    with Origin(path, snapshot=False) as origin:
        return provenance_of(_packet(origin))


def is_whole(path: str | os.PathLike) -> bool:
    """Whether a file of ours has its end, which an interrupted copy of it lacks.

    Looks at the ends and lengths that the formats state, and decodes nothing: it notices a file
    that is cut short, and one whose end is zeros, as some copies leave them. It cannot notice
    damage in the middle: `photochrom verify` does. Raises what `read_provenance` raises.
    """
    with Origin(path, snapshot=False) as origin:
        end = origin.read(max(0, origin.size - _END_BYTES), _END_BYTES)
        match formats.recognize(origin.read(0, formats.HEAD_BYTES)):
            case formats.JPEG:
                return end.endswith(b"\xff\xd9")
            case formats.PNG:
                return end.endswith(png.END)
            case formats.WEBP:
                stated = 8 + int.from_bytes(origin.read(4, 4), "little")
                return origin.size == stated and any(end)
            case formats.TIFF:
                with contextlib.suppress(SourceError):
                    pages = tiff.read_pages(origin.read, origin.size, origin.name).pages
                    return bool(pages) and any(end)  # what stands last are the tags of a page
            case formats.AVIF | formats.JPEG2000:
                for kind, _, stop in list(jpeg2000.boxes(origin.read, 0, origin.size))[-1:]:
                    ended = end.endswith(jpeg2000.END) if kind == b"jp2c" else any(end)
                    return stop == origin.size and ended
    return False


def _packet(origin: Origin) -> bytes | None:
    """The XMP packet of a file's first page, or None."""
    match formats.recognize(origin.read(0, formats.HEAD_BYTES)):
        case formats.JPEG:
            return jpeg.read_metadata(origin.read).xmp
        case formats.PNG:
            return png.read_metadata(origin.read)[0].xmp
        case formats.TIFF:
            return tiff.packet_of(origin.read, origin.size)
        case formats.WEBP:
            return riff.read_metadata(origin.read)[0].xmp
        case formats.JPEG2000:
            with contextlib.suppress(SourceError):
                return jpeg2000.read_header(origin.read, origin.size, origin.name)[1].xmp
        case formats.AVIF:
            with contextlib.suppress(SourceError):
                image = load("heifload", origin, access="sequential", unlimited=True)
                return image.get("xmp-data") if image.get_typeof("xmp-data") else None
    return None
