"""When the server is absent, dies, lies, is too new or too busy: one sentence, an unharmed image.

In a real GIMP, with the fake server's bad manners.
"""

import json
import os
import signal
import socket
import time
from threading import Thread

import pytest

from tests.gimp_plugin.gimp_session import GimpSession, Room

COLORIZE = """
image, layer = picture(64, 48, bytes(range(256)) * 36, "R'G'B' u8")
before = [names(image), read(layer)]
ran = colorize(image, layer, **arguments)
value = {"ran": ran, "unharmed": [names(image), read(layer)] == before}
"""


def message_of(gimp: GimpSession, **arguments: object) -> str:
    """The sentence of a failing run, which has left the image alone."""
    found = gimp.run(COLORIZE, arguments=arguments)
    assert found["ran"]["status"] == "execution-error"
    assert found["unharmed"]
    message = found["ran"]["message"]
    assert message.endswith(".") and "\n" not in message and "Traceback" not in message
    assert "defect" not in message
    return message


def wait_for(room: Room, event: str, seconds: float = 20.0) -> dict:
    """The first note of that kind in the fake server's journal."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        notes = room.journal(event)
        if notes:
            return notes[0]
        time.sleep(0.02)
    raise AssertionError(f"no {event!r} in {room.journal()}")


@pytest.mark.parametrize(
    ("manner", "words"),
    [
        ("dies-after-request", "stopped in the middle"),
        ("dies-in-answer", "stopped in the middle"),
        ("newer", "speaks interface 2, this plug-in 1"),
        ("page", "text/html"),
        ("short", "not 9216 bytes of colour"),
        ("no-http", "no HTTP"),
        ("refuses", "vividness is 7; choose 0 to 2"),
        ("refuses-early", "more pixels than this server takes"),
        ("dies-at-once", "port 7860 is taken by a teapot"),
    ],
)
def test_a_bad_answer_is_one_sentence_and_the_image_is_unharmed(
    gimp: GimpSession, room: Room, manner: str, words: str
):
    room.use_fake(manner)
    assert words in message_of(gimp)


def test_a_large_body_that_is_refused_early_tells_the_reason(gimp: GimpSession, room: Room):
    """The server closes while samples are still being sent; its sentence must not be lost."""
    room.use_fake("refuses-early")
    ran = gimp.run(
        """
        image, layer = picture(4000, 3000, bytes(36_000_000), "R'G'B' u8")
        value = colorize(image, layer)
        """
    )
    assert "more pixels than this server takes" in ran["message"]


def test_a_program_that_is_gone_is_told_by_its_name(gimp: GimpSession, room: Room):
    room.configure("/opt/gone/photochrom", "demo")
    message = message_of(gimp)
    assert "/opt/gone/photochrom" in message and "photochrom gimp install" in message


def test_a_damaged_installation_is_told(gimp: GimpSession, room: Room):
    (room.installed / "photochrom.json").write_text("{")
    assert "photochrom gimp install" in message_of(gimp)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://127.0.0.1:9", "No Photochrom server answers at http://127.0.0.1:9"),
        ("gopher://x", "is no server address"),
        ("http://127.0.0.1:700000", "is no server address"),
    ],
)
def test_a_wrong_address_is_told(gimp: GimpSession, address: str, words: str):
    assert words in message_of(gimp, server=address)


def test_a_stale_state_file_and_a_stranger_on_its_port_lead_to_a_new_server(
    gimp: GimpSession, room: Room
):
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        Thread(target=_answer_as_a_stranger, args=(stranger,), daemon=True).start()
        stale = {"pid": 1, "port": stranger.getsockname()[1], "token": "old", "api": 1}
        room.state_file.write_text(json.dumps(stale))
        room.state_file.chmod(0o600)
        found = gimp.run(COLORIZE, arguments={})
    assert found["ran"]["status"] == "success"
    assert json.loads(room.state_file.read_text())["token"] == "fake-token"


def _answer_as_a_stranger(listener: socket.socket) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:  # the test is over
            return
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}")


def test_the_state_file_of_another_user_is_not_believed(gimp: GimpSession, room: Room):
    gimp.run(COLORIZE, arguments={})
    os.chown(room.state_file, 12345, 12345)
    found = gimp.run(COLORIZE, arguments={})
    assert found["ran"]["status"] == "success"
    assert len({note["pid"] for note in room.journal("colorize")}) == 2  # a server of our own
    assert room.state_file.stat().st_uid == 0


def test_a_server_that_runs_is_used_again_and_one_that_died_is_replaced(
    gimp: GimpSession, room: Room
):
    for _ in range(2):
        assert gimp.run(COLORIZE, arguments={})["ran"]["status"] == "success"
    first = {note["pid"] for note in room.journal("colorize")}
    assert len(first) == 1
    os.kill(first.pop(), signal.SIGKILL)
    assert gimp.run(COLORIZE, arguments={})["ran"]["status"] == "success"
    assert len({note["pid"] for note in room.journal("colorize")}) == 2


def test_a_busy_server_is_asked_again_when_it_says_so(gimp: GimpSession, room: Room):
    room.use_fake("busy-twice")
    started = time.monotonic()
    assert gimp.run(COLORIZE, arguments={})["ran"]["status"] == "success"
    assert time.monotonic() - started >= 2.0  # Retry-After: 1, twice
    assert len(room.journal("colorize")) == 3


def test_cancelling_frees_the_server_and_leaves_the_image_alone(gimp: GimpSession, room: Room):
    """GIMP's Cancel kills the plug-in; the server must notice by the closed connection."""
    room.use_fake("thinks")
    found: dict = {}
    run = Thread(target=lambda: found.update(gimp.run(COLORIZE, arguments={})))
    run.start()
    wait_for(room, "thinking")
    (plug_in,) = room.plug_ins()
    os.kill(plug_in, signal.SIGKILL)
    wait_for(room, "client gone")
    run.join(20)
    assert found["unharmed"]
    assert found["ran"]["status"] != "success"
    room.use_fake()
    assert gimp.run(COLORIZE, arguments={})["ran"]["status"] == "success"


def test_a_start_that_was_cancelled_does_not_keep_the_next_one_from_starting(
    gimp: GimpSession, room: Room
):
    room.configure("sh", "-c", "sleep 20")  # a server that does not come
    run = Thread(target=lambda: gimp.run(COLORIZE, arguments={}))
    run.start()
    deadline = time.monotonic() + 20
    # Between fork and exec, the server that is being started looks like a second plug-in.
    while not (room.state_file.parent / "server.log").exists() or len(room.plug_ins()) != 1:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    (plug_in,) = room.plug_ins()
    os.kill(plug_in, signal.SIGKILL)
    run.join(20)
    room.use_fake()
    started = time.monotonic()
    assert gimp.run(COLORIZE, arguments={})["ran"]["status"] == "success"
    assert time.monotonic() - started < 15


def test_two_gimps_at_once_share_one_server(gimp: GimpSession, room: Room):
    second = GimpSession(room, number=2)
    try:
        found: list[dict] = []
        runs = [
            Thread(target=lambda session=session: found.append(session.run(COLORIZE, arguments={})))
            for session in (gimp, second)
        ]
        for run in runs:
            run.start()
        for run in runs:
            run.join(60)
    finally:
        second.stop()
    assert [each["ran"]["status"] for each in found] == ["success", "success"]
    assert len({note["pid"] for note in room.journal()}) == 1
