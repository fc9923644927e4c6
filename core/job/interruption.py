"""Handles Ctrl-C and SIGTERM between two strips instead of anywhere.

Python would otherwise raise the signal's exception inside a callback of libvips, where it is lost.
While an `Interruption` is entered, the first signal only makes `check` raise; a second Ctrl-C ends
the program at once, and the next run removes the temporary file that is left. A second SIGTERM
changes nothing: a service manager may signal each process in addition to the parent's own signal.
"""

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator

from core.errors import InterruptedJob


class Interruption:
    """Watches for `signals` within a `with` block; `core.job.run` calls `check` before each
    inference and each strip.

    It watches for none outside the main thread, where Python handles no signals.
    """

    def __init__(self, *signals: signal.Signals) -> None:
        self._signals = signals if threading.current_thread() is threading.main_thread() else ()
        self._before: list = []
        self._came = False

    def __enter__(self) -> "Interruption":
        self._before = [signal.signal(number, self._take) for number in self._signals]
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in zip(self._signals, self._before, strict=True):
            signal.signal(number, handler)

    def check(self) -> None:
        """Raises `InterruptedJob` once a signal, or `request`, has come."""
        if self._came:
            raise InterruptedJob("interrupted", remedy="run it again to go on")

    def request(self) -> None:
        """Makes `check` raise, as a signal does. May be called from any thread."""
        self._came = True

    def _take(self, number: int, _: object) -> None:
        self.request()
        if number == signal.SIGINT:
            signal.signal(number, signal.SIG_DFL)


@contextlib.contextmanager
def deaf_to_ctrl_c() -> Iterator[None]:
    """Starts processes that ignore Ctrl-C, also while they import their modules.

    A Ctrl-C that comes within the block is raised in this process at its end, since a process
    that is only half started could not be ended.
    """
    came = []
    before = mask = None
    if threading.current_thread() is threading.main_thread():
        before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    if sys.platform != "win32":  # inherited by processes, where a handler is not
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        if sys.platform != "win32" and mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if before is not None:
            signal.signal(signal.SIGINT, before)
        if came:
            signal.raise_signal(signal.SIGINT)
