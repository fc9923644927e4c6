"""Puts scans of a batch back into its backlog, for `batch retry`.

Scans that fail for a reason that may pass are tried again without this command: see
`policy.is_worth_another_try` and `policy.pause_after`.
"""

from core.errors import KINDS
from worker.invariant import put_back
from worker.ledger import Ledger
from worker.records import Entry

#: Scans put back in one step.
CHUNK = 500


def retry(
    ledger: Ledger,
    batch: str,
    *,
    also_permanent: bool,
    max_attempts: int | None = None,
    time_limit: int | None = None,
) -> int:
    """Puts scans back into the backlog; returns how many.

    These are the scans that failed for a reason that may have passed or that killed their worker,
    with `also_permanent` every failed scan; scans of a cancelled batch that were never begun; and
    scans that are in no list. The batch is reopened last, so that a call that was interrupted
    before can be repeated. `max_attempts` and `time_limit` (seconds) replace the batch's limits.
    """
    ledger.limit(batch, {"max_attempts": max_attempts, "time_limit": time_limit})
    was_cancelled = bool(ledger.numbers(batch)["cancelled"])
    count, chunk = 0, []
    for entry in ledger.entries(batch):
        if _is_retried(entry, also_permanent):
            chunk.append(entry.scan)
        if len(chunk) == CHUNK:
            count += ledger.again(batch, chunk)
            chunk = []
    count += ledger.again(batch, chunk)
    count += put_back(ledger, batch)
    if was_cancelled:  # includes the scans that an interrupted call has put back
        count = int(float(ledger.numbers(batch)["queued"]))
    ledger.reopen(batch)
    ledger.seal(batch)  # closes it again where nothing was left to do
    return count


def _is_retried(entry: Entry, also_permanent: bool) -> bool:
    """Returns whether a scan has failed for a reason after which it is tried again."""
    if entry.state != "failed" or entry.outcome is None or entry.outcome.error is None:
        return False
    kind = entry.outcome.error.kind
    return also_permanent or KINDS.get(kind, False) or kind == "killed-its-worker"
