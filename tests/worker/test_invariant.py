"""No scan is forgotten: whatever is interrupted, one more call finds every scan in its place."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import pytest
import redis

from tests.worker.stage import Stage, wait_until


def make_empty_scans(stage: Stage, count: int) -> None:
    """Files without content: enough for what is planned and queued, never coloured."""
    for number in range(count):
        path = stage.scans / f"{number // 1000}" / f"{number:05d}.tif"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@contextmanager
def interrupted_at(step: int) -> Iterator[None]:
    """Ctrl-C before the so-manieth script that the command runs: each changes the ledger once."""
    real, given = redis.Redis.execute_command, []

    def counted(*arguments, **more):
        given.extend([1] if arguments[1] == "EVALSHA" else [])
        if given and len(given) >= step:
            raise KeyboardInterrupt
        return real(*arguments, **more)

    with mock.patch.object(redis.Redis, "execute_command", counted):
        yield


def assert_in_place(stage: Stage, batch: str, count: int) -> None:
    said = stage.call("batch", "check", batch)
    assert said.splitlines()[-1] == f"{count} scans, 0 of them misplaced"


@pytest.mark.parametrize("verb", ["retry", "submit", "cancel"])
def test_a_command_interrupted_at_every_step_is_made_good_by_one_more_call(
    stage: Stage, verb: str, monkeypatch: pytest.MonkeyPatch
):
    for module in ("submission", "retry"):
        monkeypatch.setattr(f"worker.{module}.CHUNK", 50)
    count = 140
    make_empty_scans(stage, count)
    submit = ("batch", "submit", stage.scans, "-o", stage.results, "--model", "tiny")
    batch = stage.submit()
    words = submit if verb == "submit" else ("batch", verb, batch)
    step = 0
    for step in range(1, 50):
        if verb == "retry":
            stage.call("batch", "cancel", batch)
        if verb == "submit":
            stage.redis.client.flushall()
        with interrupted_at(step):
            said = stage.call(*words, code=None)
        if "interrupted" not in said:
            break
        was_cancelled = stage.status(batch)["state"] == "cancelled" if verb == "retry" else False
        said = stage.call(*words)
        batch = stage.status()["batch"]
        assert_in_place(stage, batch, count)
        assert not was_cancelled or f"{count} scans are queued again" in said, (step, said)
    assert step > (1 if verb == "cancel" else 4)


@pytest.mark.parametrize("by", ["submit", "retry", "check", "worker"])
def test_scans_that_stand_in_no_list_are_put_back_and_told(
    stage: Stage, by: str, caplog: pytest.LogCaptureFixture
):
    make_empty_scans(stage, 40)
    batch = stage.submit()
    key = f"photochrom:batch:{batch}"
    stage.redis.client.delete(f"{key}:backlog", f"{key}:issued", "photochrom:scans")
    said = stage.call("batch", "check", batch, code=1)
    assert "00007.tif: is queued and in no list" in said or "40 of them misplaced" in said
    if by == "worker":
        worker = stage.worker(concurrency=1, trouble="nothing")
        assert stage.wait(batch)["done"] == 40
        assert f"40 scans of {batch} were in no list" in worker.log.read_text()
    elif by == "check":
        assert "40 scans are put back" in stage.call("batch", "check", batch, "--heal")
    elif by == "retry":
        assert "40 scans are queued again" in stage.call("batch", "retry", batch)
    else:
        assert stage.submit() == batch
        assert f"40 scans of {batch} were in no list" in caplog.text
    assert_in_place(stage, batch, 40)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("verb", ["retry", "submit", "cancel"])
def test_a_command_killed_at_fifty_random_moments_is_made_good_by_one_more_call(
    stage: Stage, verb: str
):
    import random

    count, chance = 20_000, random.Random(7)
    make_empty_scans(stage, count)
    submit = ("batch", "submit", stage.scans, "-o", stage.results, "--model", "tiny")
    batch = stage.submit()
    words = submit if verb == "submit" else ("batch", verb, batch)
    for _ in range(50):
        if verb == "retry":
            stage.call("batch", "cancel", batch)
        if verb == "submit":
            stage.redis.client.flushall()
        process = stage.start(*words)
        with pytest.MonkeyPatch.context():
            try:
                process.wait(chance.uniform(0.5, 4))
            except Exception:
                process.send_signal(signal.SIGKILL)
        process.communicate()
        stage.call(*words)
        batch = stage.status()["batch"]
        assert_in_place(stage, batch, count)


@pytest.mark.parametrize(
    ("scan", "pause", "times", "patience"),
    [
        pytest.param(4, 3.5, 1, {"REDIS_TIMEOUT": 1.0}, id="short"),
        pytest.param(
            40,
            36,
            3,
            {"LEASE": 30.0, "REDIS_TIMEOUT": 10.0, "STALLED": 30.0, "WARM_STOP": 15.0},
            id="long",
            marks=[pytest.mark.soak, pytest.mark.timeout(900)],
        ),
    ],
)
def test_a_redis_that_pauses_for_longer_than_a_lease_counts_no_attempt(
    stage: Stage, scan: float, pause: float, times: int, patience: dict[str, float]
):
    make_empty_scans(stage, 2 * times)
    batch = stage.submit()
    for _ in range(2):
        stage.worker(concurrency=1, trouble="long", patience=patience, LONG=str(scan))
    for _ in range(times):
        wait_until(lambda: stage.numbers(batch)["running"] == 2, "both to be at work")
        stage.redis.pause(pause)
    numbers = stage.wait(batch, 60 + 10 * scan)
    assert numbers["done"] == 2 * times and numbers["failed"] == 0
    assert {line["attempts"] for line in stage.report(batch)} == {1}
    assert_in_place(stage, batch, 2 * times)
