"""The life of a batch as an archivist sees it: submit, look on, cancel, retry, report, verify."""

import csv
import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.photographs import gray, save
from tests.worker.stage import Stage, files_under, make_scans, wait_until


@pytest.fixture
def worked(stage: Stage) -> tuple[Stage, str]:
    """A finished batch of twelve scans, one of them no picture and one cut short."""
    make_scans(stage.scans, 10)
    (stage.scans / "note.jpg").write_text("no picture <b>at all</b>")
    whole = save(stage.scans / "=cut.jpg", gray(400, 400)).read_bytes()
    (stage.scans / "=cut.jpg").write_bytes(whole[: len(whole) // 2])
    batch = stage.submit("--name", "glass plates")
    stage.worker(concurrency=1)
    stage.wait(batch)
    return stage, batch


def test_a_finished_batch_is_told_in_every_form(worked: tuple[Stage, str]):
    stage, batch = worked
    status = stage.status("glass plates")
    assert status["batch"] == batch and status["state"] == "finished"
    assert {
        name: status[name] for name in ("scans", "done", "failed", "skipped", "running", "queued")
    } == {"scans": 12, "done": 10, "failed": 2, "skipped": 0, "running": 0, "queued": 0}
    [worker] = status["workers"]
    assert worker["done"] == 10 and worker["model"] == "tiny" and worker["provider"] == "CPU"
    said = stage.call("batch", "status", batch[:-2], code=1)
    assert "12 scans: 10 done, 2 failed" in said and "a second" in said
    assert "10 done" in said and batch in stage.call("batch", "list")

    lines = {Path(line["source"]).name: line for line in stage.report(batch)}
    good = lines["00000.jpg"]
    assert len(good["key"]) == 64 and good["attempts"] == 1 and good["pixels"] == 4800
    assert good["seconds"] > 0 and good["worker"] == worker["name"]
    assert good["output"] == str(stage.results / "000" / "00000.jpg")
    assert lines["note.jpg"]["error"]["kind"] == "not-an-image"
    assert lines["=cut.jpg"]["error"]["kind"] == "truncated"

    table, page = stage.folder / "night.csv", stage.folder / "night.html"
    stage.call("batch", "report", batch, "-o", table)
    with table.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 12 and {row["error"] for row in rows} == {"", "not-an-image", "truncated"}
    stage.call("batch", "report", batch, "-o", page)
    text = page.read_text()
    assert text.count("data:image/jpeg;base64,") == 21  # ten pairs, and the half of what was cut
    assert text.count("<tr class=") == 12 and "<b>at" not in text
    assert "ends in .html" in stage.call("batch", "report", batch, "-o", "night.pdf", code=2)
    assert not list(stage.folder.glob(".night*"))


def test_verify_finds_what_is_missing_changed_or_foreign(worked: tuple[Stage, str]):
    stage, batch = worked
    assert "10 checked, 0 broken" in stage.call("batch", "verify", batch)
    assert "3 checked" in stage.call("batch", "verify", batch, "--sample", 3)
    folder = stage.results / "000"
    (folder / "00000.jpg").unlink()
    save(folder / "00001.jpg", gray(60, 80, seed=77))
    (folder / "00002.jpg").write_bytes((folder / "00003.jpg").read_bytes())
    said = stage.call("batch", "verify", batch, code=1)
    assert "00000.jpg: is missing" in said
    assert "00001.jpg: does not carry the job key" in said
    assert "00002.jpg: does not carry the job key" in said and "10 checked, 3 broken" in said


def test_a_scan_that_was_mended_is_retried_alone(worked: tuple[Stage, str]):
    stage, batch = worked
    assert "0 scans are queued again" in stage.call("batch", "retry", batch)
    save(stage.scans / "note.jpg", gray(60, 80, seed=99))
    assert "2 scans are queued again" in stage.call("batch", "retry", batch, "--failed")
    wait_until(lambda: stage.finished(batch), "the batch to finish again")
    assert stage.numbers(batch) == {
        "scans": 12,
        "running": 0,
        "done": 11,
        "skipped": 0,
        "failed": 1,
    }
    assert stage.call("batch", "verify", batch).startswith("11 checked, 0 broken")


def test_submitting_a_finished_batch_again_does_only_what_is_new(worked: tuple[Stage, str]):
    stage, batch = worked
    before = dict(files_under(stage.results))
    make_scans(stage.scans, 2, start=50)
    again = stage.submit()
    assert again != batch
    numbers = stage.wait(again)
    assert (numbers["skipped"], numbers["done"], numbers["failed"]) == (10, 2, 2)
    after = dict(files_under(stage.results))
    assert {name: after[name] for name in before} == before and len(after) == 12


def test_finished_batches_expire_after_thirty_days_and_unfinished_ones_never(stage: Stage):
    make_scans(stage.scans, 3)
    batch = stage.submit()
    client: Any = stage.redis.client
    assert all(client.ttl(key) == -1 for key in client.keys(f"photochrom:batch:{batch}*"))
    stage.worker(concurrency=1)
    stage.wait(batch)
    keys = client.keys(f"photochrom:batch:{batch}*")
    assert len(keys) == 5
    assert all(29 * 86400 < client.ttl(key) <= 30 * 86400 for key in keys)


def test_a_cancelled_batch_begins_nothing_more_until_it_is_retried(stage: Stage):
    make_scans(stage.scans, 60)
    batch = stage.submit()
    stage.worker(concurrency=1, trouble="slow")
    wait_until(lambda: stage.over(batch) > 2, "some scans")
    assert "will not be begun" in stage.call("batch", "cancel", batch)
    wait_until(lambda: stage.numbers(batch)["running"] == 0, "the scan at work to finish")
    stopped = stage.over(batch)
    assert stopped < 60 and stage.status(batch)["state"] == "cancelled"
    wait_until(lambda: stage.redis.client.llen("photochrom:scans") == 0, "messages to be dropped")
    assert stage.over(batch) == stopped
    assert f"{60 - stopped} scans are queued again" in stage.call("batch", "retry", batch)
    assert stage.wait(batch)["done"] == 60


def test_lists_and_globs_keep_their_tree_and_say_what_is_missing(stage: Stage):
    files = make_scans(stage.scans, 3) + make_scans(stage.scans / "sub", 3)
    gone = stage.scans / "000" / "gone.jpg"
    listed = stage.folder / "list.txt"
    listed.write_text("\n".join(map(str, [*files, files[0], gone])) + "\r\n\n")
    stage.worker(concurrency=1, patience={"SCAN_FAULTS": 2})
    numbers = stage.wait(stage.submit(source=f"@{listed}"))
    assert (numbers["done"], numbers["failed"]) == (6, 1)
    assert [name for name, _ in files_under(stage.results)] == [
        *(f"000/0000{i}.jpg" for i in range(3)),
        *(f"sub/000/0000{i}.jpg" for i in range(3)),
    ]
    again = stage.submit(source=f"{stage.scans}/**/*1.jpg")
    assert stage.wait(again)["skipped"] == 2
    assert "nothing matches" in stage.call(
        "batch", "submit", f"{stage.scans}/*.nef", "-o", "x", code=2
    )
    assert "no such folder" in stage.call("batch", "submit", "/nowhere", "-o", "x", code=1)
    assert "is empty" in stage.call("batch", "submit", "@/dev/null", "-o", "x", code=2)


def test_a_batch_passes_over_what_colorize_passes_over_and_says_so(stage: Stage):
    make_scans(stage.scans, 2)
    for name in ("@eaDir/a.jpg", "box/drafts/b.jpg", "box/b_web.jpg", "._c.jpg", "box/c.jpg"):
        save(stage.scans / name, gray(60, 80))
    (stage.scans / "d.gif").write_bytes(b"GIF89a")
    words = ("-o", stage.results, "--model", "tiny", "--exclude", "drafts", "--exclude", "*_web.*")
    passed = {"not_read": {"GIF": 1}, "folders": {"@eaDir": 1, "drafts": 1}, "excluded": 1}
    told = json.loads(stage.call("batch", "submit", stage.scans, *words, "--json"))
    assert (told["scans"], told["passed_over"]) == (3, passed)
    globbed = json.loads(stage.call("batch", "submit", f"{stage.scans}/**/*.jpg", *words, "--json"))
    assert globbed["scans"] == 3
    said = stage.call("batch", "submit", stage.scans, *words, "--name", "again")
    assert "passed over: 1 GIF: not read; 1: --exclude; 1 folder @eaDir" in said


def test_a_destination_inside_the_source_is_not_coloured_again(stage: Stage):
    make_scans(stage.scans, 4)
    stage.results = stage.scans / "coloured"
    stage.worker(concurrency=1)
    assert stage.wait(stage.submit())["done"] == 4
    again = stage.submit()
    assert stage.wait(again) == {"scans": 4, "running": 0, "done": 0, "skipped": 4, "failed": 0}
    said = stage.call("batch", "submit", stage.scans, "-o", stage.scans, "--model", "tiny", code=2)
    assert "-o is the same as SRC" in said


def test_two_sources_of_one_name_have_two_results(stage: Stage):
    save(stage.scans / "a.jpg", gray(60, 80, seed=1))
    save(stage.scans / "a.png", gray(60, 80, seed=2))
    stage.worker(concurrency=1)
    assert stage.wait(stage.submit("--format", "tiff"))["done"] == 2
    assert [name for name, _ in files_under(stage.results)] == ["a.jpg.tif", "a.png.tif"]


def test_a_source_that_is_away_for_a_while_is_waited_for(stage: Stage):
    make_scans(stage.scans, 20)
    batch = stage.submit()
    stage.worker(concurrency=1, trouble="slow")
    wait_until(lambda: stage.over(batch) > 2, "some scans")
    away = stage.scans.rename(stage.folder / "unmounted")
    wait_until(lambda: stage.status(batch)["waiting"] > 2, "scans that wait")
    waiting = [line for line in stage.report(batch) if "error" in line]
    assert {line["error"]["kind"] for line in waiting} == {"vanished"}
    away.rename(stage.scans)
    assert stage.wait(batch)["done"] == 20


def test_names_that_are_no_unicode_go_through_the_queue(stage: Stage):
    odd = stage.scans / "caf\udce9 ünï\n.jpg"
    save(stage.scans / "a.jpg", gray(60, 80)).rename(odd)
    batch = stage.submit()
    stage.worker(concurrency=1)
    assert stage.wait(batch)["done"] == 1
    assert (stage.results / odd.name).exists()
    assert stage.report(batch)[0]["source"] == str(odd)
    assert "1 checked, 0 broken" in stage.call("batch", "verify", batch)


def test_a_watched_folder_takes_what_has_stopped_growing_and_survives_a_restart(stage: Stage):
    make_scans(stage.scans, 3)
    (stage.scans / "bad.jpg").write_text("no picture")
    words = (
        "batch",
        "watch",
        stage.scans,
        "-o",
        stage.results,
        "--model",
        "tiny",
        "--settle",
        1,
        "--json",
    )
    stage.worker(concurrency=1)
    first = stage.start(*words)
    batch = wait_until(lambda: stage.redis.client.zrange("photochrom:batches", 0, -1), "it")[0]
    batch = batch.decode()
    wait_until(lambda: stage.over(batch) == 4, "what was there")
    growing = stage.scans / "growing.jpg"
    content = save(stage.folder / "source.jpg", gray(60, 80, seed=5)).read_bytes()
    with growing.open("wb") as stream:
        for start in range(0, len(content), 200):
            stream.write(content[start : start + 200])
            stream.flush()
            time.sleep(3 / (len(content) / 200))  # a scanner that takes its time
            assert stage.over(batch) == 4
    news = []
    assert first.stdout is not None
    while not news or news[-1] != {"event": "done", "path": str(growing)}:
        news.append(json.loads(first.stdout.readline()))
    first.kill()
    first.communicate()
    assert [n["path"] for n in news if n["event"] == "failed"] == [str(stage.scans / "bad.jpg")]
    assert [n["event"] for n in news if n["path"] == str(growing)] == ["taken", "done"]

    make_scans(stage.scans, 1, start=60)
    save(stage.scans / "bad.jpg", gray(60, 80, seed=9))  # the failed one, replaced by a good one
    second = stage.start(*words)
    wait_until(lambda: stage.over(batch) == 7, "the new ones alone")
    second.terminate()
    second.communicate()
    assert stage.numbers(batch) == {"scans": 7, "running": 0, "done": 6, "skipped": 0, "failed": 1}


def test_metrics_and_probes_tell_what_the_worker_does(stage: Stage):
    from urllib.error import HTTPError
    from urllib.request import urlopen

    from tests.worker.stage import free_port

    make_scans(stage.scans, 5)
    batch = stage.submit("--name", "<plates>")
    port = free_port()
    stage.worker("--metrics-port", port, concurrency=1)
    stage.wait(batch)

    def page(name: str) -> str:
        with urlopen(f"http://127.0.0.1:{port}/{name}", timeout=30) as answer:
            return answer.read().decode()

    assert page("ready") == "ready\n" and page("live") == "alive\n"
    people = page("")
    assert "<h2>&lt;plates&gt;: finished</h2>" in people and "1 worker alive" in people
    assert '<progress max="5" value="5" aria-label="5 of 5 scans">' in people
    assert "<script" not in people and "<form" not in people
    text = page("metrics")
    assert 'photochrom_scans_total{status="done"} 5.0' in text
    assert f'photochrom_ended_batch_scans{{batch="{batch}",state="done"}} 5.0' in text
    assert f'photochrom_ended_batch_seconds{{batch="{batch}"}}' in text
    assert 'photochrom_scan_duration_seconds_bucket{le="1800.0"} 5.0' in text
    assert "photochrom_scan_duration_seconds_count 5.0" in text
    assert 'photochrom_queue_depth{queue="scans"} 0.0' in text and "photochrom_redis_up 1.0" in text
    size = sum(path.stat().st_size for path in stage.scans.rglob("*.jpg"))
    assert f"photochrom_bytes_read_total {size}.0" in text
    stage.redis.stop()
    assert "photochrom_redis_up 0.0" in page("metrics")  # it does not wait for Redis
    stage.redis.go_on()
    wait_until(lambda: "photochrom_redis_up 1.0" in page("metrics"), "it to be seen again")
    stage.redis.kill()
    assert "photochrom_redis_up 0.0" in page("metrics")
    with pytest.raises(HTTPError) as away:
        page("")
    assert away.value.code == 503 and "Redis" in away.value.read().decode()


def test_following_a_batch_waits_for_a_redis_that_restarts(stage: Stage):
    make_scans(stage.scans, 3)
    batch = stage.submit()
    follower = stage.start("batch", "status", batch, "--follow", "--json")
    assert follower.stdout is not None and '"queued": 3' in follower.stdout.readline()
    stage.redis.kill()
    time.sleep(3)
    stage.redis.start()
    stage.worker(concurrency=1)
    out, said = follower.communicate(timeout=60)
    assert follower.returncode == 0, said
    assert '"state": "finished"' in out.splitlines()[-1] and "waiting for it" in said


def test_a_batch_whose_submission_was_killed_is_told_and_following_it_ends(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    make_scans(stage.scans, 3)
    batch = stage.submit()
    client: Any = stage.redis.client
    stage.worker(concurrency=1, trouble="nothing")
    stage.wait(batch)
    again = stage.submit()  # as it stands when the command dies between two chunks
    client.hdel(f"photochrom:batch:{again}", "sealed", "finished")
    wait_until(lambda: stage.over(again) == 3, "what was submitted to be done")
    client.hdel(f"photochrom:batch:{again}", "sealed", "finished")
    assert stage.status(again)["state"] == "submitting"
    monkeypatch.setattr("worker.status.SUBMITTING", 0.0)
    said = stage.call("batch", "status", again, "--follow", code=1)
    assert "half submitted" in said and f"batch submit {stage.scans} -o {stage.results}" in said


@pytest.mark.parametrize(
    ("module", "command"),
    [
        ("celery", "worker --root ."),
        ("celery", "batch submit . -o x"),
        ("redis", "worker --root ."),
        ("redis", "batch list"),
    ],
)
def test_without_the_extra_one_sentence_says_what_to_install(
    tmp_path: Path, module: str, command: str
):
    import subprocess
    import sys

    program = (
        f"import sys; sys.modules['{module}'] = None; from core.commands.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *command.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.returncode == 3 and len(done.stderr.splitlines()) == 1, done.stderr
    assert f"{module} is not installed" in done.stderr and "[worker]" in done.stderr
