"""The records of the ledger: batches, scans, results, participants, and their form in Redis.

Redis holds all of them in memory, so they are short: a scan costs about 300 bytes, with paths
relative to its batch's and its result as JSON without names. `worker.ledger` writes and reads them.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from core.errors import Failure
from core.job import Outcome
from worker.segments import segment_of

#: Characters of an error's sentence that are kept.
_SENTENCE: Final = 300

#: The form of the ledger that this program reads and writes. A higher one is left alone.
FORM: Final = 1

State = Literal["queued", "running", "done", "skipped", "failed"]
STATES: Final[dict[str, State]] = {
    "q": "queued",
    "r": "running",
    "d": "done",
    "s": "skipped",
    "f": "failed",
}


@dataclass(frozen=True, slots=True)
class Batch:
    """What a batch is, as it was asked for. `source` and `destination` are folders or URLs.

    `options` is `Options.as_mapping()`. `kind` is "submit" or "watch".
    """

    id: str
    name: str
    source: str
    destination: str
    options: Mapping[str, Any]
    existing: str
    max_pixels: int
    queue: str
    created: float
    kind: str = "submit"
    recolour: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """The answer to "may I colour this scan?". `verdict` is "yours" or the reason why not; where
    it is "turn", `turn` is the batch whose turn it is. `tried` attempts have failed so far;
    `max_attempts` and `time_limit` (seconds) are the batch's own limits, 0 where it has none."""

    verdict: str
    scan: str = ""
    token: str = ""
    begun: int = 0
    faults: int = 0
    worker: int = 0
    source: str = ""
    destination: str = ""
    turn: str = ""
    tried: int = 0
    max_attempts: int = 0
    time_limit: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """A scan in the ledger, for status and report. `outcome` is None until it is finished."""

    scan: str
    state: State
    source: str
    destination: str
    begun: int
    worker: str | None
    outcome: Outcome | None
    waits_after: Failure | None = None


@dataclass(frozen=True, slots=True)
class Participant:
    """A worker process group that took part in a batch."""

    name: str
    version: str
    model: str
    model_sha256: str
    provider: str
    done: int = 0
    skipped: int = 0
    failed: int = 0
    is_odd: bool = False


def scan_id(source: str, version: str = "") -> str:
    """A short name for a source: 66 bits of its path's hash, 11 characters."""
    identity = f"{source}\0{version}" if version else source
    digest = hashlib.sha256(os_bytes(identity)).digest()
    return base64.urlsafe_b64encode(digest)[:11].decode()


def json_of(value: Any) -> str:
    """Short JSON."""
    return json.dumps(value, separators=(",", ":"))


def fields_of(batch: Batch, fingerprint: str, keep: float) -> dict[str, Any]:
    """A batch's own fields in Redis; `batch_of` reads them. `keep` in seconds."""
    fields = {name: getattr(batch, name) for name in Batch.__slots__}
    if not batch.recolour:  # a worker that does not know it yet can then read the batch
        del fields["recolour"]
    return {
        "ledger": FORM,
        "id": batch.id,
        "batch": json_of(fields),
        "created": batch.created,
        "fingerprint": fingerprint,
        "keep": round(keep),
    }


def batch_of(fields: Mapping[bytes, bytes]) -> Batch:
    """The batch of those fields."""
    return Batch(**json.loads(fields[b"batch"]))


def failure_text(failure: Failure | None) -> str:
    """Why a scan waits to be tried again; '' for no reason."""
    return json_of([failure.kind, failure.message[:_SENTENCE]]) if failure else ""


def refusal_text(failure: Failure) -> str:
    """The result of a scan that no worker had: refused by planning, or given up."""
    return json_of([None, 0, 0, failure.kind, failure.message])


def result_text(outcome: Outcome, worker: int) -> str:
    """The result of a scan by the worker of that number; `entry_of` reads it."""
    key = outcome.key and base64.urlsafe_b64encode(bytes.fromhex(outcome.key))[:-1].decode()
    result: list[Any] = [key, round((outcome.seconds or 0) * 1000), worker]
    if outcome.error:
        result += [outcome.error.kind, outcome.error.message[:_SENTENCE]]
    elif outcome.pixels or outcome.notes:
        result += [outcome.pixels, *(note[:_SENTENCE] for note in outcome.notes)]
    return json_of(result)


def relative(source: str, destination: str, batch: Batch) -> bytes:
    """What is kept of a scan's paths. An empty result means: named as the source."""
    short = _under(source, batch.source)
    result = _under(destination, batch.destination)
    return os_bytes(short) + b"\0" + (b"" if result == short else os_bytes(result))


def absolute(paths: bytes, batch: Batch) -> tuple[str, str]:
    """(source, destination) of what `relative` kept."""
    short, _, result = (part.decode("utf-8", "surrogateescape") for part in paths.partition(b"\0"))
    return _joined(batch.source, short), _joined(batch.destination, result or short)


def os_bytes(text: str) -> bytes:
    """A path's own bytes, which need not be UTF-8."""
    return text.encode("utf-8", "surrogateescape")


def _under(path: str, folder: str) -> str:
    prefix = folder.rstrip("/") + "/"
    return path.removeprefix(prefix)


def _joined(folder: str, path: str) -> str:
    return path if path.startswith("/") or "://" in path else f"{folder.rstrip('/')}/{path}"


def state_of(record: bytes | None) -> tuple[State, str]:
    """(state, text) of a scan's record under `:said`; None is a scan that was never begun."""
    if record is None:
        return "queued", ""
    text = record.decode("utf-8", "surrogateescape")
    return STATES[text[0]], text.split("|", 4)[4]


def entry_of(
    scan: str,
    paths: bytes,
    record: bytes | None,
    batch: Batch,
    participants: dict[int, Participant],
) -> Entry:
    """A scan from its paths (`:asked`) and its record (`:said`)."""
    source, destination = absolute(paths, batch)
    letter, begun, rest = "q", 0, ""
    if record is not None:
        letter, count, _, _, rest = record.decode("utf-8", "surrogateescape").split("|", 4)
        begun = int(count)
    state = STATES[letter]
    if state in ("queued", "running"):
        why = Failure(*json.loads(rest)) if state == "queued" and rest else None
        holder = rest.partition(" ")[0] if state == "running" else None
        return Entry(scan, state, source, destination, begun, holder, None, why)
    key, milliseconds, number, *more = json.loads(rest)
    participant = participants.get(number)
    notes = tuple(more[1:]) if state != "failed" else ()
    outcome = Outcome(
        source=source,
        output=destination,
        status=state,
        key=base64.urlsafe_b64decode(key + "=").hex() if key else None,
        pixels=more[0] if state != "failed" and more else None,
        seconds=milliseconds / 1000 if milliseconds else None,
        model=participant.model if participant else None,
        provider=participant.provider if participant else None,
        attempts=begun,
        error=Failure(*more) if state == "failed" else None,
        notes=notes,
    )
    if outcome.is_left_alone or segment_of(source):
        outcome = replace(outcome, output=None)
    return Entry(
        scan, state, source, destination, begun, participant.name if participant else None, outcome
    )
