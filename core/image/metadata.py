"""What a file says about its picture beside the pixels, and what we add: the provenance.

`Metadata` is the format-neutral form that the containers (`jpeg.py`, `png.py`, `tiff.py`,
`riff.py`, `jpeg2000.py`) read and write. A fault in metadata never fails a picture: it is noted and
worked around. Stands on `directories.py`.
"""

from dataclasses import dataclass, field, replace
from typing import Literal

from core.image.directories import Entry

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
    tags: tuple[Entry, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def noting(self, note: str) -> "Metadata":
        """The same with one more note for the person who runs the program."""
        return replace(self, notes=(*self.notes, note))
