"""Many jobs on several processes: the same files, and none can take the others with it."""

import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import InterruptedJob, ModelError
from core.job import Job, Outcome, pool, run_all
from core.job.interruption import Interruption, deaf_to_ctrl_c
from tests.job.deadly import Deadly, Hanging
from tests.photographs import gray, save


def jobs(folder: Path, out: str, count: int = 6) -> list[Job]:
    sources = [save(folder / f"in/{n}.png", gray(60, 80, seed=n)) for n in range(count)]
    return [Job(source, folder / out / source.name) for source in sources]


def test_one_process_and_two_give_the_same_bytes(tmp_path, model):
    for processes in (1, 2):
        outcomes = list(
            run_all(jobs(tmp_path, f"out{processes}"), model=str(model), processes=processes)
        )
        assert [outcome.status for outcome in outcomes] == ["done"] * 6
    for path in (tmp_path / "out1").iterdir():
        assert path.read_bytes() == (tmp_path / "out2" / path.name).read_bytes()


@pytest.mark.parametrize("processes", [1, 2])
def test_what_a_killed_run_left_in_a_folder_is_removed_by_the_next(tmp_path, model, processes):
    left = tmp_path / "out/.0.png.photochrom-1-00000000.tmp"
    left.parent.mkdir()
    left.touch()
    work = jobs(tmp_path, "out", 2)
    assert all(o.status == "done" for o in run_all(work, model=str(model), processes=processes))
    assert sorted(path.name for path in left.parent.iterdir()) == ["0.png", "1.png"]


@pytest.mark.parametrize("length", [75, 76, 140])
def test_a_long_name_of_the_temporary_folder_is_no_hindrance(tmp_path, model, length):
    """A fork server's socket lies in it, and a socket's name is short."""
    sources = [job.source for job in jobs(tmp_path, "out", 2)]
    name = "t" * (length - len("/tmp/") - 8)  # eight more are tempfile's own
    with tempfile.TemporaryDirectory(prefix=name, dir="/tmp") as folder:
        assert len(folder) == length
        subprocess.run(
            [
                sys.executable,
                "-c",
                "from core.commands.main import main; main()",
                "colorize",
                *sources,
                "-o",
                tmp_path / "out",
                "--model",
                model,
                "--jobs",
                "2",
            ],
            env=os.environ | {"TMPDIR": folder},
            check=True,
        )
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_a_model_that_is_not_there_is_an_error_before_any_work(tmp_path):
    with pytest.raises(ModelError, match="no such model file"):
        list(run_all(jobs(tmp_path, "out"), model=str(tmp_path / "no.onnx"), processes=2))
    assert not (tmp_path / "out").exists()


def test_a_scan_that_kills_its_process_is_listed_and_the_others_are_done(tmp_path, model):
    work = jobs(tmp_path, "out")
    work[2] = replace(work[2], source=Deadly(work[2].source))
    outcomes = {Path(o.source).name: o for o in run_all(work, model=str(model), processes=2)}
    failed = [name for name, outcome in outcomes.items() if outcome.status == "failed"]
    assert len(outcomes) == 6 and failed == ["2.png"]
    assert outcomes["2.png"].error and outcomes["2.png"].error.kind == "killed-its-worker"
    assert outcomes["2.png"].attempts == 2
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        f"{n}.png" for n in (0, 1, 3, 4, 5)
    ]


def test_whoever_kills_processes_loses_and_doubles_no_file(tmp_path, model):
    """SIGKILL and SIGTERM at random moments: in a decoder, while an answer is written, idle."""
    work = jobs(tmp_path, "out", 40)
    chance = random.Random(1)
    outcomes: list[Outcome] = []
    for outcome in run_all(work, model=str(model), processes=3):
        outcomes.append(outcome)
        if len(outcomes) % 4 == 0:
            victim = chance.choice(multiprocessing.active_children())
            assert victim.pid
            os.kill(victim.pid, chance.choice((signal.SIGKILL, signal.SIGTERM)))
    assert sorted(o.source for o in outcomes) == sorted(str(job.source) for job in work)
    for outcome in outcomes:  # skipped: its process died between the file's name and the answer
        is_there = outcome.output is not None and Path(outcome.output).exists()
        is_blamed = outcome.error is not None and outcome.error.kind == "killed-its-worker"
        assert is_there if outcome.status in ("done", "skipped") else is_blamed
    assert not list((tmp_path / "out").glob(".*"))


def test_a_process_that_hangs_holds_up_neither_the_others_nor_the_end(tmp_path, model, monkeypatch):
    """Whoever hung with a lock in its hand would do both."""
    monkeypatch.setattr(pool, "GRACE_S", 0.5)
    work = jobs(tmp_path, "out", 20)
    hanging = Hanging(work[0].source)
    outcomes = run_all([replace(work[0], source=hanging), *work[1:]], model=str(model), processes=2)
    assert [next(outcomes).status for _ in range(19)] == ["done"] * 19
    assert Path(f"{hanging}.opened").exists()
    outcomes.close()  # type: ignore[attr-defined]
    assert not multiprocessing.active_children()
    assert len(list((tmp_path / "out").iterdir())) == 19


@pytest.mark.parametrize(
    "rounds", [3, pytest.param(200, marks=(pytest.mark.soak, pytest.mark.timeout(3600)))]
)
def test_stopping_at_the_first_failure_always_comes_to_an_end(tmp_path, model, rounds):
    """A process that left at a signal with the queue of answers locked hung a third of the runs."""
    work = jobs(tmp_path, "out", 40)
    work[7].source.write_bytes(b"junk")
    for _ in range(rounds):
        for outcome in run_all(work, model=str(model), processes=4):
            if outcome.status == "failed":
                break
        assert not multiprocessing.active_children()
        assert not list((tmp_path / "out").glob(".*"))
        shutil.rmtree(tmp_path / "out")


def test_a_second_sigterm_does_not_end_what_is_being_written():
    """A service manager may send one to each process beside the parent's own."""
    before = signal.getsignal(signal.SIGTERM)
    with Interruption(signal.SIGTERM) as interruption:
        interruption.check()
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGTERM)
            with pytest.raises(InterruptedJob):
                interruption.check()
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="Windows has no signal masks")
def test_a_process_never_takes_ctrl_c_and_its_maker_takes_it_at_the_end():
    sleeper = "import time; print('here', flush=True); time.sleep(0.2); print('slept')"
    started = []
    with pytest.raises(KeyboardInterrupt), deaf_to_ctrl_c():
        process = subprocess.Popen([sys.executable, "-c", sleeper], stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout and process.stdout.readline() == b"here\n"
        os.kill(process.pid, signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
    assert started[0].communicate(timeout=20) == (b"slept\n", None)
