"""Celery's own lines about a message, with the path of the scan that the message names.

Celery tells of a lost process or a time limit by the message's own name, which means nothing to
people. `ScanRequest` is Celery's request that remembers which scan it is about while Celery speaks;
`ScanPathFilter` adds the path. A process may by then be at a later scan of the batch: the
dispatcher's line says which one died.
"""

import contextlib
import logging
from collections.abc import Iterator
from typing import Any, Final

from celery.worker.request import Request

from core.errors import PhotochromError
from worker.ledger import Ledger

#: The loggers by which Celery speaks of one message.
LOGGERS: Final = ("celery.worker.request", "celery.app.trace")
#: Batch and scan of the messages that Celery deals with now, in its one thread.
_now: Final[list[tuple[str, str]]] = []


class ScanRequest(Request):
    """A message as Celery holds it."""

    def on_timeout(self, soft: bool, timeout: float) -> None:
        """Celery's own way when a time limit ends."""
        with _about(self):
            super().on_timeout(soft, timeout)

    def on_failure(
        self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False
    ) -> Any:
        """Celery's own way when the process died or the task raised."""
        with _about(self):
            return super().on_failure(exc_info, send_failed_event, return_ok)


class ScanPathFilter(logging.Filter):
    """Adds the scan's path to what is told while a `ScanRequest` is dealt with.

    `ledger` should give up soon: a line of the log must not wait for a Redis that is gone.
    """

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self._ledger = ledger

    def filter(self, record: logging.LogRecord) -> bool:
        """Lets every line pass."""
        if _now:
            batch, scan = _now[-1]
            source = f"the scan {scan}"
            with contextlib.suppress(PhotochromError):
                source = self._ledger.source(batch, scan)
            record.args = (record.getMessage(), source, batch)
            record.msg = "%s; its message names %s of %s"
        return True


def name_scans(ledger: Ledger) -> None:
    """Makes Celery's own lines of this process say the scan's path."""
    names = ScanPathFilter(ledger)
    for logger in LOGGERS:
        logging.getLogger(logger).addFilter(names)


@contextlib.contextmanager
def _about(request: Any) -> Iterator[None]:
    batch, scan = request.args  # two words: `messages.strategy` has seen to that
    _now.append((batch, scan))
    try:
        yield
    finally:
        _now.pop()
