"""The end of a batch is told once, to whom a worker was started to tell it; failures are a list."""

import hashlib
import hmac
import http.server
import json
import shlex
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.photographs import gray, save
from tests.worker.stage import Stage, make_scans, wait_until


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[tuple[bytes, str]]]]:
    """A webhook's URL, and what was sent there: body and signature."""
    sent: list[tuple[bytes, str]] = []

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            sent.append((body, self.headers["X-Photochrom-Signature"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args) -> None:
            """The test looks at what was sent."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", sent
    server.shutdown()


def test_the_end_of_a_batch_is_sent_signed_and_runs_a_command_once(stage: Stage, receiver):
    url, sent = receiver
    written = stage.folder / "count"
    program = "import os, sys; open(sys.argv[1], 'a').write(os.environ['PHOTOCHROM_BATCH'] + '\\n')"
    command = shlex.join([sys.executable, "-c", program, str(written)])
    for _ in range(2):  # two workers, one telling
        stage.worker(
            "--webhook",
            url,
            "--on-end",
            command,
            concurrency=1,
            trouble="nothing",
            PHOTOCHROM_WEBHOOK_SECRET="word",
        )
    make_scans(stage.scans, 3)
    batch = stage.submit()
    stage.wait(batch)
    wait_until(lambda: not stage.redis.client.zcard("photochrom:ended"), "the end to be told")
    [(body, signature)] = sent
    assert signature == "sha256=" + hmac.new(b"word", body, hashlib.sha256).hexdigest()
    said = json.loads(body)
    assert (said["event"], said["batch"], said["state"]) == ("ended", batch, "finished")
    assert said["done"] == 3
    assert written.read_text() == f"{batch}\n"


def test_a_batch_that_fails_much_or_stands_still_is_told_once_each(stage: Stage, receiver):
    url, sent = receiver
    for number in range(30):
        (stage.scans / f"{number}.jpg").parent.mkdir(exist_ok=True)
        (stage.scans / f"{number}.jpg").write_text("no picture")
    batch = stage.submit()
    gone = stage.scans / "9.jpg"
    gone.unlink()  # put off again and again, so that the batch does not end
    for _ in range(2):
        stage.worker(
            "--webhook",
            url,
            "--stall",
            2,
            concurrency=1,
            patience={"CHECK": 0.5},
        )
    wait_until(lambda: len(sent) >= 2, "both to be told")
    notices = [json.loads(body) for body, _ in sent]
    assert {line["batch"] for line in notices} == {batch}
    assert sorted(line["event"] for line in notices) == ["failing", "stalled"]
    failing = next(line for line in notices if line["event"] == "failing")
    assert failing["failed"] >= 20


def test_a_webhook_that_is_no_url_is_refused(stage: Stage):
    said = stage.call("worker", "--root", stage.folder, "--webhook", "ftp://x", code=2)
    assert "neither http:// nor https://" in said


def test_what_failed_is_a_list_that_submit_takes_and_its_results_go_to_the_same_places(
    stage: Stage, tmp_path: Path
):
    make_scans(stage.scans, 2)
    for name in ("a.jpg", "b.jpg"):
        (stage.scans / "sub" / name).parent.mkdir(exist_ok=True)
        (stage.scans / "sub" / name).write_text("no picture")
    batch = stage.submit()
    stage.worker(concurrency=1)
    assert stage.wait(batch)["failed"] == 2
    failed = tmp_path / "failed.txt"
    said = stage.call("batch", "report", batch, "-o", failed)
    assert sorted(failed.read_text().splitlines()) == [
        str(stage.scans / "sub" / name) for name in ("a.jpg", "b.jpg")
    ]
    for name in ("a.jpg", "b.jpg"):
        save(stage.scans / "sub" / name, gray(60, 80))
    words = shlex.split(said.splitlines()[-1])[1:]
    again = json.loads(stage.call(*words, "--model", "tiny", "--json").splitlines()[-1])["batch"]
    assert stage.wait(again)["done"] == 2
    assert (stage.results / "sub" / "a.jpg").exists()


@pytest.mark.parametrize("source", ["folder", "list"])
def test_a_tree_that_a_list_does_not_lie_below_is_refused(stage: Stage, source: str):
    make_scans(stage.scans, 2)
    (stage.folder / "list.txt").write_text(str(stage.scans / "000" / "00000.jpg"))
    (stage.folder / "other").mkdir()
    word = stage.scans if source == "folder" else f"@{stage.folder / 'list.txt'}"
    said = stage.call(
        "batch", "submit", word, "--tree", stage.folder / "other", "-o", stage.results, code=2
    )
    assert "--tree" in said
