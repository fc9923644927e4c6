"""How a batch stands: counted, estimated, told in prose or JSON. And finding it by a short name.

Everything is read from the ledger.
"""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from core.errors import OptionsError, ServiceError, nearest
from worker.broker import in_words
from worker.ledger import Ledger, worker_key
from worker.memory import remembered
from worker.records import Batch, Participant
from worker.tender import GONE, WORKERS


@dataclass(frozen=True, slots=True)
class Status:
    """A batch at one moment. `rate` in scans a second, `eta` in seconds (None: cannot be told).

    `state`: submitting, queued, running, finished or cancelled. `queued` counts the `waiting`,
    those put off after a transient fault, too.
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
        """Whether nothing will happen any more by itself."""
        return self.state in ("finished", "cancelled") and self.running == 0

    def as_json(self) -> dict[str, Any]:
        """The status as JSON values."""
        return asdict(self)


def status_of(ledger: Ledger, batch: str) -> Status:
    """How the batch stands. Raises `OptionsError` for one unknown."""
    description = ledger.batch(batch)
    number: dict[str, Any] = ledger.numbers(batch)
    queued = int(number["queued"])
    rate = _rate(number)
    return Status(
        batch=batch,
        name=description.name,
        state=_state(number),
        **{name: int(number[name]) for name in ("scans", "done", "failed", "skipped", "running")},
        queued=queued,
        waiting=int(number["waiting"]),
        rate=round(rate, 3),
        eta=round((queued + number["running"]) / rate, 1) if rate and queued else None,
        seconds=round(number["milliseconds"] / 1000, 3),
        bytes=int(number["bytes"]),
        workers=tuple(ledger.participants(batch).values()),
    )


def resolve(ledger: Ledger, wanted: str | None) -> str:
    """The id of the batch that a person means by an id, its beginning, its name, or by nothing.

    Raises `OptionsError` for one unknown or ambiguous, `ServiceError` for one that Redis lost.
    """
    known = ledger.batches()
    if not wanted:
        if not known:
            raise OptionsError(
                f"there is no batch on {ledger.url_shown}",
                remedy="submit one: photochrom batch submit SRC -o DEST",
            )
        return known[0]
    if wanted in known:
        return wanted
    matching = [name for name in known if name.startswith(wanted)]
    matching = matching or [name for name in known if ledger.batch(name).name == wanted]
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise OptionsError(
            f"{wanted!r} may be {' or '.join(matching[:5])}", remedy="give more of the id"
        )
    lost = [note for note in remembered() if note["id"].startswith(wanted)]
    if lost:
        note = lost[0]
        raise ServiceError(
            f"Redis at {ledger.url_shown} has lost the batch {note['id']} (it was restarted "
            "without persistence, or the batch has expired)",
            remedy=f"run `photochrom batch submit {note['source']} -o {note['destination']}` "
            "again: only what is missing will be done",
        )
    raise OptionsError(f"there is no batch {wanted!r}", remedy=nearest(wanted, known[:20]))


def workers_alive(ledger: Ledger) -> Iterator[dict[str, str]]:
    """What each living worker says of itself."""
    with in_words(ledger.url):
        seconds, _ = ledger.redis.time()
        names = ledger.redis.zrangebyscore(WORKERS, seconds - GONE, "+inf")
        for name in names:
            about = ledger.redis.hgetall(worker_key(name.decode()))
            if about:
                yield {"name": name.decode()} | {k.decode(): v.decode() for k, v in about.items()}


def in_prose(status: Status, description: Batch, alive: list[dict[str, str]]) -> Iterator[str]:
    """The lines of `batch status`."""
    yield f"{status.batch}  {status.name}  {status.state}"
    yield f"  {description.source} -> {description.destination}"
    counts = [f"{getattr(status, name)} {name}"
              for name in ("done", "failed", "skipped", "running", "queued")]  # fmt: skip
    line = f"  {status.scans} scans: " + ", ".join(counts)
    if status.waiting:
        line += f" ({status.waiting} of them put off after a fault that may pass)"
    yield line
    if status.rate:
        pace = f"  {status.rate:.1f} scans a second"
        yield pace + (f", done in about {duration(status.eta)}" if status.eta else "")
    yield from _workers_in_prose(status, alive)


def _workers_in_prose(status: Status, alive: list[dict[str, str]]) -> Iterator[str]:
    living = {worker["name"]: worker for worker in alive}
    for person in status.workers:
        gone = "" if person.name in living else ", gone"
        odd = "  has ANOTHER MODEL OR VERSION: it is given nothing" if person.is_odd else ""
        if not person.model_sha256:
            odd = "  does not have this model"
        model = f"{person.model} {person.model_sha256[:12]} on {person.provider or '-'}"
        counts = f"{person.done} done, {person.failed} failed"
        yield f"  {person.name} (photochrom {person.version}, {model}{gone}): {counts}{odd}"
    if not status.is_over and not alive:
        yield "  no worker is alive; start one: photochrom worker --root FOLDER"
    if status.queued and status.workers and all(person.is_odd for person in status.workers
                                                if person.name in living):  # fmt: skip
        yield "  every living worker has another model or version than the batch was begun with; "
        yield f"  let them go on with theirs: photochrom batch retry {status.batch}"
    for worker in alive:
        if abs(float(worker.get("skew", 0))) > 5:
            yield f"  the clock of {worker['name']} is {worker['skew']} s off (harmless here)"


def duration(seconds: float) -> str:
    """'3 h 20 min', '4 min 10 s', '12 s'."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _state(number: dict[str, Any]) -> str:
    if number["cancelled"]:
        return "cancelled"
    if number["finished"]:
        return "finished"
    if number["begun"]:
        return "running"
    return "queued" if number["sealed"] else "submitting"


def _rate(number: dict[str, Any]) -> float:
    """Results a second, over the latest 64 of them; over the whole batch once it is finished."""
    over = number["done"] + number["failed"] + number["skipped"]
    if number["finished"]:
        return over / max(0.001, number["finished"] - (number["begun"] or number["created"]))
    if number["pace_results"] < 2:
        return 0.0
    return number["pace_results"] / max(0.001, number["now"] - number["pace_since"])


def follow(ledger: Ledger, batch: str, interval: float = 2.0) -> Iterator[Status]:
    """The batch's status again and again, until it is over."""
    while True:
        status = status_of(ledger, batch)
        yield status
        if status.is_over:
            return
        time.sleep(interval)
