"""Reads the ledger in Redis: batches, their counters, and the state of each scan.

`LedgerReader` changes nothing in a batch; `worker.ledger` has the steps that do. `worker.records`
defines the records and their form.
"""

import json
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Final

from core.errors import OptionsError, ServiceError
from worker.broker import PREFIX, in_words, unproven, without_password
from worker.ledger_scripts import scripts_of
from worker.records import (
    FORM,
    Batch,
    Entry,
    Participant,
    State,
    absolute,
    batch_of,
    entry_of,
    state_of,
)

#: Batches -> when they were made; those that are not finished.
BATCHES: Final = PREFIX + "batches"
OPEN: Final = PREFIX + "open"


class LedgerReader:
    """All batches on one Redis, for reading. Every method may raise `ServiceError`."""

    def __init__(self, url: str, client=None) -> None:
        self.url = url
        # Any: the library's types allow str and bytes, but this client returns bytes alone.
        self.redis: Any = client if client is not None else unproven(url)
        self._described: dict[str, Batch] = {}

    def batches(self) -> list[str]:
        """Returns the ids of all batches, the newest first, and forgets expired ones."""
        with in_words(self.url):
            ids = [name.decode() for name in self.redis.zrevrange(BATCHES, 0, -1)]
            known = [name for name in ids if self.redis.exists(self.key(name))]
            gone = set(ids) - set(known)
            if gone:
                self.redis.zrem(BATCHES, *gone)
                self.redis.zrem(OPEN, *gone)
        return known

    def open_batches(self) -> list[str]:
        """Returns ids of the unfinished batches, the oldest first."""
        with in_words(self.url):
            return [name.decode() for name in self.redis.zrange(OPEN, 0, -1)]

    def batch(self, batch: str) -> Batch:
        """Returns a batch's description; raises `OptionsError` for an unknown batch."""
        if batch not in self._described:
            self._described[batch] = self._readable(batch)
        return self._described[batch]

    def numbers(self, batch: str) -> dict[str, float | str]:
        """Returns the batch's counters and times in seconds; `now` is Redis' time.

        Raises `OptionsError` for an unknown batch.
        """
        with in_words(self.url):
            fields = {
                key.decode(): value.decode()
                for key, value in self.redis.hgetall(self.key(batch)).items()
            }
            seconds, micro = self.redis.time()
            pace = self.redis.lindex(self.key(batch) + ":pace", -1)
            latest = self.redis.lindex(self.key(batch) + ":pace", 0)
            results = self.redis.llen(self.key(batch) + ":pace")
            waiting = self.redis.zcard(self.key(batch) + ":due")
        if not fields:
            raise OptionsError(f"there is no batch {batch!r} on {self.url_shown}")
        numbers: dict[str, float | str] = {
            name: float(fields.get(name, 0))
            for name in (
                "scans",
                "running",
                "done",
                "skipped",
                "failed",
                "begun",
                "finished",
                "cancelled",
                "sealed",
                "asking",
                "paused",
                "bytes",
                "milliseconds",
                "created",
            )
        }
        over = sum(int(fields.get(name, 0)) for name in ("running", "done", "skipped", "failed"))
        numbers |= {"queued": float(int(fields.get("scans", 0)) - over), "waiting": float(waiting)}
        numbers |= {"now": seconds + micro / 1e6, "pin": fields.get("pin", "")}
        numbers |= {"latest": float(latest or 0)}
        numbers |= {"pace_since": float(pace or 0), "pace_results": float(results)}
        return numbers

    def participants(self, batch: str) -> dict[int, Participant]:
        """Returns the workers that took part in a batch, by their numbers."""
        with in_words(self.url):
            fields = self.redis.hgetall(self.key(batch) + ":workers")
        text = {key.decode(): value.decode() for key, value in fields.items()}
        found: dict[int, Participant] = {}
        for name, value in text.items():
            if name.isdigit():
                counts = {s: int(text.get(f"{name}:{s}", 0)) for s in ("done", "skipped", "failed")}
                about: dict[str, Any] = json.loads(value) | counts
                found[int(name)] = Participant(**about, is_odd=f"{name}:odd" in text)
        return found

    def entries(self, batch: str) -> Iterator[Entry]:
        """Yields every scan of the batch, in no order, a few hundred at a time."""
        description, participants = self.batch(batch), self.participants(batch)
        key = self.key(batch)
        cursor = 0
        while True:
            with in_words(self.url):
                cursor, paths = self.redis.hscan(key + ":asked", cursor, count=500)
                states = self.redis.hmget(key + ":said", list(paths)) if paths else []
            for (scan, path), state in zip(paths.items(), states, strict=True):
                yield entry_of(scan.decode(), path, state, description, participants)
            if cursor == 0:
                return

    def scans(self, batch: str) -> Iterator[list[bytes]]:
        """Yields the short names of all scans of a batch, some hundred at a time, in no order."""
        cursor = 0
        while True:
            with in_words(self.url):
                cursor, paths = self.redis.hscan(self.key(batch) + ":asked", cursor, count=500)
            if paths:
                yield list(paths)
            if cursor == 0:
                return

    def states(self, batch: str, scans: list[str]) -> dict[str, tuple[State | None, str]]:
        """Returns (state, text) of each scan; the state is None where it was never submitted."""
        with in_words(self.url):
            paths = self.redis.hmget(self.key(batch) + ":asked", scans) if scans else []
            states = self.redis.hmget(self.key(batch) + ":said", scans) if scans else []
        return {
            scan: (None, "") if path is None else state_of(state)
            for scan, path, state in zip(scans, paths, states, strict=True)
        }

    def source(self, batch: str, scan: str) -> str:
        """Returns the path or URL of the scan's source."""
        return self._paths(batch, scan)[0]

    def destination(self, batch: str, scan: str) -> str:
        """Returns the path or URL of the scan's result."""
        return self._paths(batch, scan)[1]

    def works_on(self, batch: str, worker: str) -> bool:
        """Returns whether a process of the worker has a scan of the batch at work."""
        with in_words(self.url):
            holders = self.redis.hkeys(self.key(batch) + ":tokens")
        return any(holder.startswith(f"{worker} ".encode()) for holder in holders)

    def totals(self, batch: str) -> tuple[int, int, int, int]:
        """Returns four numbers of scans: queued, in a list of queued scans, running, with a lease.

        All are counted at one moment.
        """
        _, *numbers = self._step("totals", batch)
        return tuple(numbers)  # type: ignore[return-value]

    def places(self, batch: str, scans: list[bytes]) -> list[str]:
        """Returns the state and the lists of each scan, as lua/places.lua encodes them."""
        return [place.decode() for place in self._step("places", batch, *scans)[1:]]

    def backlog(self, batch: str) -> Iterator[bytes]:
        """Yields the scans of the backlog, some thousands at a time."""
        start = 0
        while True:
            with in_words(self.url):
                part = self.redis.lrange(self.key(batch) + ":backlog", start, start + 9999)
            yield from part
            if len(part) < 10_000:
                return
            start += 10_000

    @property
    def url_shown(self) -> str:
        """The broker's URL without its password."""
        return without_password(self.url)

    @staticmethod
    def key(batch: str) -> str:
        """Returns the batch's key in Redis, the prefix of the keys of its parts."""
        return f"{PREFIX}batch:{batch}"

    def _paths(self, batch: str, scan: str) -> tuple[str, str]:
        with in_words(self.url):
            paths = self.redis.hget(self.key(batch) + ":asked", scan)
        return absolute(paths or b"", self.batch(batch))

    def _readable(self, batch: str) -> Batch:
        with in_words(self.url):
            fields = self.redis.hgetall(self.key(batch))
        if not fields:
            raise OptionsError(f"there is no batch {batch!r} on {self.url_shown}")
        if int(fields[b"ledger"]) > FORM:
            raise _newer(batch)
        return batch_of(fields)

    def _step(self, script: str, batch: str, *arguments) -> list[Any]:
        with in_words(self.url):
            answer = self._scripts[script](keys=[self.key(batch)], args=arguments)
        if answer[0] == b"newer":
            raise _newer(batch)
        if answer[0] == b"unknown" and script != "claim":
            raise OptionsError(f"there is no batch {batch!r} on {self.url_shown}")
        return answer

    @cached_property
    def _scripts(self) -> dict[str, Any]:
        return scripts_of(self.redis)


def _newer(batch: str) -> ServiceError:
    return ServiceError(
        f"the batch {batch} was written by a newer photochrom", remedy="update this machine's"
    )
