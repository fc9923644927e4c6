"""The file formats that are read and written, one row a format, and the names of other ones.

`FORMATS` is the table; `recognize` finds the row of a file from its first bytes (never from its
name), `by_name` and `by_suffix` find it from what a person typed. A new format is a new row here,
a branch in `read.py` and `write.py`, and its chapter in `tests/image/`. Stands on `core.errors`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from core.errors import OptionsError
from core.options import FORMAT_SYNONYMS

#: How many of a file's first bytes `recognize` wants to see.
HEAD_BYTES: Final = 64

Holds = Literal["icc", "resolution", "exif", "iptc", "xmp", "text"]


@dataclass(frozen=True, slots=True)
class Format:
    """What one file format can hold, and by which library it is read and written.

    `depths`: bits a channel that it can be written with; `pages`: whether a file holds many
    pictures; `longest_side`: in pixels; `lossy`: whether our files of it may differ from what the
    encoder was handed (contract 2); `holds`: the kinds of metadata that survive in it;
    `only_read`: suffixes of files that are not written, what comes of them has the first suffix.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    media_type: str
    library: Literal["libvips", "imagecodecs"]
    depths: tuple[int, ...]
    alpha: bool
    pages: bool
    longest_side: int
    lossy: bool
    holds: frozenset[Holds]
    begins: Callable[[bytes], bool]
    only_read: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return self.title


def _is_jpeg(head: bytes) -> bool:
    return head.startswith(b"\xff\xd8\xff")


def _is_png(head: bytes) -> bool:
    return head.startswith(b"\x89PNG\r\n\x1a\n")


def _is_tiff(head: bytes) -> bool:
    return head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def _is_webp(head: bytes) -> bool:
    return head.startswith(b"RIFF") and head[8:12] == b"WEBP"


def _is_avif(head: bytes) -> bool:
    return head[4:8] == b"ftyp" and (b"avif" in head[8:] or b"avis" in head[8:12])


def _is_jpeg2000(head: bytes) -> bool:
    return head.startswith((b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"))


_ALL: Final[frozenset[Holds]] = frozenset(("icc", "resolution", "exif", "iptc", "xmp", "text"))

JPEG: Final = Format(
    name="jpeg",
    title="JPEG",
    suffixes=(".jpg", ".jpeg", ".jpe", ".jfif"),
    media_type="image/jpeg",
    library="libvips",
    depths=(8,),
    alpha=False,
    pages=False,
    longest_side=65500,  # libjpeg's own limit, a little below the format's
    lossy=True,
    holds=_ALL,
    begins=_is_jpeg,
)
PNG: Final = Format(
    name="png",
    title="PNG",
    suffixes=(".png",),
    media_type="image/png",
    library="libvips",
    depths=(8, 16),
    alpha=True,
    pages=False,
    longest_side=2**31 - 1,
    lossy=False,
    holds=_ALL - {"iptc"},
    begins=_is_png,
)
TIFF: Final = Format(
    name="tiff",
    title="TIFF",
    suffixes=(".tif", ".tiff"),
    media_type="image/tiff",
    library="libvips",
    depths=(8, 16),
    alpha=True,
    pages=True,
    longest_side=2**31 - 1,
    lossy=False,
    holds=_ALL,
    begins=_is_tiff,
)
WEBP: Final = Format(
    name="webp",
    title="WebP",
    suffixes=(".webp",),
    media_type="image/webp",
    library="libvips",
    depths=(8,),
    alpha=True,
    pages=False,
    longest_side=16383,
    lossy=True,
    holds=frozenset(("icc", "exif", "xmp")),
    begins=_is_webp,
)
AVIF: Final = Format(
    name="avif",
    title="AVIF",
    suffixes=(".avif",),
    media_type="image/avif",
    library="libvips",
    depths=(8, 10, 12),
    alpha=True,
    pages=False,
    longest_side=16384,
    lossy=True,
    holds=frozenset(("icc", "exif", "xmp")),
    begins=_is_avif,
)
JPEG2000: Final = Format(
    name="jpeg2000",
    title="JPEG 2000",
    suffixes=(".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx"),
    media_type="image/jp2",
    library="imagecodecs",
    depths=(8, 16),
    alpha=True,
    pages=False,
    longest_side=2**31 - 1,
    lossy=False,
    holds=frozenset(("icc", "resolution", "exif", "iptc", "xmp")),
    begins=_is_jpeg2000,
    only_read=frozenset((".j2k", ".j2c", ".jpc")),  # bare codestreams have no room for metadata
)

FORMATS: Final[tuple[Format, ...]] = (JPEG, PNG, TIFF, WEBP, AVIF, JPEG2000)

#: Every suffix that a folder is searched for, lower case.
SUFFIXES: Final[frozenset[str]] = frozenset(suffix for row in FORMATS for suffix in row.suffixes)

_OTHER_NAMES: Final = {**FORMAT_SYNONYMS, "j2k": "jpeg2000"}


def recognize(head: bytes) -> Format | None:
    """The format of a file that begins with `head` (`HEAD_BYTES` or the whole file), or None."""
    return next((row for row in FORMATS if row.begins(head)), None)


def by_name(name: str) -> Format:
    """The format that a person calls `name` (`--format`); raises `OptionsError`."""
    wanted = name.lower().lstrip(".")
    wanted = _OTHER_NAMES.get(wanted, wanted)
    for row in FORMATS:
        if row.name == wanted:
            return row
    raise OptionsError(
        f"unknown format '{name}'", remedy=f"use one of {', '.join(row.name for row in FORMATS)}"
    )


def by_suffix(suffix: str) -> Format | None:
    """The format whose files end in `suffix` ('.tif', any case), or None."""
    return next((row for row in FORMATS if suffix.lower() in row.suffixes), None)


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
    (0, b"BM", "a BMP picture"),
    (0, b"8BPS", "a Photoshop document"),
    (0, b"%PDF", "a PDF document"),
    (0, b"\xff\x0a", "a JPEG XL picture"),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (4, b"ftyphei", "an HEIC picture"),
    (4, b"ftyphev", "an HEIC picture"),
    (4, b"ftypmif1", "an HEIF picture"),
    (4, b"ftypmsf1", "an HEIF picture"),
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
    (0, b"P5", "a PGM picture"),
    (0, b"P6", "a PPM picture"),
    (0, b"\x97JB2", "a JBIG2 picture"),
    (0, b"II\xbc\x01", "a JPEG XR picture"),
)
