"""What this machine has submitted, in a folder of the user's: known even when Redis forgot it.

After a restart of a Redis without persistence the ledger is empty; `batch status` can then say so,
and how to go on, instead of "unknown".
"""

import json
import os
from pathlib import Path
from typing import Any

from worker.records import Batch


def remember(batch: Batch, broker: str) -> None:
    """Notes that a batch was submitted from here. Where the folder cannot be written, nothing is
    noted: the batch is none the worse."""
    note = {
        "id": batch.id, "name": batch.name, "source": batch.source,
        "destination": batch.destination, "created": batch.created, "broker": broker,
    }  # fmt: skip
    try:
        folder = _folder()
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f".{batch.id}.{os.getpid()}"
        part.write_text(json.dumps(note))
        part.replace(folder / f"{batch.id}.json")
    except OSError:
        return


def remembered() -> list[dict[str, Any]]:
    """The notes, the newest first."""
    notes = []
    for path in _folder().glob("*.json"):
        try:
            notes.append(json.loads(path.read_text()))
        except (OSError, ValueError):
            continue
    return sorted(notes, key=lambda note: -note.get("created", 0))


def _folder() -> Path:
    import platformdirs

    return platformdirs.user_state_path("photochrom", appauthor=False) / "batches"
