"""Checks and restores the ledger's invariant: each scan is in the list that its state requires.

Each scan of an unfinished batch is exactly one of: queued, and in the backlog, in the Celery queue
or put off; running, with a lease; done; skipped; failed. `check` returns the scans that break this
rule, `heal` puts them back. A queued scan may for a moment be in two lists (its message was thought
lost, and arrives); the second process that claims it finds it taken.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from worker.ledger import Ledger
from worker.records import STATES

#: Seconds between two checks. A scan that moves during one may seem lost in it, but not in both.
_AGAIN: Final = 0.5


@dataclass(frozen=True, slots=True)
class Fault:
    """A scan that breaks the invariant or, with `scan` the name of a counter, a wrong counter."""

    scan: str
    source: str
    what: str


def heal(ledger: Ledger, batch: str) -> int:
    """Puts every stranded scan of an unfinished batch back; returns how many there were.

    Four counters tell whether there are any, so that a call without any is cheap. It may be
    interrupted at any moment: the next call finds the scans that are left.
    """
    numbers = ledger.numbers(batch)
    if numbers["cancelled"] or numbers["finished"]:
        return 0
    return put_back(ledger, batch)


def put_back(ledger: Ledger, batch: str) -> int:
    """Does what `heal` does, whatever the batch's state: before a cancelled batch goes on."""
    queued, listed, running, leased = ledger.totals(batch)
    missing = max(0, queued - listed) + max(0, running - leased)
    if missing:
        for number, chunk in enumerate(ledger.scans(batch)):
            ledger.relist(batch, chunk, first=number == 0)
    return missing


def check(ledger: Ledger, batch: str) -> list[Fault]:
    """Returns the faults of a batch; work on it may go on meanwhile.

    Queued scans of a cancelled batch need not be in a list.
    """
    faults = {fault.scan: fault for fault in _faults(ledger, batch)}
    if faults:
        time.sleep(_AGAIN)
        faults = {fault.scan: fault for fault in _faults(ledger, batch) if fault.scan in faults}
    return list(faults.values())


def _faults(ledger: Ledger, batch: str) -> Iterator[Fault]:
    """Yields the faults of one check; letters are those of `STATES`, "l" is the list of leases."""
    numbers: dict[str, Any] = ledger.numbers(batch)
    backlog = set(ledger.backlog(batch))
    counts = dict.fromkeys("qrdsf", 0)
    for chunk in ledger.scans(batch):
        for scan, record in zip(chunk, ledger.places(batch, chunk), strict=True):
            state, lists = record[0], record[1:]
            counts[state] += 1
            if state == "q" and not numbers["cancelled"] and not (scan in backlog or lists):
                yield _fault(ledger, batch, scan, "is queued and in no list")
            elif state == "r" and "l" not in lists:
                yield _fault(ledger, batch, scan, "is running without a lease")
            elif state != "r" and "l" in lists:
                yield _fault(ledger, batch, scan, f"is {STATES[state]} and has a lease")
    total = sum(counts.values())
    if total != numbers["scans"]:
        yield Fault("scans", "", f"{numbers['scans']:.0f} are counted, {total} found")
    if not (counts["r"] or numbers["running"]):  # counters change while scans are running
        for letter in "dsf":
            if counts[letter] != numbers[STATES[letter]]:
                counted = f"{numbers[STATES[letter]]:.0f} are counted as {STATES[letter]}"
                yield Fault(STATES[letter], "", f"{counted}, {counts[letter]} found")


def _fault(ledger: Ledger, batch: str, scan: bytes, what: str) -> Fault:
    return Fault(scan.decode(), ledger.source(batch, scan.decode()), what)
