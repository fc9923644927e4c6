"""Many jobs on several processes: the same files, and none can take the others with it."""

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from core.errors import ModelError
from core.job import Job, Outcome, run_all
from core.job import pool as pool_module
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


def test_a_model_that_is_not_there_is_an_error_before_any_work(tmp_path):
    with pytest.raises(ModelError, match="no such model file"):
        list(run_all(jobs(tmp_path, "out"), model=str(tmp_path / "no.onnx"), processes=2))
    assert not (tmp_path / "out").exists()


def test_a_scan_that_kills_its_process_is_listed_and_the_others_are_done(
    tmp_path, model, monkeypatch
):
    from core.job.life import run as real_run

    def deadly(job: Job, colorizer, **settings) -> Outcome:
        if job.source.name == "2.png":
            os.kill(os.getpid(), signal.SIGKILL)
        return real_run(job, colorizer, **settings)

    # Only a forked process sees the patch; the pool's own way of starting them is another.
    monkeypatch.setattr("core.job.life.run", deadly)
    monkeypatch.setattr(
        pool_module.multiprocessing, "get_context", lambda _: multiprocessing.context.ForkContext()
    )
    outcomes = {
        Path(outcome.source).name: outcome
        for outcome in run_all(jobs(tmp_path, "out"), model=str(model), processes=2)
    }
    failed = {name: outcome for name, outcome in outcomes.items() if outcome.status == "failed"}
    assert len(outcomes) == 6 and list(failed) == ["2.png"]
    error = failed["2.png"].error
    assert error and error.kind == "killed-its-worker" and failed["2.png"].attempts == 2
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        f"{n}.png" for n in (0, 1, 3, 4, 5)
    ]
