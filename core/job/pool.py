"""Runs many jobs on several processes, each with its own warm model; one may die alone.

Each process has a pipe of its own to the parent. No lock and no queue is shared, so a process may
die at any moment, in a native decoder or killed by the system, and only the file that it was
colouring is affected: that file is tried once more in a new process, and is listed as failed if
it kills that one too. Heavy libraries are imported in the processes alone.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from multiprocessing import connection
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Final, NamedTuple

from core.errors import EXIT_INTERRUPTED, Failure, InterruptedJob, PhotochromError
from core.image.atomic import clean_stale
from core.job.interruption import Interruption, deaf_to_ctrl_c
from core.job.job import Job, Outcome

#: Longest name, in bytes, of a temporary folder in which a fork server's socket fits: Linux allows
#: 107 bytes, of which `/pymp-xxxxxxxx/listener-xxxxxxxx` takes 32.
LONGEST_TEMPORARY_FOLDER: Final = 107 - 32
#: How often a file may be begun; it is begun again only where its process has died.
MOST_ATTEMPTS: Final = 2
#: Seconds that a process that was told to stop may take to finish its strip or inference.
GRACE_S: Final = 30.0


def run_all(
    jobs: Iterable[Job], *, model: str, device: str = "auto", processes: int = 1
) -> Iterator[Outcome]:
    """Yields the outcomes of `jobs` as they finish, in the planned order with `processes` = 1.

    `jobs` is consumed as the work goes on, so that planning may be lazy. Temporary files that a
    killed run left in a folder are removed before the first result is written there. When the
    iterator is closed or an exception ends it, all processes have stopped and have removed their
    temporary files. Raises what `Colorizer.open` raises where the model or device is unavailable.
    """
    jobs = _into_swept_folders(jobs)
    if processes == 1:
        from core.colorizer import Colorizer
        from core.job.one_file import run

        colorizer = Colorizer.open(model, device)
        with Interruption(signal.SIGINT, signal.SIGTERM) as interruption:
            for job in jobs:
                interruption.check()
                yield run(job, colorizer, check=interruption.check)
        return
    pool = _Pool(processes, model, device)
    try:
        yield from pool.outcomes(jobs)
    finally:
        pool.stop()


def _into_swept_folders(jobs: Iterable[Job]) -> Iterator[Job]:
    swept: set[Path] = set()
    for job in jobs:
        folder = job.destination.parent
        if folder not in swept:
            swept.add(folder)
            clean_stale(folder)
        yield job


class _Attempt(NamedTuple):
    """A job and how often it has been begun, this time included."""

    job: Job
    number: int


class _Pool:
    """The processes, and the jobs that are to be tried again."""

    def __init__(self, processes: int, model: str, device: str) -> None:
        self._count, self._model, self._device = processes, model, device
        self._context = _context()
        self._processes: list[_Process] = []
        self._again: deque[_Attempt] = deque()

    def outcomes(self, jobs: Iterator[Job]) -> Iterator[Outcome]:
        """Runs all `jobs`; yields outcomes as they come."""
        for _ in range(self._count):
            self._processes.append(_Process(self._context, self._model, self._device))
        while True:
            # One job at a time: a second job in the pipe of a process that hangs would wait for it.
            for process in self._processes:
                if process.attempt is None and (attempt := self._next(jobs)):
                    process.give(attempt)
            at_work = {p.connection: p for p in self._processes if p.attempt}
            if not at_work:
                return
            for ready in connection.wait(list(at_work)):
                outcome = self._answer_of(at_work[ready])  # type: ignore[index]
                if outcome is not None:
                    yield outcome

    def _next(self, jobs: Iterator[Job]) -> _Attempt | None:
        if self._again:
            return self._again.popleft()
        job = next(jobs, None)
        return _Attempt(job, 1) if job else None

    def _answer_of(self, process: "_Process") -> Outcome | None:
        """Returns a process's outcome; None where it died and its file is to be tried again."""
        try:
            answer = process.connection.recv()
        except (EOFError, OSError):
            return self._replaced(process)
        if isinstance(answer, PhotochromError):
            raise answer
        process.attempt = None
        return answer

    def _replaced(self, dead: "_Process") -> Outcome | None:
        """Starts a process in the place of a dead one; its file is tried again, or has failed."""
        dead.stop(time.monotonic() + GRACE_S)
        new = _Process(self._context, self._model, self._device)
        self._processes[self._processes.index(dead)] = new
        assert dead.attempt is not None
        job, number = dead.attempt
        if number < MOST_ATTEMPTS:
            self._again.append(_Attempt(job, number + 1))
            return None
        failure = Failure("killed-its-worker", "the process that coloured it died, twice")
        return Outcome(
            str(job.source), str(job.destination), "failed", attempts=number, error=failure
        )

    def stop(self) -> None:
        """Ends all processes, those at work at their next strip."""
        for process in self._processes:
            process.ask_to_stop()
        deadline = time.monotonic() + GRACE_S
        for process in self._processes:
            process.stop(deadline)


class _Process:
    """One process as its parent sees it. `attempt` is the job that it is working on, if any."""

    def __init__(self, context: BaseContext, model: str, device: str) -> None:
        self.attempt: _Attempt | None = None
        self.connection, other_end = context.Pipe()
        self._process = context.Process(  # type: ignore[attr-defined]
            target=_serve, args=(other_end, model, device), daemon=True
        )
        with deaf_to_ctrl_c():  # the parent alone handles Ctrl-C
            self._process.start()
        other_end.close()  # so that the pipe ends when the process does

    def give(self, attempt: _Attempt) -> None:
        self.attempt = attempt
        with contextlib.suppress(OSError):  # it died, which `_answer_of` notices
            self.connection.send(attempt)

    def ask_to_stop(self) -> None:
        self.connection.close()  # ends one that waits, for a job or for its answer to be read
        if self.attempt:
            self._process.terminate()  # ends one at work

    def stop(self, deadline: float) -> None:
        """Waits for the process to end until `deadline` (monotonic seconds), then kills it, and
        removes its temporary files.
        """
        self.ask_to_stop()
        self._process.join(max(0.0, deadline - time.monotonic()))
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        if self.attempt:
            clean_stale(self.attempt.job.destination.parent)


def _context() -> BaseContext:
    # `fork` would copy the thread that draws the progress bar in the middle of its work. A fork
    # server listens on a socket in the temporary folder, whose name has a limit.
    is_elsewhere = sys.platform in ("win32", "darwin")
    has_long_name = len(os.fsencode(tempfile.gettempdir())) > LONGEST_TEMPORARY_FOLDER
    return multiprocessing.get_context("spawn" if is_elsewhere or has_long_name else "forkserver")


def _serve(parent: connection.Connection, model: str, device: str) -> None:
    """Runs in each process: sends an `Outcome` for each `_Attempt` until the pipe ends.

    It sends the error instead where no colorizer can be opened. SIGTERM ends it at the next strip;
    it sends nothing then.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where `deaf_to_ctrl_c` can do nothing
    from core.colorizer import Colorizer
    from core.job.one_file import run

    with Interruption(signal.SIGTERM) as interruption:
        threading.Thread(target=_stop_with_the_parent, args=(interruption,), daemon=True).start()
        try:
            colorizer = Colorizer.open(model, device)
        except PhotochromError as error:
            _answer(parent, error)
            return
        for job, number in _received(parent):
            try:
                outcome = run(job, colorizer, attempts=number, check=interruption.check)
            except InterruptedJob:
                sys.exit(EXIT_INTERRUPTED)
            _answer(parent, outcome)


def _received(parent: connection.Connection) -> Iterator[_Attempt]:
    with contextlib.suppress(EOFError, OSError):  # the parent's end is closed
        while True:
            yield parent.recv()


def _answer(parent: connection.Connection, answer: Outcome | PhotochromError) -> None:
    with contextlib.suppress(OSError):  # nobody waits for it
        parent.send(answer)


def _stop_with_the_parent(interruption: Interruption) -> None:
    """Waits for the parent to end, then ends this process: a killed parent cannot tell it to."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        interruption.request()
        threading.main_thread().join(GRACE_S)
        os._exit(EXIT_INTERRUPTED)
