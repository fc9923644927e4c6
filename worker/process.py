"""Claims scans, colours them and writes their outcomes to the ledger: the work of one process.

`WorkerProcess` holds the model, the ledger and the renewal of the lease. It is made after the fork,
since neither ONNX Runtime nor libvips works in a forked process where it was used before.
"""

import contextlib
import logging
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from core.errors import Failure, InterruptedJob, PhotochromError
from core.film_names import is_film
from core.job import EXISTING, Job, Outcome
from core.options import Options
from worker import policy
from worker.broker import patiently
from worker.films import Films
from worker.lease import LeaseRenewal
from worker.ledger import Ledger
from worker.logs import ThrottledLog
from worker.records import Batch, Claim
from worker.roots import Roots, is_remote
from worker.schedule import WorkSchedule
from worker.segments import segment_of

if TYPE_CHECKING:
    from core.colorizer import Colorizer

log = logging.getLogger(__name__)

#: Verdicts on the scan of a message after which the next scan of its batch may be claimed.
_TAKEN: Final = frozenset({"finished", "running", "put off"})

#: The claim after which no further scan is coloured for this message.
_NO_CLAIM: Final = Claim("over")

#: Models that a process keeps open.
MODELS: Final = 2


@dataclass(frozen=True, slots=True)
class ProcessSettings:
    """Settings of a worker's processes, made before they are forked.

    `model` is opened as soon as a process begins; `parent` is the id of the process that forks.
    """

    url: str
    worker: str
    model: str
    device: str
    roots: Roots
    parent: int
    schedule: WorkSchedule


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A batch, the colorizer for its model, and the fields of this process as a `Participant`.

    The colorizer is None where the model does not open in this process.
    """

    batch: Batch
    colorizer: "Colorizer | None"
    participant: Mapping[str, str]


class WorkerProcess:
    """The state of one process: open models, the ledger, the lease of the scan at work."""

    def __init__(self, settings: ProcessSettings) -> None:
        self.settings = settings
        self.ledger = Ledger(settings.url)
        self.renewal = LeaseRenewal(Ledger(settings.url))
        self._films = Films(self.ledger, self.renewal.check)
        self._colorizers: dict[str, Colorizer] = {}
        self._visited: set[Path] = set()
        self._throttled = ThrottledLog(log)
        #: Batches of which no scan is claimed, and until when (monotonic seconds).
        self._passed_over: dict[str, float] = {}
        self._version = version("photochrom")
        warm_up(self._colorizer(settings.model))
        self.renewal.start()

    def colour(self, batch: str, scan: str) -> None:
        """Colours the scan of a message, or another scan that the ledger gives instead.

        The ledger may refuse the scan, since another process has it or since it is finished, and
        it may give a scan of another batch whose turn it is. Until `policy.MESSAGE_TIME` is over,
        the next scans of the same batch follow. Raises `ServiceError` where Redis cannot be
        reached for long, or where a newer program wrote the batch.
        """
        end = time.monotonic() + policy.MESSAGE_TIME
        prepared = self._prepare(batch)
        claim = self._claim(prepared, scan)
        if claim.verdict == "turn":
            prepared, claim = self._take_turn(prepared, claim.turn)
        elif claim.verdict in _TAKEN and prepared.colorizer is not None:
            claim = self._claim(prepared)
        while claim.verdict == "yours" and prepared.colorizer is not None:
            with self.renewal.renewing(prepared.batch.id, claim):
                try:
                    outcome = self._carry_out(prepared.batch, claim, prepared.colorizer)
                except InterruptedJob:
                    log.warning("%s was given to another process; stopped", claim.source)
                    return
                # With a rate, the parent allows each message, so that a message is one scan.
                schedule = self.settings.schedule
                goes_on = time.monotonic() < end and not (schedule.has_rate or schedule.is_closed())
                claim = self._finish(prepared, claim, outcome, goes_on)
        if claim.verdict == "other model":
            time.sleep(policy.ROUND)  # so that a worker with the model takes the next message

    def _take_turn(self, prepared: "_Prepared", turn: str) -> tuple["_Prepared", Claim]:
        """Claims a scan of the batch `turn`; where that fails, the next one of `prepared`."""
        try:
            other = self._prepare(turn)
        except PhotochromError as error:
            log.warning("%s", error)
            other = None
        if other is not None and other.colorizer is not None:
            claim = self._claim(other, also_issued=True)
            if claim.verdict == "yours":
                return other, claim
        # The batch needs another model, was written by a newer program, or has no scan left:
        # no scan of it is claimed for a while.
        self._passed_over[turn] = time.monotonic() + policy.OTHER_MODEL_PAUSE
        return prepared, self._claim(prepared)

    def _prepare(self, batch: str) -> "_Prepared":
        """Reads a batch and opens its model; raises `PhotochromError` where it cannot be read."""
        description = patiently(lambda: self.ledger.batch(batch))
        colorizer = self._colorizer_or_none(description)
        return _Prepared(description, colorizer, self._participant(description, colorizer))

    def _claim(self, prepared: "_Prepared", scan: str = "", also_issued: bool = False) -> Claim:
        """Claims the scan, or the next one of the batch for ""; returns the ledger's answer.

        With `also_issued`, scans whose message is in the Celery queue may be claimed too.
        """
        token, batch, now = self._token(), prepared.batch.id, time.monotonic()
        passed_over = [name for name, end in self._passed_over.items() if end > now]
        worker = self.settings.worker
        claim = patiently(
            lambda: self.ledger.claim(
                batch, scan, token, worker, prepared.participant, passed_over, also_issued
            )
        )
        if claim.verdict not in ("yours", "turn", "nothing"):
            self._throttled.say(claim.verdict, lambda: self._not_taken(batch, scan, claim.verdict))
        return claim

    def _not_taken(self, batch: str, scan: str, verdict: str) -> str:
        """Returns the sentence for the log about a scan that was not claimed."""
        shown = batch
        with contextlib.suppress(PhotochromError):
            shown = f"{self.ledger.source(batch, scan)} of {batch}" if scan else batch
        return f"{shown} is not coloured here now: {verdict}"

    def _token(self) -> str:
        """Returns a new token for a claim, which names this process."""
        return f"{self.settings.worker} {os.getpid()} {secrets.token_hex(4)}"

    def _carry_out(self, batch: Batch, claim: Claim, colorizer: "Colorizer") -> Outcome | None:
        """Colours the scan and returns its outcome; None for a film that waits for its segments.

        Raises `InterruptedJob` where the scan was given to another process.
        """
        try:
            job = self._job(batch, claim)
        except PhotochromError as refusal:
            log.error("%s is refused: %s", claim.source, refusal)
            return Outcome(
                claim.source,
                claim.destination,
                "failed",
                attempts=claim.begun,
                error=Failure.of(refusal),
            )
        if is_film(claim.source) or segment_of(claim.source):
            return self._films.carry_out(batch, claim, colorizer)
        if is_remote(claim.source) or is_remote(claim.destination):
            from worker.object_store import carry_out

            return carry_out(
                claim.source, claim.destination, job, colorizer, claim.begun, self.renewal.check
            )
        self._sweep(job.destination.parent, claim.begun > 1)
        from core.job import run

        return run(job, colorizer, attempts=claim.begun, check=self.renewal.check)

    def _job(self, batch: Batch, claim: Claim) -> Job:
        """Returns the claimed scan as a job; every value from the ledger is checked.

        Raises `PhotochromError` for a path outside the roots and for a malformed value.
        """
        self.settings.roots.admit(claim.source)
        self.settings.roots.admit(claim.destination)
        is_sound = type(batch.max_pixels) is int and type(batch.recolour) is bool
        if batch.existing not in EXISTING or not is_sound:
            raise PhotochromError("the batch is malformed in the ledger", kind="options")
        existing: Any = batch.existing  # one of EXISTING, as was just seen
        return Job(
            Path(claim.source),
            Path(claim.destination),
            Options.from_mapping(batch.options),
            existing,
            batch.max_pixels,
            batch.recolour,
        )

    def _sweep(self, folder: Path, after_a_death: bool) -> None:
        """Removes unfinished files that killed processes left in a folder of results.

        This is done once for each folder, and for every scan that was begun before.
        """
        if after_a_death or folder not in self._visited:
            from core.image.atomic import clean_stale

            self._visited.add(folder)
            clean_stale(folder)

    def _finish(
        self, prepared: "_Prepared", claim: Claim, outcome: Outcome | None, goes_on: bool
    ) -> Claim:
        """Writes the outcome to the ledger, and waits for Redis as long as it is away.

        Returns the claim of the next scan of the batch where `goes_on`, else `_NO_CLAIM`.
        """
        batch = prepared.batch
        if outcome is None:
            patiently(lambda: self.ledger.put_off(batch.id, claim, policy.FILM_PAUSE))
            return self._claim(prepared) if goes_on else _NO_CLAIM
        failure, faults = outcome.error, claim.faults + 1
        if failure and policy.is_worth_another_try(
            failure.kind, faults, _is_gone(batch.source), claim.tried, claim.max_attempts
        ):
            pause = policy.pause_after(faults)
            log.warning("%s: %s; next attempt in %.0f s", claim.source, failure.message, pause)
            patiently(lambda: self.ledger.put_off(batch.id, claim, pause, failure))
            return self._claim(prepared) if goes_on else _NO_CLAIM
        if failure:
            log.warning("%s: %s", claim.source, failure.message)
        size = _size(claim.source)
        if not goes_on:
            patiently(lambda: self.ledger.finish(batch.id, claim, outcome, size))
            return _NO_CLAIM
        token = self._token()
        return patiently(
            lambda: self.ledger.finish_and_claim(
                batch.id, claim, outcome, size, token, self.settings.worker, prepared.participant
            )
        )

    def _colorizer_or_none(self, batch: Batch) -> "Colorizer | None":
        """Returns the colorizer for the batch's model; None, and a log line, where it fails."""
        model = str(batch.options.get("model"))
        try:
            if os.sep in model:
                self.settings.roots.admit(model)
            return self._colorizer(model)
        except PhotochromError as error:
            log.error("the batch %s cannot be coloured here: %s", batch.id, error)
            return None

    def _colorizer(self, model: str) -> "Colorizer":
        """Returns the colorizer for a model; up to `MODELS` of them stay open."""
        if model not in self._colorizers:
            from core.colorizer import Colorizer
            from core.model.memory import refuse_without_memory
            from core.model.store import resolve

            if len(self._colorizers) >= MODELS:
                self._colorizers.pop(next(iter(self._colorizers)))
            refuse_without_memory(resolve(model))
            self._colorizers[model] = Colorizer.open(model, self.settings.device)
        return self._colorizers[model]

    def _participant(self, batch: Batch, colorizer: "Colorizer | None") -> Mapping[str, str]:
        """Returns the fields that describe this process in the ledger."""
        session = colorizer.session if colorizer else None
        return {
            "name": self.settings.worker,
            "version": self._version,
            "model": session.description.name if session else str(batch.options.get("model")),
            "model_sha256": session.sha256 if session else "",
            "provider": session.provider if session else "",
        }


def warm_up(colorizer: "Colorizer") -> None:
    """Colours a few pixels, so that kernels and model are loaded before the first scan."""
    import numpy as np

    colorizer.colorize(np.full((64, 64), 128, np.uint8))


def try_model(model: str, device: str) -> None:
    """Opens and warms up a model, in a process for this alone; raises as `Colorizer.open` does."""
    from core.colorizer import Colorizer

    warm_up(Colorizer.open(model, device))


def _is_gone(folder: str) -> bool:
    """Returns whether the source folder of a batch does not exist, as after a lost mount."""
    return not is_remote(folder) and not Path(folder).exists()


def _size(source: str) -> int:
    """Returns the size of a source in bytes; 0 for an object or a file that is gone."""
    try:
        return 0 if is_remote(source) else Path(source).stat().st_size
    except OSError:
        return 0
