"""Metadata: all that a file says beside the pixels, and the provenance that we add.

`Metadata` is the format-neutral form that the modules of `core.image.formats` read and write. A
fault in metadata never fails a picture: it is noted and worked around.

Why this is done by hand, and not by a library. What an archive has written into its scans must
come out as it went in, byte for byte where that is possible, with the few values changed that the
coloured, upright picture makes untrue.

- EXIF: libvips writes it through libexif, which rewrites the block and so breaks makers' notes
  and drops what it does not know; piexif, which keeps more, is unmaintained and keeps no notes'
  offsets either; exiv2 does it right, but its bindings are under the GPL and this program is not.
  `exif.py` changes single values where they stand.
- XMP: exempi and exiv2 have the same licence or no wheels; the packet is XML, and `xmp.py` merges
  into it with the standard library's parser, so that foreign properties and comments stay.
- Heads of JPEG files and chunks of PNG: libvips and Pillow write their own in another order,
  and drop comments, Photoshop's resources, split XMP and text chunks that they do not know.
- TIFF: libtiff, and with it libvips, has no way to copy tags that nobody registered; tifffile
  writes neither EXIF and GPS directories nor pages in bounded memory whose compression, predictor
  and tiles are the source's.
"""

from dataclasses import dataclass, field, replace
from typing import Final, Literal

from core.image.metadata.directories import TagEntry

#: A note: what a gain map makes brighter are the gray picture's pixels.
GAIN_MAP_LEFT_OUT: Final = "its gain map for HDR screens is made for the gray picture, left out"

Unit = Literal["none", "inch", "centimetre"]


@dataclass(frozen=True, slots=True)
class Resolution:
    """Samples a unit of length, across and down. `unit` 'none' gives the pixels' shape only."""

    across: float
    down: float
    unit: Unit = "inch"

    def per(self, unit: Literal["inch", "centimetre"]) -> "Resolution":
        """The same in another unit; unchanged where there is none."""
        if self.unit in (unit, "none"):
            return self
        factor = 2.54 if unit == "inch" else 1 / 2.54
        return Resolution(self.across * factor, self.down * factor, unit)

    def turned(self) -> "Resolution":
        """Of the picture turned by a quarter."""
        return Resolution(self.down, self.across, self.unit)


@dataclass(frozen=True, slots=True)
class Metadata:
    """All that travels with a picture. Everything is bytes as found, None or empty when absent.

    `exif`: a TIFF stream ('II*\\0...'); `xmp`: a packet; `photoshop`: 8BIM resources (IPTC is
    among them in JPEG); `iptc`: the bare IIM data sets; `own`: chunks or boxes of this format only;
    `comments`: JPEG's; `tags`: TIFF's. `orientation` 1-8 is what the file asks for; the
    picture that is written is upright.
    """

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    photoshop: bytes | None = None
    iptc: bytes | None = None
    resolution: Resolution | None = None
    orientation: int = 1
    own: tuple[tuple[bytes, bytes], ...] = ()
    comments: tuple[bytes, ...] = ()
    tags: tuple[TagEntry, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def noting(self, note: str) -> "Metadata":
        """The same with one more note for the person who runs the program."""
        return replace(self, notes=(*self.notes, note))
