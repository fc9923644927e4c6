"""Plans the scans of a batch and adds them to the ledger, for `batch submit` and `batch watch`.

A submission may be killed and repeated at any moment: the same source, destination and settings are
the same unfinished batch, and a scan that is in the batch is not added again.
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

#: Number of scans that are written to the ledger in one step.
CHUNK: Final = 500

#: Source, destination, and the failure where the scan cannot be coloured (else None).
PlannedScan = tuple[str, str, Failure | None]


@dataclass(frozen=True, slots=True)
class Submission:
    """The arguments of `batch submit` or `batch watch`.

    `template` is a job with the settings of every scan (options, existing, limit of pixels).
    `hints` is the file from which the options' hints were read; `exclude` are the patterns of a
    `Selection`; `volatile` accepts a Redis that keeps nothing on disk. `max_attempts` and
    `time_limit` (seconds) are limits for each scan, None for those of the worker.
    """

    sources: Sources
    destination: str
    template: Job
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
        """Returns a new selection; films are sources in `submit` where no object store is used."""
        is_local = not (is_remote(self.sources.root) or is_remote(self.destination))
        return Selection(self.exclude, films=is_local and self.kind == "submit")


@dataclass(frozen=True, slots=True)
class Submitted:
    """A submitted batch: its id, the number of its scans, and how many of them are `new`."""

    batch: str
    scans: int
    new: int
    passed: PassedOver


def submit(url: str, request: Submission) -> Submitted:
    """Plans and queues a batch; Redis has stored all of it when this returns.

    Raises `ServiceError` (Redis), `SourceError`, `OptionsError` (no sources, or results that would
    replace sources), `DestinationError`.
    """
    client = connect(url)
    if not request.volatile:
        refuse_volatile(client, url)
    ledger = Ledger(url, client)
    request = prepare(request)
    batch = open_batch(ledger, request)
    new = 0
    selection = request.selection()
    for number, chunk in enumerate(_chunks(planned_scans(request, selection))):
        new += ledger.ask(batch, chunk)
        if number == 0:
            fill_queue(url, ledger, request.queue)
    scans = int(float(ledger.numbers(batch)["scans"]))
    if scans == 0:
        ledger.seal(batch)
        passed = f" (passed over: {selection.passed.in_words()})" if selection.passed else ""
        raise OptionsError(f"there is no picture and no film in {request.sources.shown}{passed}")
    ledger.seal(batch)
    if stranded := heal(ledger, batch):
        log.warning("%d scans of %s were in no list and are queued again", stranded, batch)
    fill_queue(url, ledger, request.queue)
    _wait_for_the_disk(ledger)
    return Submitted(batch, scans, new, selection.passed)


def prepare(request: Submission) -> Submission:
    """Makes the folder of the results, and returns the request with absolute paths.

    Raises `DestinationError`, and `OptionsError` where a result would replace a file that is read.
    """
    destination = request.destination
    if not is_remote(destination):
        destination = os.path.abspath(destination)  # noqa: PTH100 (links keep their names)
    request = replace(request, destination=destination, template=_with_model(request.template))
    _check_paths(request)
    if not is_remote(destination):
        try:
            # It must exist before the walk, which recognizes it by its inode and does not enter it.
            Path(destination).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DestinationError(
                f"cannot be made ({error.strerror})", file=destination
            ) from error
    return request


def _check_paths(request: Submission) -> None:
    """Raises `OptionsError` where a path is read and written.

    The files of a watched folder are not known yet: each is compared with its own result when it is
    coloured. Objects are compared by name.
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
    paths.read(file_of(request.template.options.model), "--model")
    paths.read(request.sources.named_in, "SRC")
    if not is_remote(root):
        paths.read(Path(root), "SRC")
    paths.write(Path(destination), "-o")
    if request.kind == "watch":
        return
    scans = [scan for scan in planned_scans(request) if scan[2] is None]
    for source, _, _ in scans:
        if not is_remote(source):
            paths.read(Path(source), "SRC")
    for _, result, _ in scans:
        paths.write(Path(result), "-o")


def _with_model(template: Job) -> Job:
    """Returns the job with the absolute path of a model file, for workers in other folders."""
    model = template.options.model
    if os.sep not in model and not model.endswith(".onnx"):
        return template
    options = replace(template.options, model=str(Path(model).absolute()))
    return replace(template, options=options)


def open_batch(ledger: Ledger, request: Submission) -> str:
    """Returns the id of the batch for this request.

    It is an unfinished batch with the same sources and settings, or else a new one.
    """
    options = request.template.options.as_mapping()
    identity = {
        "kind": request.kind,
        "sources": request.sources.identity,
        "destination": request.destination,
        "options": options,
        "existing": request.template.existing,
        "max_pixels": request.template.max_pixels,
        "queue": request.queue,
    }
    if request.template.recolour:  # left out otherwise, so that the identity of older batches stays
        identity["recolour"] = True
    fingerprint = hashlib.sha256(canonical_json(identity).encode()).hexdigest()[:32]
    day = time.strftime("%Y%m%d")
    wanted = Batch(
        id=f"{day}-{secrets.token_hex(3)}",
        name=request.name or Path(request.sources.root).name,
        source=request.sources.root,
        destination=request.destination,
        options=options,
        existing=request.template.existing,
        max_pixels=request.template.max_pixels,
        queue=request.queue,
        created=time.time(),
        kind=request.kind,
        recolour=request.template.recolour,
    )
    batch = ledger.open_batch(wanted, fingerprint, priority=request.priority)
    ledger.limit(batch, {"max_attempts": request.max_attempts, "time_limit": request.time_limit})
    submission_notes.note_submission(ledger.batch(batch), ledger.url_shown)
    return batch


def planned_scans(request: Submission, selection: Selection | None = None) -> Iterator[PlannedScan]:
    """Yields the scans as the ledger takes them; `selection` counts what it refuses."""
    selection = selection or request.selection()
    for item in request.sources.plan(request.destination, request.template, selection):
        if isinstance(item, Outcome):
            yield item.source, item.output or item.source, item.error
        else:
            yield item


def fill_queue(url: str, ledger: Ledger, queue: str) -> None:
    """Fills the queue, so that workers begin, or are started by KEDA for its length."""
    with in_words(url):
        depth: Any = ledger.redis.llen(PREFIX + queue)
        if depth < policy.AHEAD // 2:
            fill(application(url), ledger, queue, depth, may_end=False)


def _wait_for_the_disk(ledger: Ledger) -> None:
    """Waits until the batch is in Redis' append-only file on the disk, where Redis has one.

    Redis writes it once a second (`appendfsync everysec`), which may take another second. Redis 7.2
    and later reports when it is done (WAITAOF); for older ones `policy.FLUSH` seconds are waited.
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
