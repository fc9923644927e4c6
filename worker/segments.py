"""Names of the segments of films among a batch's scans.

A film is a scan. Where it has more than one segment each is a scan too, under a path below the
film's own, at which no file can be: `/reels/reel.mkv/segment-00003`.
"""

import re
from typing import Final

from core.film_names import is_film

_SEGMENT: Final = re.compile(r"(.+)/segment-(\d{5})", re.DOTALL)


def segment_path(film: str, index: int) -> str:
    """The path that stands for a segment."""
    return f"{film}/segment-{index:05d}"


def segment_of(path: str) -> tuple[str, int] | None:
    """(film, index) of a segment's path; None for every other."""
    found = _SEGMENT.fullmatch(path)
    return (found[1], int(found[2])) if found and is_film(found[1]) else None
