"""Renews the lease of the scan at work from a thread; no other process can take the scan meanwhile.

Where a lease is not renewed within `policy.LEASE` seconds, since its process was killed, the
dispatcher ends it with lua/expire_and_refill.lua, and the scan goes back to the backlog.
"""

import contextlib
import logging
import os
import signal
import threading
import time
from dataclasses import dataclass

from core.errors import InterruptedJob, PhotochromError
from worker import policy
from worker.ledger import Ledger
from worker.records import Claim

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Lease:
    """A lease and its scan; the process is killed after `deadline` (monotonic seconds)."""

    batch: str
    scan: str
    token: str
    source: str
    deadline: float


class LeaseRenewal(threading.Thread):
    """The thread that renews the lease of the scan at work; `check` stops the work when it is lost.

    The process is killed where a scan takes longer than its batch allows: nothing else stops a
    decoder that hangs.
    """

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(name="lease renewal", daemon=True)
        self._ledger = ledger
        self._lease: _Lease | None = None
        self._lost = False
        self._renewal = 0.0
        self._begins = threading.Event()

    def renewing(self, batch: str, claim: Claim) -> "LeaseRenewal":
        """Returns a context in which the lease of the scan is renewed."""
        now = time.monotonic()
        deadline = now + claim.time_limit if claim.time_limit else float("inf")
        self._lost = False
        self._renewal = now + policy.LEASE / 4
        self._lease = _Lease(batch, claim.scan, claim.token, claim.source, deadline)
        self._begins.set()
        return self

    def __enter__(self) -> "LeaseRenewal":
        return self

    def __exit__(self, *failure) -> None:
        self._lease = None
        self._begins.clear()

    def check(self) -> None:
        """Raises `InterruptedJob` where the scan has been given to another process."""
        if self._lost:
            raise InterruptedJob("the scan was given to another process")

    def run(self) -> None:
        while True:
            self._begins.wait()
            time.sleep(min(1.0, policy.LEASE / 4))
            lease = self._lease
            if lease and time.monotonic() > lease.deadline:
                self._end_process(lease)
            elif lease and time.monotonic() >= self._renewal:
                self._renew(lease)

    def _renew(self, lease: _Lease) -> None:
        try:
            is_renewed = self._ledger.renew(lease.batch, lease.scan, lease.token)
            if not is_renewed and lease is self._lease:
                self._lost = True
        except PhotochromError as error:
            log.warning("%s: the lease could not be renewed: %s", lease.source, error)
            return  # the next attempt is at once: the silent connection has cost time of the lease
        self._renewal = time.monotonic() + policy.LEASE / 4

    def _end_process(self, lease: _Lease) -> None:
        """Ends the lease, so that the death is counted at once, and kills this process."""
        log.error("%s took longer than its batch allows; its process is killed", lease.source)
        with contextlib.suppress(PhotochromError):
            self._ledger.expire(lease.batch, lease.scan, lease.token)
        if lease is self._lease:
            os.kill(os.getpid(), signal.SIGKILL)
