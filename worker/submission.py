"""A batch on its way in: what is to be coloured is planned, lazily, into the ledger.

Submitting may be killed and repeated at any moment: the same source, destination and settings are
the same unfinished batch, and a scan that it knows is not added again.
"""

import hashlib
import logging
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Final

from core.errors import DestinationError, Failure, OptionsError
from core.job import Job, Outcome, Selection
from core.job.selection import PassedOver
from core.model.store import file_of
from core.options import canonical_json
from core.paths import Paths
from worker import policy, submission_notes
from worker.application import DEFAULT_QUEUE, application
from worker.broker import PREFIX, connect, in_words, refuse_volatile
from worker.dispatcher import fill
from worker.invariant import heal
from worker.ledger import Ledger
from worker.records import Batch
from worker.roots import is_remote
from worker.sources import Sources

log = logging.getLogger(__name__)

#: Scans written to the ledger in one step.
CHUNK: Final = 500

#: Source, destination, why the scan cannot be coloured (or None).
PlannedScan = tuple[str, str, Failure | None]


@dataclass(frozen=True, slots=True)
class Submission:
    """What is submitted. `like` has options, existing and the limit of pixels; `hints` is the file
    that the options' hints were read from; `exclude` are the patterns of a `Selection`; `volatile`
    accepts a Redis that keeps nothing on disk; `max_attempts` and `time_limit` (seconds) are limits
    of each scan, None for the worker's."""

    sources: Sources
    destination: str
    like: Job
    name: str = ""
    queue: str = DEFAULT_QUEUE
    kind: str = "submit"
    hints: Path | None = None
    exclude: tuple[str, ...] = ()
    priority: str = "normal"
    volatile: bool = False
    max_attempts: int | None = None
    time_limit: int | None = None

    def selection(self) -> Selection:
        """What of the sources is taken: films too, where they lie in folders."""
        is_local = not (is_remote(self.sources.root) or is_remote(self.destination))
        return Selection(self.exclude, films=is_local and self.kind == "submit")


@dataclass(frozen=True, slots=True)
class Submitted:
    """The answer: `batch` is its id, `scans` how many it holds now, `new` how many were added."""

    batch: str
    scans: int
    new: int
    passed: PassedOver


def submit(url: str, request: Submission) -> Submitted:
    """Plans and queues a batch; when this returns, Redis has all of it.

    Raises `ServiceError` (Redis), `SourceError` and `OptionsError` (nothing to colour),
    `DestinationError`.
    """
    client = connect(url)
    if not request.volatile:
        refuse_volatile(client, url)
    ledger = Ledger(url, client)
    request = prepared(request)
    batch = open_batch(ledger, request)
    new = 0
    selection = request.selection()
    for number, chunk in enumerate(_chunks(planned(request, selection))):
        new += ledger.ask(batch, chunk)
        if number == 0:
            begin(url, ledger, request.queue)
    scans = int(float(ledger.numbers(batch)["scans"]))
    if scans == 0:
        ledger.seal(batch)
        passed = f" (passed over: {selection.passed.in_words()})" if selection.passed else ""
        raise OptionsError(f"there is no picture and no film in {request.sources.shown}{passed}")
    ledger.seal(batch)
    if stranded := heal(ledger, batch):
        log.warning("%d scans of %s stood in no list and are queued again", stranded, batch)
    begin(url, ledger, request.queue)
    _wait_for_the_disk(ledger)
    return Submitted(batch, scans, new, selection.passed)


def prepared(request: Submission) -> Submission:
    """The request with absolute paths and a destination that exists.

    Raises `DestinationError`, and `OptionsError` where a result would be written over what is read.
    """
    destination = request.destination
    if not is_remote(destination):
        destination = os.path.abspath(destination)  # noqa: PTH100 (links keep their names)
    request = replace(request, destination=destination, like=_with_model(request.like))
    _check_paths(request)
    if not is_remote(destination):
        try:
            # It must exist before the walk: a folder inside the source is left out by its identity.
            Path(destination).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DestinationError(
                f"cannot be made ({error.strerror})", file=destination
            ) from error
    return request


def _check_paths(request: Submission) -> None:
    """Raises `OptionsError` where a path is read and written.

    Of a watched folder, whose files are not known yet, the folder itself: each file is compared
    with its own result when it is coloured. Objects are told by their names.
    """
    root, destination = request.sources.root, request.destination
    if is_remote(root) and destination.rstrip("/") == root.rstrip("/"):
        raise OptionsError(
            f"-o is the same as SRC ({root})", remedy="give what is written a name of its own"
        )
    if is_remote(destination):
        return
    paths = Paths()
    paths.read(request.hints, "--hints")
    paths.read(file_of(request.like.options.model), "--model")
    paths.read(request.sources.named_in, "SRC")
    if not is_remote(root):
        paths.read(Path(root), "SRC")
    paths.write(Path(destination), "-o")
    if request.kind == "watch":
        return
    scans = [scan for scan in planned(request) if scan[2] is None]
    for source, _, _ in scans:
        if not is_remote(source):
            paths.read(Path(source), "SRC")
    for _, result, _ in scans:
        paths.write(Path(result), "-o")


def _with_model(like: Job) -> Job:
    """A model given as a file must be found from another folder, on another machine."""
    model = like.options.model
    if os.sep not in model and not model.endswith(".onnx"):
        return like
    return replace(like, options=replace(like.options, model=str(Path(model).absolute())))


def open_batch(ledger: Ledger, request: Submission) -> str:
    """The id of the batch for this request: a new one, or the unfinished one that is the same."""
    options = request.like.options.as_mapping()
    identity = {
        "kind": request.kind,
        "sources": request.sources.identity,
        "destination": request.destination,
        "options": options,
        "existing": request.like.existing,
        "max_pixels": request.like.max_pixels,
        "queue": request.queue,
    }
    if request.like.recolour:  # else a batch of before keeps its identity
        identity["recolour"] = True
    fingerprint = hashlib.sha256(canonical_json(identity).encode()).hexdigest()[:32]
    day = time.strftime("%Y%m%d")
    wanted = Batch(
        id=f"{day}-{secrets.token_hex(3)}",
        name=request.name or Path(request.sources.root).name,
        source=request.sources.root,
        destination=request.destination,
        options=options,
        existing=request.like.existing,
        max_pixels=request.like.max_pixels,
        queue=request.queue,
        created=time.time(),
        kind=request.kind,
        recolour=request.like.recolour,
    )
    batch = ledger.open_batch(wanted, fingerprint, priority=request.priority)
    ledger.limit(batch, {"max_attempts": request.max_attempts, "time_limit": request.time_limit})
    submission_notes.note_submission(ledger.batch(batch), ledger.url_shown)
    return batch


def planned(request: Submission, selection: Selection | None = None) -> Iterator[PlannedScan]:
    """Each scan with its result, as the ledger is asked for it; `selection` counts the others."""
    selection = selection or request.selection()
    for item in request.sources.plan(request.destination, request.like, selection):
        if isinstance(item, Outcome):
            yield item.source, item.output or item.source, item.error
        else:
            yield item


def begin(url: str, ledger: Ledger, queue: str) -> None:
    """Fills the queue, so that workers begin (or are started: KEDA looks at its length)."""
    with in_words(url):
        depth: Any = ledger.redis.llen(PREFIX + queue)
        if depth < policy.AHEAD // 2:
            fill(application(url), ledger, queue, depth, may_end=False)


def _wait_for_the_disk(ledger: Ledger) -> None:
    """With an append-only file, waits for it: the batch is durable when the command returns.

    Redis flushes once a second (`appendfsync everysec`) and can be held up for another; Redis 7.2
    says when it has (WAITAOF), an older one is given the two seconds.
    """
    from redis import ResponseError

    with in_words(ledger.url):
        about: Any = ledger.redis.info("persistence")
        if not about.get("aof_enabled"):
            return
        try:
            ledger.redis.waitaof(1, 0, 5000)
        except ResponseError:
            time.sleep(policy.FLUSH)


def _chunks(items: Iterable[PlannedScan]) -> Iterator[list[PlannedScan]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk
