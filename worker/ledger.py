"""Keeps the ledger in Redis: the scans that a batch consists of, and the result of each.

`Ledger` has the steps that change a batch, each of them one Lua script (`lua/`), which Redis runs
atomically, so that it is a compare-and-set. `worker.ledger_reading` has the methods that only read,
and `worker.records` defines the records and their form.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from core.errors import Failure, ServiceError
from core.job import Outcome
from worker import policy
from worker.broker import PREFIX, in_words
from worker.ledger_reading import BATCHES, OPEN, LedgerReader
from worker.ledger_scripts import (
    KILLED,
    TAKE_ENDED,
    claim_arguments,
    finish_arguments,
)
from worker.records import (
    Batch,
    Claim,
    absolute,
    failure_text,
    fields_of,
    refusal_text,
    relative,
    scan_id,
)

#: Fingerprints of submissions -> their unfinished batch.
SAME: Final = PREFIX + "same"
#: Batches that have ended -> when their notice is due (see `worker.hooks`).
ENDED: Final = PREFIX + "ended"


class Ledger(LedgerReader):
    """All batches on one Redis, with the steps that change them. May raise `ServiceError`."""

    # -- submitting --------------------------------------------------------------------------------

    def open_batch(
        self,
        wanted: Batch,
        fingerprint: str,
        keep: float = policy.RETENTION,
        priority: str = "normal",
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

    # -- working -----------------------------------------------------------------------------------

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

    # -- steering ----------------------------------------------------------------------------------

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

    def take_ended(self, seconds: float) -> list[str]:
        """Returns ended batches whose notice is due; for `seconds` no other caller gets them."""
        with in_words(self.url):
            return [name.decode() for name in self.redis.eval(TAKE_ENDED, 1, ENDED, seconds)]
