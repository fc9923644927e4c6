"""What the server keeps on its disk: nothing of what was given up; a full one is said."""

import os
import signal
import socket
from pathlib import Path

import httpx
import numpy as np
import pytest
from filelock import FileLock

from tests.gradio_app.page_client import UPLOAD, upload
from tests.gradio_app.pictures import file_of, gray
from tests.gradio_app.serving import Running, server
from tests.gradio_app.test_api import RAW, raw_query
from tests.gradio_app.test_login import wait_until
from tests.gradio_app.test_refusals import PNG, assert_problem

LIMIT = 1 << 20  # bytes
NOISE = np.random.default_rng(1).integers(0, 256, (1300, 1300), np.uint8)


def kept(running: Running) -> set[Path]:
    """The files that a server has on its disk, but for its page's own."""
    [folder] = Path(running.environment["TMPDIR"]).glob(
        f"photochrom-server-{running.process.pid}-*"
    )
    own = {folder / "claim"}
    try:
        found = {path for path in folder.rglob("*") if path.is_file()}
    except FileNotFoundError:  # a folder went while it was looked into: look again
        return kept(running)
    return {path for path in found if "examples" not in path.parts} - own


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A server whose disk takes no file above `LIMIT`."""
    folder = tmp_path_factory.mktemp("small")
    with server(folder, environment={"TMPDIR": str(folder)}, largest_file=LIMIT) as running:
        yield running


def test_a_disk_without_room_is_said_by_every_way_in_and_nothing_stays(small):
    too_large = file_of(NOISE, "PNG")  # noise: as large as its pixels
    grows = gray(900, 900)  # fits; three times as large it does not
    with small.client() as client:
        for answer in (
            client.post("/v1/colorize", content=too_large, headers=PNG),
            client.post("/v1/colorize", files={"image": too_large}),
            client.post("/v1/colorize", content=file_of(grows, "TIFF"), headers=PNG),
            client.post(
                "/v1/colorize", params=raw_query(grows), content=grows.tobytes(), headers=RAW
            ),
            client.post(UPLOAD, files=[("files", ("a.png", too_large))]),
            client.post(UPLOAD, files=[("files", (name, too_large)) for name in ("a", "b", "c")]),
        ):
            assert_problem(answer, 507, "disk")
            assert answer.json()["kind"] in ("full", "destination")
            assert kept(small) == set()
        body = file_of(gray(20, 20), "PNG")
        assert client.post("/v1/colorize", content=body, headers=PNG).status_code == 200
        assert upload(client, ("small.png", body))


PNG_TYPE = "Content-Type: image/png\r\n"
FORM = "Content-Type: multipart/form-data; boundary=x\r\n"
PART = b'--x\r\nContent-Disposition: form-data; name="%s"; filename="a.png"\r\n\r\n'


def _head(path: str, headers: str) -> bytes:
    """The head of a request whose body has 10 MB."""
    lines = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000\r\n{headers}\r\n"
    return lines.encode()


@pytest.mark.parametrize(
    "path,headers,start",
    [
        ("/v1/colorize", PNG_TYPE, b""),
        ("/v1/colorize", FORM, PART % b"image"),
        (
            f"/v1/colorize?{httpx.QueryParams(raw_query(NOISE))}",
            "Content-Type: application/octet-stream\r\n",
            b"",
        ),
        (UPLOAD, FORM, PART % b"files"),
    ],
)
def test_an_upload_that_is_broken_off_leaves_nothing(small, path, headers, start):
    with small.client() as client:
        client.get("/config")  # the page is made for its first request
    before = kept(small)
    with socket.create_connection(("127.0.0.1", small.state["port"]), 30) as leaving:
        leaving.sendall(_head(path, headers) + start + bytes(300_000))
        # The parts of a form lie in nameless files while they come.
        wait_until(lambda: kept(small) != before or (path == "/v1/colorize" and headers == FORM))
    wait_until(lambda: kept(small) == before)


def test_what_a_killed_server_left_goes_at_the_next_start(tmp_path):
    room = {"TMPDIR": str(tmp_path)}
    living = tmp_path / "photochrom-server-1-living"
    living.mkdir()
    with server(tmp_path, environment=room) as killed, FileLock(living / "claim"):
        address = "127.0.0.1", killed.state["port"]
        with socket.create_connection(address, 30) as client:
            client.sendall(_head("/v1/colorize", PNG_TYPE) + bytes(300_000))
            wait_until(lambda: kept(killed))
            os.kill(killed.process.pid, signal.SIGKILL)
            killed.process.wait()
        assert kept(killed)
        # Its id is another process's by now: what holds the folder's lock is what counts.
        [folder] = tmp_path.glob(f"photochrom-server-{killed.process.pid}-*")
        folder.rename(tmp_path / f"photochrom-server-{os.getpid()}-killed")
        state = Path(killed.environment["PHOTOCHROM_STATE"])
        part = state.with_name(f".server.json.{killed.process.pid}")
        part.write_text("half a secret")
        with server(tmp_path, environment=room) as next_one:
            owners = {path.name.split("-")[2] for path in tmp_path.glob("photochrom-server-*")}
            assert owners == {"1", str(next_one.process.pid)}
            wait_until(lambda: not part.exists())
