"""Batches from and to a bucket, on moto's S3 server."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.photographs import gray, save
from tests.worker.stage import Stage, files_under, free_port, make_scans, wait_until

KEYS = {
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nothing",
    "AWS_DEFAULT_REGION": "eu-central-1",
}


@pytest.fixture
def bucket(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bucket called archive, as boto3 shows it; the stage's commands and workers find it."""
    import boto3

    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    told = KEYS | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    stage.environment |= told | {"TMPDIR": str(stage.folder)}
    resource: Any = boto3.resource("s3")
    archive = resource.Bucket("archive")

    def made() -> bool:
        try:
            archive.create(CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        except Exception:
            return False
        return True

    wait_until(made, "the object store")
    yield archive
    server.kill()
    server.wait()


def test_a_bucket_is_coloured_into_a_bucket_once_and_never_outside_the_roots(
    stage: Stage, bucket, tmp_path: Path
):
    for path in make_scans(stage.scans, 5):
        bucket.upload_file(str(path), f"scans/{path.relative_to(stage.scans)}")
    bucket.put_object(Key="scans/readme.txt", Body=b"no scan")
    bucket.put_object(Key="scans/bad.jpg", Body=b"no picture")
    bucket.put_object(Key="scans/@eaDir/00000.jpg", Body=b"no scan")
    bucket.put_object(Key="scans/000/left_out.jpg", Body=b"no scan")
    words = (
        "batch",
        "submit",
        "s3://archive/scans",
        "-o",
        "s3://archive/coloured",
        "--model",
        "tiny",
        "--json",
        "--exclude",
        "left_*",
    )
    told = json.loads(stage.call(*words))
    assert told["passed_over"] == {"not_read": {"TXT": 1}, "folders": {"@eaDir": 1}, "excluded": 1}
    worker = stage.worker(
        "--root", "s3://archive/scans", "--root", "s3://archive/coloured", concurrency=1
    )
    batch = stage.status()["batch"]
    numbers = stage.wait(batch)
    assert (numbers["done"], numbers["failed"]) == (5, 1)
    stage.call("colorize", stage.scans, "-o", stage.results, "--model", "tiny", "--quiet")
    results = {
        o.key.removeprefix("coloured/"): o.get()["Body"].read()
        for o in bucket.objects.filter(Prefix="coloured/")
    }
    assert results == dict(files_under(stage.results))
    assert "5 checked, 0 broken" in stage.call("batch", "verify", batch)

    bucket.put_object(Key="coloured/000/00000.jpg", Body=b"something else")
    stage.call(*words)
    again = stage.status()["batch"]
    assert again != batch
    numbers = stage.wait(again)
    assert (numbers["skipped"], numbers["failed"]) == (4, 2)
    kinds = {
        Path(line["source"]).name: line["error"]["kind"]
        for line in stage.report(again)
        if "error" in line
    }
    assert kinds == {"bad.jpg": "not-an-image", "00000.jpg": "exists"}

    elsewhere = ("batch", "submit", "s3://archive/scans", "-o", "s3://other/x", "--model", "tiny")
    stage.call(*elsewhere)
    stage.wait(refused := stage.status()["batch"])
    assert {line["error"]["kind"] for line in stage.report(refused)} == {"outside-roots"}
    assert worker.is_alive() and not list(stage.folder.glob("photochrom-spool-*"))


def test_a_local_folder_is_coloured_into_a_bucket_and_a_lost_store_is_waited_for(
    stage: Stage, bucket
):
    save(stage.scans / "a" / "one.tif", gray(60, 80))
    stage.results = Path("s3:/archive/from-here")
    batch = stage.call(
        "batch", "submit", stage.scans, "-o", "s3://archive/from-here", "--model", "tiny", "--json"
    )
    stage.worker(
        "--root",
        "s3://archive/from-here",
        concurrency=1,
        AWS_ENDPOINT_URL=f"http://127.0.0.1:{free_port()}",
    )
    wait_until(lambda: stage.status()["waiting"] == 1, "the scan to wait for the store")
    [line] = stage.report(stage.status()["batch"])
    assert line["error"]["kind"] == "destination" and "does not answer" in line["error"]["message"]
    stage.worker("--root", "s3://archive/from-here", concurrency=1)
    stage.workers[0].end()
    stage.wait(stage.status()["batch"])
    assert [o.key for o in bucket.objects.all()] == ["from-here/a/one.tif"]
    assert "scans" in batch and os.environ["AWS_ENDPOINT_URL"]
