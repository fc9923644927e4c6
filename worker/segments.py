"""Names the segments of films in a batch.

A film is a scan of its batch. Where it has more than one segment, each segment is a scan too; its
path is below that of the film, where no file can be: `/reels/reel.mkv/segment-00003`.
"""

import re
from typing import Final

from core.film_names import is_film

_SEGMENT: Final = re.compile(r"(.+)/segment-(\d{5})", re.DOTALL)


def segment_path(film: str, index: int) -> str:
    """Returns the path of a segment in the ledger."""
    return f"{film}/segment-{index:05d}"


def segment_of(path: str) -> tuple[str, int] | None:
    """Returns film and index of the path of a segment; None for other paths."""
    match = _SEGMENT.fullmatch(path)
    return (match[1], int(match[2])) if match and is_film(match[1]) else None
