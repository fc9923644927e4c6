"""Restarts a worker that has stopped to take messages, and ends children without a parent.

The dispatcher's thread asks for a restart, which is first tried warmly: SIGTERM lets the main
thread finish what is at work. Where the main thread does not come to that within `policy.WARM_STOP`
seconds, since it may itself be what is stuck, the asking thread kills the children, gives their
scans back to the ledger without counting an attempt, and replaces the process by a new one.
"""

import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Final, NoReturn

from core.errors import PhotochromError
from worker import policy
from worker.ledger import Ledger

log = logging.getLogger(__name__)

#: In the environment of a process that replaces one: it waits for Redis as that one did.
_REPLACES: Final = "PHOTOCHROM_BEGINS_ANEW"

#: Seconds that children of the process before are waited for.
_REAPED_WITHIN = 5.0


class Restart:
    """A restart under the same process number, warm or forced. `worker` is Celery's."""

    def __init__(self, ledger: Ledger, name: str) -> None:
        self._ledger, self._name = ledger, name
        self._carried_out = threading.Lock()
        self.worker: Any = None
        self.is_asked = False

    def ask(self) -> None:
        """Asks for a warm end and, where that does not come, forces it. May be called again."""
        if self.is_asked:
            return
        self.is_asked = True
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Thread(target=self._force, name="forced restart", daemon=True).start()

    def carry_out(self) -> NoReturn:
        """Replaces this process by a new one, from any thread. Children are ended first."""
        self._carried_out.acquire()  # of two threads one goes on
        for _ in range(2):  # the main thread may meanwhile have forked others in their place
            for child in self._children():
                _end(child)
        os.environ[_REPLACES] = "1"
        sys.stdout.flush()
        sys.stderr.flush()
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])

    def _force(self) -> None:
        time.sleep(policy.WARM_STOP)
        log.critical("the worker does not end by itself; its processes are killed")
        for child in self._children():
            _end(child)
        try:
            given_back = self._ledger.release(self._name)
            log.warning("%d scans at work are given back, no attempt is counted", given_back)
        except PhotochromError as error:
            log.warning("%s; the scans at work go back when their leases end", error)
        self.carry_out()

    def _children(self) -> list[int]:
        pool = getattr(getattr(self.worker, "pool", None), "_pool", None)
        return [process.pid for process in list(getattr(pool, "_pool", None) or ())]


def replaces_another() -> bool:
    """Whether this process is what a worker that began anew has become."""
    return os.environ.pop(_REPLACES, "") == "1"


def reap_children() -> None:
    """Takes leave of the children of the process that this one replaced; else they stay zombies."""
    end = time.monotonic() + _REAPED_WITHIN
    with contextlib.suppress(ChildProcessError):
        while time.monotonic() < end:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.05)


def follow_parent(parent: int, leave: Callable[[int], None] = os._exit) -> None:
    """Ends this process when `parent`, a process number, is its parent no longer.

    Linux sends SIGKILL by itself where Celery could ask for it before the parent died, and a child
    that waits for a message sees its pipe close; one that was just forked, or computes, neither.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        leave(1)

    if os.getppid() != parent:
        leave(1)
    threading.Thread(target=watch, name="parent watch", daemon=True).start()


def _end(child: int) -> None:
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
