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
        setattr(policy, name, value)
    if not told["tries_model"]:  # two seconds of imports that most tests need not wait for
        import worker.serving

        worker.serving._try_in_a_process_of_its_own = lambda model, device: None
    if told["trouble"]:
        _make_trouble(told["trouble"])
    from core.commands.main import main as photochrom

    photochrom()


def _make_trouble(name: str) -> None:
    if name == "skewed":  # the machine's clock is two hours ahead
        true = time.time
        time.time = lambda: true() + 7200
        return
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

    def nothing(job, colorizer, **how):
        return Outcome(
            str(job.source), str(job.destination), "done", key="ab" * 32, pixels=1, seconds=0.0
        )

    core.job.run = {"poison": poison, "slow": slow, "nothing": nothing}[name]


if __name__ == "__main__":
    main()
