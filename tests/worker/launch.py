"""`photochrom`, with the queue's patience shortened and, where a test wants it, trouble made.

Arguments: JSON {"policy": {...}, "trouble": name}, then those of the command. The trouble is made
where work meets the machine, `core.job.run`; the queue itself is the real one.
"""

import json
import os
import signal
import sys
import time

from worker import policy


def main() -> None:
    told = json.loads(sys.argv.pop(1))
    for name, value in told["policy"].items():
        assert hasattr(policy, name), name
        setattr(policy, name, value)
    if not told["tries_model"]:  # two seconds of imports that most tests need not wait for
        import worker.service

        worker.service._try_in_a_process_of_its_own = lambda model, device: None
    if frames := os.environ.get("SEGMENT_FRAMES"):
        from core.film import segments

        segments.FRAMES, segments.LEAD = int(frames), 6
    if told["trouble"]:
        _make_trouble(told["trouble"])
    from core.commands.main import main as photochrom

    photochrom()


def _make_trouble(name: str) -> None:
    if name == "skewed":  # the machine's clock is two hours ahead
        true = time.time
        time.time = lambda: true() + 7200
        return
    if name == "deaf":
        _block_the_main_thread_once(after=5)
        name = "slow"
    if name == "unready":  # each process finds the disk full when it begins
        _fail_once_to_warm_up()
        name = "nothing"
    if name == "unlinked":  # the system does not end children with their parent
        import celery.platforms

        celery.platforms.set_pdeathsig = lambda name: None
    import core.job
    from core.job import Outcome

    real = core.job.run

    def poison(job, colorizer, **how):
        if "poison" in job.source.name:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(job, colorizer, **how)

    def slow(job, colorizer, **how):
        time.sleep(0.2)
        return real(job, colorizer, **how)

    def unlinked(job, colorizer, **how):
        time.sleep(300)

    def long(job, colorizer, **how):
        time.sleep(float(os.environ["LONG"]))
        return nothing(job, colorizer, **how)

    def nothing(job, colorizer, **how):
        return Outcome(
            str(job.source), str(job.destination), "done", key="ab" * 32, pixels=1, seconds=0.0
        )

    core.job.run = {
        "poison": poison,
        "slow": slow,
        "nothing": nothing,
        "unlinked": unlinked,
        "long": long,
    }[name]


def _fail_once_to_warm_up() -> None:
    """In each process, which inherits that nothing has been tried."""
    import worker.process

    real, tried = worker.process.warm_up, []

    def warm_up(colorizer):
        tried.append(1)
        if len(tried) == 1:
            raise OSError(27, "File too large")
        real(colorizer)

    worker.process.warm_up = warm_up


def _block_the_main_thread_once(after: int) -> None:
    """At the message after so many; the process that replaces this one is spared."""
    import threading

    import worker.messages

    if os.environ.get("BLOCKED_BEFORE"):
        return
    real, taken = worker.messages.fault_of, []

    def blocking(headers, body):
        taken.append(1)
        if len(taken) > after:
            os.environ["BLOCKED_BEFORE"] = "1"
            threading.Event().wait()
        return real(headers, body)

    worker.messages.fault_of = blocking


if __name__ == "__main__":
    main()
