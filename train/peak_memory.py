"""Measures the peak memory of a piece of work, beyond what was in use before."""

import resource
import threading
from pathlib import Path

import torch

#: Seconds between two readings of the process' resident memory.
INTERVAL = 0.05
_STATM = Path("/proc/self/statm")


class PeakMemory:
    """Measures the peak of a block: `with PeakMemory() as peak: ...`, then `peak.megabytes`.

    It is the GPU's memory where there is one, else the process'; nan where there is no /proc.
    """

    megabytes = float("nan")

    def __enter__(self) -> "PeakMemory":
        self._before = self._highest = _resident()
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        self._done = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._watch.join()
        if torch.cuda.is_available():
            self.megabytes = torch.cuda.max_memory_allocated() / 1e6
        else:
            self.megabytes = (max(self._highest, _resident()) - self._before) / 1e6

    def _look(self) -> None:
        while not self._done.wait(INTERVAL):
            self._highest = max(self._highest, _resident())


def _resident() -> float:
    """Returns the process' resident memory in bytes; nan where there is no /proc."""
    if not _STATM.is_file():
        return float("nan")
    return int(_STATM.read_text().split()[1]) * resource.getpagesize()
