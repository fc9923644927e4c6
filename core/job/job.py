"""What travels: a `Job`, its key (contract 3), its `Outcome` and the report line (contract 5)."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from core.errors import EXIT_DONE, EXIT_SOME_FAILED, Failure
from core.options import Options, canonical_json

Existing = Literal["same", "skip", "overwrite", "fail"]

#: What to do where the result's name is taken already, and what each choice means.
EXISTING: Final[Mapping[str, str]] = {
    "same": "skip the very same work (same job key), fail for anything else",
    "skip": "skip whatever stands there",
    "overwrite": "replace it",
    "fail": "fail for that file",
}

#: Pixels of one page above which a picture is refused as a probable decompression bomb.
MAX_PIXELS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Job:
    """One file's work: colour `source` into `destination`, an exact path, never a folder."""

    source: Path
    destination: Path
    options: Options = field(default_factory=Options)
    existing: Existing = "same"
    max_pixels: int = MAX_PIXELS


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one job. `pixels` over all pages; `seconds` of wall time."""

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

    @property
    def exit_code(self) -> int:
        """The exit code that this outcome alone would give."""
        return EXIT_SOME_FAILED if self.status == "failed" else EXIT_DONE


def job_key(source_sha256: str, model_sha256: str, options: Options) -> str:
    """Contract 3: the identity of a piece of work, 64 hexadecimal digits.

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


def report_line(outcome: Outcome) -> str:
    """Contract 5: the outcome as one line of JSON (ASCII); keys without a value are left out."""
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
    }
    return json.dumps({key: value for key, value in values.items() if value is not None})
