"""The table of the file formats that are read and written: the only place that names them all.

A format is a module (or a folder) here with the face of `FormatModule`, and one line in `_MODULES`;
one that is only read has the shorter face of `ReaderModule`.
`recognize` finds the row of a file from its first bytes (never from its name), `by_name` and
`by_suffix` find it from what a person typed, `module_of` finds the code that belongs to a row.
"""

from collections.abc import Iterator
from typing import BinaryIO, Final, Protocol

from core.errors import OptionsError
from core.image.format import HEAD_BYTES, Format
from core.image.formats import avif, bmp, heic, jpeg, jpeg2000, netpbm, png, psd, tiff, webp
from core.image.origin import Origin
from core.image.page import Source
from core.image.painted_page import PaintedPage

__all__ = [
    "FORMATS",
    "HEAD_BYTES",
    "READ",
    "SUFFIXES",
    "Format",
    "FormatModule",
    "ReaderModule",
    "by_name",
    "by_suffix",
    "foreign_name",
    "module_of",
    "reader_of",
    "recognize",
    "result_of",
    "suffix_of_result",
]


class ReaderModule(Protocol):
    """What a module of a format has; decoders are imported inside its functions."""

    @property
    def FORMAT(self) -> Format:
        """The row of the table."""
        ...

    def open(self, origin: Origin, max_pixels: int) -> Source:
        """The source in `origin`: its headers are read, its pixels are not.

        Raises `SourceError` (truncated, too-large, unsupported, out-of-memory). It lets every
        damage be heard of that can be noticed, at the latest when the last strip is read.
        """
        ...


class FormatModule(ReaderModule, Protocol):
    """What a module of a format has that is written, too."""

    def packet(self, origin: Origin) -> bytes | None:
        """The XMP packet of the first page, from the header alone; None where there is none."""
        ...

    def is_whole(self, origin: Origin) -> bool:
        """Whether a file of ours has its end; nothing is decoded (see `read.is_whole`)."""
        ...

    def write(
        self, file: BinaryIO, source: Source, pages: Iterator[PaintedPage], quality: int
    ) -> None:
        """Writes the painted pages of `source`, of which there is one where `FORMAT.pages` is not.

        `file` is empty and seekable. `quality` (1-100) is for what is lossy. Raises what painting
        and the file raise, and `SourceError` (unsupported) where an encoder refuses.
        """
        ...


#: The order is that of messages and of the documentation.
_MODULES: Final[tuple[FormatModule, ...]] = (jpeg, png, tiff, webp, avif, jpeg2000)
_READERS: Final[tuple[ReaderModule, ...]] = (heic, bmp, netpbm, psd)

#: What is written.
FORMATS: Final[tuple[Format, ...]] = tuple(module.FORMAT for module in _MODULES)
#: What is read: the same, and more.
READ: Final[tuple[Format, ...]] = FORMATS + tuple(module.FORMAT for module in _READERS)

#: Every suffix that a folder is searched for, lower case.
SUFFIXES: Final[frozenset[str]] = frozenset(suffix for row in READ for suffix in row.suffixes)


def reader_of(format: Format) -> ReaderModule:
    """The module whose row `format` is."""
    return next(module for module in (*_MODULES, *_READERS) if module.FORMAT is format)


def module_of(format: Format) -> FormatModule:
    """The module whose row `format` is, of one that is written."""
    return next(module for module in _MODULES if module.FORMAT is format)


def result_of(format: Format) -> Format:
    """The format that comes of a source of `format` where none is asked for."""
    return by_name(format.becomes) if format.becomes else format


def suffix_of_result(suffix: str, format: Format | None = None) -> str:
    """The suffix of what comes of a file that ends in `suffix`, in the format `format`.

    It stays where the result may be called so. None: the format that comes of it by itself.
    """
    own = by_suffix(suffix)
    if format is None and own is not None:
        format = result_of(own)
    if format is None or (format is own and suffix.lower() not in format.only_read):
        return suffix
    return format.suffixes[0]


def recognize(head: bytes) -> Format | None:
    """The format of a file that begins with `head` (`HEAD_BYTES` or the whole file), or None."""
    return next((row for row in READ if row.begins(head)), None)


def by_name(name: str) -> Format:
    """The format that a person calls `name` (`--format`); raises `OptionsError`."""
    lowered = name.lower().lstrip(".")
    for row in FORMATS:
        if lowered == row.name or lowered in row.other_names:
            return row
    raise OptionsError(
        f"unknown format '{name}'", remedy=f"use one of {', '.join(row.name for row in FORMATS)}"
    )


def by_suffix(suffix: str) -> Format | None:
    """The format whose files end in `suffix` ('.tif', any case), or None."""
    return next((row for row in READ if suffix.lower() in row.suffixes), None)


def foreign_name(head: bytes) -> str | None:
    """What a file is called that we know by sight and do not read, or None.

    The answer is a clause for an error message: 'an HEIC picture'.
    """
    for start, signature, name in _FOREIGN:
        if head[start:].startswith(signature):
            return name
    return None


_FOREIGN: Final[tuple[tuple[int, bytes, str], ...]] = (
    (0, b"GIF8", "a GIF picture"),
    (0, b"%PDF", "a PDF document"),
    (0, b"\xff\x0a", "a JPEG XL picture"),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (4, b"ftypcrx", "a camera's raw file"),
    (0, b"FUJIFILMCCD-RAW", "a camera's raw file"),
    (0, b"IIRO", "a camera's raw file"),
    (0, b"IIU\0", "a camera's raw file"),
    (0, b"AT&TFORM", "a DjVu document"),
    (0, b"gimp xcf", "a GIMP document"),
    (0, b"v/1\x01", "an OpenEXR picture"),
    (0, b"SIMPLE  =", "a FITS picture"),
    (0, b"DDS ", "a DDS texture"),
    (0, b"<svg", "an SVG drawing"),
    (0, b"\x97JB2", "a JBIG2 picture"),
    (0, b"II\xbc\x01", "a JPEG XR picture"),
    (0, b"P7\n", "a PAM picture"),
    (0, b"Pf\n", "a PFM picture of floating-point numbers"),
    (0, b"PF\n", "a PFM picture of floating-point numbers"),
    (0, b"qoif", "a QOI picture"),
    (0, b"\0\0\1\0", "an icon"),
    (0, b"\x01\xda", "an SGI picture"),
    (4, b"ftypisom", "a film"),
    (4, b"ftypmp42", "a film"),
    (4, b"ftypqt", "a film"),
    (0, b"\x1aE\xdf\xa3", "a film"),
)
