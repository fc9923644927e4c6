"""Several batches at once: none waits behind another, and some may be hastened or held."""

import pytest

from tests.worker.stage import Stage, wait_until
from tests.worker.test_invariant import make_empty_scans


def submit_empty(stage: Stage, name: str, count: int, *more: object) -> str:
    """A batch of scans that need no content."""
    whole, stage.scans = stage.scans, stage.folder / name
    make_empty_scans(stage, count)
    batch = stage.submit("--name", name, *more)
    stage.scans = whole
    return batch


@pytest.mark.parametrize("count", [
    pytest.param(400, id="short"),
    pytest.param(50_000, id="long", marks=[pytest.mark.soak, pytest.mark.timeout(900)]),
])  # fmt: skip
def test_a_small_batch_does_not_wait_behind_a_big_one(stage: Stage, count: int):
    big = submit_empty(stage, "big", count)
    stage.worker(trouble="long", LONG="0.1")
    wait_until(lambda: stage.over(big) > 2, "the big one to be at work")
    small = submit_empty(stage, "small", 4)
    before = stage.over(big)
    wait_until(lambda: stage.finished(small), "the small one to be done")
    # Of two processes that take turns each has at most one scan of the big one for one of these.
    assert stage.over(big) - before < 20


def test_batches_are_served_by_their_priority(stage: Stage):
    low = submit_empty(stage, "low", 90, "--priority", "low")
    high = submit_empty(stage, "high", 90, "--priority", "high")
    stage.worker(trouble="long", LONG="0.02", patience={"BOUT": 0.0})
    wait_until(lambda: stage.over(high) == 90, "the high one to be done")
    assert stage.over(low) < 35
    assert stage.wait(low)["done"] == 90


def test_a_paused_batch_begins_nothing_until_it_is_resumed_and_others_go_on(stage: Stage):
    held = submit_empty(stage, "held", 60)
    other = submit_empty(stage, "other", 10)
    assert "batch resume" in stage.call("batch", "pause", held)
    stage.worker(concurrency=1, trouble="long", LONG="0.01")
    assert stage.wait(other)["done"] == 10
    wait_until(lambda: stage.redis.client.llen("photochrom:scans") == 0, "messages to be dropped")
    assert stage.over(held) == 0 and stage.status(held)["state"] == "paused"
    stage.call("batch", "resume", held)
    assert stage.wait(held)["done"] == 60
    assert {line["attempts"] for line in stage.report(held)} == {1}
