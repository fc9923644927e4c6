"""Films in the queue: among scans, in segments on all workers, joined once."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.colorizer import Colorizer
from tests.film.films import look, same, write_film
from tests.film.kills import command
from tests.worker.stage import Stage, files_under, make_scans, wait_until
from worker import policy
from worker.films import Films
from worker.ledger import Ledger
from worker.records import Batch, Claim

FRAMES = 24  # of a segment


def reel(path: Path, frames: int = 72, **changes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_film(path, frames=frames, options={"g": "1"}, format="yuv420p", **changes)


def undisturbed(stage: Stage, source: Path, segment: int = FRAMES) -> bytes:
    """What `photochrom video` makes of it."""
    result = stage.folder / "undisturbed" / source.name
    result.parent.mkdir(exist_ok=True)
    words = command(segment, "video", source, "-o", result, "--model", "tiny", "--quiet")
    subprocess.run(words, check=True, env=stage.environment)
    return result.read_bytes()


def lines_of(stage: Stage, batch: str, film: str) -> list[dict]:
    """Report lines of the film's segments, in order."""
    lines = [line for line in stage.report(batch) if f"{film}/segment-" in line["source"]]
    return sorted(lines, key=lambda line: line["source"])


def test_a_folder_of_scans_and_films_is_coloured(stage):
    make_scans(stage.scans, 4)
    film = reel(stage.scans / "reels" / "one.mkv")
    short = write_film(
        stage.scans / "reels" / "short.avi", frames=6, codec="mjpeg", format="yuvj420p"
    )
    for _ in range(2):
        stage.worker(concurrency=1, SEGMENT_FRAMES=str(FRAMES))
    batch = stage.submit()
    numbers = stage.wait(batch)
    assert (numbers["scans"], numbers["done"]) == (4 + 2 + 3, 9), stage.report(batch)
    names = [name for name, _ in files_under(stage.results)]
    assert names == [
        *(f"000/0000{n}.jpg" for n in range(4)),
        "reels/one.mkv",
        "reels/short.avi.mkv",
    ]
    assert (stage.results / "reels" / "one.mkv").read_bytes() == undisturbed(stage, film)
    assert same(look(short).luma, look(stage.results / "reels" / "short.avi.mkv").luma)

    lines = lines_of(stage, batch, "one.mkv")
    assert [line["pixels"] for line in lines] == [FRAMES * 96 * 64] * 3
    assert all("output" not in line and len(line["key"]) == 64 for line in lines)
    (line,) = [line for line in stage.report(batch) if line["source"] == str(film)]
    assert line["status"] == "done" and line["pixels"] == 72 * 96 * 64
    assert line["output"] == str(stage.results / "reels" / "one.mkv")
    stage.call("batch", "verify", batch)
    again = stage.submit()
    assert stage.wait(again)["skipped"] == 6


def test_killed_while_it_colours_a_film_the_queue_makes_the_same_film(stage):
    film = reel(stage.scans / "one.mkv", frames=240)
    workers = [stage.worker(concurrency=1, SEGMENT_FRAMES=str(FRAMES)) for _ in range(2)]
    batch = stage.submit()
    parts = stage.results / "one.mkv.photochrom-parts"
    for number in range(2):
        wait_until(lambda n=number: len(list(parts.glob("0*.part"))) > 1 + 2 * n, "segments")
        os.killpg(workers[number].process.pid, signal.SIGKILL)
        if number == 0:
            workers.append(stage.worker(concurrency=1, SEGMENT_FRAMES=str(FRAMES)))
    stage.worker(concurrency=1, SEGMENT_FRAMES=str(FRAMES))
    assert stage.wait(batch)["done"] == 11, stage.report(batch)
    assert (stage.results / "one.mkv").read_bytes() == undisturbed(stage, film)
    assert [name for name, _ in files_under(stage.results)] == ["one.mkv"]
    assert len({line["worker"] for line in lines_of(stage, batch, "one.mkv")}) > 1


def test_a_cancelled_film_goes_on_where_it_stopped(stage):
    film = reel(stage.scans / "one.mkv", frames=240)
    stage.worker(concurrency=1, SEGMENT_FRAMES=str(FRAMES))
    batch = stage.submit()
    parts = stage.results / "one.mkv.photochrom-parts"
    wait_until(lambda: len(list(parts.glob("0*.part"))) > 3, "segments")
    stage.call("batch", "cancel", batch)
    wait_until(lambda: stage.numbers(batch)["running"] == 0, "what is at work to end")
    stood = len(list(parts.glob("0*.part")))
    assert 3 < stood < 10 and not (stage.results / "one.mkv").exists()
    stage.call("batch", "retry", batch)
    assert stage.wait(batch)["done"] == 11
    assert (stage.results / "one.mkv").read_bytes() == undisturbed(stage, film)


def test_a_worker_without_the_extra_leaves_films_to_others(tmp_path, models, monkeypatch):
    source, target = str(reel(tmp_path / "one.mkv", frames=2)), str(tmp_path / "out.mkv")
    batch = Batch("b", "b", str(tmp_path), str(tmp_path), {}, "same", 1 << 20, "scans", 0.0)
    claim = Claim("yours", source=source, destination=target, begun=1)
    colorizer = Colorizer.open(str(models / "tiny.onnx"))
    monkeypatch.setitem(sys.modules, "av", None)
    films = Films(Ledger("redis://localhost:1/0"), lambda: None)
    outcome = films.carry_out(batch, claim, colorizer)
    assert outcome and outcome.error and outcome.error.kind == "service"
    assert "the extra video" in outcome.error.message
    assert policy.is_worth_another_try(outcome.error.kind, 1, False)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_twenty_kills_of_two_workers_in_a_ten_minute_film_change_no_byte(stage):
    film = reel(stage.scans / "one.mkv", frames=14400)
    settings = {"concurrency": 1, "SEGMENT_FRAMES": "250"}
    workers = [stage.worker(**settings) for _ in range(2)]
    batch = stage.submit()
    chance = random.Random(3)
    killed = 0
    while killed < 20 and not stage.finished(batch):
        before = stage.over(batch)
        wait_until(lambda n=before: stage.over(batch) > n + 1 or stage.finished(batch), "work")
        time.sleep(chance.uniform(0, 1))
        number = chance.randrange(2)
        family = workers[number].family()
        victim = family[0] if killed % 3 == 2 or len(family) == 1 else chance.choice(family[1:])
        victim.kill()
        killed += 1
        if victim.pid == workers[number].process.pid:
            workers[number] = stage.worker(**settings)
    numbers = stage.wait(batch, 900)
    assert numbers["done"] == numbers["scans"] > 50, stage.report(batch)
    assert killed == 20
    assert (stage.results / "one.mkv").read_bytes() == undisturbed(stage, film, 250)
