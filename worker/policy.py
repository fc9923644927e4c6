"""The numbers of the queue: leases, pauses, limits, each with its unit and its reason."""

import random
from typing import Final

from core.errors import KINDS

#: Seconds for which a scan is its holder's without a sign of life; renewed every quarter of it.
#: A dead process' scans wait this long. Shorter would take a scan from a process that is only slow
#: to be scheduled, and colour it twice.
LEASE: Final = 30.0

#: Seconds for which Redis may be silent before a connection to it is given up and made anew. A
#: connection that a router has forgotten stays silent for ever. Its longest command takes far less.
ANSWER: Final = 10.0

#: Deaths of its process after which a scan is not tried again.
DEATHS: Final = 3

#: Seconds between two rounds of the dispatcher.
ROUND: Final = 1.0

#: How often batches of each priority are served while several wait for the same workers.
WEIGHTS: Final = {"high": 16, "normal": 4, "low": 1}

#: Seconds between two looks whether each scan of an unfinished batch stands where it should.
CHECK: Final = 60.0

#: Messages kept in the Celery queue ahead of the workers. At one round a second this is also the
#: most scans a second that one queue can carry; a message takes about 1 kB of Redis' memory.
AHEAD: Final = 1000

#: Seconds for which a process that was brought one scan by a message goes on with the next ones of
#: its batch, straight from the ledger: 0.8 ms of CPU a scan instead of 2.3 (`overhead` of
#: tests/worker/bench.py, without and with it). Damaged, finished and small files come in thousands.
BOUT: Final = 0.25

#: Seconds after which an unclaimed message counts as lost, once the queue has run empty.
ISSUED: Final = 15.0

#: Seconds before a worker with another model hands the same scan on again.
ELSEWHERE: Final = 5.0

#: Seconds after which a film that waits for its segments is looked at again. It goes to the end of
#: the backlog then, so that while other work waits it costs a look for each turn of the backlog.
FILM_PAUSE: Final = 5.0

#: Seconds of the first pause after a transient fault, and of the longest.
FIRST_PAUSE: Final = 2.0
LONGEST_PAUSE: Final = 600.0

#: Times that a transient fault is met before it counts. A source that cannot be read is given
#: about four minutes; a full disk, a lost share or lacking memory, which hit every scan alike and
#: are somebody's to mend, over an hour.
FAULTS_OF_ONE: Final = 8
FAULTS_OF_ALL: Final = 15
OF_ALL: Final = frozenset({"destination", "out-of-memory", "service"})

#: Seconds in which a worker with a free process must have taken something from a queue that is not
#: empty. Celery is known to stop to consume when Redis came back; the worker then begins anew.
STALLED: Final = 40.0

#: The same before it has taken anything: its processes first load their model, for up to the three
#: minutes of `worker_proc_alive_timeout`, and must not be restarted while they do.
STALLED_AT_FIRST: Final = 240.0

#: Seconds that such a worker is given to end warmly before its processes are killed; their scans
#: go back to the ledger, and no attempt is counted.
WARM_STOP: Final = 15.0

#: Seconds for which a process that cannot colour, since its model does not open, keeps a message:
#: so it does not take them all from processes that can.
UNREADY: Final = 5.0

#: Seconds after which an append-only file with `appendfsync everysec` is on the disk for certain.
FLUSH: Final = 2.0

#: Seconds that a finished batch is kept in the ledger; an unfinished one is kept for ever.
KEEP: Final = 30 * 24 * 3600

#: Seconds that one scan may take before its process is killed, and how much longer Redis waits
#: before it delivers a message again. A message that comes again while its scan is running is
#: harmless, but is work for nothing.
TIME_LIMIT: Final = 1800
VISIBILITY_MARGIN: Final = 600

#: Upper bounds, in seconds, of the histogram of how long a scan takes.
BUCKETS: Final = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)

#: Messages after which a process is replaced, and MiB of memory above which it is (checked after a
#: message): a leak in a native decoder must not grow through the night.
SCANS_A_PROCESS: Final = 2000
MEMORY_A_PROCESS: Final = 4096


def pause_after(faults: int) -> float:
    """Seconds to wait after the `faults`-th transient fault: doubling, with jitter of a half, so
    that a thousand scans that failed together do not come back together."""
    longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (faults - 1))
    return longest * random.uniform(0.5, 1.0)


def is_worth_another_try(
    kind: str, faults: int, root_is_missing: bool, tried: int = 0, max_attempts: int = 0
) -> bool:
    """Whether a scan that failed with `kind`, for the `faults`-th time, is tried again.

    `root_is_missing`: the batch's source folder itself is gone, as after a lost mount. Where the
    batch has a limit of attempts, it alone says when to give up: `tried` have failed before.
    """
    if not KINDS.get(kind, False):
        return False
    if max_attempts:
        return tried + 1 < max_attempts
    return faults < (FAULTS_OF_ALL if root_is_missing or kind in OF_ALL else FAULTS_OF_ONE)
