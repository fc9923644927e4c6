"""`Format`: what one file format can hold, and how its files begin.

The rows stand with their formats in `formats/`; `formats/__init__.py` is the table of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

#: How many of a file's first bytes `Format.begins` wants to see.
HEAD_BYTES: Final = 64

Holds = Literal["icc", "resolution", "exif", "iptc", "xmp", "text"]
ALL_METADATA: Final[frozenset[Holds]] = frozenset(
    ("icc", "resolution", "exif", "iptc", "xmp", "text")
)


@dataclass(frozen=True, slots=True)
class Format:
    """One row of the table of formats.

    `name` is what options and reports call it, `title` what people call it; `other_names` are
    understood too. `depths`: bits a channel that it can be written with; `pages`: whether a file
    holds many pictures; `longest_side`: in pixels; `lossy`: whether our files of it may differ from
    what the encoder was handed (contract 2); `holds`: the kinds of metadata that survive in it;
    `longest_exif`: in bytes; `begins` says whether a file that begins so is one of it;
    `only_read`: suffixes of files that are not written, what comes of them has the first suffix;
    `becomes`: the name of the format that comes of one that is only read, which has no `depths`
    and `holds` nothing, since neither is asked.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    media_type: str
    begins: Callable[[bytes], bool]
    depths: tuple[int, ...] = ()
    alpha: bool = False
    pages: bool = False
    longest_side: int = 0
    lossy: bool = False
    holds: frozenset[Holds] = frozenset()
    other_names: tuple[str, ...] = ()
    only_read: frozenset[str] = frozenset()
    longest_exif: int | None = None
    becomes: str | None = None

    def __str__(self) -> str:
        return self.title
