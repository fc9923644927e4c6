"""Bad input and bad neighbours: each gets its status and one sentence, and the server lives on."""

import asyncio
import contextlib
import gzip
import socket
import time
import zlib
from pathlib import Path

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from gradio_app import upload
from gradio_app.access_control import _bounded
from gradio_app.api import attachment
from gradio_app.bodies import Bodies
from gradio_app.problems import Refused
from gradio_app.upload import file_name
from tests.gradio_app.pictures import file_of, gray, huge_png_header, png_with
from tests.gradio_app.serving import Running, server

PNG = {"Content-Type": "image/png"}
RAW = {"Content-Type": "application/octet-stream"}


def assert_problem(answer: httpx.Response, status: int, word: str) -> None:
    """The answer is a problem document of that status whose sentence has `word` in it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status and problem["title"] and problem["type"]
    assert word in problem["detail"], problem
    assert "\n" not in problem["detail"] and "/tmp" not in problem["detail"]


@pytest.mark.parametrize(
    "body,status,word",
    [
        (b"hello, this is no picture at all", 400, "not a picture"),
        (b"", 400, "empty"),
        (file_of(gray(200, 200), "JPEG")[:4000], 400, "damaged"),
        (huge_png_header(), 413, "60,000"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", 400, "damaged"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", 415, "JPEG XL"),
        (b"GIF89a" + b"\0" * 60, 415, "GIF"),
        (b"PK\x03\x04" + b"\0" * 400, 400, "not a picture"),
    ],
)
def test_a_body_that_is_no_whole_picture_is_refused(client, body, status, word):
    assert_problem(client.post("/v1/colorize", content=body, headers=PNG), status, word)


@pytest.mark.parametrize(
    "query,word",
    [
        ({"vividness": "nan"}, "vividness"),
        ({"vividness": "inf"}, "vividness"),
        ({"vividness": "3"}, "0.0 to 2.0"),
        ({"vividness": "much"}, "no number"),
        ({"side": "-1"}, "side"),
        ({"vivid": "1"}, "vividness"),
        ({"model": "../../etc/passwd"}, "unknown model"),
        ({"model": "/etc/passwd"}, "unknown model"),
        ({"model": "nobody"}, "tiny"),
        ({"format": "exe"}, "format"),
        ({"hints": "{}"}, "points"),
        ({"id": "a b"}, "id"),
        ({"hints": '{"points": [{"x": 5000, "y": 1, "colour": "red"}]}'}, "outside"),
    ],
)
def test_a_wrong_option_is_refused_by_name(client, query, word):
    body = file_of(gray(40, 40), "PNG")
    assert_problem(client.post("/v1/colorize", params=query, content=body, headers=PNG), 422, word)


def test_an_option_given_twice_is_refused(client):
    answer = client.post("/v1/colorize?side=64&side=96", content=b"x", headers=PNG)
    assert_problem(answer, 422, "twice")


SHAPE = {"width": 10, "height": 10, "channels": 1, "depth": 8, "space": "gray"}


@pytest.mark.parametrize(
    "changes,size,status,word",
    [
        ({}, 99, 400, "99 bytes"),
        ({}, 101, 400, "101 bytes"),
        ({"channels": 2}, 200, 422, "channels"),
        ({"depth": 32}, 400, 422, "depth"),
        ({"space": "lab"}, 100, 422, "space"),
        ({"space": "srgb"}, 100, 422, "space"),
        ({"want": "cmyk"}, 100, 422, "want"),
        ({"width": 0}, 100, 422, "width"),
        ({"width": "1e3"}, 100, 422, "width"),
        ({"width": 60000, "height": 60000}, 100, 413, "60000"),
    ],
)
def test_raw_samples_must_be_what_was_announced(client, changes, size, status, word):
    answer = client.post("/v1/colorize", params=SHAPE | changes, content=bytes(size), headers=RAW)
    assert_problem(answer, status, word)


def test_raw_samples_without_a_shape_are_refused(client):
    assert_problem(client.post("/v1/colorize", content=b"12", headers=RAW), 422, "width")


def test_a_hints_picture_of_another_size_is_refused(client):
    strokes = np.zeros((30, 30, 4), np.uint8)
    strokes[5:9, 5:9] = 255
    files = {"image": file_of(gray(40, 40), "PNG"), "hints": file_of(strokes, "PNG")}
    assert_problem(client.post("/v1/colorize", files=files), 422, "30x30")


def test_hints_for_a_model_that_takes_none_are_refused(client):
    files = {"image": file_of(gray(40, 40), "PNG")}
    hints = '{"points": [{"x": 5, "y": 5, "colour": "red"}]}'
    data = {"model": "plain", "hints": hints}
    assert_problem(client.post("/v1/colorize", files=files, data=data), 422, "takes no hints")


@pytest.mark.parametrize(
    "headers,body,status",
    [
        ({"Content-Type": "text/plain"}, b"hello", 415),
        ({}, b"hello", 415),
        (PNG | {"Content-Encoding": "gzip"}, gzip.compress(b"\0" * 10_000_000), 415),
        ({"Content-Type": "multipart/form-data"}, b"--", 400),
        ({"Content-Type": "multipart/form-data; boundary=x"}, b"--y\r\nrubbish", 400),
        ({"Content-Type": "multipart/form-data; boundary=x"}, b"--x--\r\n", 400),
    ],
)
def test_a_body_of_another_kind_is_refused(client, headers, body, status):
    assert_problem(client.post("/v1/colorize", content=body, headers=headers), status, "")


def test_a_bomb_in_a_multipart_body_is_never_unpacked(client, served):
    unpacked = 400_000_000
    packed = zlib.compress(b"\0" * unpacked, 9)
    # A first picture loads what every picture needs.
    client.post("/v1/colorize", files={"image": file_of(gray(60, 80), "PNG")})
    before = peak_memory(served.process.pid)
    for bomb, status in (
        (b"PK\x03\x04" + packed, 400),
        (b"\x1f\x8b\x08\0" + packed, 400),
        (png_with(b"zTXt", b"Comment\0\0" + packed), 200),
        (png_with(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + packed), 200),
        (png_with(b"iCCP", b"profile\0\0" + packed), 200),
    ):
        assert client.post("/v1/colorize", files={"image": bomb}).status_code == status
    hints = {"image": file_of(gray(40, 40), "PNG"), "hints": huge_png_header()}
    assert_problem(client.post("/v1/colorize", files=hints), 422, "hints picture")
    assert peak_memory(served.process.pid) - before < unpacked / 2


def peak_memory(process: int) -> int:
    """The most bytes that a process ever held."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def test_what_is_not_there_is_told_in_the_same_form(client):
    assert_problem(client.get("/v1/nothing"), 404, "Not Found")
    assert_problem(client.get("/v1/colorize"), 405, "Not Allowed")
    assert_problem(client.post("/v1/cancel/nobody"), 404, "no request")


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "photos.example"},
        {"Host": "127.0.0.1.nip.example"},
        {"Host": ""},
        {"Host": "localhost:7860@photos.example"},
        {"Host": "localhost:x"},
        {"Origin": "https://photos.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
    ],
)
@pytest.mark.parametrize("path", ["/v1/health", "/", "/gradio_api/info"])
def test_foreign_hosts_and_foreign_pages_are_refused(client, headers, path):
    answer = client.get(path, headers=headers)
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


def test_this_machines_own_names_and_its_own_page_are_not_refused(served, client):
    port = served.state["port"]
    for host in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}", "localhost"):
        assert client.get("/v1/health", headers={"Host": host}).status_code == 200
    own = {"Origin": served.url, "Sec-Fetch-Site": "same-origin"}
    assert client.get("/v1/health", headers=own).status_code == 200


def test_the_token_of_the_state_file_is_taken_and_a_wrong_one_refused(served, client):
    token = served.state["token"]
    assert len(token) >= 24
    good = client.get("/v1/health", headers={"Authorization": f"Bearer {token}"})
    assert good.status_code == 200
    for wrong in (f"Bearer {token}x", "Bearer", f"Basic {token}", token):
        answer = client.get("/v1/health", headers={"Authorization": wrong})
        assert_problem(answer, 401, "token")


def test_a_token_in_the_url_is_refused(served, client):
    assert_problem(client.get("/v1/health", params={"token": "x"}), 400, "URL")
    assert_problem(client.get("/v1/health", params={"k": served.state["token"]}), 400, "URL")


def test_every_answer_forbids_the_browser_to_fetch_from_elsewhere(client):
    for path in ("/", "/v1/health", "/v1/nothing", "/v1/reference"):
        policy = client.get(path).headers["content-security-policy"]
        assert "default-src 'self'" in policy and "http" not in policy and "*" not in policy


def test_no_file_of_this_machine_is_served(client):
    for path in ("/etc/passwd", "../../../../etc/passwd", "%2Fetc%2Fpasswd", "/proc/self/environ"):
        answer = client.get(f"/gradio_api/file={path}")
        assert answer.status_code in (403, 404) and b"root:" not in answer.content


@given(st.text(max_size=300))
def test_every_name_a_client_gives_becomes_a_harmless_one(given_name):
    name = file_name(given_name, ".jpg")
    assert name.endswith("-photochrom.jpg") and not set(name) & set('/\\:\r\n\0"')
    assert not name.startswith(".")
    header = attachment(name)
    assert header.isascii() and header.isprintable() and header.count('"') == 2


def test_a_header_cannot_be_injected_by_a_files_name(client):
    body = file_of(gray(10, 10), "PNG")
    for name in ('x"; evil="1.png', "x\r\nX-Evil: 1.png", "../../x.png", "фото é.png"):
        answer = client.post("/v1/colorize", files={"image": (name, body, "image/png")})
        assert answer.status_code == 200
        assert "x-evil" not in answer.headers
        assert "/" not in answer.headers["content-disposition"].partition(";")[2]


def test_a_body_above_the_limit_is_refused_before_and_while_it_comes(tmp_path):
    with server(tmp_path, "--max-upload", "1") as running, running.client() as client:
        answer = client.post("/v1/colorize", content=bytes(3 << 20), headers=PNG)
        assert_problem(answer, 413, "1 MiB")

        def chunks():
            for _ in range(40):
                yield bytes(100_000)

        assert_problem(client.post("/v1/colorize", content=chunks(), headers=PNG), 413, "1 MiB")
        form = {"image": ("a.png", bytes(3 << 20), "image/png")}
        assert_problem(client.post("/v1/colorize", files=form), 413, "1 MiB")
        assert client.get("/v1/health").status_code == 200


def request_with(*messages: tuple[float, bytes, bool]) -> Request:
    """A request whose body comes in pieces: (seconds to wait, bytes, whether more comes)."""
    coming = iter(messages)

    async def receive():
        wait, body, more = next(coming)
        await asyncio.sleep(wait)
        return {"type": "http.request", "body": body, "more_body": more}

    return Request({"type": "http", "method": "POST", "headers": [], "path": "/"}, receive)


async def read_all(request: Request) -> bytes:
    return b"".join([chunk async for chunk in upload.body_of(request, 1000)])


def test_a_body_that_stops_or_trickles_is_given_up(monkeypatch):
    monkeypatch.setattr(upload, "GRACE_S", 0.1)
    stopped = request_with((0, b"a", True), (5, b"b", False))
    with pytest.raises(Refused, match="stopped") as refusal:
        asyncio.run(read_all(stopped))
    assert refusal.value.status == 408
    trickle = request_with(*[(0.06, b"a", True)] * 10, (0, b"", False))
    with pytest.raises(Refused, match="slowly"):
        asyncio.run(read_all(trickle))
    steady = request_with((0.02, b"a" * 500, True), (0.02, b"b" * 500, False))
    assert len(asyncio.run(read_all(steady))) == 1000


def test_an_upload_to_the_page_that_stalls_or_never_ends_is_given_up(monkeypatch):
    monkeypatch.setattr(upload, "GRACE_S", 0.1)

    async def kinds(*messages: tuple[float, bytes, bool]) -> list[str]:
        receive = _bounded(request_with(*messages).receive, 1000)
        return [(await receive())["type"] for _ in messages]

    stalls = kinds((0, b"a", True), (5, b"b", True))
    assert asyncio.run(stalls) == ["http.request", "http.disconnect"]
    endless = kinds((0, b"a" * 600, True), (0, b"a" * 600, True))
    assert asyncio.run(endless) == ["http.request", "http.disconnect"]
    patient = kinds((0, b"a", False), (0.3, b"", False))  # after the body, nothing presses
    assert asyncio.run(patient) == ["http.request", "http.request"]


def test_headers_that_never_end_are_given_up(served):
    with socket.create_connection(("127.0.0.1", served.state["port"]), 30) as slow:
        slow.sendall(b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\n")
        assert slow.recv(100) == b""  # where it is kept open, reading gives up and fails


def head(size: int, query: str = "", kind: str = "image/png") -> bytes:
    """The head of a request whose body has `size` bytes."""
    return (
        f"POST /v1/colorize{query} HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {size}\r\n\r\n"
    ).encode()


def connected(running: Running) -> socket.socket:
    """A connection of its own to a server."""
    return socket.create_connection(("127.0.0.1", running.state["port"]), 30)


def test_of_too_many_bodies_the_slowest_makes_room():
    now = [0.0]
    bodies = Bodies(most=3, clock=lambda: now[0])

    async def scenario() -> None:
        with bodies.coming() as quick, bodies.coming() as slow, bodies.coming() as paused:
            with pytest.raises(Refused, match="being sent already"), bodies.coming():
                pass  # nobody has had the time to be slow
            for now[0], sizes in ((1.5, (900, 90, 5000)), (2.2, (900, 90, 0))):
                for body, size in zip((quick, slow, paused), sizes, strict=True):
                    if size:
                        bodies.add(body, size)
            now[0] = 2.6
            with bodies.coming() as fourth:
                assert paused.is_given_up and not (quick.is_given_up or slow.is_given_up)
                with bodies.coming():
                    assert slow.is_given_up and not (quick.is_given_up or fourth.is_given_up)

    asyncio.run(scenario())


def test_a_body_that_is_given_up_says_so_at_once():
    bodies = Bodies(most=1)
    stopped = request_with((0, b"a", True), (60, b"b", False))

    async def scenario() -> None:
        chunks = upload.body_of(stopped, 1000, bodies)
        assert await anext(chunks) == b"a"
        waiting = asyncio.ensure_future(anext(chunks))
        await asyncio.sleep(0)
        bodies._coming[0].give_up()
        with pytest.raises(Refused, match="too slowly") as refusal:
            await waiting
        assert refusal.value.status == 503

    asyncio.run(scenario())


def test_a_full_queue_says_when_to_come_again_and_a_client_that_leaves_makes_room(tmp_path):
    with (
        server(tmp_path, "--workers", "1", "--queue", "0") as running,
        running.client() as client,
        contextlib.ExitStack() as stalled,
    ):
        body = file_of(gray(30, 30), "PNG")
        # Bodies that stall have no place in the queue.
        for _ in range(60):
            stalled.enter_context(connected(running)).sendall(head(100_000) + b"12345")
        assert client.post("/v1/colorize", content=body, headers=PNG).status_code == 200
        side = 4000  # and a detail that keeps it at work for long
        query = f"?width={side}&height={side}&channels=1&depth=8&space=gray&detail=4"
        holder = stalled.enter_context(connected(running))
        holder.sendall(head(side * side, query, "application/octet-stream") + bytes(side * side))

        def asked_until(status: int) -> httpx.Response:
            """The first answer of a status to what takes no place: it is refused either way."""
            deadline = time.monotonic() + 60
            answer = client.post("/v1/colorize", content=b"x", headers={"Content-Type": "a/b"})
            while answer.status_code != status and time.monotonic() < deadline:
                answer = client.post("/v1/colorize", content=b"x", headers={"Content-Type": "a/b"})
            return answer

        answer = asked_until(503)
        assert_problem(answer, 503, "try again")
        assert int(answer.headers["retry-after"]) >= 1
        holder.close()
        assert_problem(asked_until(415), 415, "image")
        assert client.post("/v1/colorize", content=body, headers=PNG).status_code == 200
