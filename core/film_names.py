"""Names of films: which files are films, and what their results are called.

Planning knows films by their names alone; what is in them `core.film` finds out.
"""

from pathlib import PurePath
from typing import Final

#: Suffixes of containers that are written too: a result keeps its source's.
WRITTEN: Final = (".mkv", ".mp4", ".m4v", ".mov")
#: Suffixes of containers that are only read.
_ONLY_READ: Final = (
    *(".avi", ".mxf", ".mpg", ".mpeg", ".m2v", ".ts", ".m2ts", ".mts", ".vob"),
    *(".dv", ".webm", ".ogv", ".wmv", ".3gp"),
)


def is_film(name: str | PurePath) -> bool:
    """Whether a file of that name is a film."""
    return PurePath(name).suffix.lower() in (*WRITTEN, *_ONLY_READ)


def result_name(name: str) -> str:
    """The name of a film's result: its own; with .mkv behind it where its container is only read.

    >>> result_name("reel.mov"), result_name("reel.avi")
    ('reel.mov', 'reel.avi.mkv')
    """
    return name if PurePath(name).suffix.lower() in WRITTEN else f"{name}.mkv"
