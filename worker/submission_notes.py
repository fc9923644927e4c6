"""Keeps notes of submitted batches outside Redis, for the case that Redis loses the batch.

A note lies in the user's state folder and another beside the destination, so that the results lead
to the batch. After a restart of a Redis without persistence the ledger is empty; `batch status` can
then say so, and how to go on, instead of "unknown".
"""

import json
import os
from pathlib import Path
from typing import Any, Final

from worker.records import Batch
from worker.roots import is_remote

#: Ending of the note's name beside a destination: `.NAME.photochrom-batch.json` beside `NAME`.
_BESIDE: Final = ".photochrom-batch.json"


def note_submission(batch: Batch, broker: str) -> None:
    """Writes the notes of a submitted batch; a folder that cannot be written gets none."""
    note = {
        "id": batch.id,
        "name": batch.name,
        "source": batch.source,
        "destination": batch.destination,
        "created": batch.created,
        "broker": broker,
    }
    _write(_folder() / f"{batch.id}.json", note)
    if not is_remote(batch.destination):
        _write(note_path(batch.destination), note)


def noted_submissions() -> list[dict[str, Any]]:
    """Returns the notes in the user's folder and in the working folder, the newest first."""
    paths = [*_folder().glob("*.json"), *Path.cwd().glob(f".*{_BESIDE}")]
    notes = {note["id"]: note for path in paths if (note := _read(path))}
    return sorted(notes.values(), key=lambda note: -note["created"])


def noted_beside(destination: str) -> dict[str, Any] | None:
    """Returns the note beside a destination, which is that of its latest batch, or None."""
    return _read(note_path(destination))


def note_path(destination: str) -> Path:
    """Returns the path of the note beside a destination."""
    path = Path(destination)
    return path.parent / f".{path.name}{_BESIDE}"


def _write(path: Path, note: dict[str, Any]) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(note))
        part.replace(path)
    except OSError:
        return


def _read(path: Path) -> dict[str, Any] | None:
    """Returns a note, or None for a file that holds none."""
    try:
        note = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    is_note = isinstance(note, dict) and isinstance(note.get("created"), int | float)
    return note if is_note and {"id", "source", "destination"} <= note.keys() else None


def _folder() -> Path:
    import platformdirs

    return platformdirs.user_state_path("photochrom", appauthor=False) / "batches"
