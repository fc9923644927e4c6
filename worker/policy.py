"""Constants of the queue (leases, pauses, limits), and the rules for trying a scan again."""

import random
from typing import Final

from core.errors import KINDS

#: Seconds for which a lease holds; it is renewed after every quarter of them. The scan of a process
#: that died waits that long. With a shorter lease, scans of processes that are only scheduled late
#: would be given to others and coloured twice.
LEASE: Final = 30.0

#: Seconds to wait for a reply of Redis before the connection is closed and opened again. Where a
#: router has dropped a connection, no reply ever comes. No command takes nearly as long.
REDIS_TIMEOUT: Final = 10.0

#: A scan is not tried again after this many processes died on it.
DEATHS: Final = 3

#: Seconds between two rounds of the dispatcher.
ROUND: Final = 1.0

#: Relative numbers of scans of each priority that are coloured while several batches wait.
WEIGHTS: Final = {"high": 16, "normal": 4, "low": 1}

#: Seconds between two checks of the ledger's invariant (`worker.invariant`) for each open batch.
CHECK: Final = 60.0

#: Messages kept in the Celery queue. With one round a second this is also the largest number of
#: scans a second that one queue can deliver; more messages would take memory in Redis.
AHEAD: Final = 1000

#: Seconds for which a process, after the scan of a message, goes on with the next scans of the same
#: batch from the ledger. That takes 0.8 ms of CPU a scan instead of 2.3, as measured by
#: `python -m tests.worker.bench --only overhead`, which sets this to 0, and by the same without.
#: It matters for damaged, finished and small files.
MESSAGE_TIME: Final = 0.25

#: Seconds after which an unclaimed message counts as lost, once the queue has run empty.
ISSUED: Final = 15.0

#: Seconds for which a scan that needs another model waits before it is given to a worker again.
OTHER_MODEL_PAUSE: Final = 5.0

#: Seconds after which a film that waits for its segments may be claimed again. It goes to the end
#: of the backlog, so that it is claimed at most once for each pass over the backlog.
FILM_PAUSE: Final = 5.0

#: Seconds of the first and of the longest pause after a transient fault.
FIRST_PAUSE: Final = 2.0
LONGEST_PAUSE: Final = 600.0

#: Transient faults after which a scan fails. `SCAN_FAULTS` are for faults of one scan, such as a
#: source that cannot be read, and last about four minutes. `SHARED_FAULTS` are for the kinds that
#: affect every scan (a full disk, a lost share, lack of memory) and last over an hour, so that
#: someone can put them right.
SCAN_FAULTS: Final = 8
SHARED_FAULTS: Final = 15
SHARED_KINDS: Final = frozenset({"destination", "out-of-memory", "service"})

#: A worker is restarted when it has a free process, its queue is not empty, and it has taken no
#: message for this many seconds. Celery may stop consuming after Redis was away.
STALLED: Final = 40.0

#: The same before its first message, in seconds: its processes load their model first, which may
#: take the three minutes of `worker_proc_alive_timeout`.
STALLED_AT_FIRST: Final = 240.0

#: Seconds in which the processes of a stalled worker may finish their scans before they are killed.
#: The scans that are left go back to the ledger, and no attempt is counted.
WARM_STOP: Final = 15.0

#: Seconds for which a process whose model does not open keeps a message, so that it does not take
#: the messages of the other processes.
UNREADY_PAUSE: Final = 5.0

#: Seconds after which an append-only file with `appendfsync everysec` is certainly on the disk.
FLUSH: Final = 2.0

#: Seconds for which a finished batch is kept in the ledger; an unfinished one is kept for ever.
RETENTION: Final = 30 * 24 * 3600

#: Seconds after which the process of a scan is killed, and the seconds after that until Redis
#: delivers the message again. A message that is delivered while its scan is running does no harm,
#: but costs a claim.
TIME_LIMIT: Final = 1800
VISIBILITY_MARGIN: Final = 600

#: Upper bounds, in seconds, of the histogram of how long a scan takes.
BUCKETS: Final = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)

#: A process is replaced after this many messages, or after a message where it has more than this
#: many MiB of memory: a leak in a native decoder does not grow further then.
SCANS_A_PROCESS: Final = 2000
MEMORY_A_PROCESS: Final = 4096


def pause_after(faults: int) -> float:
    """Returns the seconds to wait after the `faults`-th transient fault (from 1).

    They double with each fault, up to `LONGEST_PAUSE`, and are multiplied by a random factor of 0.5
    to 1, so that scans that failed together are not tried again together.
    """
    longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (faults - 1))
    return longest * random.uniform(0.5, 1.0)


def is_worth_another_try(
    kind: str, faults: int, root_is_missing: bool, tried: int = 0, max_attempts: int = 0
) -> bool:
    """Returns whether a scan that failed with `kind`, for the `faults`-th time, is tried again.

    `root_is_missing`: the source folder of the batch is gone, as after a lost mount. `tried`
    attempts have failed before. Where the batch has a limit, `max_attempts`, it alone decides.
    """
    if not KINDS.get(kind, False):
        return False
    if max_attempts:
        return tried + 1 < max_attempts
    return faults < (SHARED_FAULTS if root_is_missing or kind in SHARED_KINDS else SCAN_FAULTS)
