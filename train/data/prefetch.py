"""Makes crops ahead of time in other processes; they are the same for any number of processes.

Batch n depends on n alone, so that every process makes the same one; batches are taken in the order
in which they were requested. This is for a GPU, which needs more crops than one process makes; on a
CPU the network needs the cores itself.
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import torch
from torch import Tensor

from core.errors import PhotochromError

#: Batches requested ahead for each process: one that it makes, one that waits.
AHEAD = 2

_make: Callable[[int], Tensor] | None = None


def prefetched(make: Callable[[int], Tensor], first: int, workers: int) -> Iterator[Tensor]:
    """Yields `make(first)`, `make(first + 1)`, ... without end. `make` must be picklable.

    Raises `PhotochromError` when a process dies. Closing the iterator ends the processes.
    """
    # "spawn", since a fork of a process whose torch has threads or a GPU can hang
    pool = ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), initializer=_begin, initargs=(make,)
    )
    pending: deque[Future] = deque()
    try:
        for number in range(first, first + AHEAD * workers):
            pending.append(pool.submit(_crops, number))
        number = first + len(pending)
        while True:
            crops = pending.popleft().result()
            pending.append(pool.submit(_crops, number))
            number += 1
            yield torch.from_numpy(crops)
    except BrokenProcessPool as error:
        raise PhotochromError(
            "a process that makes batches died", remedy="give it more memory, or fewer --workers"
        ) from error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _begin(make: Callable[[int], Tensor]) -> None:
    global _make
    _make = make
    torch.set_num_threads(1)
    # Ctrl-C reaches the whole group, but the trainer decides when to stop, and needs its batch.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Waits for the trainer to end, then ends this process: a killed trainer cannot do it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _crops(number: int) -> np.ndarray:
    """Returns a batch's crops as numpy, which go by the pipe: torch would send them by shared
    memory, of which a container has 64 MB.
    """
    assert _make is not None
    return _make(number).numpy()
