"""Writing a coloured picture: the same format, pages, depth, alpha and metadata as its source.

`save` puts it in its place whole or not at all, `encode` gives it as bytes. Both take painted pages
from the caller, one after the other, and paint each strip by strip; a page is held whole only where
its format's encoder wants that (JPEG 2000, WebP, AVIF), or where that is little memory and quicker
(JPEG).
"""

import io
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import replace as replaced
from pathlib import Path
from typing import BinaryIO, Final

from core.errors import DestinationError, SourceError
from core.image import profiles
from core.image.atomic import new_file
from core.image.format import Format
from core.image.formats import module_of, result_of
from core.image.metadata import Metadata, exif, xmp, xmp_upright
from core.image.metadata.directories import BadDirectory
from core.image.metadata.provenance import Provenance, add_provenance
from core.image.page import Page, Source
from core.image.painted_page import PaintedPage
from core.image.straight_alpha import straight_page

DEFAULT_QUALITY: Final = 92


@dataclass(frozen=True, slots=True)
class Written:
    """What was written where, and what a person should know about it (lower-case clauses)."""

    path: Path
    format: Format
    bytes: int
    notes: tuple[str, ...] = ()


def save(
    source: Source,
    destination: str | os.PathLike,
    pages: Iterable[PaintedPage],
    *,
    format: Format | None = None,
    quality: int = DEFAULT_QUALITY,
    provenance: Provenance | None = None,
    replace: bool = False,
    in_place: bool = False,
) -> Written:
    """Writes the coloured `source` to `destination`, in `format` (default: what comes of it).

    `pages` are those of the source, in their order; the next is asked for when one is written.
    Either the whole file stands there afterwards, on the disk, with the times and permission bits
    of the source, or nothing does. `replace` allows
    overwriting another file, `in_place` the source itself. Raises `DestinationError`
    (destination, exists, conflict), `SourceError` (what was found out while reading, and
    unsupported where the format cannot hold the picture), and whatever painting raises.
    """
    target = Path(os.fsdecode(destination))
    format = format or result_of(source.format)
    notes = check_holds(source, format)
    if not in_place:
        check_apart(source, target)
    with new_file(target, replace=replace or in_place, like=source.origin.status) as file:
        notes += _write(file, source, pages, format, quality, provenance)
        source.origin.check_unchanged()
        size = file.tell()
    return Written(target, format, size, notes)


def encode(
    source: Source,
    pages: Iterable[PaintedPage],
    *,
    format: Format | None = None,
    quality: int = DEFAULT_QUALITY,
    provenance: Provenance | None = None,
) -> tuple[bytes, tuple[str, ...]]:
    """The file that `save` would write, as bytes, and its notes. Raises what `save` raises."""
    format = format or result_of(source.format)
    notes = check_holds(source, format)
    file = io.BytesIO()
    notes += _write(file, source, pages, format, quality, provenance)
    source.origin.check_unchanged()
    return file.getvalue(), notes


def check_apart(source: Source, target: Path) -> None:
    """Raises `DestinationError` (conflict) where `target` leads to the source's own file."""
    if source.origin.is_same_file(target):
        raise DestinationError(
            "it is the source itself",
            file=target,
            kind="conflict",
            remedy="choose another folder or name for the result",
        )


def check_holds(source: Source, format: Format) -> tuple[str, ...]:
    """Notes on what `format` changes of `source`; raises `SourceError` (unsupported).

    What a person cannot have meant to lose is an error: alpha, pages, a side too long. Fewer bits
    are what who asks for JPEG or WebP asks for, and noted.
    """

    def refuse(what: str, remedy: str) -> SourceError:
        return SourceError(what, file=source.origin.name, kind="unsupported", remedy=remedy)

    if len(source.pages) > 1 and not format.pages:
        raise refuse(
            f"it has {len(source.pages)} pages and {format.title} holds one", "write it as TIFF"
        )
    notes: list[str] = []
    for page in source.pages:
        if page.has_alpha and not format.alpha:
            raise refuse(
                f"it has transparent parts and {format.title} holds none", "write it as PNG or TIFF"
            )
        if max(page.width, page.height) > format.longest_side:
            raise refuse(
                f"it is {max(page.width, page.height):,} pixels long and {format.title} "
                f"holds {format.longest_side:,}",
                "write it as TIFF or PNG",
            )
        depth = max(bits for bits in format.depths if bits <= page.depth)
        keeps_its_bits = format is source.format and page.bits <= depth
        if depth < page.depth and not keeps_its_bits:
            notes.append(f"{format.title} holds {depth} bits of its {page.depth}")
    return tuple(dict.fromkeys(notes))


def _write(
    file: BinaryIO,
    source: Source,
    pages: Iterable[PaintedPage],
    format: Format,
    quality: int,
    provenance: Provenance | None,
) -> tuple[str, ...]:
    """Writes all pages; returns notes."""
    finished = [_finished(page, source, format, provenance) for page in source.pages]

    def with_metadata() -> Iterator[PaintedPage]:
        for metadata, page in zip(finished, pages, strict=True):
            keeps_its_colours = format is source.format
            read = page.page if keeps_its_colours else straight_page(page.page)
            yield replaced(page, page=read, metadata=metadata)

    module_of(format).write(file, source, with_metadata(), quality)
    notes = [note for metadata in finished for note in metadata.notes]
    return tuple(dict.fromkeys(notes))


def _finished(
    page: Page, source: Source, format: Format, provenance: Provenance | None
) -> Metadata:
    """The metadata of a page as it is written: upright, in sRGB, with provenance on the first."""
    metadata = replaced(page.metadata, icc=profiles.srgb_profile(), orientation=1)
    if page.metadata.orientation > 4 and metadata.resolution:
        metadata = replaced(metadata, resolution=metadata.resolution.turned())
    if metadata.resolution and not metadata.exif and "resolution" not in format.holds:
        metadata = replaced(metadata, exif=exif.of_resolution(metadata.resolution))
    if metadata.exif:
        try:
            block = exif.upright(metadata.exif, page.metadata.orientation, page.width, page.height)
            metadata = replaced(metadata, exif=block)
        except (BadDirectory, ValueError) as error:
            metadata = replaced(metadata, exif=None)
            metadata = metadata.noting(f"its EXIF was damaged and is left out ({error})")
    if metadata.xmp:
        packet, ancestors = xmp.without_ancestors(metadata.xmp)
        if ancestors:
            metadata = replaced(metadata, xmp=packet)
            metadata = metadata.noting(
                f"Photoshop's list of {ancestors:,} ancestors in its XMP is left out"
            )
    if metadata.xmp:
        with suppress(xmp.BadPacket):  # `add_provenance` notes it
            turned = (page.metadata.orientation, page.width, page.height)
            metadata = replaced(metadata, xmp=xmp_upright.upright(metadata.xmp, *turned))
    if format.longest_exif and len(metadata.exif or b"") > format.longest_exif:
        metadata = replaced(metadata, exif=None)
        note = f"its EXIF is longer than {format.title} can hold, and is left out"
        metadata = metadata.noting(note)
    if format is not source.format:
        metadata = replaced(metadata, own=())
    for kind in ("iptc", "exif", "xmp"):
        if getattr(metadata, kind) and kind not in format.holds:
            metadata = metadata.noting(f"{format.title} holds no {kind.upper()}, which is left out")
    if provenance and page.index == 0:
        metadata = add_provenance(metadata, provenance)
    return metadata
