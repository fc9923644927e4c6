"""Computes the status of a batch, as prose or JSON, and finds a batch by a short name.

Everything is read from the ledger.
"""

import logging
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from core.errors import OptionsError, ServiceError, nearest
from worker import policy
from worker.broker import in_words, is_transient, patiently
from worker.dispatcher import GONE, WORKERS
from worker.ledger import Ledger
from worker.ledger_scripts import worker_key
from worker.records import Batch, Participant
from worker.roots import is_remote
from worker.submission_notes import noted_beside, noted_submissions

log = logging.getLogger(__name__)

#: Seconds without new scans after which an incomplete submission counts as dead. Walking a slow
#: share takes long before the first scan, seldom between two chunks of 500.
SUBMITTING = 60.0


@dataclass(frozen=True, slots=True)
class Status:
    """A batch at one moment. `rate` in scans a second, `eta` in seconds (None: unknown).

    `state`: submitting, half submitted (its submission was killed), queued, running, paused,
    finished or cancelled. `queued` includes the `waiting`, which are put off after a transient
    fault. `seconds` is the time that processes have worked on its scans, `bytes` the size of the
    finished sources.
    """

    batch: str
    name: str
    state: str
    scans: int
    done: int
    failed: int
    skipped: int
    running: int
    queued: int
    waiting: int
    rate: float
    eta: float | None
    seconds: float
    bytes: int
    workers: tuple[Participant, ...]

    @property
    def is_over(self) -> bool:
        """Whether the batch will not change any more by itself."""
        if self.state == "half submitted":
            return self.running == self.queued == 0
        return self.state in ("finished", "cancelled") and self.running == 0

    def as_json(self) -> dict[str, Any]:
        """Returns the status as JSON values."""
        return asdict(self)


def status_of(ledger: Ledger, batch: str) -> Status:
    """Returns the status of a batch. Raises `OptionsError` for an unknown batch."""
    description = ledger.batch(batch)
    number: dict[str, Any] = ledger.numbers(batch)
    queued = int(number["queued"])
    rate = _rate(number)
    return Status(
        batch=batch,
        name=description.name,
        state=_state(number, description),
        **{name: int(number[name]) for name in ("scans", "done", "failed", "skipped", "running")},
        queued=queued,
        waiting=int(number["waiting"]),
        rate=round(rate, 3),
        eta=round((queued + number["running"]) / rate, 1) if rate and queued else None,
        seconds=round(number["milliseconds"] / 1000, 3),
        bytes=int(number["bytes"]),
        workers=tuple(ledger.participants(batch).values()),
    )


def resolve(ledger: Ledger, text: str | None) -> str:
    """Returns the id of the batch with that id, beginning of an id, name, or folder of results.

    It is the id of the latest batch for no text. Raises `OptionsError` for an unknown or
    ambiguous text, `ServiceError` for a batch that Redis has lost.
    """
    known = ledger.batches()
    if not text:
        _refuse_where_lost(ledger, known)
        if not known:
            raise OptionsError(
                f"there is no batch on {ledger.url_shown}",
                remedy="submit one: photochrom batch submit SRC -o DEST",
            )
        return known[0]
    if text in known:
        return text
    matching = [name for name in known if name.startswith(text)]
    matching = matching or [name for name in known if ledger.batch(name).name == text]
    if len(matching) == 1:
        return matching[0]
    if not matching and (matching := _into(ledger, known, text)):
        return matching[0]
    if matching:
        raise OptionsError(
            f"{text!r} may be {' or '.join(matching[:5])}", remedy="give more of the id"
        )
    note = noted_beside(os.path.abspath(text))  # noqa: PTH100 (links keep their names)
    lost = [note] if note else []
    lost += [note for note in noted_submissions() if note["id"].startswith(text)]
    if lost:
        raise _lost(ledger, lost[0])
    raise OptionsError(f"there is no batch {text!r}", remedy=nearest(text, known[:20]))


def _into(ledger: Ledger, known: list[str], folder: str) -> list[str]:
    """Returns the batches whose results go to that folder or prefix, the newest first."""
    whole = folder if is_remote(folder) else os.path.abspath(folder)  # noqa: PTH100
    return [name for name in known if ledger.batch(name).destination.rstrip("/") == whole]


def _refuse_where_lost(ledger: Ledger, known: list[str]) -> None:
    """Raises `ServiceError` where Redis has lost the latest batch that this machine submitted.

    A batch younger than `policy.RETENTION` cannot have expired.
    """
    notes = [note for note in noted_submissions() if note.get("broker") == ledger.url_shown]
    if not notes or notes[0]["id"] in known:
        return
    if time.time() - notes[0]["created"] > policy.RETENTION:
        return
    if known and float(ledger.numbers(known[0])["created"]) > notes[0]["created"]:
        return
    raise _lost(ledger, notes[0])


def _lost(ledger: Ledger, note: dict[str, Any]) -> ServiceError:
    return ServiceError(
        f"Redis at {ledger.url_shown} has lost the batch {note['id']} (it was restarted "
        "without persistence, or the batch has expired)",
        remedy=f"run `photochrom batch submit {note['source']} -o {note['destination']}` "
        "again: only what is missing will be done",
    )


def workers_alive(ledger: Ledger) -> Iterator[dict[str, str]]:
    """Yields the description of each living worker."""
    with in_words(ledger.url):
        seconds, _ = ledger.redis.time()
        names = ledger.redis.zrangebyscore(WORKERS, seconds - GONE, "+inf")
        for name in names:
            about = ledger.redis.hgetall(worker_key(name.decode()))
            if about:
                yield {"name": name.decode()} | {k.decode(): v.decode() for k, v in about.items()}


def in_prose(status: Status, description: Batch, alive: list[dict[str, str]]) -> Iterator[str]:
    """Yields the lines of `batch status`."""
    yield f"{status.batch}  {status.name}  {status.state}"
    yield f"  {description.source} -> {description.destination}"
    counts = [
        f"{getattr(status, name)} {name}"
        for name in ("done", "failed", "skipped", "running", "queued")
    ]
    line = f"  {status.scans} scans: " + ", ".join(counts)
    if status.waiting:
        line += f" ({status.waiting} of them put off after a fault that may pass)"
    yield line
    if status.rate:
        rate = f"  {rate_in_words(status.rate)}"
        yield rate + (f", done in about {duration(status.eta)}" if status.eta else "")
    if status.state == "half submitted":
        yield "  its submission ended before all scans were added; submit it again: "
        yield f"  photochrom batch submit {description.source} -o {description.destination}"
    if status.state == "paused":
        yield f"  go on with: photochrom batch resume {status.batch}"
    yield from _workers_in_prose(status, alive)


def _workers_in_prose(status: Status, alive: list[dict[str, str]]) -> Iterator[str]:
    """Yields a line for each worker of the batch, and what keeps it from going on."""
    living = {worker["name"]: worker for worker in alive}
    for worker in status.workers:
        gone = "" if worker.name in living else ", gone"
        fault = "  has ANOTHER MODEL OR VERSION: it is given nothing" if worker.is_odd else ""
        if not worker.model_sha256:
            fault = "  does not have this model"
        model = f"{worker.model} {worker.model_sha256[:12]} on {worker.provider or '-'}"
        counts = f"{worker.done} done, {worker.failed} failed"
        yield f"  {worker.name} (photochrom {worker.version}, {model}{gone}): {counts}{fault}"
    if not status.is_over and not alive:
        yield "  no worker is alive; start one: photochrom worker --root FOLDER"
    if (
        status.queued
        and status.workers
        and all(worker.is_odd for worker in status.workers if worker.name in living)
    ):
        yield "  every living worker has another model or version than the batch was begun with; "
        yield f"  to go on with that of the workers: photochrom batch retry {status.batch}"
    if not status.is_over and alive and all(worker.get("rests") == "1" for worker in alive):
        yield "  every worker waits for its --hours"
    for worker in alive:
        if abs(float(worker.get("skew", 0))) > 5:
            yield f"  the clock of {worker['name']} is {worker['skew']} s off (harmless here)"


def rate_in_words(rate: float) -> str:
    """Returns a rate (scans a second) in words, in the best unit of time: '3.5 scans a minute'."""
    for unit, seconds in (("second", 1), ("minute", 60)):
        if rate * seconds >= 1:
            return f"{rate * seconds:.1f} scans a {unit}"
    return f"{rate * 3600:.1f} scans an hour"


def duration(seconds: float) -> str:
    """Returns seconds in words: '3 h 20 min', '4 min 10 s', '12 s'."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _state(number: dict[str, Any], description: Batch) -> str:
    """Returns the state of a batch, one of those of `Status.state`."""
    if number["cancelled"]:
        return "cancelled"
    if number["finished"]:
        return "finished"
    if number["paused"]:
        return "paused"
    if not number["sealed"] and description.kind == "submit":
        since = number["now"] - max(number["asking"], number["created"])
        return "submitting" if since < SUBMITTING else "half submitted"
    return "running" if number["begun"] else "queued"


def _rate(number: dict[str, Any]) -> float:
    """Returns results a second: of the latest 64, or of the whole batch once it is finished."""
    results = number["done"] + number["failed"] + number["skipped"]
    if number["finished"]:
        return results / max(0.001, number["finished"] - (number["begun"] or number["created"]))
    if number["pace_results"] < 2:
        return 0.0
    return number["pace_results"] / max(0.001, number["now"] - number["pace_since"])


def current(ledger: Ledger, batch: str) -> tuple[Status, list[dict[str, str]]]:
    """Returns the batch's status and the workers that are alive."""
    return status_of(ledger, batch), list(workers_alive(ledger))


def follow(
    ledger: Ledger, batch: str, interval: float = 2.0
) -> Iterator[tuple[Status, list[dict[str, str]]]]:
    """Yields what `current` returns, every `interval` seconds until the batch is over.

    Waits for Redis while it is away.
    """
    while True:
        try:
            report = current(ledger, batch)
        except ServiceError as error:
            cause = error.__cause__
            if cause is None or not is_transient(cause):
                raise
            log.warning("%s; waiting for it", error.what)
            report = patiently(lambda: current(ledger, batch))
        yield report
        if report[0].is_over:
            return
        time.sleep(interval)
