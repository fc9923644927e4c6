"""Computes how many processes with one model fit into this machine's memory.

Small models always fit. While it is loaded, a large one takes several times its file's size in
each process (float16 weights, the same as float32, the optimizer's rearranged copy), and its layers
take more at full resolution: without this limit the system would kill processes of `--jobs`.
"""

from pathlib import Path
from typing import Final

from core.errors import PhotochromError
from core.system import available_memory

#: Bytes of a model file above which memory is checked.
LARGE: Final = 100_000_000
#: A process with a large model takes `TIMES_FILE` times the file's bytes, and `LAYERS` bytes for
#: the layers. Measured with guests at their own side: `python -m tests.guests.memory MODEL ...`.
TIMES_FILE: Final = 5.5
LAYERS: Final = 1.5e9


def needed(model: Path) -> float:
    """Returns the bytes that a process with this model takes at most; 0 for a small model."""
    size = model.stat().st_size
    return TIMES_FILE * size + LAYERS if size >= LARGE else 0.0


def fits(model: Path) -> bool:
    """Returns whether one process with this model fits into the memory that is free now."""
    available = available_memory()
    return available is None or needed(model) <= available


def refuse_without_memory(model: Path) -> None:
    """Raises `PhotochromError` of kind out-of-memory where the model does not fit into memory."""
    if not fits(model):
        available = available_memory() or 0.0
        raise PhotochromError(
            f"the model takes {needed(model) / 1e9:.1f} GB of memory and this machine has "
            f"{available / 1e9:.1f} free",
            file=model,
            kind="out-of-memory",
            remedy="close other programs, or choose a smaller model",
        )


def processes_that_fit(model: Path, processes: int) -> int:
    """Returns `processes`, or fewer where the free memory does not hold as many; at least 1.

    Raises `PhotochromError` where it does not hold one.
    """
    refuse_without_memory(model)
    each, available = needed(model), available_memory()
    if not each or available is None:
        return processes
    return max(1, min(processes, int(available / each)))
