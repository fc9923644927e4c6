"""Measures what the server costs beside the command line, for `make bench`.

`rows` yields the server's figures as rows of `core.bench`: a real server in a process of its own,
asked over HTTP. CPU seconds are the server process's own; where only wall time tells, it is the
least of a few tries. Needs psutil, which the development extra has, beside what the server needs.
"""

import contextlib
import http.client
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from core.bench import Row
from core.bench.pictures import photograph
from core.colorizer import Colorizer
from core.image.vips import library
from core.job import Job, run
from core.options import DEFAULT_MODEL, Options
from core.system import load_average

REPEATS: Final = 5
TRIES: Final = 3  # of what only wall time can tell; the least counts
REQUESTS_IN_A_ROW: Final = 200
CLIENTS: Final = 32
_PATIENCE_S: Final = 60.0
_HEADERS: Final = {"Content-Type": "image/jpeg"}


def rows(model: str = DEFAULT_MODEL) -> Iterator[Row]:
    """The server's figures, in about two minutes on two cores."""
    for needed in ("fastapi", "psutil", "uvicorn"):
        if find_spec(needed) is None:
            note = f"not measured: {needed} is not installed"
            yield Row("server: 12 MP JPEG, CPU over HTTP / job", None, "x", 1.15, note=note)
            return
    with tempfile.TemporaryDirectory(prefix="photochrom-bench-") as name:
        folder = Path(name)
        twelve = _jpeg(folder / "12.jpg", 3000, 4000)
        four = _jpeg(folder / "4.jpg", 1632, 2448)
        yield from _cold_start(folder, twelve, model)
        with _Server(folder, model) as server:
            yield from _cpu_beside_the_command(server, twelve, folder, model)
            yield from _memory(server, four)
            yield from _many_at_once(server, four)
        yield from _page(folder, twelve, model)


class _Server:
    """`photochrom demo` in a process of its own, with a state file of its own."""

    def __init__(self, folder: Path, model: str) -> None:
        self._state = folder / "server.json"
        self._model = model

    def __enter__(self) -> "_Server":
        import psutil

        program = "from core.commands.main import main; main()"
        arguments = ["demo", "--no-open", "--port", "0", "--device", "cpu", "--model", self._model]
        environment = os.environ | {"PHOTOCHROM_STATE": str(self._state)}
        self._process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._watched = psutil.Process(self._process.pid)
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            with contextlib.suppress(OSError, ValueError):
                self.port = int(json.loads(self._state.read_bytes())["port"])
                return self
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the server did not start")
            time.sleep(0.02)

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.wait(_PATIENCE_S)

    @property
    def cpu_seconds(self) -> float:
        """User and system time of the server so far."""
        times = self._watched.cpu_times()
        return times.user + times.system

    @property
    def megabytes(self) -> float:
        """Resident memory of the server."""
        return self._watched.memory_info().rss / 1e6

    def get(self, path: str) -> int:
        """The status of a GET."""
        return self._ask("GET", path, None)

    def colorize(self, body: bytes) -> int:
        """The status of a POST of a JPEG, whose answer is read whole."""
        return self._ask("POST", "/v1/colorize", body)

    def _ask(self, method: str, path: str, body: bytes | None) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE_S)
        try:
            connection.request(method, path, body, _HEADERS if body else {})
            answer = connection.getresponse()
            answer.read()
            return answer.status
        finally:
            connection.close()


def _jpeg(path: Path, height: int, width: int) -> Path:
    samples = photograph(height, width, grain=2.0)
    image = library().Image.new_from_memory(samples.data, width, height, 1, "uchar")
    image.copy(interpretation="b-w").jpegsave(str(path), Q=92)
    return path


def _cold_start(folder: Path, source: Path, model: str) -> Iterator[Row]:
    def once() -> tuple[float, float]:
        start = time.monotonic()
        with _Server(folder, model) as server:
            server.colorize(source.read_bytes())
            first = time.monotonic() - start
            server.get("/")
            return time.monotonic() - start, first

    page, first = min(once() for _ in range(TRIES))
    note = f"the API's first picture after {first:.1f} s; {_load()}"
    yield Row(
        "server: cold start to the first 12 MP picture and the page", page, "s", 6.0, note=note
    )


def _load() -> str:
    """What else the machine does: wall times mean little on a busy one."""
    return f"load average {load_average():.1f} on {os.cpu_count()} processors"


def _cpu_beside_the_command(
    server: _Server, source: Path, folder: Path, model: str
) -> Iterator[Row]:
    """The job that the command line runs, in this process, and the request, in turns."""
    colorizer = Colorizer.open(model, "cpu")
    job = Job(source, folder / "out.jpg", Options(model=model), "overwrite")
    body = source.read_bytes()
    server.get("/")  # Gradio's own start is not the request's
    job_seconds, server_seconds = [], []
    for _ in range(REPEATS):
        job_seconds.append(_cpu_of(time.process_time, lambda: run(job, colorizer)))
        server_seconds.append(
            _cpu_of(lambda: server.cpu_seconds, lambda: server.colorize(body), times=3)
        )
    note = f"{1000 * min(server_seconds):.0f} ms"
    yield Row(
        "server: 12 MP JPEG, CPU over HTTP / job",
        min(server_seconds) / min(job_seconds),
        "x",
        1.15,
        note=note,
    )


def _cpu_of(clock: Callable[[], float], work: Callable[[], object], times: int = 3) -> float:
    """Seconds of `clock` for one `work`; several, since a process's clock ticks in 10 ms."""
    work()
    start = clock()
    for _ in range(times):
        work()
    return (clock() - start) / times


def _memory(server: _Server, source: Path) -> Iterator[Row]:
    body = source.read_bytes()
    for _ in range(10):
        server.colorize(body)
    before = server.megabytes
    for _ in range(REQUESTS_IN_A_ROW):
        server.colorize(body)
    grown = server.megabytes - before
    note = f"from {before:.0f} MB"
    yield Row(
        f"server: {REQUESTS_IN_A_ROW} requests in a row, memory grows by",
        grown,
        "MB",
        60,
        note=note,
    )


def _many_at_once(server: _Server, source: Path) -> Iterator[Row]:
    """Clients that ask at the same moment; each should wait for those before it and no longer."""
    body = source.read_bytes()
    failed, rounds = 0, []
    for _ in range(TRIES):
        before = _wall_of(lambda: [server.colorize(body) for _ in range(6)]) / 6
        answers = _together(lambda: server.colorize(body))
        after = _wall_of(lambda: [server.colorize(body) for _ in range(6)]) / 6
        failed += sum(status not in (200, 503) for _, status in answers)
        served = [seconds for seconds, status in answers if status == 200]
        serial = (before + after) / 2
        rounds.append((statistics.median(served) / (serial * (len(served) + 1) / 2), serial))
    middle, serial = min(rounds)
    note = f"{1000 * serial:.0f} ms alone; {_load()}"
    yield Row(f"server: {CLIENTS} clients at once, failures other than 503", failed, "", 0)
    what = f"server: {CLIENTS} clients at once, p50 / serial time x place in the queue"
    yield Row(what, middle, "x", 1.3, note=note)


def _together(ask: Callable[[], int]) -> list[tuple[float, int]]:
    """(seconds, status) of `CLIENTS` askers that begin at the same moment."""
    answers: list[tuple[float, int]] = []
    begin = threading.Barrier(CLIENTS)

    def client() -> None:
        begin.wait()
        start = time.monotonic()
        status = ask()
        answers.append((time.monotonic() - start, status))

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def _wall_of(work: Callable[[], object]) -> float:
    start = time.monotonic()
    work()
    return time.monotonic() - start


def _page(folder: Path, source: Path, model: str) -> Iterator[Row]:
    """What the page's handlers wait for; the browser's own part is not in it."""
    from gradio_app.page.hint_editor import document_of_strokes
    from gradio_app.page.pictures import OpenPictures

    colorizer = Colorizer.open(model, "cpu")
    pictures = OpenPictures(folder)

    def opened():
        upload = folder / "upload.jpg"
        upload.write_bytes(source.read_bytes())
        picture = pictures.open(upload, 10**9)
        picture.recolour(Options(model=model), colorizer)
        return picture

    opening = min(_wall_of(opened) for _ in range(3))
    yield Row("page: 12 MP picture opened and coloured", opening, "s", 1.0)
    if colorizer.session.description.takes_hints:
        picture = opened()
        strokes = [{"colour": "#5f8a3a", "radius": 40, "points": [[900, 900], [1500, 1200]]}]
        seconds = []
        for colour in ("#5f8a3a", "#6fa3d8", "#a5513d"):
            strokes[0]["colour"] = colour
            hints = document_of_strokes(strokes, picture.width, picture.height)
            picture.recolour(Options(model=model, hints=hints), colorizer)
            seconds.append(picture.seconds)
        yield Row("page: stroke to picture, 12 MP", min(seconds), "s", 0.7)
