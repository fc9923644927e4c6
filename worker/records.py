"""Records of the ledger (batches, scans, results, participants), and their encoding in Redis.

Redis holds all records in memory, so that they are short: paths are relative to those of the batch,
and results are JSON lists without names. A scan takes about 300 bytes, as measured by
`python -m tests.worker.bench --only overhead`. `worker.ledger` writes and reads the records.
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

#: Largest number of characters of a message or a note that are kept.
_SENTENCE: Final = 300

#: Version of the encoding that this program reads and writes; it leaves higher ones unchanged.
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
    """A batch as it was submitted. `source` and `destination` are folders or URLs.

    `options` is `Options.as_mapping()`, `kind` is "submit" or "watch", `created` the seconds since
    1970.
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
    """The ledger's answer to the claim of a scan.

    `verdict` is "yours" where the scan was given to this process, else the reason why not; with
    "turn", `turn` is the batch that must be served first. The scan was begun `begun` times, this
    one included; `faults` attempts ended with a transient fault, and `tried` attempts failed or
    killed their process. `worker` is the number of the worker in the batch. `max_attempts` and
    `time_limit` (seconds) are the batch's own limits, 0 where it has none.
    """

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
    """A scan in the ledger, for status and report.

    `outcome` is None until the scan is finished. `waits_after` is the failure after which a queued
    scan waits for its next attempt.
    """

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
    """A worker that took part in a batch, and the numbers of its scans in each state.

    `is_odd`: it has another model or version than the worker that began the batch.
    """

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
    """Returns the id of a scan: 66 bits of the hash of its path and version, 11 characters."""
    identity = f"{source}\0{version}" if version else source
    digest = hashlib.sha256(os_bytes(identity)).digest()
    return base64.urlsafe_b64encode(digest)[:11].decode()


def json_of(value: Any) -> str:
    """Returns JSON without spaces."""
    return json.dumps(value, separators=(",", ":"))


def fields_of(batch: Batch, fingerprint: str, keep: float) -> dict[str, Any]:
    """Returns the fields of a batch in Redis, which `batch_of` reads.

    `keep` is how long the batch is kept once it is finished, in seconds.
    """
    fields = {name: getattr(batch, name) for name in Batch.__slots__}
    if not batch.recolour:  # older workers, which do not have this field, can then read the batch
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
    """Returns the batch of the fields that `fields_of` made."""
    return Batch(**json.loads(fields[b"batch"]))


def failure_text(failure: Failure | None) -> str:
    """Returns the record of the failure after which a scan is tried again; '' for None."""
    return json_of([failure.kind, failure.message[:_SENTENCE]]) if failure else ""


def refusal_text(failure: Failure) -> str:
    """Returns the result of a scan that no worker coloured: not planned, or given up."""
    return json_of([None, 0, 0, failure.kind, failure.message])


def result_text(outcome: Outcome, worker: int) -> str:
    """Returns the result of a scan by the worker of that number, which `entry_of` reads."""
    key = outcome.key and base64.urlsafe_b64encode(bytes.fromhex(outcome.key))[:-1].decode()
    result: list[Any] = [key, round((outcome.seconds or 0) * 1000), worker]
    if outcome.error:
        result += [outcome.error.kind, outcome.error.message[:_SENTENCE]]
    elif outcome.pixels or outcome.notes:
        result += [outcome.pixels, *(note[:_SENTENCE] for note in outcome.notes)]
    return json_of(result)


def relative(source: str, destination: str, batch: Batch) -> bytes:
    """Returns the record of a scan's paths: source, NUL, result.

    They are relative to the folders of the batch; the result is empty where both are the same.
    """
    short = _under(source, batch.source)
    result = _under(destination, batch.destination)
    return os_bytes(short) + b"\0" + (b"" if result == short else os_bytes(result))


def absolute(paths: bytes, batch: Batch) -> tuple[str, str]:
    """Returns the source and the destination of the record that `relative` made."""
    short, _, result = (part.decode("utf-8", "surrogateescape") for part in paths.partition(b"\0"))
    return _joined(batch.source, short), _joined(batch.destination, result or short)


def os_bytes(text: str) -> bytes:
    """Returns the bytes of a path, which need not be UTF-8."""
    return text.encode("utf-8", "surrogateescape")


def _under(path: str, folder: str) -> str:
    prefix = folder.rstrip("/") + "/"
    return path.removeprefix(prefix)


def _joined(folder: str, path: str) -> str:
    return path if path.startswith("/") or "://" in path else f"{folder.rstrip('/')}/{path}"


def state_of(record: bytes | None) -> tuple[State, str]:
    """Returns state and text of the record of a scan under `:said`.

    A scan without a record (None) is queued and was never begun.
    """
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
    """Returns a scan from its paths (`:asked`) and its record (`:said`, None: never begun)."""
    source, destination = absolute(paths, batch)
    letter, begun, rest = "q", 0, ""
    if record is not None:
        letter, count, _, _, rest = record.decode("utf-8", "surrogateescape").split("|", 4)
        begun = int(count)
    state = STATES[letter]
    if state in ("queued", "running"):
        failure = Failure(*json.loads(rest)) if state == "queued" and rest else None
        holder = rest.partition(" ")[0] if state == "running" else None
        return Entry(scan, state, source, destination, begun, holder, None, failure)
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
