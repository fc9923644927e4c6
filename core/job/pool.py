"""Many jobs on several processes: each has its own warm model, none can take the others with it.

A process that dies in a native decoder breaks the pool; the files that were in work then are
tried again one by one, and the one that kills its process again is listed as failed. Heavy
libraries are imported in the processes alone, after they are made.
"""

import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import EXIT_INTERRUPTED, Failure, InterruptedJob, PhotochromError
from core.image.atomic import clean_stale
from core.job.interruption import Interruption, deaf_to_ctrl_c
from core.job.job import Job, Outcome

if TYPE_CHECKING:
    from core.colorizer import Colorizer

#: Bytes of a folder's name to which `/pymp-xxxxxxxx/listener-xxxxxxxx` can be added in a socket's.
LONGEST_TEMPORARY_FOLDER = 107 - 32


def run_all(
    jobs: Iterable[Job], *, model: str, device: str = "auto", processes: int = 1
) -> Iterator[Outcome]:
    """Outcomes of `jobs` as they finish; their order is the planned one with `processes` = 1.

    `jobs` is drawn from as work goes on, so that planning may be as lazy as it likes. What a killed
    run left in a folder is removed before the first result is written there. Raises what
    `Colorizer.open` raises where the model or device is not to be had.
    """
    jobs = _into_swept_folders(jobs)
    if processes == 1:
        from core.colorizer import Colorizer
        from core.job.life import run

        colorizer = Colorizer.open(model, device)
        with Interruption(signal.SIGINT, signal.SIGTERM) as interruption:
            for job in jobs:
                interruption.check()
                yield run(job, colorizer, check=interruption.check)
        return
    yield from _in_processes(jobs, model, device, processes)


def available_processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _into_swept_folders(jobs: Iterable[Job]) -> Iterator[Job]:
    swept: set[Path] = set()
    for job in jobs:
        folder = job.destination.parent
        if folder not in swept:
            swept.add(folder)
            clean_stale(folder)
        yield job


def _in_processes(jobs: Iterator[Job], model: str, device: str, processes: int):
    suspects: list[Job] = []
    pool = _pool(processes, model, device)
    running: dict[Future, Job] = {}
    try:
        while True:
            # Two files in hand for each process: none waits, and little is lost when one dies.
            for job in islice(jobs, 2 * processes - len(running)):
                running[_submit(pool, job)] = job
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                job = running.pop(future)
                try:
                    yield future.result()
                except BrokenProcessPool:
                    suspects.append(job)
            if suspects:
                suspects += running.values()
                running.clear()
                pool.shutdown(wait=True)
                for job in suspects:
                    outcome = _alone(job, model, device)
                    clean_stale(job.destination.parent)  # what the dead were writing
                    yield outcome
                suspects.clear()
                pool = _pool(processes, model, device)
    except BaseException:
        _stop(pool)
        raise
    pool.shutdown()


def _alone(job: Job, model: str, device: str) -> Outcome:
    """The job in a process of its own: whoever kills that one is to blame himself."""
    with _pool(1, model, device) as pool:
        try:
            return _submit(pool, job, 2).result()
        except BrokenProcessPool:
            failure = Failure("killed-its-worker", "the process that coloured it died, twice")
            return Outcome(
                str(job.source), str(job.destination), "failed", attempts=2, error=failure
            )


def _pool(processes: int, model: str, device: str) -> ProcessPoolExecutor:
    # fork would copy a terminal's progress thread in the middle of its work; a fork server listens
    # on a socket in the temporary folder, whose name may have 107 bytes.
    is_elsewhere = sys.platform in ("win32", "darwin")
    has_long_name = len(os.fsencode(tempfile.gettempdir())) > LONGEST_TEMPORARY_FOLDER
    method = "spawn" if is_elsewhere or has_long_name else "forkserver"
    return ProcessPoolExecutor(
        processes,
        mp_context=multiprocessing.get_context(method),
        initializer=_open_here,
        initargs=(model, device),
    )


def _submit(pool: ProcessPoolExecutor, job: Job, attempts: int = 1) -> Future:
    # Ctrl-C is the parent's to answer; whoever submits makes the processes, one by one
    with deaf_to_ctrl_c():
        return pool.submit(_run_here, job, attempts)


def _stop(pool: ProcessPoolExecutor) -> None:
    """Ends the processes at once; each removes the temporary file it was writing."""
    # Public only from Python 3.14 on, as terminate_workers().
    for process in list((pool._processes or {}).values()):
        process.terminate()
    pool.shutdown(wait=True, cancel_futures=True)


class _Here:
    """What one of the processes holds: its colorizer, or why it has none; whether it is at work."""

    colorizer: "Colorizer | PhotochromError"
    interruption: Interruption
    busy = False


def _open_here(model: str, device: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where `deaf_to_ctrl_c` can do nothing
    from core.colorizer import Colorizer

    threading.Thread(target=_leave_with_the_parent, daemon=True).start()
    _Here.interruption = Interruption(signal.SIGTERM, at_once=_leave_if_idle).__enter__()
    try:
        _Here.colorizer = Colorizer.open(model, device)
    except PhotochromError as error:  # raised here it would only say that the pool is broken
        _Here.colorizer = error


def _run_here(job: Job, attempts: int = 1) -> Outcome:
    from core.job.life import run

    if isinstance(_Here.colorizer, PhotochromError):
        raise _Here.colorizer
    _Here.busy = True
    try:
        check = _Here.interruption.check
        return run(job, _Here.colorizer, attempts=attempts, check=check)
    except InterruptedJob:
        os._exit(EXIT_INTERRUPTED)  # its temporary file is gone, and nobody waits
    finally:
        _Here.busy = False


def _leave_with_the_parent() -> None:
    """A parent that was killed says nothing: its end is waited for, and is the end here too."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(EXIT_INTERRUPTED)


def _leave_if_idle() -> None:
    if not _Here.busy:
        os._exit(EXIT_INTERRUPTED)
