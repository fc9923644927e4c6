"""Watches a folder and queues its new files, for `batch watch`.

A file is taken when it has not changed for `settle` seconds. The ledger keeps a taken file's path,
size and time, so that a restart takes no file twice, a file that failed is not taken again, and a
file that was replaced by a better copy is new. Only the states of files that are not taken yet are
kept in memory.
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
from worker.submission import (
    PlannedScan,
    Submission,
    fill_queue,
    open_batch,
    planned_scans,
    prepare,
)

log = logging.getLogger(__name__)

#: The pause after a scan of the folder is at least this many times as long as the scan took.
SHARE: Final = 10

FileState = tuple[int, int]


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One line of `batch watch`: the batch, or a taken or finished file; `reason` of a failure."""

    event: Literal["watching", "taken", "done", "skipped", "failed"]
    path: str
    reason: str = ""

    def as_json(self) -> dict[str, Any]:
        """Returns the event as JSON values."""
        values = {"event": self.event, "path": self.path, "reason": self.reason}
        return {name: value for name, value in values.items() if value}

    def in_prose(self) -> str:
        """Returns the event on one line."""
        return printable(f"{self.event}: {self.path}" + (f": {self.reason}" if self.reason else ""))


class FolderWatch:
    """A watched folder, with the states of its files that are not taken yet or not finished."""

    def __init__(self, url: str, request: Submission, settle: float) -> None:
        self._url, self._settle = url, settle
        client = connect(url)
        if not request.volatile:
            refuse_volatile(client, url)
        self._ledger = Ledger(url, client)
        self._request = prepare(request)
        self.batch = open_batch(self._ledger, self._request)
        self._unsettled: dict[str, tuple[FileState, float]] = {}
        self._outstanding: dict[str, str] = {}
        self._reported: set[str] = set()

    def poll(self) -> Iterator[WatchEvent]:
        """Yields the events since the last call, after one look at the folder and the ledger."""
        taken = 0
        items = planned_scans(self._request)
        unsettled: dict[str, tuple[FileState, float]] = {}
        while chunk := list(islice(items, 500)):
            for scan, state in self._settled(chunk, unsettled):
                if self._ledger.ask(self.batch, [scan], _version(state)):
                    taken += 1
                    yield WatchEvent("taken", scan[0])
        self._unsettled = unsettled
        if taken:
            fill_queue(self._url, self._ledger, self._request.queue)
        yield from self._events()

    def _settled(
        self, chunk: list[PlannedScan], unsettled: dict
    ) -> Iterator[tuple[PlannedScan, FileState]]:
        """Yields the files that the ledger does not know yet and that have stopped changing."""
        states = {scan[0]: state for scan in chunk if (state := _file_state(scan[0]))}
        ids = {path: scan_id(path, _version(state)) for path, state in states.items()}
        known = self._ledger.states(self.batch, list(ids.values()))
        for scan in chunk:
            path = scan[0]
            if path not in states:
                continue
            known_state, _ = known[ids[path]]
            if known_state is not None:
                if ids[path] not in self._reported:
                    self._outstanding[ids[path]] = path
                continue
            since = self._since(path, states[path])
            if time.monotonic() - since >= self._settle:
                self._outstanding[ids[path]] = path
                yield scan, states[path]
            else:
                unsettled[path] = (states[path], since)

    def _since(self, path: str, state: FileState) -> float:
        """Returns the monotonic time since which the file has this state."""
        previous = self._unsettled.get(path)
        return previous[1] if previous and previous[0] == state else time.monotonic()

    def _events(self) -> Iterator[WatchEvent]:
        """Yields the taken files that are finished since the last call."""
        scans = list(self._outstanding)
        for start in range(0, len(scans), 500):
            states = self._ledger.states(self.batch, scans[start : start + 500])
            for scan, (state, text) in states.items():
                if state in ("done", "skipped", "failed"):
                    self._reported.add(scan)
                    yield WatchEvent(state, self._outstanding.pop(scan), _reason(state, text))


def watch(url: str, request: Submission, settle: float) -> Iterator[WatchEvent]:
    """Yields the events of a folder, without end. Waits for Redis while it is away."""
    folder = FolderWatch(url, request, settle)
    yield WatchEvent("watching", request.sources.root, f"as batch {folder.batch}")
    is_away = False
    while True:
        start = time.monotonic()
        try:
            yield from folder.poll()
            is_away = False
        except ServiceError as error:
            cause: Any = error.__cause__
            if cause is None or not is_transient(cause):
                raise
            if not is_away:
                log.warning("%s; watching goes on when it is back", error)
            is_away = True
        time.sleep(max(settle / 4, 0.05, SHARE * (time.monotonic() - start)))


def _file_state(path: str) -> FileState | None:
    """Returns a file's size and time of modification (ns); None where it is gone or empty."""
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return (status.st_size, status.st_mtime_ns) if status.st_size else None


def _version(state: FileState) -> str:
    """Returns the text that makes the id of a replaced file another one."""
    return f"{state[0]} {state[1]}"


def _reason(state: str, text: str) -> str:
    """Returns the error of a failed scan, or the notes of a skipped one, from its record."""
    import json

    if state == "failed":
        return Failure(*json.loads(text)[3:5]).message
    return "; ".join(json.loads(text)[4:]) if state == "skipped" else ""
