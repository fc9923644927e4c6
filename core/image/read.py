"""Opening a source: which format it is, which pages it has, and what each of them says.

`open_source` is the front door. It looks at the first bytes, never at the name, and hands the file
to the module of its format, which reads the headers, refuses by name what cannot be read, and only
then shows the file to a decoder, which decodes when pixels are asked for. `read_provenance` and
`is_whole` ask a finished file whether its work is done.
"""

import os
from typing import Final

from core.errors import SourceError
from core.image import formats
from core.image.metadata.provenance import Provenance, provenance_of
from core.image.origin import Origin
from core.image.page import Page, Source

__all__ = ["MAX_PIXELS", "Page", "Source", "is_whole", "open_source", "read_provenance"]

#: Pixels of a page beyond which a file is taken for an attack (`--max-pixels`).
MAX_PIXELS: Final = 1_000_000_000


def open_source(source: str | os.PathLike | bytes, max_pixels: int = MAX_PIXELS) -> Source:
    """Opens a file, or a picture in memory; a context manager.

    Headers are read, pixels are not. Raises `SourceError`: unreadable, vanished, changed,
    not-an-image, truncated, too-large, unsupported, out-of-memory.
    """
    origin = Origin(source)
    try:
        head = origin.read(0, formats.HEAD_BYTES)
        format = formats.recognize(head)
        if format is None:
            raise _not_known(head, origin.name)
        return formats.reader_of(format).open(origin, max_pixels)
    except BaseException:
        origin.close()
        raise


def read_provenance(path: str | os.PathLike) -> Provenance | None:
    """The provenance in a file's header, of any format that we write; None where it has none.

    It takes about a millisecond: no pixel is decoded and nothing is hashed. A file that is cut
    short may still have it, see `is_whole`. Raises `SourceError` (unreadable, vanished,
    not-an-image) for what cannot be opened.
    """
    with Origin(path, snapshot=False) as origin:
        format = formats.recognize(origin.read(0, formats.HEAD_BYTES))
        if format is None or format.becomes:  # what is only read is no result of ours
            return None
        return provenance_of(formats.module_of(format).packet(origin))


def is_whole(path: str | os.PathLike) -> bool:
    """Whether a file of ours has its end, which an interrupted copy of it lacks.

    Looks at the ends and lengths that the formats state, and decodes nothing: it notices a file
    that is cut short, and one whose end is zeros, as some copies leave them. It cannot notice
    damage in the middle: `photochrom verify` does. Raises what `read_provenance` raises.
    """
    with Origin(path, snapshot=False) as origin:
        format = formats.recognize(origin.read(0, formats.HEAD_BYTES))
        if format is None or format.becomes:
            return False
        return formats.module_of(format).is_whole(origin)


def _not_known(head: bytes, name: str) -> SourceError:
    foreign = formats.foreign_name(head)
    titles = ", ".join(row.title for row in formats.READ)
    if foreign:
        return SourceError(
            f"it is {foreign}, which is not read",
            file=name,
            kind="unsupported",
            remedy=f"convert it to one of {titles}",
        )
    return SourceError(
        "it is not a picture", file=name, kind="not-an-image", remedy=f"give a file of {titles}"
    )
