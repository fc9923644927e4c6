"""`Job`, its key (contract 3), its `Outcome` and the report line (contract 5)."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from core.errors import EXIT_DONE, EXIT_SOME_FAILED, Failure
from core.image.read import MAX_PIXELS
from core.options import Options, canonical_json

#: One of `core.options.EXISTING`.
Existing = Literal["same", "skip", "overwrite", "fail"]

# Notes of jobs that were skipped although their destination does not hold the same work.
#: `existing` is "skip".
NAME_TAKEN: Final = "a file of that name stands there"
IN_COLOUR: Final = "it is in colour already; --recolour colours it all the same"
OWN_RESULT: Final = "it is a result of photochrom; --recolour colours it all the same"


@dataclass(frozen=True, slots=True)
class Job:
    """One file's work: colour `source` into `destination`, an exact path, never a folder.

    Without `recolour`, a source that is already in colour or is a result of this program is
    skipped.
    """

    source: Path
    destination: Path
    options: Options = field(default_factory=Options)
    existing: Existing = "same"
    max_pixels: int = MAX_PIXELS
    recolour: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one job.

    `pixels` counts all pages; `seconds` is wall time; `notes` tell a person of metadata that the
    result's format cannot hold, or why the job was skipped. `output` is None where no result was
    wanted, since the source was in colour already.
    """

    source: str
    output: str | None
    status: Literal["done", "skipped", "failed"]
    key: str | None = None
    pixels: int | None = None
    seconds: float | None = None
    model: str | None = None
    provider: str | None = None
    attempts: int = 1
    error: Failure | None = None
    notes: tuple[str, ...] = ()

    @property
    def is_left_alone(self) -> bool:
        """Whether the source was in colour already, so that no result is wanted."""
        return self.status == "skipped" and bool({IN_COLOUR, OWN_RESULT} & set(self.notes))

    @property
    def exit_code(self) -> int:
        """The exit code that this outcome alone would give."""
        return EXIT_SOME_FAILED if self.status == "failed" else EXIT_DONE


def job_key(source_sha256: str, model_sha256: str, options: Options) -> str:
    """Returns the job key (contract 3), the identity of a piece of work: 64 hexadecimal digits.

    Equal source bytes, model bytes and options give equal keys, on every machine.
    """
    identity = {
        "contract": 1,
        "source": source_sha256,
        "model": model_sha256,
        "options": options.canonical(),
        "page": "all",
    }
    return hashlib.sha256(canonical_json(identity).encode()).hexdigest()


def planned_line(job: Job) -> str:
    """Returns the report line of a job that has not begun: its status is "planned"."""
    import json

    values = {"source": str(job.source), "output": str(job.destination), "status": "planned"}
    return json.dumps(values)


def report_line(outcome: Outcome) -> str:
    """Returns the outcome as one line of ASCII JSON (contract 5), without empty values."""
    import json

    values: dict[str, Any] = {
        "source": outcome.source,
        "output": outcome.output,
        "status": outcome.status,
        "key": outcome.key,
        "pixels": outcome.pixels,
        "seconds": None if outcome.seconds is None else round(outcome.seconds, 4),
        "model": outcome.model,
        "provider": outcome.provider,
        "attempts": outcome.attempts,
        "error": outcome.error and {"kind": outcome.error.kind, "message": outcome.error.message},
        "notes": list(outcome.notes) or None,
    }
    return json.dumps({key: value for key, value in values.items() if value is not None})
