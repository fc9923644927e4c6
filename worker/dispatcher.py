"""Runs the dispatcher, a thread of every worker that fills the queue and repairs the ledger.

Each round treats every unfinished batch: scans whose process died go back to the backlog, or into
quarantine; scans whose pause is over go back too; scans whose message was lost are found; and the
queue is filled up to `AHEAD` messages, in equal shares for the batches, so that a small batch does
not wait behind a large one. One worker at a time does the round, the others skip it. Every
dispatcher also reports that its worker is alive, and notices when Celery takes no message although
some wait, which can happen after a reconnection to Redis.
"""

import logging
import threading
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

from celery import Celery
from kombu.exceptions import BatchPublishError, OperationalError

from core.errors import PhotochromError
from worker import policy
from worker.application import publish
from worker.broker import PREFIX, in_words
from worker.invariant import heal
from worker.ledger import Ledger
from worker.ledger_scripts import worker_key
from worker.roots import is_remote
from worker.schedule import WorkSchedule

log = logging.getLogger(__name__)

WORKERS: Final = PREFIX + "workers"

#: Seconds without a sign of life after which a worker counts as gone.
GONE: Final = 30.0


class Dispatcher(threading.Thread):
    """Rounds at intervals of `policy.ROUND` until `stop`."""

    def __init__(
        self,
        app: Celery,
        ledger: Ledger,
        queues: list[str],
        worker: str,
        about: dict[str, Any],
        is_idle: Callable[[], bool],
        taken: Callable[[], int],
        on_stall: Callable[[], None],
        report_ended: Callable[[], object] = lambda: None,
        report_trouble: Callable[[], object] = lambda: None,
        schedule: WorkSchedule | None = None,
    ) -> None:
        """Makes the thread; `start` begins its rounds.

        `about`: the worker's description in `batch status`. `is_idle()` says whether a process is
        free, `taken()` how many messages have been taken so far. `on_stall()` is called when no
        message is taken although some wait; `report_ended()` each round, for batches that have
        ended; `report_trouble()` every `policy.CHECK` seconds, for batches in trouble.
        """
        super().__init__(name="dispatcher", daemon=True)
        self._app, self._ledger, self._queues = app, ledger, queues
        self.worker, self._about = worker, about
        self._is_idle, self._taken, self._on_stall = is_idle, taken, on_stall
        self._report_ended, self._report_trouble = report_ended, report_trouble
        self._trouble_checked = time.monotonic()
        self._schedule = schedule or WorkSchedule(None, None)
        self._stop_asked = threading.Event()
        self._progress = (0, time.monotonic())
        self._latest_success: float | None = None
        self._leases_hold_until = 0.0
        self._healed = time.monotonic()
        #: Whether messages wait and none is taken.
        self.is_stalled = False
        self.healthy = True
        self.latest_round = time.monotonic()

    def run(self) -> None:
        while not self._stop_asked.is_set():
            begin = time.monotonic()
            moved = 0
            try:
                moved = self._round()
                self.healthy = True
            except PhotochromError as error:
                self._log_failure(error)
            except (BatchPublishError, OperationalError) as error:  # kombu's, when it sends
                self._log_failure(error)
            except Exception:  # nobody would notice that this thread has died
                log.exception("the dispatcher failed; it goes on")
            self.latest_round = time.monotonic()
            # After a round that sent many messages the next one comes sooner.
            pause = policy.ROUND if moved < policy.AHEAD // 2 else policy.ROUND / 4
            self._stop_asked.wait(max(0.0, begin + pause - time.monotonic()))

    def stop(self) -> None:
        """Ends the rounds and takes the worker off the list."""
        self._stop_asked.set()
        try:
            with in_words(self._ledger.url):
                self._ledger.redis.zrem(WORKERS, self.worker)
        except PhotochromError:
            log.debug("Redis is away; the worker's name expires by itself")

    def _round(self) -> int:
        client = self._ledger.redis
        with in_words(self._ledger.url):
            server: Any = client.info("server")
            seconds, micro = client.time()
            now = seconds + micro / 1e6
            self._beat(now)
            depths = {queue: client.llen(PREFIX + queue) for queue in self._queues}
        self._watch(sum(depths.values()))
        may_end = self._may_end_leases() and server["uptime_in_seconds"] > policy.LEASE
        moved = sum(self._fill(queue, depth, may_end, now) for queue, depth in depths.items())
        self._report_ended()
        if time.monotonic() - self._trouble_checked > policy.CHECK:
            self._trouble_checked = time.monotonic()
            threading.Thread(target=self._check_trouble, name="trouble", daemon=True).start()
        self._latest_success = time.monotonic()
        return moved

    def _check_trouble(self) -> None:
        try:
            self._report_trouble()
        except PhotochromError as error:
            log.debug("%s", error)  # `run` logs it as a warning

    def _may_end_leases(self) -> bool:
        """Returns False for the length of a lease after a gap between rounds, whatever its cause.

        While Redis did not answer this worker, other processes could not renew their leases.
        """
        now, latest = time.monotonic(), self._latest_success
        if latest is None or now - latest > policy.LEASE / 2:
            self._leases_hold_until = now + policy.LEASE
        return now >= self._leases_hold_until

    def _heal(self, queue: str) -> None:
        """Puts scans that are in no list back into the backlog."""
        for batch in self._ledger.open_batches():
            if _queue_of(self._ledger, batch) == queue and (stranded := heal(self._ledger, batch)):
                log.warning("%d scans of %s were in no list and are queued again", stranded, batch)

    def _fill(self, queue: str, depth: int, may_end: bool, now: float) -> int:
        with in_words(self._ledger.url):
            is_ours = self._ledger.redis.set(
                f"{PREFIX}tending:{queue}", self.worker, nx=True, px=round(policy.ROUND * 800)
            )
        if not is_ours:
            return 0
        if time.monotonic() - self._healed > policy.CHECK:
            self._heal(queue)
            if queue == self._queues[-1]:
                self._healed = time.monotonic()
        return fill(self._app, self._ledger, queue, depth, may_end, now)

    def _beat(self, now: float) -> None:
        """Reports that this worker is alive; `skew` is its clock minus Redis', in seconds."""
        key = worker_key(self.worker)
        about = self._about | {"beat": now, "skew": round(time.time() - now, 1)}
        about["rests"] = int(self._schedule.is_out_of_hours())
        with self._ledger.redis.pipeline() as pipe:
            pipe.hset(key, mapping=about)
            pipe.expire(key, round(3 * GONE))
            pipe.zadd(WORKERS, {self.worker: now})
            pipe.zremrangebyscore(WORKERS, "-inf", now - 3 * GONE)
            pipe.execute()

    def _watch(self, depth: int) -> None:
        """Calls `on_stall` where messages wait, a process is free and none is taken any more.

        Celery may also lose count of its busy processes; the ledger then shows that this worker has
        no scan at work.
        """
        taken, now = self._taken(), time.monotonic()
        patience = policy.STALLED if taken else policy.STALLED_AT_FIRST
        if depth == 0 or self._schedule.is_closed() or taken != self._progress[0]:
            self._progress, self.is_stalled = (taken, now), False
        elif now - self._progress[1] > patience:
            self._progress = (taken, now)
            if self._is_idle() or self._nothing_of_ours_runs():
                log.critical("%d messages wait and none is taken; the worker begins anew", depth)
                self.is_stalled = True
                self._on_stall()

    def _nothing_of_ours_runs(self) -> bool:
        ledger = self._ledger
        return not any(ledger.works_on(batch, self.worker) for batch in ledger.open_batches())

    def _log_failure(self, error: Exception) -> None:
        if self.healthy:
            log.warning("%s", error)
        self.healthy = False


def fill(
    app: Celery, ledger: Ledger, queue: str, depth: int, may_end: bool, now: float = 0.0
) -> int:
    """Does one round over the batches of a queue of `depth` messages; returns how many it adds.

    `may_end` allows leases to end; `now` is then Redis' time, in seconds, at the round's beginning.
    """
    batches = [name for name in ledger.open_batches() if _queue_of(ledger, name) == queue]
    moved = 0
    for position, batch in enumerate(batches):
        share = (policy.AHEAD - depth - moved) // (len(batches) - position)
        try:
            scans, died, dead = ledger.expire_and_refill(
                batch, max(0, share), may_end, depth == 0, now
            )
        except PhotochromError as error:
            log.warning("%s", error)
            continue
        publish(app, queue, batch, scans)
        moved += len(scans)
        for scan in died:
            source = ledger.source(batch, scan)
            log.warning("%s of %s: its process died; it is tried again", source, batch)
        for scan in dead:
            source = ledger.source(batch, scan)
            log.error("%s of %s killed its worker too often and is given up", source, batch)
            _clean_after(ledger.destination(batch, scan))
    return moved


def _clean_after(destination: str) -> None:
    from core.image.atomic import clean_stale

    if not is_remote(destination):
        clean_stale(Path(destination).parent)


def _queue_of(ledger: Ledger, batch: str) -> str | None:
    """Returns the batch's queue; None for a batch that is gone or was made by a newer program."""
    try:
        return ledger.batch(batch).queue
    except PhotochromError as error:
        _log_once(str(error))
        return None


@cache
def _log_once(text: str) -> None:
    log.warning(text)
