"""Keeps the ledger in Redis: the scans that a batch consists of, and the result of each.

All access goes through `Ledger`; every step that changes something is one Lua script (`lua/`),
which Redis runs atomically, so that it is a compare-and-set. `worker.records` defines the records
and their form.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, Final

from core.errors import Failure, OptionsError, ServiceError
from core.job import Outcome
from worker import policy
from worker.broker import PREFIX, in_words, unproven
from worker.ledger_scripts import (
    KILLED,
    TAKE_ENDED,
    claim_arguments,
    finish_arguments,
    scripts_of,
)
from worker.records import (
    FORM,
    Batch,
    Claim,
    Entry,
    Participant,
    State,
    absolute,
    batch_of,
    entry_of,
    failure_text,
    fields_of,
    refusal_text,
    relative,
    scan_id,
    state_of,
)

BATCHES: Final = PREFIX + "batches"
OPEN: Final = PREFIX + "open"
SAME: Final = PREFIX + "same"
#: Batches that have ended -> when their notice is due (see `worker.hooks`).
ENDED: Final = PREFIX + "ended"


class Ledger:
    """All batches on one Redis. Every method may raise `ServiceError`."""

    def __init__(self, url: str, client=None) -> None:
        self.url = url
        # Any: the library's types allow str and bytes, but this client returns bytes alone.
        self.redis: Any = client if client is not None else unproven(url)
        self._described: dict[str, Batch] = {}

    # -- asking -----------------------------------------------------------------------------------

    def open_batch(
        self, wanted: Batch, fingerprint: str, keep: float = policy.KEEP, priority: str = "normal"
    ) -> str:
        """Returns the id of the unfinished batch with that fingerprint, or makes `wanted`.

        `keep` is in seconds after the batch's end. Of two submissions at the same moment one makes
        the batch and the other joins it.
        """
        with in_words(self.url):
            while True:
                known = self.redis.hget(SAME, fingerprint)
                if known:
                    known = known.decode()
                    state = self.redis.hmget(self.key(known), "id", "finished", "cancelled")
                    if state[0] and not state[1] and not state[2]:
                        self._readable(known)
                        self.redis.hset(self.key(known), "weight", policy.WEIGHTS[priority])
                        return known
                if self._make(wanted, fingerprint, keep, priority, instead_of=known):
                    return wanted.id

    def _make(
        self, wanted: Batch, fingerprint: str, keep: float, priority: str, instead_of: Any
    ) -> bool:
        from redis import WatchError

        with self.redis.pipeline() as pipe:
            try:
                pipe.watch(SAME)
                now = pipe.hget(SAME, fingerprint)
                if (now.decode() if now else None) != (instead_of or None):
                    return False
                pipe.multi()
                pipe.hset(SAME, fingerprint, wanted.id)
                fields = fields_of(wanted, fingerprint, keep)
                fields |= {"queue": wanted.queue, "weight": policy.WEIGHTS[priority]}
                pipe.hset(self.key(wanted.id), mapping=fields)
                pipe.zadd(BATCHES, {wanted.id: wanted.created})
                pipe.zadd(OPEN, {wanted.id: wanted.created})
                pipe.execute()
                return True
            except WatchError:
                return False

    def ask(
        self, batch: str, scans: Iterable[tuple[str, str, Failure | None]], version: str = ""
    ) -> int:
        """Adds scans: (source, destination, failure of planning or None), with absolute paths.

        Returns how many are new; known ones are left alone, so that a submission may be repeated.
        `version` tells a file from an earlier one of the same name.
        """
        description = self.batch(batch)
        arguments: list[str | bytes] = []
        for source, destination, failure in scans:
            arguments += [
                scan_id(source, version),
                relative(source, destination, description),
                refusal_text(failure) if failure else "",
            ]
        if not arguments:
            return 0
        answer = self._step("ask", batch, *arguments)
        if len(answer) > 2:
            raise ServiceError(f"two sources have the same short name {answer[2].decode()}")
        return answer[1]

    def seal(self, batch: str) -> None:
        """Marks the submission of a batch as complete."""
        self._step("seal", batch)

    # -- working ----------------------------------------------------------------------------------

    def claim(
        self,
        batch: str,
        scan: str,
        token: str,
        worker: str,
        about: Mapping[str, str],
        others: Iterable[str] = (),
        also_issued: bool = False,
    ) -> Claim:
        """Takes a scan for the holder of `token`: `scan`, or the next one where that is "".

        `about` describes the worker (`Participant`). Where a scan is named, the result may be that
        it is another batch's turn; `others` are batches that this worker cannot serve. With
        `also_issued`, where no scan is named and the backlog is empty, a scan is taken whose
        message has not arrived yet. May be repeated with the same token.
        """
        arguments = claim_arguments(scan, token, worker, about, others, also_issued)
        return self._claimed(batch, token, self._step("claim", batch, *arguments))

    def _claimed(self, batch: str, token: str, answer: list[Any]) -> Claim:
        verdict = answer[0].decode()
        if verdict == "turn":
            return Claim(verdict, turn=answer[1].decode())
        if verdict != "yours":
            return Claim(verdict)
        source, destination = absolute(answer[4], self.batch(batch))
        scan = answer[5].decode()
        tried, attempts, seconds = answer[6:]
        return Claim(
            verdict,
            scan,
            token,
            answer[1],
            answer[2],
            answer[3],
            source,
            destination,
            tried=tried,
            max_attempts=attempts,
            time_limit=seconds,
        )

    def renew(self, batch: str, scan: str, token: str) -> bool:
        """Renews the holder's lease; returns False where the scan is no longer the holder's."""
        return self._step("renew", batch, scan, token, policy.LEASE)[0] == b"ok"

    def expire(self, batch: str, scan: str, token: str) -> None:
        """Ends the holder's lease at once, before its process is killed."""
        self._step("renew", batch, scan, token, 0)

    def finish(self, batch: str, claim: Claim, outcome: Outcome, bytes_read: int) -> str:
        """Writes an outcome, once; returns "ok", or why not ("finished", "lost")."""
        return self._step("finish", batch, *finish_arguments(claim, outcome, bytes_read))[
            0
        ].decode()

    def finish_and_claim(
        self,
        batch: str,
        claim: Claim,
        outcome: Outcome,
        bytes_read: int,
        token: str,
        worker: str,
        about: Mapping[str, str],
    ) -> Claim:
        """Does `finish`, and `claim` of the next scan, in one round trip."""
        result, next_claim = (
            finish_arguments(claim, outcome, bytes_read),
            claim_arguments("", token, worker, about),
        )
        answer = self._step("finish_and_claim", batch, len(result), *result, *next_claim)
        return self._claimed(batch, token, answer)

    def put_off(self, batch: str, claim: Claim, pause: float, why: Failure | None = None) -> None:
        """Gives a scan back, to be tried again in `pause` seconds.

        `why` is the fault; None where the scan was not really begun, which counts as no attempt.
        """
        self._step(
            "put_off",
            batch,
            claim.scan,
            claim.token,
            pause,
            int(why is not None),
            failure_text(why),
        )

    def release(self, worker: str) -> int:
        """Gives back the scans of a worker's dead processes, as no attempts; returns how many."""
        return sum(self._step("release", batch, worker)[1] for batch in self.open_batches())

    def works_on(self, batch: str, worker: str) -> bool:
        """Returns whether a process of the worker has a scan of the batch at work."""
        with in_words(self.url):
            holders = self.redis.hkeys(self.key(batch) + ":tokens")
        return any(holder.startswith(f"{worker} ".encode()) for holder in holders)

    def expire_and_refill(
        self, batch: str, room: int, may_end: bool, queue_is_empty: bool, time: float = 0.0
    ) -> tuple[list[str], list[str], list[str]]:
        """Does one round of the dispatcher over a batch: ends leases, takes scans for the queue.

        `room` is how many messages the queue takes; `may_end` allows leases to end; `time` is
        Redis' time, in seconds, at the round's beginning. Returns the scans to be published, those
        whose process died and that are tried again, and those that were quarantined now.
        """
        answer = self._step(
            "expire_and_refill",
            batch,
            min(room, 1000),
            int(may_end),
            int(queue_is_empty),
            policy.ISSUED,
            policy.DEATHS,
            KILLED,
            time,
            policy.LEASE / 2,
        )
        dead, died = answer[1:3]
        scans = [scan.decode() for scan in answer[3:]]
        return scans[dead + died :], scans[dead : dead + died], scans[:dead]

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

    def _paths(self, batch: str, scan: str) -> tuple[str, str]:
        with in_words(self.url):
            paths = self.redis.hget(self.key(batch) + ":asked", scan)
        return absolute(paths or b"", self.batch(batch))

    # -- steering ---------------------------------------------------------------------------------

    def cancel(self, batch: str) -> int:
        """Stops a batch; returns the number of scans that will not be begun."""
        return self._step("cancel", batch)[1]

    def reopen(self, batch: str) -> None:
        """Lets a stopped or finished batch go on."""
        self._step("reopen", batch)

    def is_news(self, batch: str, event: str, is_so: bool) -> bool:
        """Returns whether a notice of `event` is due: `is_so`, and none was sent since it began.

        Only one of several callers gets True.
        """
        with in_words(self.url):
            if is_so:
                return bool(self.redis.hsetnx(self.key(batch), f"told {event}", 1))
            self.redis.hdel(self.key(batch), f"told {event}")
        return False

    def limit(self, batch: str, limits: Mapping[str, int | None]) -> None:
        """Sets those limits of a scan that are not None: `max_attempts`, `time_limit` (seconds)."""
        given = {name: number for name, number in limits.items() if number is not None}
        if given:
            with in_words(self.url):
                self.redis.hset(self.key(batch), mapping=given)

    def pause(self, batch: str, paused: bool) -> None:
        """Pauses a batch, so that none of its scans is begun, or lets it go on."""
        self._step("pause", batch, int(paused))

    def again(self, batch: str, scans: list[str]) -> int:
        """Puts failed or queued scans back into the backlog; returns how many."""
        return self._step("again", batch, *scans)[1] if scans else 0

    def relist(self, batch: str, scans: list[bytes], first: bool) -> None:
        """Puts scans into the lists where they belong; `first` empties the backlog before."""
        self._step("relist", batch, int(first), *scans)

    # -- reading ----------------------------------------------------------------------------------

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

    def take_ended(self, seconds: float) -> list[str]:
        """Returns ended batches whose notice is due; for `seconds` no other caller gets them."""
        with in_words(self.url):
            return [name.decode() for name in self.redis.eval(TAKE_ENDED, 1, ENDED, seconds)]

    def open_batches(self) -> list[str]:
        """Returns ids of the unfinished batches, the oldest first."""
        with in_words(self.url):
            return [name.decode() for name in self.redis.zrange(OPEN, 0, -1)]

    @property
    def url_shown(self) -> str:
        """The broker's URL without its password."""
        from worker.broker import without_password

        return without_password(self.url)

    @staticmethod
    def key(batch: str) -> str:
        """Returns the batch's key in Redis, the prefix of the keys of its parts."""
        return f"{PREFIX}batch:{batch}"

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
