"""Checks messages: those that this program has not sent are rejected, logged, and not executed.

Celery calls `strategy` for each message that names our task; it drops messages that name another
task, or whose body is not JSON, before. A valid message holds a batch and a scan by their short
names and no instruction: no path, no callback, no time limit of its own.
"""

import logging
import re
from typing import Any, Final

from celery.worker import strategy as celery_strategy

log = logging.getLogger(__name__)

_BATCH: Final = re.compile(r"[0-9a-z-]{1,40}")
_SCAN: Final = re.compile(r"[0-9A-Za-z_-]{11}")
#: Headers by which a message could make Celery do more than the task.
_STEERING: Final = ("eta", "expires", "group", "shadow", "stamps")


def fault_of(headers: dict[str, Any], body: Any) -> str:
    """Returns what is wrong with a message, or ''. `body` is [arguments, keywords, embedded]."""
    if not isinstance(body, list) or len(body) != 3:
        return "its body is none of ours"
    arguments, keywords, embedded = body
    if not isinstance(arguments, list) or len(arguments) != 2 or keywords:
        return "its arguments are none of ours"
    batch, scan = arguments
    if not (isinstance(batch, str) and _BATCH.fullmatch(batch)):
        return "it names no batch"
    if not (isinstance(scan, str) and _SCAN.fullmatch(scan)):
        return "it names no scan"
    if isinstance(embedded, dict) and any(embedded.values()):
        return "it asks for further tasks"
    for name in _STEERING:
        if headers.get(name):
            return f"it sets {name}"
    return ""


def strategy(task, app, consumer):
    """Returns Celery's handler of messages, with our check before it."""
    accept = celery_strategy.default(task, app, consumer)

    def checked(message, body, ack, reject, callbacks, **more):
        try:
            fault = fault_of(message.headers, message.payload)
        except Exception as error:  # whatever a foreign body makes the decoder raise
            fault = f"its body cannot be read ({type(error).__name__})"
        if fault:
            log.error("a message was refused: %s", fault)
            message.reject_log_error(log, consumer.connection_errors)
            return None
        message.headers["timelimit"] = [None, None]  # this worker's limit applies, not the sender's
        return accept(message, body, ack, reject, callbacks, **more)

    return checked
