"""Computes how many processes with one model fit into this machine's memory.

Small models are nobody's worry. A large one takes its file several times over in each process while
it is loaded (float16 weights, the same as float32, the optimizer's rearranged copy), and its layers
take some more at full resolution: without this, the system would kill what `--jobs` begins.
"""

from pathlib import Path
from typing import Final

from core.errors import PhotochromError
from core.system import available_memory

#: Bytes of a model file from which on memory is looked at.
LARGE: Final = 100_000_000
#: Bytes that a process takes for a large model: so many times its file, and this for the layers.
#: Seen with guests at their own side: `python -m tests.guests.memory MODEL ...`.
TIMES_FILE: Final = 5.5
LAYERS: Final = 1.5e9


def needed(model: Path) -> float:
    """Bytes that a process with this model takes at most; 0 for a small one."""
    size = model.stat().st_size
    return TIMES_FILE * size + LAYERS if size >= LARGE else 0.0


def fits(model: Path) -> bool:
    """Whether the memory that is free now holds one process with this model."""
    available = available_memory()
    return available is None or needed(model) <= available


def refuse_without_memory(model: Path) -> None:
    """Raises `PhotochromError` of kind out-of-memory where the free memory does not hold it."""
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
    """`processes`, or as many as the memory that is free now holds; raises where that is none."""
    refuse_without_memory(model)
    each, available = needed(model), available_memory()
    if not each or available is None:
        return processes
    return max(1, min(processes, int(available / each)))
