"""Several batches at once: none waits behind another, and some may be hastened or held."""

from collections.abc import Iterator
from itertools import islice

from tests.worker.stage import Stage, wait_until
from tests.worker.test_invariant import make_empty_scans
from worker.ledger import Ledger


def submit_empty(stage: Stage, name: str, count: int, *more: object) -> str:
    """A batch of scans that need no content."""
    whole, stage.scans = stage.scans, stage.folder / name
    make_empty_scans(stage, count)
    batch = stage.submit("--name", name, *more)
    stage.scans = whole
    return batch


def enlarge(stage: Stage, batch: str, count: int) -> None:
    """Puts scans without files into the ledger, until the batch has `count` of them: for the queue
    as good as submitted ones, and there in seconds."""
    ledger = Ledger(stage.redis.url)
    about = ledger.batch(batch)
    names = (f"more/{number:05d}.tif" for number in range(count - stage.numbers(batch)["scans"]))
    for names_of_one_step in batched(names, 500):
        ledger.ask(
            batch,
            [(f"{about.source}/{n}", f"{about.destination}/{n}", None) for n in names_of_one_step],
        )


def batched(items: Iterator[str], size: int) -> Iterator[list[str]]:
    while some := list(islice(items, size)):
        yield some


def test_a_small_batch_does_not_wait_behind_one_of_50000(stage: Stage):
    """In scans of the big one, not in seconds: so it says the same on a busy machine."""
    big = submit_empty(stage, "big", 100)
    enlarge(stage, big, 50_000)
    stage.worker(trouble="long", LONG="0.1")
    wait_until(lambda: stage.over(big) > 2, "the big one to be at work")
    small = submit_empty(stage, "small", 4)
    before = stage.over(big)
    wait_until(lambda: stage.over(small) > 0 or stage.numbers(small)["running"] > 0, "it to begin")
    # What two processes have in hand, and one message each that was on its way already.
    assert stage.over(big) - before < 10
    wait_until(lambda: stage.finished(small), "the small one to be done")
    # Of two processes that take turns each has at most one scan of the big one for one of these.
    assert stage.over(big) - before < 20 and stage.numbers(big)["scans"] == 50_000


def test_batches_are_served_by_their_priority(stage: Stage):
    low = submit_empty(stage, "low", 90, "--priority", "low")
    high = submit_empty(stage, "high", 90, "--priority", "high")
    stage.worker(trouble="long", LONG="0.02", patience={"MESSAGE_TIME": 0.0})
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
