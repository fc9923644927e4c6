"""Workers that work at certain hours, and no faster than they are told."""

import time

import pytest

from core.errors import OptionsError
from tests.worker.stage import Stage, wait_until
from tests.worker.test_invariant import make_empty_scans
from worker.schedule import WorkHours, rate_of


def minutes_from_now(minutes: int) -> str:
    return time.strftime("%H:%M", time.localtime(time.time() + 60 * minutes))


def test_a_worker_begins_nothing_outside_its_hours_and_status_says_so(stage: Stage):
    make_empty_scans(stage, 6)
    batch = stage.submit()
    # Its patience with a queue from which nothing is taken is over long before the test is.
    resting = stage.worker(
        "--hours",
        f"{minutes_from_now(60)}-{minutes_from_now(120)}",
        trouble="nothing",
        patience={"STALLED": 1.0, "STALLED_AT_FIRST": 1.0},
    )
    said = "every worker waits for its --hours"
    wait_until(lambda: said in stage.call("batch", "status", batch), "status to say so")
    time.sleep(3)  # nothing may happen, which no event tells
    assert stage.over(batch) == 0 and "begins anew" not in resting.log.read_text()
    hours = f"{minutes_from_now(-60)}-{minutes_from_now(60)}"
    stage.worker("--hours", hours, concurrency=1, trouble="nothing")
    assert stage.wait(batch)["done"] == 6


def test_a_worker_is_no_faster_than_its_rate(stage: Stage):
    make_empty_scans(stage, 12)
    batch = stage.submit()
    stage.worker("--rate", "2/s", trouble="nothing")
    wait_until(lambda: stage.over(batch), "the first")
    begin = time.monotonic()
    assert stage.wait(batch)["done"] == 12
    # The first and one that was on its way are free, and so are two that may be saved up.
    assert time.monotonic() - begin > (12 - 4) / 2
    assert {line["attempts"] for line in stage.report(batch)} == {1}


def test_hours_and_rates_are_understood_or_refused_by_name():
    night, day = WorkHours.of("20:00-06:00"), WorkHours.of("9:30-17:00")
    assert [night.has(60 * hour) for hour in (19, 20, 23, 0, 5, 6)] == [0, 1, 1, 1, 1, 0]
    assert [day.has(minute) for minute in (569, 570, 1019, 1020)] == [False, True, True, False]
    assert [rate_of(text) for text in ("2/s", "30/m", "1800/h")] == [2, 0.5, 0.5]
    for text in ("20-6", "25:00-06:00", "20:61-06:00", "20:00-20:00", ""):
        with pytest.raises(OptionsError, match="--hours"):
            WorkHours.of(text)
    for text in ("2", "0/s", "2/d", "fast"):
        with pytest.raises(OptionsError, match="--rate"):
            rate_of(text)
