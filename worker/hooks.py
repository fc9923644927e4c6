"""Sends notices to a webhook or a command: a batch has ended, has stalled, or fails often.

The hook is a setting of the worker, never of the batch: anybody with access to Redis could
otherwise run commands. The ledger keeps a list of ended batches (lua/prelude.lua); a worker with a
hook takes one for `_TAKEN` seconds, sends the notice, and removes it from the list. A notice is
sent at least once, and tried again for an hour where sending fails.
"""

import hashlib
import hmac
import json
import logging
import os
import shlex
import subprocess
import threading
from dataclasses import dataclass
from typing import Any, Final
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from core.errors import OptionsError, PhotochromError
from worker.broker import in_words
from worker.ledger import ENDED, Ledger
from worker.status import status_of

log = logging.getLogger(__name__)

#: Seconds that sending one notice may take, and seconds after which another worker may send it.
_LIMIT: Final = 30
_TAKEN: Final = 60
#: Scans of a batch that must be finished before its share of failures is judged.
_ENOUGH: Final = 20
#: The environment variable that holds the secret with which the webhook's body is signed.
SECRET: Final = "PHOTOCHROM_WEBHOOK_SECRET"


@dataclass(frozen=True, slots=True)
class Hooks:
    """The hooks of a worker. Raises `OptionsError` for a webhook that is no http(s) URL.

    `webhook`: a URL or ''. `command`: a command line or '', run without a shell when a batch ends.
    The webhook gets a notice when more than `share` (0..1) of a batch's finished scans have failed,
    or when there was no result for `stall` seconds.
    """

    webhook: str = ""
    command: str = ""
    share: float = 0.1
    stall: float = 900.0

    def __post_init__(self) -> None:
        if self.webhook and urlsplit(self.webhook).scheme not in ("http", "https"):
            raise OptionsError(f"the webhook {self.webhook!r} is neither http:// nor https://")

    def __bool__(self) -> bool:
        return bool(self.webhook or self.command)


def notify_ended(ledger: Ledger, hooks: Hooks) -> int:
    """Sends notices of ended batches, in a thread of its own; returns the number of batches."""
    due = ledger.take_ended(_TAKEN)
    if due:
        threading.Thread(
            target=_notify, args=(ledger, hooks, due), name="hooks", daemon=True
        ).start()
    return len(due)


def notify_trouble(ledger: Ledger, hooks: Hooks) -> int:
    """Sends a notice for each batch that has stalled or fails often; returns their number.

    There is one notice for each trouble of a batch, and another when it comes again after it had
    passed. Where sending fails, the next call tries again.
    """
    count = 0
    for batch in ledger.open_batches() if hooks.webhook else ():
        numbers: dict[str, Any] = ledger.numbers(batch)
        for event, is_so in (
            ("stalled", _is_stalled(numbers, hooks.stall)),
            ("failing", _is_failing(numbers, hooks.share)),
        ):
            if ledger.is_news(batch, event, is_so):
                count += 1
                _notify_webhook(ledger, hooks.webhook, batch, event)
    return count


def _notify_webhook(ledger: Ledger, webhook: str, batch: str, event: str) -> None:
    try:
        _post(webhook, json.dumps({"event": event, **status_of(ledger, batch).as_json()}).encode())
    except OSError as error:
        log.error(
            "the notice that %s is %s could not be sent (%s); it is tried again",
            batch,
            event,
            error,
        )
        ledger.is_news(batch, event, False)


def _is_failing(numbers: dict[str, Any], share: float) -> bool:
    over = numbers["done"] + numbers["skipped"] + numbers["failed"]
    return over >= _ENOUGH and numbers["failed"] > share * over


def _is_stalled(numbers: dict[str, Any], seconds: float) -> bool:
    latest = max(numbers["latest"], numbers["begun"], numbers["asking"], numbers["created"])
    is_held = numbers["paused"] or numbers["cancelled"]
    return (
        not is_held
        and numbers["queued"] + numbers["running"] > 0
        and (numbers["now"] - latest > seconds)
    )


def _notify(ledger: Ledger, hooks: Hooks, batches: list[str]) -> None:
    for batch in batches:
        try:
            body = json.dumps({"event": "ended", **status_of(ledger, batch).as_json()}).encode()
            if hooks.webhook:
                _post(hooks.webhook, body)
            if hooks.command:
                _run(hooks.command, batch, body)
        except (PhotochromError, OSError, URLError, subprocess.SubprocessError) as error:
            log.error(
                "the notice that %s has ended could not be sent (%s); it is tried again",
                batch,
                error,
            )
            continue
        try:
            with in_words(ledger.url):
                ledger.redis.zrem(ENDED, batch)
        except PhotochromError as error:
            log.warning("%s; the notice that %s has ended may be sent twice", error, batch)


def _post(url: str, body: bytes) -> None:
    headers = {"Content-Type": "application/json", "User-Agent": "photochrom"}
    if secret := os.environ.get(SECRET):
        digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        headers["X-Photochrom-Signature"] = f"sha256={digest}"
    with urlopen(Request(url, body, headers), timeout=_LIMIT):
        pass


def _run(command: str, batch: str, body: bytes) -> None:
    subprocess.run(
        shlex.split(command),
        input=body,
        timeout=_LIMIT,
        check=True,
        env=os.environ | {"PHOTOCHROM_BATCH": batch},
    )
