"""The ledger's invariant: every scan stands where its state says, so that none is forgotten.

Of an unfinished batch each scan is exactly one of: queued, and in the backlog, in the Celery queue
or put off; running, with a lease; done; skipped; failed. `check` says which scans are not so,
`heal` puts them where they belong. A queued scan may for a moment stand in two lists (its message
was thought lost, and comes); whoever claims it second finds it taken.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from worker.ledger import Ledger
from worker.records import STATES

#: Seconds between two looks. What moves while it is looked at may seem lost once, not twice.
_AGAIN: Final = 0.5


@dataclass(frozen=True, slots=True)
class Fault:
    """A scan that does not stand where it should, or (without a scan) a counter that is wrong."""

    scan: str
    source: str
    what: str


def heal(ledger: Ledger, batch: str) -> int:
    """Puts every stranded scan of an unfinished batch back; how many there were.

    Two numbers tell whether there are any, so that asking costs nothing. May be interrupted at any
    moment: the next call finds what is missing.
    """
    numbers = ledger.numbers(batch)
    if numbers["cancelled"] or numbers["finished"]:
        return 0
    return put_back(ledger, batch)


def put_back(ledger: Ledger, batch: str) -> int:
    """`heal`, whatever the state of the batch: before a cancelled one goes on."""
    queued, listed, running, leased = ledger.totals(batch)
    missing = max(0, queued - listed) + max(0, running - leased)
    if missing:
        for number, chunk in enumerate(ledger.scans(batch)):
            ledger.relist(batch, chunk, first=number == 0)
    return missing


def check(ledger: Ledger, batch: str) -> list[Fault]:
    """The faults of a batch; work may go on meanwhile. Of a cancelled one queued scans may stand
    in no list."""
    faults = {fault.scan: fault for fault in _faults(ledger, batch)}
    if faults:
        time.sleep(_AGAIN)
        faults = {fault.scan: fault for fault in _faults(ledger, batch) if fault.scan in faults}
    return list(faults.values())


def _faults(ledger: Ledger, batch: str) -> Iterator[Fault]:
    numbers: dict[str, Any] = ledger.numbers(batch)
    backlog = set(ledger.backlog(batch))
    found = dict.fromkeys("qrdsf", 0)
    for chunk in ledger.scans(batch):
        for scan, record in zip(chunk, ledger.places(batch, chunk), strict=True):
            state, lists = record[0], record[1:]
            found[state] += 1
            if state == "q" and not numbers["cancelled"] and not (scan in backlog or lists):
                yield _fault(ledger, batch, scan, "is queued and in no list")
            elif state == "r" and "l" not in lists:
                yield _fault(ledger, batch, scan, "is running without a lease")
            elif state != "r" and "l" in lists:
                yield _fault(ledger, batch, scan, f"is {STATES[state]} and has a lease")
    if sum(found.values()) != numbers["scans"]:
        yield Fault("scans", "", f"{numbers['scans']:.0f} are counted, {sum(found.values())} found")
    if not (found["r"] or numbers["running"]):  # else they move while they are counted
        for letter in "dsf":
            if found[letter] != numbers[STATES[letter]]:
                counted = f"{numbers[STATES[letter]]:.0f} are counted as {STATES[letter]}"
                yield Fault(STATES[letter], "", f"{counted}, {found[letter]} are")


def _fault(ledger: Ledger, batch: str, scan: bytes, what: str) -> Fault:
    return Fault(scan.decode(), ledger.source(batch, scan.decode()), what)
