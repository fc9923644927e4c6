"""What the queue's tests stand on: a real redis-server, real worker processes, the real commands.

Everything is started on free ports in folders of the test's own, and ended with it, children too.
"""

import contextlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import psutil
import pytest
import redis

from core.commands.main import main
from tests.model_files import write_model
from tests.photographs import gray, save
from worker import policy

REPOSITORY = Path(__file__).parents[2]
#: Seconds that a test waits for what must come; the machine may be busy with other things.
PATIENCE = 120.0
_PHOTOCHROM = "from core.commands.main import main; main()"

#: The queue's patience (`worker.policy`), shortened, so that a test need not wait half a minute.
IMPATIENT = {
    "LEASE": 3.0,
    "FIRST_PAUSE": 0.5,
    "ISSUED": 2.0,
    "ROUND": 0.25,
    "OTHER_MODEL_PAUSE": 0.5,
    "STALLED": 10.0,
    "REDIS_TIMEOUT": 2.0,
    "WARM_STOP": 3.0,
    "CHECK": 2.0,
    "UNREADY_PAUSE": 0.2,
    "FILM_PAUSE": 0.3,
}


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until(condition: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """The first true answer of `condition`."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if answer := condition():
            return answer
        time.sleep(0.1)
    raise AssertionError(f"waited {patience:g} s in vain for {what}")


class RedisServer:
    """A redis-server of the test's own, with an append-only file or with nothing on disk."""

    def __init__(
        self,
        folder: Path,
        *,
        durable: bool = True,
        settings: tuple[str, ...] = (),
        configuration: Path | None = None,
    ) -> None:
        self.port = free_port()
        self._folder = folder
        kept = ("--appendonly", "yes" if durable else "no", "--save", "")
        # A configuration file must come first.
        self._settings = ((str(configuration),) if configuration else kept) + settings
        folder.mkdir(parents=True, exist_ok=True)
        self.start()

    @property
    def url(self) -> str:
        return f"redis://localhost:{self.port}/0"

    @property
    def client(self) -> redis.Redis:
        return redis.Redis(port=self.port)

    def start(self) -> None:
        self._process = subprocess.Popen(
            ["redis-server", *self._settings, "--port", str(self.port), "--dir", str(self._folder)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(self._answers, "redis-server to answer", 30)

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.AuthenticationError:
            return True
        except redis.RedisError:
            return False

    def pause(self, seconds: float) -> None:
        """Stops the process for a while: it takes connections and answers nothing."""
        self.stop()
        time.sleep(seconds)
        self.go_on()

    def stop(self) -> None:
        """See `pause`; until `go_on`."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


class Stage:
    """One test's Redis, model, folders, commands and workers."""

    def __init__(self, folder: Path, models: Path, server: RedisServer) -> None:
        self.folder, self.redis = folder, server
        self.scans, self.results = folder / "scans", folder / "coloured"
        self.environment = os.environ | {
            "PHOTOCHROM_BROKER": server.url,
            "PHOTOCHROM_MODELS": str(models),
            "PHOTOCHROM_ROOTS": "",
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "PYTHONPATH": str(REPOSITORY),
        }
        self.workers: list[Worker] = []

    def call(self, *arguments: object, code: int | None = 0, **environment: str) -> str:
        """What `photochrom ARGUMENTS` says, on both its streams; its exit code must be `code`.

        `batch` runs in this process, since a second of imports for each call adds up.
        """
        if arguments[0] == "batch":
            given, out = _here(arguments, self.environment | environment)
        else:
            process = self.start(*arguments, **environment)
            parts = process.communicate(timeout=PATIENCE)
            given, out = process.returncode, "".join(parts)
        if code is not None:
            assert given == code, f"{arguments}: {given}\n{out}"
        return out

    def start(self, *arguments: object, **environment: str) -> subprocess.Popen:
        """`photochrom ARGUMENTS`, begun."""
        return subprocess.Popen(
            [sys.executable, "-c", _PHOTOCHROM, *map(str, arguments)],
            env=self.environment | environment,
            cwd=REPOSITORY,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def submit(self, *more: object, source: object = None) -> str:
        """The id of a batch of the stage's scans, submitted."""
        answer = self.call(
            "batch",
            "submit",
            source or self.scans,
            "-o",
            self.results,
            "--model",
            "tiny",
            "--json",
            *more,
        )
        return json.loads(answer.splitlines()[-1])["batch"]

    def status(self, batch: str = "") -> dict[str, Any]:
        return json.loads(self.call("batch", "status", batch, "--json", code=None).splitlines()[0])

    def numbers(self, batch: str) -> dict[str, int]:
        """The batch's counters, read from the ledger itself: quicker than a command."""
        fields: Any = self.redis.client.hgetall(f"photochrom:batch:{batch}")
        return {
            name: int(fields.get(name.encode(), 0))
            for name in ("scans", "running", "done", "skipped", "failed")
        }

    def finished(self, batch: str) -> bool:
        try:
            return bool(self.redis.client.hexists(f"photochrom:batch:{batch}", "finished"))
        except redis.RedisError:
            return False

    def wait(self, batch: str, patience: float = PATIENCE) -> dict[str, int]:
        """The counters of the batch, once it is finished."""
        try:
            wait_until(lambda: self.finished(batch), f"{batch} to finish", patience)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self._what_happened(batch)}") from None
        return self.numbers(batch)

    def _what_happened(self, batch: str) -> str:
        client: Any = self.redis.client
        key = f"photochrom:batch:{batch}"
        parts = {
            part: client.zrange(f"{key}:{part}", 0, -1, withscores=True)
            for part in ("issued", "leases", "due")
        }
        logs = "".join(
            f"{worker.log.name}: {worker.process.poll()}\n{worker.log.read_text()[-1500:]}\n"
            for worker in self.workers
        )
        return (
            f"{client.hgetall(key)}\nbacklog {client.llen(key + ':backlog')}, "
            f"queue {client.llen('photochrom:scans')}, {parts}, {client.time()}\n{logs}"
        )

    def over(self, batch: str) -> int:
        """How many scans are finished by now."""
        numbers = self.numbers(batch)
        return numbers["done"] + numbers["skipped"] + numbers["failed"]

    def report(self, batch: str) -> list[dict[str, Any]]:
        path = self.folder / "report.jsonl"
        self.call("batch", "report", batch, "-o", path)
        return [json.loads(line) for line in path.read_text().splitlines()]

    def worker(self, *more: object, **settings: Any) -> "Worker":
        """A new worker; see `Worker`."""
        worker = Worker(self, *more, **settings)
        self.workers.append(worker)
        return worker

    def end(self) -> None:
        for worker in self.workers:
            worker.end()
        self.redis.kill()

    def strays(self) -> list[Path]:
        """What stands among the results and is none: temporary files, hidden files."""
        return [
            path
            for path in self.results.rglob("*")
            if path.name.startswith(".") or path.suffix in (".tmp", ".part")
        ]


class Worker:
    """`photochrom worker` in a session of its own. Its log is in `log`.

    `patience` changes `worker.policy`; `trouble` names a mischief of `launch.py`.
    """

    def __init__(
        self,
        stage: Stage,
        *more: object,
        concurrency: int = 2,
        roots: tuple[Path, ...] = (),
        patience: dict[str, float] | None = None,
        trouble: str = "",
        model: str = "tiny",
        **environment: str,
    ) -> None:
        self.log = stage.folder / f"worker-{len(stage.workers)}.log"
        told = {"policy": IMPATIENT | (patience or {}), "trouble": trouble, "tries_model": False}
        given = [word for root in roots or (stage.folder,) for word in ("--root", str(root))]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tests.worker.launch",
                    json.dumps(told),
                    "worker",
                    *given,
                    "--concurrency",
                    str(concurrency),
                    "--model",
                    model,
                    "--device",
                    "cpu",
                    *map(str, more),
                ],
                env=stage.environment | environment,
                cwd=REPOSITORY,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def family(self) -> list[psutil.Process]:
        """The worker's process and its children."""
        try:
            parent = psutil.Process(self.process.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def is_alive(self) -> bool:
        return self.process.poll() is None

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def _here(arguments: tuple[object, ...], environment: dict[str, str]) -> tuple[int, str]:
    """Exit code and output of the command, run in this process as the console script runs it."""
    said = io.TextIOWrapper(io.BytesIO(), write_through=True)
    with (
        mock.patch.dict(os.environ, environment, clear=True),
        mock.patch.object(policy, "FLUSH", 0.2),
        mock.patch.object(sys, "argv", ["photochrom", *map(str, arguments)]),
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(said),
        pytest.raises(SystemExit) as left,
    ):
        main()
    said.seek(0)
    return int(left.value.code or 0), said.read()


def make_model(folder: Path, name: str = "tiny", **changes: Any) -> Path:
    """A tiny model by that name in a folder of models."""
    folder.mkdir(parents=True, exist_ok=True)
    return write_model(folder / f"{name}.onnx", name=name, **changes)


def make_scans(folder: Path, count: int, *, start: int = 0, suffix: str = ".jpg") -> list[Path]:
    """Small photographs, all different, a hundred a folder."""
    return [
        save(folder / f"{i // 100:03d}" / f"{i:05d}{suffix}", gray(60, 80, seed=i))
        for i in range(start, start + count)
    ]


def files_under(folder: Path) -> Iterator[tuple[str, bytes]]:
    """(relative name, content) of every file, in order."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(folder)), path.read_bytes()
