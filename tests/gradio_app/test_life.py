"""A server's life: how it is found, who may reach it, how it ends."""

import json
import os
import socket
import stat
import subprocess
import time
from pathlib import Path

import pytest

from gradio_app import discovery
from tests.gradio_app.serving import command, environment_for, server


def demo(
    folder: Path, *arguments: str, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """`photochrom demo ARGUMENTS` that is expected to end by itself."""
    return subprocess.run(
        command("demo", *arguments),
        env=environment_for(folder) | (environment or {}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=Path(__file__).parents[2],
    )


@pytest.fixture
def found(monkeypatch):
    """Looks for a server where `running` keeps its state file."""

    def find(running):
        monkeypatch.setenv("PHOTOCHROM_STATE", running.environment["PHOTOCHROM_STATE"])
        return discovery.find()

    return find


def test_a_server_is_found_by_its_state_file_and_leaves_nothing_behind(tmp_path, found):
    with server(tmp_path) as running:
        path = Path(running.environment["PHOTOCHROM_STATE"])
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert running.state.keys() == {"pid", "port", "token", "api", "version", "started"}
        assert found(running).port == running.state["port"]
        folders = list(Path("/tmp").glob(f"photochrom-server-{running.process.pid}-*"))
        assert running.stop() == 0
        assert not path.exists() and not any(folder.exists() for folder in folders)


def test_a_stale_state_file_is_recognised(tmp_path, monkeypatch, served):
    path = tmp_path / "server.json"
    monkeypatch.setenv("PHOTOCHROM_STATE", str(path))
    good = served.state
    dead = subprocess.Popen(["true"])
    dead.wait()
    for change in (
        {"pid": dead.pid},
        {"token": "of another server"},
        {"version": "0.0.0"},
        {"api": 2},
        {"port": 1},
    ):
        path.write_text(json.dumps(good | change))
        assert discovery.find() is None, change
    for junk in ("", "[]", "{}", "null", '{"pid": 1}'):
        path.write_text(junk)
        assert discovery.find() is None
    path.write_text(json.dumps(good))
    assert discovery.find() is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1]",
        "[" * 60_000,
        '{"pid": "1"}',
        "\xff",
        '{"pid": -1, "port": 0, "token": "", "api": 1, "version": "", "started": 0}',
    ],
    ids=["empty", "a list", "deep", "half", "no text", "no process"],
)
def test_a_state_file_that_is_none_leads_to_no_server(text, tmp_path, monkeypatch):
    path = tmp_path / "server.json"
    path.write_bytes(text.encode("latin-1"))
    monkeypatch.setenv("PHOTOCHROM_STATE", str(path))
    assert discovery.find() is None


def test_a_second_demo_leads_to_the_first(tmp_path):
    with server(tmp_path) as running:
        answer = demo(tmp_path, "--open")
        assert answer.returncode == 0
        assert f"runs already at {running.url}/" in answer.stdout
        assert "no display" in answer.stdout


def test_a_machine_without_a_display_is_told_so_in_one_line_and_served(tmp_path):
    with server(tmp_path, "--open") as running:
        with running.client() as client:
            assert client.get("/v1/health").status_code == 200
        said = [line for line in running.log.read_text().splitlines() if "display" in line]
        assert said == [f"There is no display here; open {running.url}/ where there is one."]


def test_a_port_in_use_is_said_by_whom_and_the_next_offered(tmp_path):
    with server(tmp_path) as running:
        port = running.state["port"]
        answer = demo(tmp_path, "--no-open", "--port", str(port))
        assert answer.returncode == 3
        assert f"port {port}" in answer.stderr and "photochrom" in answer.stderr
        assert "answers there" in answer.stderr and "--port" in answer.stderr
        assert answer.stderr.count("\n") == 1


def test_without_a_port_given_the_next_free_one_is_taken():
    from gradio_app.network import listen

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        [listener] = listen("127.0.0.1", port, try_next=True)
        with listener:
            assert listener.getsockname()[1] > port


def test_it_ends_by_itself_when_nobody_asks(tmp_path):
    with server(tmp_path, "--idle-exit", "1") as running:
        assert running.process.wait(30) == 0
        assert not Path(running.environment["PHOTOCHROM_STATE"]).exists()


def test_other_machines_need_the_token(tmp_path):
    token = "a-secret-of-some-length"
    with (
        server(tmp_path, "--host", "0.0.0.0", "--token", token) as running,
        running.client() as client,
    ):
        assert "token" in running.log.read_text()
        assert client.get("/v1/health").status_code == 401
        assert client.get("/gradio_api/info").status_code == 401
        good = {"Authorization": f"Bearer {token}", "Host": "photos.example"}
        assert client.get("/v1/health", headers=good).status_code == 200
        form = client.get("/", headers={"Accept": "text/html"})
        assert form.status_code == 401 and "<form" in form.text
        assert client.post("/login", data={"token": "wrong"}).status_code == 401
        assert client.get("/v1/health").status_code == 401
        assert client.post("/login", data={"token": token}).status_code == 303
        assert client.get("/v1/health").status_code == 200  # by the cookie
        assert client.get("/", headers={"Accept": "text/html"}).status_code == 200


def test_a_token_too_short_for_other_machines_is_refused(tmp_path):
    answer = demo(tmp_path, "--no-open", "--host", "0.0.0.0", "--token", "short")
    assert answer.returncode == 2 and "12 characters" in answer.stderr


def test_a_model_that_is_not_there_is_said_before_anything_starts(tmp_path):
    answer = demo(tmp_path, "--no-open", "--port", "0", "--model", "nobody")
    assert answer.returncode == 3 and "nobody" in answer.stderr and "Traceback" not in answer.stderr


def test_the_state_file_never_goes_into_a_folder_of_another_user(tmp_path, monkeypatch):
    if os.getuid() != 0:
        pytest.skip("making a folder of another user needs root")
    folder = tmp_path / "theirs"
    folder.mkdir()
    os.chown(folder, 12345, 12345)
    monkeypatch.setenv("PHOTOCHROM_STATE", str(folder / "server.json"))
    state = discovery.ServerState(os.getpid(), 1, "secret", 1, "0", time.time())
    with pytest.raises(discovery.ServiceError, match="another user"):
        discovery.write(state)
    assert list(folder.iterdir()) == []
