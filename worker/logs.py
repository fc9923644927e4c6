"""Formats a worker's log: one line for each event with its time, as text or as JSON.

Events that come by the hundred (a message that arrives twice, a scan put off) are logged once a
minute with their number (`ThrottledLog`).
"""

import json
import logging
import time
from collections.abc import Callable
from typing import Final

from core.errors import printable

#: Seconds between two lines of one kind of event.
_EVERY: Final = 60.0


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (ISO 8601, UTC), level, logger, process, message."""

    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = {
            "time": f"{moment}.{record.msecs:03.0f}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


class TextFormatter(logging.Formatter):
    """The time in the local zone, the process, the message, on one line of valid UTF-8."""

    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%d %H:%M:%S%z", time.localtime(record.created))
        text = f"{moment} photochrom[{record.process}]: {printable(record.getMessage())}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


class ThrottledLog:
    """Logs the first event of each kind at once, and then one line a minute with their number."""

    def __init__(self, logger: logging.Logger, every: float = _EVERY) -> None:
        self._logger, self._every = logger, every
        self._events: dict[str, tuple[float, int]] = {}

    def say(self, kind: str, text: Callable[[], str]) -> None:
        """Counts an event of a kind; `text()` describes it, and is called only if it is logged."""
        now = time.monotonic()
        since, more = self._events.get(kind, (now - self._every, 0))
        if now - since < self._every:
            self._events[kind] = (since, more + 1)
            return
        self._events[kind] = (now, 0)
        self._logger.info(
            "%s%s", text(), f" (and {more} like it since the last time)" if more else ""
        )


def set_up(*, as_json: bool) -> None:
    """Gives every handler of this process a worker's format."""
    for handler in logging.getLogger().handlers:
        handler.setFormatter(JsonFormatter() if as_json else TextFormatter())
