"""One scan in a worker's process: claim it, colour it, tell the ledger.

`Station` is what such a process holds: its model, its lease keeper, its line to the ledger. It is
made after the fork, since neither ONNX Runtime nor libvips survives one.
"""

import contextlib
import logging
import os
import secrets
import signal
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from core.errors import Failure, InterruptedJob, PhotochromError
from core.job import EXISTING, Job, Outcome
from core.options import Options
from worker import policy
from worker.broker import patiently
from worker.ledger import Ledger
from worker.logs import Rarely
from worker.records import Batch, Claim
from worker.resting import Rest
from worker.roots import Roots, is_remote

if TYPE_CHECKING:
    from core.colorizer import Colorizer

log = logging.getLogger(__name__)

#: Verdicts on one scan that say nothing of the next.
_ANOTHERS: Final = frozenset({"finished", "running", "put off"})

#: The end of a bout.
OVER: Final = Claim("over")

#: Models that a process keeps open.
MODELS: Final = 2


@dataclass(frozen=True, slots=True)
class Post:
    """What a worker's processes are told before they are forked. `model` is opened at once;
    `parent` is the number of the process that forks them."""

    url: str
    worker: str
    model: str
    device: str
    roots: Roots
    parent: int
    rest: Rest


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A batch as this process sees it: `colorizer` is None where it does not have the model."""

    batch: Batch
    colorizer: "Colorizer | None"
    about: Mapping[str, str]


class Station:
    """The state of one process: a warm model, a ledger, the lease of the scan at work."""

    def __init__(self, post: Post) -> None:
        self.post = post
        self.ledger = Ledger(post.url)
        self.keeper = Keeper(Ledger(post.url))
        self._colorizers: dict[str, Colorizer] = {}
        self._visited: set[Path] = set()
        self._rarely = Rarely(log)
        #: Batches that are not asked for, and until when (monotonic seconds).
        self._passed_over: dict[str, float] = {}
        self._version = version("photochrom")
        warm_up(self._colorizer(post.model))
        self.keeper.start()

    def colour(self, batch: str, scan: str) -> None:
        """Colours one scan, unless the ledger says that it is somebody else's or done.

        It may be another batch's turn; then one of its scans is coloured. Where that was quick,
        goes on with the next scans of the batch (see `policy.BOUT`). Raises `ServiceError` where
        Redis stays away or the batch is a newer program's.
        """
        end = time.monotonic() + policy.BOUT
        ours = self._prepared(batch)
        claim = self._claim(ours, scan)
        if claim.verdict == "turn":
            ours, claim = self._take_turn(ours, claim.turn)
        elif claim.verdict in _ANOTHERS and ours.colorizer is not None:
            claim = self._claim(ours)
        while claim.verdict == "yours" and ours.colorizer is not None:
            with self.keeper.keeping(ours.batch.id, claim):
                try:
                    outcome = self._carry_out(ours.batch, claim, ours.colorizer)
                except InterruptedJob:
                    log.warning("%s is no longer ours; it was stopped", claim.source)
                    return
                # The budget of a rate is the parent's: a message each, so that it is asked.
                rest = self.post.rest
                goes_on = time.monotonic() < end and not (rest.has_rate or rest.rests())
                claim = self._tell(ours, claim, outcome, goes_on)
        if claim.verdict == "other model":
            time.sleep(policy.ROUND)  # let the others be quicker

    def _take_turn(self, ours: "_Prepared", turn: str) -> tuple["_Prepared", Claim]:
        """The next scan of the batch whose turn it is; where that cannot be, the next of ours."""
        try:
            other = self._prepared(turn)
        except PhotochromError as error:
            log.warning("%s", error)
            other = None
        if other is not None and other.colorizer is not None:
            claim = self._claim(other, also_issued=True)
            if claim.verdict == "yours":
                return other, claim
        # It is not asked for again at once: another model, a newer program's, or just used up.
        self._passed_over[turn] = time.monotonic() + policy.ELSEWHERE
        return ours, self._claim(ours)

    def _prepared(self, batch: str) -> "_Prepared":
        description = patiently(lambda: self.ledger.batch(batch))
        colorizer = self._colorizer_or_none(description)
        return _Prepared(description, colorizer, self._about(description, colorizer))

    def _claim(self, ours: "_Prepared", scan: str = "", also_issued: bool = False) -> Claim:
        """The ledger's verdict on the scan named, or on whichever is next where that is ""."""
        token, batch, now = self._token(), ours.batch.id, time.monotonic()
        others = [name for name, end in self._passed_over.items() if end > now]
        worker = self.post.worker
        claim = patiently(
            lambda: self.ledger.claim(batch, scan, token, worker, ours.about, others, also_issued)
        )
        if claim.verdict not in ("yours", "turn", "nothing"):
            self._rarely.say(claim.verdict, lambda: self._left(batch, scan, claim.verdict))
        return claim

    def _left(self, batch: str, scan: str, verdict: str) -> str:
        shown = batch
        with contextlib.suppress(PhotochromError):
            shown = f"{self.ledger.source(batch, scan)} of {batch}" if scan else batch
        return f"{shown} is left to others or to later: {verdict}"

    def _token(self) -> str:
        return f"{self.post.worker} {os.getpid()} {secrets.token_hex(4)}"

    def _carry_out(self, batch: Batch, claim: Claim, colorizer: "Colorizer") -> Outcome:
        try:
            job = self._job(batch, claim)
        except PhotochromError as refusal:
            log.error("%s is refused: %s", claim.source, refusal)
            return Outcome(
                claim.source, claim.destination, "failed", attempts=claim.begun,
                error=Failure.of(refusal),
            )  # fmt: skip
        if is_remote(claim.source) or is_remote(claim.destination):
            from worker.remote import carry_out

            return carry_out(
                claim.source, claim.destination, job, colorizer, claim.begun, self.keeper.check
            )
        self._sweep(job.destination.parent, claim.begun > 1)
        from core.job import run

        return run(job, colorizer, attempts=claim.begun, check=self.keeper.check)

    def _job(self, batch: Batch, claim: Claim) -> Job:
        """The ledger's wish as a job. Nothing of it is taken on trust."""
        self.post.roots.admit(claim.source)
        self.post.roots.admit(claim.destination)
        is_sound = type(batch.max_pixels) is int and type(batch.recolour) is bool
        if batch.existing not in EXISTING or not is_sound:
            raise PhotochromError("the batch is malformed in the ledger", kind="options")
        existing: Any = batch.existing  # one of EXISTING, as was just seen
        return Job(
            Path(claim.source), Path(claim.destination), Options.from_mapping(batch.options),
            existing, batch.max_pixels, batch.recolour,
        )  # fmt: skip

    def _sweep(self, folder: Path, after_a_death: bool) -> None:
        """Removes what a killed process left in the folder, once a process and after a death."""
        if after_a_death or folder not in self._visited:
            from core.image.atomic import clean_stale

            self._visited.add(folder)
            clean_stale(folder)

    def _tell(self, ours: "_Prepared", claim: Claim, outcome: Outcome, goes_on: bool) -> Claim:
        """The ledger is told, however long Redis is away: only then is the message let go.

        With `goes_on` the next scan of the batch is asked for in the same breath.
        """
        batch = ours.batch
        failure, faults = outcome.error, claim.faults + 1
        if failure and policy.is_worth_another_try(
            failure.kind, faults, _is_gone(batch.source), claim.tried, claim.max_attempts
        ):
            pause = policy.pause_after(faults)
            log.warning("%s: %s; again in %.0f s", claim.source, failure.message, pause)
            patiently(lambda: self.ledger.put_off(batch.id, claim, pause, failure))
            return self._claim(ours) if goes_on else OVER
        if failure:
            log.warning("%s: %s", claim.source, failure.message)
        size = _size(claim.source)
        if not goes_on:
            patiently(lambda: self.ledger.finish(batch.id, claim, outcome, size))
            return OVER
        token = self._token()
        return patiently(
            lambda: self.ledger.finish_and_claim(
                batch.id, claim, outcome, size, token, self.post.worker, ours.about
            )
        )

    def _colorizer_or_none(self, batch: Batch) -> "Colorizer | None":
        model = str(batch.options.get("model"))
        try:
            if os.sep in model:
                self.post.roots.admit(model)
            return self._colorizer(model)
        except PhotochromError as error:
            log.error("the batch %s cannot be coloured here: %s", batch.id, error)
            return None

    def _colorizer(self, model: str) -> "Colorizer":
        if model not in self._colorizers:
            from core.colorizer import Colorizer
            from core.model.memory import refuse_without_memory
            from core.model.store import resolve

            if len(self._colorizers) >= MODELS:
                self._colorizers.pop(next(iter(self._colorizers)))
            refuse_without_memory(resolve(model))
            self._colorizers[model] = Colorizer.open(model, self.post.device)
        return self._colorizers[model]

    def _about(self, batch: Batch, colorizer: "Colorizer | None") -> Mapping[str, str]:
        session = colorizer.session if colorizer else None
        return {
            "name": self.post.worker,
            "version": self._version,
            "model": session.description.name if session else str(batch.options.get("model")),
            "model_sha256": session.sha256 if session else "",
            "provider": session.provider if session else "",
        }


@dataclass(frozen=True, slots=True)
class _Held:
    """The scan at work; `deadline` in monotonic seconds."""

    batch: str
    scan: str
    token: str
    source: str
    deadline: float


class Keeper(threading.Thread):
    """Renews the lease of the scan at work; `check` stops the work once the lease is lost.

    A scan that takes longer than its batch allows ends with its process: nothing else stops a
    decoder that hangs.
    """

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(name="lease keeper", daemon=True)
        self._ledger = ledger
        self._held: _Held | None = None
        self._lost = False
        self._renewal = 0.0
        self._begins = threading.Event()

    def keeping(self, batch: str, claim: Claim) -> "Keeper":
        """A context in which the lease of the scan is renewed."""
        now = time.monotonic()
        deadline = now + claim.time_limit if claim.time_limit else float("inf")
        self._lost = False
        self._renewal = now + policy.LEASE / 4
        self._held = _Held(batch, claim.scan, claim.token, claim.source, deadline)
        self._begins.set()
        return self

    def __enter__(self) -> "Keeper":
        return self

    def __exit__(self, *failure) -> None:
        self._held = None
        self._begins.clear()

    def check(self) -> None:
        """Raises `InterruptedJob` where the scan has been given to another process."""
        if self._lost:
            raise InterruptedJob("the scan was given to another process")

    def run(self) -> None:
        while True:
            self._begins.wait()
            time.sleep(min(1.0, policy.LEASE / 4))
            held = self._held
            if held and time.monotonic() > held.deadline:
                self._end_process(held)
            elif held and time.monotonic() >= self._renewal:
                self._renew(held)

    def _renew(self, held: _Held) -> None:
        try:
            is_ours = self._ledger.renew(held.batch, held.scan, held.token)
            if not is_ours and held is self._held:
                self._lost = True
        except PhotochromError as error:
            log.warning("%s: the lease could not be renewed: %s", held.source, error)
            return  # a silent connection has cost a third of the lease: again at once
        self._renewal = time.monotonic() + policy.LEASE / 4

    def _end_process(self, held: _Held) -> None:
        """The lease ends at once, so that the death is counted before a message comes again."""
        log.error("%s took longer than its batch allows; its process is ended", held.source)
        with contextlib.suppress(PhotochromError):
            self._ledger.expire(held.batch, held.scan, held.token)
        if held is self._held:
            os.kill(os.getpid(), signal.SIGKILL)


def warm_up(colorizer: "Colorizer") -> None:
    """Colours a few pixels, so that the first scan finds the kernels and the model ready."""
    import numpy as np

    colorizer.colorize(np.full((64, 64), 128, np.uint8))


def try_model(model: str, device: str) -> None:
    """Opens and warms a model; raises what `Colorizer.open` raises. For a process of its own."""
    from core.colorizer import Colorizer

    warm_up(Colorizer.open(model, device))


def _is_gone(folder: str) -> bool:
    """Whether the source folder of a batch is missing altogether, as after a lost mount."""
    return not is_remote(folder) and not Path(folder).exists()


def _size(source: str) -> int:
    try:
        return 0 if is_remote(source) else Path(source).stat().st_size
    except OSError:
        return 0
