"""Writing a coloured picture: the same format, pages, depth, alpha and metadata as its source.

`save` puts it in its place whole or not at all, `encode` gives it as bytes. The caller's `paint`
makes colours of samples, strip by strip; a page is held whole only where its format's encoder wants
that (JPEG 2000, WebP, AVIF), or where that is little memory and quicker (JPEG). Stands on the rest
of this room.
"""

import dataclasses
import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np

from core.errors import DestinationError, SourceError
from core.image import exif, formats, jpeg, jpeg2000, libvips_writer, profiles
from core.image.atomic import new_file, write_all
from core.image.directories import BadDirectory
from core.image.formats import Format
from core.image.metadata import Metadata
from core.image.picture import HELD_BYTES, STRIP_PIXELS, Held, Page, Source
from core.image.provenance import Provenance, add_provenance
from core.image.tiff_writer import CLASSIC_BYTES, Layout, TiffWriter, layout_like

#: paint(page index, top, samples, out): fills `out` (h, width, 3), uint8 or uint16, with the
#: colours of `samples` (h, width) or (h, width, 3), uint8 or uint16, whose first row is `top`.
#: Samples may be finer than `out`; they are not to be written to, but `out` may be their memory.
Paint = Callable[[int, int, np.ndarray, np.ndarray], None]

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
    paint: Paint,
    *,
    format: Format | None = None,
    quality: int = DEFAULT_QUALITY,
    provenance: Provenance | None = None,
    replace: bool = False,
    in_place: bool = False,
) -> Written:
    """Writes the coloured `source` to `destination`, in `format` (default: the source's).

    Either the whole file stands there afterwards, on the disk, with the times and permission bits
    of the source, or nothing does. `replace` allows
    overwriting another file, `in_place` the source itself. Raises `DestinationError`
    (destination, exists, conflict), `SourceError` (what was found out while reading, and
    unsupported where the format cannot hold the picture), and whatever `paint` raises.
    """
    target = Path(os.fsdecode(destination))
    format = format or source.format
    notes = check_holds(source, format)
    if not in_place:
        check_apart(source, target)
    with new_file(target, replace=replace or in_place, like=source.origin.status) as file:
        notes += _write(file, source, paint, format, quality, provenance)
        source.origin.check_unchanged()
        size = file.tell()
    return Written(target, format, size, notes)


def encode(
    source: Source,
    paint: Paint,
    *,
    format: Format | None = None,
    quality: int = DEFAULT_QUALITY,
    provenance: Provenance | None = None,
) -> tuple[bytes, tuple[str, ...]]:
    """The file that `save` would write, as bytes, and its notes. Raises what `save` raises."""
    format = format or source.format
    notes = check_holds(source, format)
    file = io.BytesIO()
    notes += _write(file, source, paint, format, quality, provenance)
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
        if depth < page.depth and not (format is source.format is formats.AVIF):
            notes.append(f"{format.title} holds {depth} bits of its {page.depth}")
    return tuple(dict.fromkeys(notes))


def _write(
    file: BinaryIO,
    source: Source,
    paint: Paint,
    format: Format,
    quality: int,
    provenance: Provenance | None,
) -> tuple[str, ...]:
    """Writes all pages; returns notes."""
    finished = [_finished(page, source, format, provenance) for page in source.pages]
    if format is formats.TIFF:
        _write_tiff(file, source, paint, finished, quality)
    elif format is formats.JPEG2000:
        page = source.pages[0]
        codes = np.concatenate(list(_painted(page, _layout(page, page.depth), paint)))
        write_all(file, jpeg2000.encode(codes, finished[0]))
    elif format is formats.JPEG and _fits_memory(source.pages[0]):
        jpeg.write(file, _coloured(source.pages[0], paint), quality, finished[0])
    else:
        page = source.pages[0]
        depth = page.depth if max(format.depths) > 8 else 8
        layout = _layout(page, depth)
        settings = _settings(source, format, quality)
        bands = _painted(page, layout, paint)
        libvips_writer.write(file, format, layout, bands, finished[0], settings)
    notes = [note for metadata in finished for note in metadata.notes]
    return tuple(dict.fromkeys(notes))


def _finished(
    page: Page, source: Source, format: Format, provenance: Provenance | None
) -> Metadata:
    """The metadata of a page as it is written: upright, in sRGB, with provenance on the first."""
    metadata = dataclasses.replace(page.metadata, icc=profiles.srgb_profile(), orientation=1)
    if page.metadata.orientation > 4 and metadata.resolution:
        metadata = dataclasses.replace(metadata, resolution=metadata.resolution.turned())
    if metadata.exif:
        try:
            block = exif.upright(metadata.exif, page.width, page.height)
            metadata = dataclasses.replace(metadata, exif=block)
        except (BadDirectory, ValueError) as error:
            metadata = dataclasses.replace(metadata, exif=None)
            metadata = metadata.noting(f"its EXIF was damaged and is left out ({error})")
    if format is formats.JPEG and len(metadata.exif or b"") > jpeg.LONGEST_EXIF:
        metadata = dataclasses.replace(metadata, exif=None)
        metadata = metadata.noting("its EXIF is longer than JPEG can hold, and is left out")
    if format is not source.format:
        metadata = dataclasses.replace(metadata, own=())
    for kind in ("iptc", "exif", "xmp"):
        if getattr(metadata, kind) and kind not in format.holds:
            metadata = metadata.noting(f"{format.title} holds no {kind.upper()}, which is left out")
    if provenance and page.index == 0:
        metadata = add_provenance(metadata, provenance)
    return metadata


def _tiff_layout(page: Page, quality: int) -> Layout:
    plain = _layout(page, page.depth)
    if page.tiff is None:
        return plain
    return layout_like(page.tiff, page.width, page.height, plain.channels, page.depth, quality)


def _layout(page: Page, depth: int) -> Layout:
    channels = 4 if page.has_alpha else 3
    return Layout(page.width, page.height, channels, depth)


def _painted(page: Page, layout: Layout, paint: Paint) -> Iterator[np.ndarray]:
    """Bands of the coloured page, (h, width, channels), from the top.

    Their memory is used again for the next one: a new page of 24 MP costs 0.006 s in page faults.
    """
    rows = layout.rows * max(1, STRIP_PIXELS // (page.width * layout.rows))
    rows = min(rows, page.height)
    dtype = np.uint8 if layout.depth == 8 else np.uint16
    colours = np.empty((rows, page.width, 3), dtype)
    whole = np.empty((rows, page.width, 4), dtype) if page.has_alpha else colours
    for top, samples, alpha in page.strips(rows):
        height = len(samples)
        paint(page.index, top, samples, colours[:height])
        if alpha is not None:
            whole[:height, :, :3] = colours[:height]
            whole[:height, :, 3] = narrowed(alpha, dtype)
        yield whole[:height]


def _fits_memory(page: Page) -> bool:
    return page.width * page.height * 3 <= HELD_BYTES


def _coloured(page: Page, paint: Paint) -> np.ndarray:
    """The whole page, (h, width, 3) uint8; in the memory of its samples where they are the like."""
    out: np.ndarray | None = None
    for top, samples, _ in page.strips():
        if out is None:
            # The caller may ask for the thumbnail as late as now: only then are they given away.
            first = np.empty((len(samples), page.width, 3), np.uint8)
            paint(page.index, top, samples, first)
            alike = page.channels == "rgb" and page.dtype == np.uint8
            if alike and isinstance(page.pixels, Held):
                out = page.pixels.take()
            else:
                out = np.empty((page.height, page.width, 3), np.uint8)
            out[: len(first)] = first
        else:
            paint(page.index, top, samples, out[top : top + len(samples)])
    assert out is not None, "a page has a row"
    return out


def narrowed(alpha: np.ndarray, dtype: Any) -> np.ndarray:
    """Alpha of 16 bits in the 8 of `dtype`, where the format has no more; as it is otherwise."""
    if alpha.dtype == dtype or dtype == np.uint16:
        return alpha
    return ((alpha.astype(np.uint32) + 128) // 257).astype(dtype)


def _write_tiff(
    file: BinaryIO, source: Source, paint: Paint, finished: list[Metadata], quality: int
) -> None:
    layouts = [_tiff_layout(page, quality) for page in source.pages]
    big = source.is_big_tiff or sum(layout.bytes for layout in layouts) > CLASSIC_BYTES
    writer = TiffWriter(file, big=big)
    for page, layout, metadata in zip(source.pages, layouts, finished, strict=True):
        writer.write_page(layout, _painted(page, layout, paint), metadata)
        if len(source.pages) > 1:
            page.pixels.release()


def _settings(source: Source, format: Format, quality: int) -> dict[str, Any]:
    """What libvips' saver of the format is told: as the source was, where a format has variants."""
    same = source.format is format
    if format is formats.JPEG:
        return {"Q": quality, "subsample_mode": "off"}
    if format is formats.WEBP:
        # `exact`: the colours of wholly transparent pixels stay, which libwebp would make black.
        return {"Q": quality, "lossless": same and source.is_lossless, "exact": True}
    if format is formats.AVIF:
        page = source.pages[0]
        bits = 8 if page.depth == 8 else page.bits if same else 12
        return {"Q": quality, "subsample_mode": "off", "compression": "av1", "bitdepth": bits}
    return {}
