"""Large batches: what damage, numbers and duplicates cost. Long forms run with `-m soak`."""

import re
import time
from typing import Any

import psutil
import pytest

from tests.photographs import gray, save
from tests.worker.stage import Stage, make_scans, wait_until


def memory_of(worker) -> int:
    """Bytes of the worker's processes together, each counting what is its own."""
    return sum(process.memory_full_info().uss for process in worker.family())


def is_at_work(process: psutil.Process) -> bool:
    """Whether it lives; one that is dead and that nobody has asked about yet does not."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def make_corrupt(stage: Stage, count: int) -> None:
    """Pictures cut short, a thousand a folder, all different."""
    whole = save(stage.folder / "whole.jpg", gray(60, 80)).read_bytes()
    for number in range(count):
        path = stage.scans / f"bad{number // 1000}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(whole[: len(whole) // 2] + str(number).encode())


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        pytest.param(20, 400, id="short"),
        pytest.param(200, 10_000, id="long", marks=[pytest.mark.soak, pytest.mark.timeout(1200)]),
    ],
)
def test_damage_is_listed_and_costs_neither_the_good_ones_nor_memory(
    stage: Stage, good: int, bad: int
):
    make_scans(stage.scans, good)
    make_corrupt(stage, bad)
    worker = stage.worker()
    wait_until(lambda: stage.redis.client.zcard("photochrom:workers"), "the worker")
    batch = stage.submit()
    wait_until(lambda: stage.over(batch) > (good + bad) // 4, "a quarter", 600)
    early = memory_of(worker)
    numbers = stage.wait(batch, 900)
    assert (numbers["done"], numbers["failed"]) == (good, bad)
    reasons = [line["error"] for line in stage.report(batch) if "error" in line]
    assert len(reasons) == bad and {reason["kind"] for reason in reasons} == {"truncated"}
    assert memory_of(worker) < early + (20 << 20)
    assert len(list(stage.results.rglob("*.jpg"))) == good


def test_a_message_brings_a_process_to_more_than_one_quick_scan(stage: Stage, monkeypatch):
    """Four messages in five seconds would be a minute and more, one scan each."""
    monkeypatch.setattr("worker.policy.AHEAD", 4)
    make_corrupt(stage, 60)
    batch = stage.submit()
    stage.worker(patience={"AHEAD": 4, "ROUND": 5.0})
    numbers = stage.wait(batch, 40)
    assert numbers["failed"] == 60 and numbers["running"] == 0
    assert all(line["attempts"] == 1 for line in stage.report(batch))


@pytest.mark.parametrize(
    "count",
    [
        pytest.param(2_000, id="short"),
        pytest.param(50_000, id="long", marks=[pytest.mark.soak, pytest.mark.timeout(1200)]),
    ],
)
def test_scans_cost_little_redis_and_no_memory(stage: Stage, count: int):
    """Planned, queued, finished and reported, with work that takes no time."""
    for number in range(count):
        path = stage.scans / f"box-{number // 1000:03d}" / f"glass-plate-{number:06d}_recto.tif"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    client: Any = stage.redis.client
    before = client.info("memory")["used_memory"]
    submission = stage.start(
        "batch", "submit", stage.scans, "-o", stage.results, "--model", "tiny", "--json"
    )
    peak = 0
    while submission.poll() is None:
        peak = max(peak, psutil.Process(submission.pid).memory_info().rss)
        time.sleep(0.05)
    assert submission.returncode == 0
    assert peak < 300 << 20, f"{peak >> 20} MiB"
    batch = stage.status()["batch"]
    # Celery keeps a timer of half a kilobyte for each scan until its time limit has passed.
    worker = stage.worker("--time-limit", 15, trouble="nothing")
    wait_until(lambda: stage.over(batch) > count // 4, "a quarter", 600)
    early = memory_of(worker)
    assert stage.wait(batch, 900)["done"] == count
    assert memory_of(worker) < early + (20 << 20)
    assert len(stage.report(batch)) == count
    wait_until(lambda: not client.hlen("photochrom:unacked"), "the last to be let go")
    used = client.info("memory")["used_memory"] - before
    # Beside the ledger there are connections and scripts, which do not grow with the scans.
    assert used < 400 * count + (1 << 20), f"{used / count:.0f} bytes a scan"


def test_a_clock_that_is_off_does_no_harm_and_is_told(stage: Stage):
    make_scans(stage.scans, 30)
    stage.worker(concurrency=1, trouble="skewed")
    stage.worker(concurrency=1, trouble="slow")
    wait_until(lambda: stage.redis.client.zcard("photochrom:workers") == 2, "both workers")
    batch = stage.submit()
    assert stage.wait(batch)["done"] == 30
    assert all(line["attempts"] == 1 for line in stage.report(batch))
    assert "7200.0 s off (harmless here)" in stage.call("batch", "status", batch)


def test_a_redis_that_fills_up_in_the_middle_is_waited_for(stage: Stage):
    make_scans(stage.scans, 40)
    batch = stage.submit()
    stage.worker(concurrency=1, trouble="slow")
    wait_until(lambda: stage.over(batch) > 3, "some scans")
    stage.redis.client.config_set("maxmemory", 100_000)
    before = stage.over(batch)
    time.sleep(3)
    assert stage.over(batch) <= before + 1
    stage.redis.client.config_set("maxmemory", 0)
    assert stage.wait(batch)["done"] == 40
    assert not stage.strays()


def test_children_do_not_outlive_a_worker_that_was_killed(stage: Stage):
    worker = stage.worker()
    wait_until(lambda: len(worker.family()) > 2, "the children")
    parent, *children = worker.family()
    parent.kill()
    wait_until(lambda: not any(map(is_at_work, children)), "them to leave", 20)


def test_children_at_work_leave_with_their_parent_where_the_system_does_not_end_them(stage: Stage):
    make_scans(stage.scans, 2)
    batch = stage.submit()
    worker = stage.worker(trouble="unlinked")
    wait_until(lambda: stage.numbers(batch)["running"] == 2, "both to be at work")
    parent, *children = worker.family()
    parent.kill()
    wait_until(lambda: not any(map(is_at_work, children)), "them to leave", 20)


def test_a_scan_delivered_many_times_is_done_once(stage: Stage):
    from worker.application import application, publish

    make_scans(stage.scans, 20)
    batch = stage.submit()
    client: Any = stage.redis.client
    scans = [scan.decode() for scan in client.hkeys(f"photochrom:batch:{batch}:asked")]
    app = application(stage.redis.url)
    for _ in range(4):
        publish(app, "scans", batch, scans)
    workers = [stage.worker(concurrency=1, trouble="slow") for _ in range(2)]
    assert stage.wait(batch)["done"] == 20
    assert all(line["attempts"] == 1 for line in stage.report(batch))
    wait_until(lambda: client.llen("photochrom:scans") == 0, "the rest to be dropped")
    assert all(worker.is_alive() for worker in workers) and not stage.strays()
    for worker in workers:  # eighty messages for nothing are one line of each kind
        lines = worker.log.read_text().splitlines()
        assert sum("is not coloured here now" in line for line in lines) <= 3, lines
        assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", line) for line in lines), lines
