"""`batch watch`: a folder whose newcomers are queued, for as long as it runs, and again after it.

A file is taken when two looks, `settle` seconds apart, found it the same. What was taken stands in
the ledger under its path, size and time, so that a restart takes nothing twice, a file that failed
is told from one that is new, and a file replaced by a better copy is new. Nothing here but the
looks before a file is taken is kept in memory.
"""

import logging
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Literal

from core.errors import Failure, ServiceError, printable
from worker.broker import connect, is_transient, refuse_volatile
from worker.ledger import Ledger
from worker.records import scan_id
from worker.submission import Asked, Submission, begin, open_batch, planned, prepared

log = logging.getLogger(__name__)

#: The share of time that looking may take: a folder that takes a second to walk is looked at
#: every ten, whatever `settle` says.
SHARE: Final = 10

Look = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Seen:
    """What is told: the batch, a file taken, or the news of one. `reason` of a failure."""

    event: Literal["watching", "taken", "done", "skipped", "failed"]
    path: str
    reason: str = ""

    def as_json(self) -> dict[str, Any]:
        """The news as JSON values."""
        values = {"event": self.event, "path": self.path, "reason": self.reason}
        return {name: value for name, value in values.items() if value}

    def in_prose(self) -> str:
        """The news on one line."""
        return printable(f"{self.event}: {self.path}" + (f": {self.reason}" if self.reason else ""))


class Watch:
    """What is known between two looks: files not yet settled, scans not yet finished."""

    def __init__(self, url: str, request: Submission, settle: float) -> None:
        self._url, self._settle = url, settle
        client = connect(url)
        if not request.volatile:
            refuse_volatile(client, url)
        self._ledger = Ledger(url, client)
        self._request = prepared(request)
        self.batch = open_batch(self._ledger, self._request)
        self._unsettled: dict[str, tuple[Look, float]] = {}
        self._outstanding: dict[str, str] = {}
        self._told: set[str] = set()

    def look(self) -> Iterator[Seen]:
        """One look at the folder and at the ledger, and what is new."""
        taken = 0
        items = planned(self._request)
        still: dict[str, tuple[Look, float]] = {}
        while chunk := list(islice(items, 500)):
            for asked, look in self._ripe(chunk, still):
                if self._ledger.ask(self.batch, [asked], _version(look)):
                    taken += 1
                    yield Seen("taken", asked[0])
        self._unsettled = still
        if taken:
            begin(self._url, self._ledger, self._request.queue)
        yield from self._news()

    def _ripe(self, chunk: list[Asked], still: dict) -> Iterator[tuple[Asked, Look]]:
        """Of the files that the ledger does not know yet those that have stopped to change."""
        looks = {asked[0]: look for asked in chunk if (look := _look_at(asked[0]))}
        ids = {path: scan_id(path, _version(look)) for path, look in looks.items()}
        known = self._ledger.states(self.batch, list(ids.values()))
        for asked in chunk:
            path = asked[0]
            if path not in looks:
                continue
            state, _ = known[ids[path]]
            if state is not None:
                if ids[path] not in self._told:
                    self._outstanding[ids[path]] = path
                continue
            since = self._since(path, looks[path])
            if time.monotonic() - since >= self._settle:
                self._outstanding[ids[path]] = path
                yield asked, looks[path]
            else:
                still[path] = (looks[path], since)

    def _since(self, path: str, look: Look) -> float:
        before = self._unsettled.get(path)
        return before[1] if before and before[0] == look else time.monotonic()

    def _news(self) -> Iterator[Seen]:
        scans = list(self._outstanding)
        for start in range(0, len(scans), 500):
            states = self._ledger.states(self.batch, scans[start : start + 500])
            for scan, (state, text) in states.items():
                if state in ("done", "skipped", "failed"):
                    self._told.add(scan)
                    yield Seen(state, self._outstanding.pop(scan), _reason(state, text))


def watch(url: str, request: Submission, settle: float) -> Iterator[Seen]:
    """The news of a folder, without an end. Redis may be away for a while."""
    watched = Watch(url, request, settle)
    yield Seen("watching", request.sources.root, f"as batch {watched.batch}")
    away = False
    while True:
        start = time.monotonic()
        try:
            yield from watched.look()
            away = False
        except ServiceError as error:
            cause: Any = error.__cause__
            if cause is None or not is_transient(cause):
                raise
            if not away:
                log.warning("%s; watching goes on when it is back", error)
            away = True
        time.sleep(max(settle / 4, 0.05, SHARE * (time.monotonic() - start)))


def _look_at(path: str) -> Look | None:
    """Size and time of change, which a growing file changes; None where it is gone or empty."""
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return (status.st_size, status.st_mtime_ns) if status.st_size else None


def _version(look: Look) -> str:
    return f"{look[0]} {look[1]}"


def _reason(state: str, text: str) -> str:
    import json

    if state == "failed":
        return Failure(*json.loads(text)[3:5]).message
    return "; ".join(json.loads(text)[4:]) if state == "skipped" else ""
