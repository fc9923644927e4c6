"""`batch retry`: what of a batch is begun again."""

from core.errors import KINDS
from worker.ledger import Ledger
from worker.records import Entry

#: Scans put back in one step.
CHUNK = 500


def retry(ledger: Ledger, batch: str, *, also_permanent: bool) -> int:
    """Puts scans back into the backlog; how many.

    Those that failed for a reason that may have passed, or that killed their worker; with
    `also_permanent` every failed one. Of a cancelled batch also what was never begun.
    """
    was_cancelled = bool(ledger.numbers(batch)["cancelled"])
    ledger.reopen(batch)
    count, chunk = 0, []
    for entry in ledger.entries(batch):
        if (entry.state == "queued" and was_cancelled) or _begins_anew(entry, also_permanent):
            chunk.append(entry.scan)
        if len(chunk) == CHUNK:
            count += ledger.again(batch, chunk)
            chunk = []
    count += ledger.again(batch, chunk)
    ledger.seal(batch)  # closes it again where nothing was left to do
    return count


def _begins_anew(entry: Entry, also_permanent: bool) -> bool:
    if entry.state != "failed" or entry.outcome is None or entry.outcome.error is None:
        return False
    kind = entry.outcome.error.kind
    return also_permanent or KINDS.get(kind, False) or kind == "killed-its-worker"
