"""Restarts a worker that no longer takes messages, and ends children without a parent.

The dispatcher's thread asks for a restart. The first attempt is a warm one: SIGTERM lets the main
thread finish the scans at work. Where it does not end within `policy.WARM_STOP` seconds, since the
main thread itself may hang, another thread kills the children, gives their scans back to the ledger
without counting an attempt, and replaces the process by a new one.
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

#: Set in the environment of a process that replaces another, which waits longer for Redis.
_REPLACES: Final = "PHOTOCHROM_BEGINS_ANEW"

#: Seconds that `reap_children` waits for the children of the replaced process.
_REAPED_WITHIN = 5.0


class Restart:
    """A restart under the same process number, warm or forced. `worker` is Celery's."""

    def __init__(self, ledger: Ledger, name: str) -> None:
        self._ledger, self._name = ledger, name
        self._carried_out = threading.Lock()
        self.worker: Any = None
        self.is_asked = False

    def ask(self) -> None:
        """Asks for a warm restart, and forces it if that fails. Further calls change nothing."""
        if self.is_asked:
            return
        self.is_asked = True
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Thread(target=self._force, name="forced restart", daemon=True).start()

    def carry_out(self) -> NoReturn:
        """Kills the children and replaces this process by a new one. Any thread may call it."""
        self._carried_out.acquire()  # never released: of two threads one goes on
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
    """Returns whether this process has replaced a worker that restarted; True only once."""
    return os.environ.pop(_REPLACES, "") == "1"


def reap_children() -> None:
    """Waits for the children of the process that this one replaced, which would stay zombies."""
    end = time.monotonic() + _REAPED_WITHIN
    with contextlib.suppress(ChildProcessError):
        while time.monotonic() < end:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.05)


def follow_parent(parent: int, leave: Callable[[int], None] = os._exit) -> None:
    """Ends this process when `parent`, a process number, is its parent no longer.

    Linux sends SIGKILL by itself if Celery could ask for it before the parent died, and a child
    that waits for a message sees its pipe close. Neither helps a child that was just forked or
    that computes.
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
