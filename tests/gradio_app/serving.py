"""A real server in a process of its own, as a user starts it, for the tests of this room."""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from tests.model_files import write_model

TOKEN = "a-secret-of-some-length"
PATIENCE_S = 120.0  # a loaded machine with an empty numba cache compiles for a while


@dataclass
class Running:
    """A server that answers: `url` ends without a slash; `client` speaks to it."""

    process: subprocess.Popen
    state: dict[str, Any]
    environment: dict[str, str]
    log: Path

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.state['port']}"

    def client(self, **settings: Any) -> httpx.Client:
        """A client that uses no proxy and has patience."""
        return httpx.Client(base_url=self.url, trust_env=False, timeout=PATIENCE_S, **settings)

    def stop(self) -> int:
        """Ends it as a terminal's Ctrl-C would; says its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE_S)


def environment_for(folder: Path) -> dict[str, str]:
    """Environment with a state file and models of its own; two tiny models are installed."""
    models = folder / "models"
    if not models.exists():
        models.mkdir(parents=True)
        write_model(models / "tiny.onnx", distribution=True)
        write_model(models / "plain.onnx", name="plain", gain=(-0.5, 0.4), hints=False)
    return os.environ | {
        "PHOTOCHROM_STATE": str(folder / "run" / "server.json"),
        "PHOTOCHROM_MODELS": str(models),
        "PYTHONUNBUFFERED": "1",
        "DISPLAY": "",
        "WAYLAND_DISPLAY": "",
        "BROWSER": "",
    }


def command(*arguments: str) -> list[str]:
    """`photochrom ARGUMENTS` in this Python."""
    return [sys.executable, "-c", "from core.commands.main import main; main()", *arguments]


@contextlib.contextmanager
def server(
    folder: Path,
    *arguments: str,
    port: int = 0,
    models: str | None = None,
    environment: dict[str, str] | None = None,
    largest_file: int = 0,
):
    """`photochrom demo --model tiny ARGUMENTS`, ready to answer; ended afterwards.

    `models` is a folder of other models than the tiny ones, `environment` has further variables;
    `largest_file` is what its disk takes, in bytes (0 = as much as it does).
    """
    environment = environment_for(folder) | (environment or {})
    if models:
        environment["PHOTOCHROM_MODELS"] = models
    log = folder / f"log-{time.monotonic_ns()}"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command(
                "demo",
                "--no-open",
                "--model",
                "tiny",
                "--port",
                str(port),
                "--device",
                "cpu",
                # With an end to its idleness it makes the page only when it is asked for it. A day:
                # the files of this room's tests may lie many minutes apart.
                "--idle-exit",
                "86400",
                *arguments,
            ),
            env=environment,
            stdout=output,
            stderr=output,
            cwd=Path(__file__).parents[2],
            preexec_fn=partial(_limit_files, largest_file) if largest_file else None,
        )
    try:
        state = _wait_for_state(Path(environment["PHOTOCHROM_STATE"]), process, log)
        yield Running(process, state, environment, log)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _limit_files(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def _wait_for_state(path: Path, process: subprocess.Popen, log: Path) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, ValueError):
            state = json.loads(path.read_text())
            if state["pid"] == process.pid:
                return state
        if process.poll() is not None:
            break
        time.sleep(0.05)  # there is no event to wait for: the file is how a server is found
    raise AssertionError(f"no server (exit {process.poll()}): {log.read_text()}")
