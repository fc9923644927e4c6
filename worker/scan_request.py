"""Adds the path of the scan to the lines that Celery logs about a message.

Celery logs a lost process or a time limit with the message's id, which means nothing to people.
`ScanRequest` is a Celery request that remembers its scan while Celery logs; `ScanPathFilter` adds
the path. The process may by then colour a later scan of the batch: the dispatcher's line names the
scan whose process died.
"""

import contextlib
import logging
from collections.abc import Iterator
from typing import Any, Final

from celery.worker.request import Request

from core.errors import PhotochromError
from worker.ledger import Ledger

#: The loggers to which Celery writes lines about one message.
LOGGERS: Final = ("celery.worker.request", "celery.app.trace")
#: Batch and scan of the messages that Celery handles now, in its one thread.
_now: Final[list[tuple[str, str]]] = []


class ScanRequest(Request):
    """A message as Celery represents it, which remembers its scan while Celery logs."""

    def on_timeout(self, soft: bool, timeout: float) -> None:
        """Does what Celery does when a time limit ends."""
        with _about(self):
            super().on_timeout(soft, timeout)

    def on_failure(
        self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False
    ) -> Any:
        """Does what Celery does when the process died or the task raised."""
        with _about(self):
            return super().on_failure(exc_info, send_failed_event, return_ok)


class ScanPathFilter(logging.Filter):
    """Adds the scan's path to lines that are logged while a `ScanRequest` is handled.

    The client of `ledger` needs a short time limit: a line must not wait for an absent Redis.
    """

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self._ledger = ledger

    def filter(self, record: logging.LogRecord) -> bool:
        """Adds the path to the record; lets every line pass."""
        if _now:
            batch, scan = _now[-1]
            source = f"the scan {scan}"
            with contextlib.suppress(PhotochromError):
                source = self._ledger.source(batch, scan)
            record.args = (record.getMessage(), source, batch)
            record.msg = "%s; its message names %s of %s"
        return True


def name_scans(ledger: Ledger) -> None:
    """Makes Celery's lines in the log of this process name the scan's path."""
    names = ScanPathFilter(ledger)
    for logger in LOGGERS:
        logging.getLogger(logger).addFilter(names)


@contextlib.contextmanager
def _about(request: Any) -> Iterator[None]:
    batch, scan = request.args  # two short names, as `messages.strategy` has checked
    _now.append((batch, scan))
    try:
        yield
    finally:
        _now.pop()
