"""Ctrl-C and SIGTERM, taken between two strips instead of anywhere.

A signal's exception would otherwise surface inside a callback of libvips, where it is lost. While
an `Interruption` is entered, the first signal only makes `check` raise; a second Ctrl-C ends the
program at once, and the temporary file that is left then is cleaned up by the next run. A second
SIGTERM changes nothing: a service manager may send one to each process beside the parent's own.
"""

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator

from core.errors import InterruptedJob


class Interruption:
    """Watches `signals` in `with`; `check` is what `run` calls before each inference and strip.

    Outside the main thread, where Python takes no signals, it watches nothing.
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
        """Does what a signal does; from any thread."""
        self._came = True

    def _take(self, number: int, _: object) -> None:
        self.request()
        if number == signal.SIGINT:
            signal.signal(number, signal.SIG_DFL)


@contextlib.contextmanager
def deaf_to_ctrl_c() -> Iterator[None]:
    """Processes made in here never take Ctrl-C, not even while they still import.

    One that comes meanwhile is taken at the end: a process that is half made could not be ended.
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
