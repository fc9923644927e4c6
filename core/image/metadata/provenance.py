"""Provenance: what makes a coloured file say that it is coloured, by what and from what.

`Provenance` is written into the XMP of every file that we write. `core.image.read.read_provenance`
reads it back: "is this work done?" is asked of the output file (contract 3).
"""

from dataclasses import dataclass, replace
from typing import Final

from core.image.metadata import Metadata, xmp

#: IPTC NewsCodes; `Provenance.source_type` is a name in it.
SOURCE_TYPES: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"
DEFAULT_SOURCE_TYPE: Final = "compositeWithTrainedAlgorithmicMedia"

_SOURCE_TYPE: Final = (xmp.IPTC_EXTENSION, "DigitalSourceType")
_TOOL: Final = (xmp.XMP, "CreatorTool")
_PROPERTIES: Final = {
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
    properties = {name: getattr(provenance, field) for field, name in _PROPERTIES.items()}
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
    properties = {field: found.get(name, "") for field, name in _PROPERTIES.items()}
    if not properties["job_key"]:
        return None
    return Provenance(**properties, source_type=found.get(_SOURCE_TYPE, "").rpartition("/")[2])


def _printable(text: str) -> str:
    """`text` without the characters that XML 1.0 cannot hold."""
    return "".join(c for c in text if c in "\t\n" or (c >= " " and c not in _NO_XML))
