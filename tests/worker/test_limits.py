"""What a batch allows each of its scans: attempts and seconds."""

import pytest

from tests.worker.stage import Stage, make_scans, wait_until
from tests.worker.test_invariant import make_empty_scans


def test_a_scan_that_takes_longer_than_its_batch_allows_is_given_up_and_others_go_on(stage: Stage):
    make_empty_scans(stage, 1)
    late = stage.submit("--time-limit", 1, "--max-attempts", 2)
    worker = stage.worker(concurrency=1, trouble="long", LONG="4")
    numbers = stage.wait(late)
    assert numbers["failed"] == 1 and numbers["running"] == 0
    [line] = stage.report(late)
    assert line["error"]["kind"] == "killed-its-worker" and line["attempts"] == 2
    assert "killed its worker 2 times" in line["error"]["message"]
    said = worker.log.read_text()
    assert f"{line['source']} took longer than its batch allows" in said
    assert f"{line['source']} of {late}: its process died; it is tried again" in said
    # More is allowed now; the worker is well.
    stage.call("batch", "retry", late, "--time-limit", 60)
    wait_until(lambda: stage.numbers(late)["done"] == 1, "it to be done")


@pytest.mark.parametrize("attempts", [1, 3])
def test_a_fault_that_may_pass_is_tried_as_often_as_the_batch_allows(stage: Stage, attempts: int):
    [scan] = make_scans(stage.scans, 1)
    batch = stage.submit("--max-attempts", attempts)
    scan.unlink()
    stage.worker(concurrency=1, patience={"FIRST_PAUSE": 0.1})
    assert stage.wait(batch)["failed"] == 1
    [line] = stage.report(batch)
    assert line["attempts"] == attempts and line["error"]["kind"] == "vanished"
