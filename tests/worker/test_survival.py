"""Nothing is lost and nothing is done twice, whatever is killed. Long forms run with `-m soak`."""

import json
import random
import subprocess
import time
from pathlib import Path

import pytest

from tests.photographs import gray, save
from tests.worker.stage import Stage, files_under, make_scans, wait_until

#: (scans, kills) of the short and of the long form.
SIZES = [
    pytest.param(80, 6, id="short"),
    pytest.param(500, 20, id="long", marks=[pytest.mark.soak, pytest.mark.timeout(900)]),
]


def assert_whole(stage: Stage, batch: str, count: int) -> None:
    """All results are there, byte for byte those of an undisturbed run, and the ledger knows."""
    numbers = stage.numbers(batch)
    assert numbers["done"] + numbers["skipped"] == count, stage.call("batch", "status", batch)
    assert numbers["failed"] == numbers["running"] == 0
    undisturbed = stage.folder / "undisturbed"
    stage.call("colorize", stage.scans, "-o", undisturbed, "--model", "tiny", "--quiet")
    expected, found = dict(files_under(undisturbed)), dict(files_under(stage.results))
    assert sorted(found) == sorted(expected)
    assert [name for name in expected if found[name] != expected[name]] == []
    assert not stage.strays()
    assert {line["status"] for line in stage.report(batch)} <= {"done", "skipped"}


@pytest.mark.parametrize(("count", "kills"), SIZES)
def test_processes_killed_at_random_cost_no_scan(stage: Stage, count: int, kills: int):
    make_scans(stage.scans, count)
    batch = stage.submit()
    workers = [stage.worker(trouble="slow" if count < 100 else "") for _ in range(2)]
    wait_until(lambda: stage.over(batch) > 0, "the first scan")
    chance = random.Random(5)
    for number in range(kills):
        before = stage.over(batch)
        place = chance.randrange(2)
        # Every third time the parent, otherwise one of its children, as systemd would replace it.
        family = workers[place].family()
        victim = family[0] if number % 3 == 2 or len(family) == 1 else chance.choice(family[1:])
        victim.kill()
        if victim.pid == workers[place].process.pid:
            workers[place] = stage.worker(trouble="slow" if count < 100 else "")
        wait_until(lambda n=before: stage.over(batch) > n or stage.finished(batch), "work to go on")
    stage.wait(batch, 60 + count)
    assert_whole(stage, batch, count)


@pytest.mark.parametrize(
    ("count", "kills"),
    [
        pytest.param(60, 2, id="short"),
        pytest.param(500, 3, id="long", marks=[pytest.mark.soak, pytest.mark.timeout(900)]),
    ],
)
def test_redis_killed_and_restarted_costs_no_scan(stage: Stage, count: int, kills: int):
    make_scans(stage.scans, count)
    batch = stage.submit()
    stage.worker(trouble="slow")
    for number in range(kills):
        wait_until(lambda n=number: stage.over(batch) > (n + 1) * 5, "some scans")
        stage.redis.kill()
        time.sleep(1)
        stage.redis.start()
    stage.wait(batch, 60 + count)
    assert_whole(stage, batch, count)


def test_a_redis_that_wants_another_password_for_a_while_is_waited_for(stage: Stage):
    make_scans(stage.scans, 30)
    batch = stage.submit()
    stage.worker(trouble="slow")
    wait_until(lambda: stage.over(batch) > 3, "some scans")
    client = stage.redis.client
    client.config_set("requirepass", "another")
    client.client_kill_filter(_type="normal", skipme=True)
    time.sleep(4)  # longer than a lease
    client.config_set("requirepass", "")
    assert stage.wait(batch)["done"] == 30
    assert {line["attempts"] for line in stage.report(batch)} == {1}


def test_a_redis_that_keeps_nothing_loses_the_batch_and_says_so(new_stage):
    stage: Stage = new_stage(durable=False)
    make_scans(stage.scans, 40)
    assert "appendonly no" in stage.call(
        "batch", "submit", stage.scans, "-o", stage.results, "--model", "tiny", code=3
    )
    batch = stage.submit("--volatile")
    stage.worker(trouble="slow", concurrency=1)
    wait_until(lambda: stage.over(batch) > 5, "some scans")
    stage.redis.kill()
    stage.redis.start()
    said = stage.call("batch", "status", batch, code=3)
    assert "has lost the batch" in said and f"batch submit {stage.scans}" in said
    assert "has lost the batch" in stage.call("batch", "status", code=3)
    # Another user, who knows the results alone, finds the note beside them.
    elsewhere = {"XDG_STATE_HOME": str(stage.folder / "another")}
    said = stage.call("batch", "status", stage.results, code=3, **elsewhere)
    assert f"has lost the batch {batch}" in said
    already = len(list(files_under(stage.results)))
    again = stage.submit("--volatile")
    assert again != batch
    assert again in stage.call("batch", "status", stage.results, code=0, **elsewhere)
    numbers = stage.wait(again)
    assert numbers["skipped"] >= min(already, 6) and numbers["failed"] == 0
    assert_whole(stage, again, 40)


def test_a_poison_scan_is_given_up_and_the_others_go_on(stage: Stage):
    make_scans(stage.scans, 20)
    save(stage.scans / "000" / "poison.jpg", gray(60, 80))
    batch = stage.submit()
    worker = stage.worker("--log-json", trouble="poison")
    numbers = stage.wait(batch)
    assert (numbers["done"], numbers["failed"]) == (20, 1)
    [failed] = [line for line in stage.report(batch) if line["status"] == "failed"]
    assert failed["source"].endswith("poison.jpg")
    assert failed["error"]["kind"] == "killed-its-worker" and failed["attempts"] == 3
    assert "killed its worker" in failed["error"]["message"]
    assert worker.is_alive() and not stage.strays()
    worker.terminate()
    assert worker.process.wait(60) == 0
    told = [json.loads(line) for line in worker.log.read_text().splitlines()]
    assert all({"time", "level", "process", "message"} <= line.keys() for line in told)
    [given_up] = [line for line in told if "given up" in line["message"]]
    assert given_up["level"] == "error" and failed["source"] in given_up["message"]
    lost = [line["message"] for line in told if "WorkerLostError" in line["message"]]
    assert lost and all(f"; its message names {stage.scans}/" in line for line in lost)


def test_a_process_that_cannot_colour_at_first_tries_again_and_wastes_no_attempt(stage: Stage):
    make_scans(stage.scans, 6)
    batch = stage.submit()
    worker = stage.worker(concurrency=1, trouble="unready")
    assert stage.wait(batch)["done"] == 6
    assert {line["attempts"] for line in stage.report(batch)} == {1}
    assert "this process cannot colour yet: [Errno 27] File too large" in worker.log.read_text()


def test_the_same_batch_submitted_twice_at_once_is_one_set_of_work(stage: Stage):
    make_scans(stage.scans, 150)
    words = ["batch", "submit", stage.scans, "-o", stage.results, "--model", "tiny", "--json"]
    both = [stage.start(*words) for _ in range(2)]
    said = [process.communicate()[0] for process in both]
    assert said[0] == said[1] and '"scans": 150' in said[0]
    batch = stage.status()["batch"]
    stage.worker()
    assert stage.wait(batch) == {"scans": 150, "running": 0, "done": 150, "skipped": 0, "failed": 0}
    assert all(line["attempts"] == 1 for line in stage.report(batch))


def test_a_submission_killed_on_its_way_is_completed_by_another(stage: Stage):
    make_scans(stage.scans, 1200)
    words = ["batch", "submit", stage.scans, "-o", stage.results, "--model", "tiny", "--json"]
    first = stage.start(*words)
    ids = wait_until(lambda: stage.redis.client.zrange("photochrom:batches", 0, -1), "the batch")
    batch = ids[0].decode()
    wait_until(lambda: stage.numbers(batch)["scans"] > 0, "the first scans")
    first.kill()
    first.wait()
    assert stage.submit() == batch
    stage.worker(trouble="nothing")
    assert stage.wait(batch)["done"] == 1200
    assert all(line["attempts"] == 1 for line in stage.report(batch))


def test_workers_told_to_stop_give_back_what_they_had_not_begun(stage: Stage):
    make_scans(stage.scans, 40)
    batch = stage.submit()
    first = [stage.worker(trouble="slow") for _ in range(2)]
    wait_until(lambda: stage.over(batch) > 5, "some scans")
    for worker in first:
        worker.terminate()
    for worker in first:
        assert worker.process.wait(60) == 0, worker.log.read_text()
    numbers = stage.numbers(batch)
    assert numbers["running"] == 0 and 5 < numbers["done"] < 40
    stage.worker()
    stage.wait(batch)
    assert_whole(stage, batch, 40)
    assert all(line["attempts"] == 1 for line in stage.report(batch))


def test_a_full_destination_leaves_nothing_partial_and_the_batch_goes_on_later(
    stage: Stage, tmp_path: Path
):
    seconds = 5
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a small file system can be mounted by root alone")
    try:
        (small / "ballast").write_bytes(bytes(1_000_000))
        stage.results = small / "coloured"
        make_scans(stage.scans, 30)
        batch = stage.submit()
        stage.worker(roots=(stage.folder, small))
        wait_until(lambda: stage.status(batch)["waiting"] > 3, "scans that wait")
        time.sleep(seconds)
        undisturbed = stage.folder / "undisturbed"
        stage.call("colorize", stage.scans, "-o", undisturbed, "--model", "tiny", "--quiet")
        whole = dict(files_under(undisturbed))
        # the next try of a scan may be at work: its file has a hidden name until it is whole
        found = {
            name: content
            for name, content in files_under(stage.results)
            if not Path(name).name.startswith(".")
        }
        assert all(whole[name] == content for name, content in found.items())
        (small / "ballast").unlink()
        stage.wait(batch)
        assert dict(files_under(stage.results)) == whole
        assert stage.numbers(batch)["failed"] == 0
    finally:
        stage.end()
        subprocess.run(["umount", "-l", str(small)], check=True)
