"""What has been submitted, noted outside Redis: known even when Redis forgot it.

A note lies in a folder of the user's and beside the destination, so that whoever finds the results
finds the batch. After a restart of a Redis without persistence the ledger is empty; `batch status`
can then say so, and how to go on, instead of "unknown".
"""

import json
import os
from pathlib import Path
from typing import Any, Final

from worker.records import Batch
from worker.roots import is_remote

#: The end of a note's name beside a destination: `.NAME.photochrom-batch.json` beside `NAME`.
_BESIDE: Final = ".photochrom-batch.json"


def remember(batch: Batch, broker: str) -> None:
    """Notes that a batch was submitted. Where a folder cannot be written nothing is noted there:
    the batch is none the worse."""
    note = {
        "id": batch.id, "name": batch.name, "source": batch.source,
        "destination": batch.destination, "created": batch.created, "broker": broker,
    }  # fmt: skip
    _write(_folder() / f"{batch.id}.json", note)
    if not is_remote(batch.destination):
        _write(note_beside(batch.destination), note)


def remembered() -> list[dict[str, Any]]:
    """The notes of the user's folder and of the working folder's destinations, the newest first."""
    paths = [*_folder().glob("*.json"), *Path.cwd().glob(f".*{_BESIDE}")]
    notes = {note["id"]: note for path in paths if (note := _read(path))}
    return sorted(notes.values(), key=lambda note: -note["created"])


def remembered_beside(destination: str) -> dict[str, Any] | None:
    """The note of the latest batch that went to that folder, if one lies beside it."""
    return _read(note_beside(destination))


def note_beside(destination: str) -> Path:
    """Where the note of a destination lies."""
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
    """The note; None for what is none."""
    try:
        note = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    is_one = isinstance(note, dict) and isinstance(note.get("created"), int | float)
    return note if is_one and {"id", "source", "destination"} <= note.keys() else None


def _folder() -> Path:
    import platformdirs

    return platformdirs.user_state_path("photochrom", appauthor=False) / "batches"
