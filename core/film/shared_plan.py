"""A film's plan, kept in its work folder, so that of many processes one alone reads the whole film.

A plan holds for as long as the source has the same size and time, and the work is the same.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from core.film.segments import FilmPlan, Segment
from core.film.source import Film
from core.image.atomic import make_folder, new_file, write_all

#: The plan's name in the work folder.
NAME: Final = "plan.json"


def shared_plan(
    film: Film, folder: Path, work: dict[str, Any], make: Callable[[], FilmPlan]
) -> FilmPlan:
    """The plan that stands in `folder`, or `make()`, which is kept there where it has more than one
    segment. `work` is all that the segments' keys depend on beside the film. Raises what `make`
    raises, and `DestinationError`."""
    status = film.path.stat()
    identity = {"size": status.st_size, "time": status.st_mtime_ns, "work": work}
    path = folder / NAME
    found = _read(path, film, identity)
    if found is not None:
        return found
    made = make()
    if len(made.segments) > 1:
        make_folder(folder)
        value = {
            "identity": identity,
            "segments": [asdict(segment) for segment in made.segments],
            "notes": made.notes,
            "key": made.key,
            "damage": made.damage,
        }
        with new_file(path, replace=True) as file:
            write_all(file, json.dumps(value).encode())
    return made


def _read(path: Path, film: Film, identity: dict[str, Any]) -> FilmPlan | None:
    try:
        value = json.loads(path.read_bytes())
        if value["identity"] != identity:
            return None
        return FilmPlan(
            film,
            tuple(Segment(**segment) for segment in value["segments"]),
            tuple(value["notes"]),
            value["key"],
            tuple(value["damage"]),
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None
