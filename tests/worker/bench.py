"""What the queue costs: `make bench-queue`, or `python -m tests.worker.bench --share 0.2`.

Five figures, each a ratio or CPU seconds in this one run, so that they mean something on a machine
that does other things too:

* scans through the queue against `photochrom colorize` with as many processes, in pairs;
* CPU a scan of everything that is not colouring (submission, Redis, worker), with empty work;
* bytes a scan in Redis, and time and memory of planning;
* ten thousand damaged files among two hundred good ones, against `photochrom colorize`;
* the queue against the naive design (`tests.worker.naive`), per scan of CPU.

Exit code 1 where a figure is missed.
"""

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from core.model.store import BUNDLED
from tests.photographs import gray, save
from tests.worker.stage import REPOSITORY, RedisServer, Stage, make_model, make_scans, wait_until

#: Two megapixels, as wide as a scan of a small print.
HEIGHT, WIDTH = 1224, 1632
PROCESSES = 2


def main() -> int:
    parser = argparse.ArgumentParser(description="Measures what the queue costs.")
    parser.add_argument("--share", type=float, default=1, help="of the usual number of scans")
    parser.add_argument("--only", choices=["throughput", "overhead", "damage", "against_naive"])
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    given = parser.parse_args()
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="bench-queue-") as name:
        folder = Path(name)
        model = _model(folder / "models")
        parts = (
            (throughput, round(1000 * given.share)),
            (overhead, round(50_000 * given.share)),
            (damage, round(200 * given.share), round(10_000 * given.share)),
            (against_naive, max(20, round(100 * given.share))),
        )
        for measure, *counts in parts:
            if given.only and measure.__name__ != given.only:
                continue
            for key, value in measure(folder, model, *counts).items():
                figures[key] = value
                print(f"{key:<44}{value:10.3f}", flush=True)
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2))
    missed = [
        name
        for name, (low, high) in WANTED.items()
        if name in figures and not low <= figures[name] <= high
    ]
    print(f"missed: {', '.join(missed)}" if missed else "all figures are met")
    return 1 if missed else 0


WANTED = {
    "queue / colorize, throughput": (0.95, float("inf")),
    "overhead, ms CPU a scan": (0, 3.0),
    "damaged files, queue / colorize, time": (0, 1.2),
    "ledger, bytes a scan": (0, 400),
    "planning, seconds": (0, 60),
    "planning, MiB": (0, 300),
    "of it parent": (0, 1.5),
    "naive / queue, CPU a scan": (8.0, float("inf")),
}


#: Pairs of runs of `throughput`.
PAIRS = 5


def throughput(folder: Path, model: str, count: int) -> dict[str, float]:
    """The same scans by `colorize` and by the queue, in five pairs, a fifth of them each.

    Both without start-up: what two scans take is subtracted from each.
    """
    each = max(20, count // PAIRS)
    scans, few = _big_scans(folder / "big", each), _big_scans(folder / "two", 2)
    ratios, cpu_ratios, queue_cpu, seconds, rates = [], [], [], [], []
    for number in range(PAIRS):
        with _stage(folder / f"pair{number}", folder / "models") as stage:
            plain_start, start_cpu = _colorized(stage, few, model)
            plain, plain_cpu = _colorized(stage, scans, model)
            with _worker(stage, model) as worker:
                queue_start, _, _ = _queued(stage, few, model, worker)
                queued, cpu, batch = _queued(stage, scans, model, worker)
                status = stage.status(batch)
            queue_cpu.append(cpu / each)
            seconds.append(status["seconds"] / status["done"])
            rates.append(status["rate"])
            ratios.append((plain - plain_start) / (queued - queue_start))
            cpu_ratios.append((plain_cpu - start_cpu) / (each - 2) / (cpu / each))
            shutil.rmtree(stage.folder, ignore_errors=True)
    return {
        "queue / colorize, throughput": median(ratios),
        "queue / colorize, the lowest of five": min(ratios),
        "queue / colorize, the highest of five": max(ratios),
        "colorize / queue, CPU a scan": median(cpu_ratios),
        "queue, ms CPU a scan of 2 MP": 1000 * median(queue_cpu),
        "queue, seconds a scan in its process": median(seconds),
        "queue, scans a second": median(rates),
    }


def _colorized(stage: Stage, scans: Path, model: str) -> tuple[float, float]:
    """Seconds, and CPU seconds, of `photochrom colorize`."""
    begin = time.perf_counter()
    process = stage.start(
        "colorize",
        scans,
        "-o",
        stage.folder / f"plain-{scans.name}",
        "--model",
        model,
        "--jobs",
        PROCESSES,
        "--quiet",
        "--device",
        "cpu",
    )
    cpu = _cpu_until_end(process)
    return time.perf_counter() - begin, cpu


def _queued(
    stage: Stage, scans: Path, model: str, worker: psutil.Process
) -> tuple[float, float, str]:
    """Seconds, CPU seconds of the worker, and the batch, of the same by the queue."""
    stage.scans, stage.results = scans, stage.folder / f"queued-{scans.name}"
    before, begin = _cpu(worker), time.perf_counter()
    batch = _submit(stage, model)
    stage.wait(batch, 3600)
    return time.perf_counter() - begin, _cpu(worker) - before, batch


def overhead(folder: Path, model: str, count: int) -> dict[str, float]:
    """Empty work, a message each: all that is left is the queue. Quick scans share a message."""
    with _stage(folder / "empty", folder / "models") as stage:
        for number in range(count):
            path = stage.scans / f"box-{number // 1000:03d}" / f"plate-{number:06d}_recto.tif"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        client: Any = stage.redis.client
        empty = client.info("memory")["used_memory"]
        begin = time.perf_counter()
        process = stage.start(
            "batch", "submit", stage.scans, "-o", stage.results, "--model", model, "--json"
        )
        peak = [0]
        submission = _cpu_until_end(process, peak)
        planning = time.perf_counter() - begin
        batch = json.loads(stage.call("batch", "list", "--json").splitlines()[0])["batch"]
        commands = client.info("stats")["total_commands_processed"]
        with _worker(stage, model, trouble="nothing", MESSAGE_TIME=0.0) as worker:
            wait_until(lambda: stage.over(batch) > 0, "the first")
            working, at = _cpu(worker), stage.over(batch)
            parent = sum(worker.cpu_times()[:2])
            redis_working, begin = _redis_cpu(client), time.perf_counter()
            stage.wait(batch, 3600)
            rest = count - at
            seconds = time.perf_counter() - begin
            worker_each = (_cpu(worker) - working) / rest
            parent_each = (sum(worker.cpu_times()[:2]) - parent) / rest
            redis_each = (_redis_cpu(client) - redis_working) / rest
            commands = client.info("stats")["total_commands_processed"] - commands
            wait_until(lambda: not client.hlen("photochrom:unacked"), "the last")
            used = client.info("memory")["used_memory"] - empty
        return {
            "planning, seconds": planning,
            "planning, MiB": peak[0] / 2**20,
            "overhead, ms CPU a scan": 1000 * (submission / count + worker_each + redis_each),
            "of it submission": 1000 * submission / count,
            "of it parent": 1000 * parent_each,
            "of it children": 1000 * (worker_each - parent_each),
            "of it Redis": 1000 * redis_each,
            "Redis commands a scan": commands / count,
            "empty scans a second": rest / seconds,
            "ledger, bytes a scan": max(0, used - (1 << 20)) / count,
            "append-only file, bytes a scan": client.info("persistence")["aof_current_size"]
            / count,
        }


def damage(folder: Path, model: str, good: int, bad: int) -> dict[str, float]:
    """Files cut short among a few good ones: by `colorize` and by the queue, in three pairs."""
    scans = _damaged_scans(folder / "damaged", good, bad)
    ratios = []
    for number in range(3):
        with _stage(folder / f"damage{number}", folder / "models") as stage:
            stage.scans = scans
            with _worker(stage, model):
                begin = time.perf_counter()
                stage.wait(_submit(stage, model), 3600)
                queued = time.perf_counter() - begin
            begin = time.perf_counter()
            process = stage.start(
                "colorize",
                scans,
                "-o",
                stage.folder / "plain",
                "--model",
                model,
                "--jobs",
                PROCESSES,
                "--quiet",
                "--device",
                "cpu",
                "--report",
                stage.folder / "report.jsonl",
            )
            process.communicate()
            ratios.append(queued / (time.perf_counter() - begin))
            shutil.rmtree(stage.folder, ignore_errors=True)
    return {
        "damaged files, queue / colorize, time": median(ratios),
        "damaged files, the lowest of three": min(ratios),
        "damaged files, the highest of three": max(ratios),
    }


def against_naive(folder: Path, model: str, count: int) -> dict[str, float]:
    """CPU a scan of both designs on the same scans."""
    scans = _big_scans(folder / "few", count)
    with _stage(folder / "naive", folder / "models") as stage:
        from tests.worker import naive as naive_design

        colour: Any = naive_design.colour
        colour.app.conf.broker_url = stage.redis.url
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "celery",
                "-A",
                "tests.worker.naive",
                "worker",
                "-c",
                str(PROCESSES),
                "-P",
                "prefork",
                "-l",
                "ERROR",
            ],
            env=stage.environment,
            cwd=REPOSITORY,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        files = sorted(scans.rglob("*.jpg"))
        path = _path_of(model, folder / "models")
        for file in files:
            colour.delay(str(file), str(stage.results / file.relative_to(scans)), str(path))
        wait_until(lambda: len(list(stage.results.rglob("*.jpg"))) > 2, "the first")
        before, at = _cpu(process), len(list(stage.results.rglob("*.jpg")))
        wait_until(lambda: len(list(stage.results.rglob("*.jpg"))) == len(files), "all", 3600)
        naive = (_cpu(process) - before) / (len(files) - at)
        os.killpg(process.pid, 9)
        process.wait()
        stage.results = stage.folder / "ours"
        stage.scans = scans
        with _worker(stage, model) as worker:
            before = _cpu(worker)
            stage.wait(_submit(stage, model), 3600)
            ours = (_cpu(worker) - before) / len(files)
    return {
        "naive / queue, CPU a scan": naive / ours,
        "naive, ms CPU a scan of 2 MP": 1000 * naive,
    }


def _model(folder: Path) -> str:
    """The bundled model, or the tests' where there is none."""
    make_model(folder)
    bundled = sorted(BUNDLED.glob("*.onnx"))
    return bundled[0].stem if bundled else "tiny"


def _path_of(model: str, folder: Path) -> Path:
    bundled = BUNDLED / f"{model}.onnx"
    return bundled if bundled.exists() else folder / f"{model}.onnx"


def _big_scans(folder: Path, count: int) -> Path:
    """`count` JPEGs of two megapixels: ten photographs, each under many names."""
    made = [
        save(folder / "000" / f"{i:05d}.jpg", gray(HEIGHT, WIDTH, seed=i), quality=92)
        for i in range(min(10, count))
    ]
    for number in range(len(made), count):
        path = folder / f"{number // 100:03d}" / f"{number:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(made[number % len(made)], path)
    return folder


def _damaged_scans(folder: Path, good: int, bad: int) -> Path:
    """Small photographs, most of them cut short, all different."""
    make_scans(folder, good)
    whole = save(folder.with_suffix(".jpg"), gray(60, 80)).read_bytes()
    for number in range(bad):
        path = folder / f"bad{number // 1000}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(whole[: len(whole) // 2] + str(number).encode())
    return folder


@contextmanager
def _stage(folder: Path, models: Path) -> Iterator[Stage]:
    folder.mkdir(parents=True)
    stage = Stage(folder, models, RedisServer(folder / "redis"))
    try:
        yield stage
    finally:
        stage.end()


@contextmanager
def _worker(
    stage: Stage, model: str, trouble: str = "", **patience: float
) -> Iterator[psutil.Process]:
    """A warm worker with the patience that users have, save what is given."""
    from worker import policy

    usual = {name: getattr(policy, name) for name in ("LEASE", "ROUND", "ISSUED", "FIRST_PAUSE")}
    worker = stage.worker(
        "--scan-limit",
        10**6,
        concurrency=PROCESSES,
        model=model,
        trouble=trouble,
        roots=(stage.folder.parent,),
        patience=usual | patience,
    )
    wait_until(lambda: stage.redis.client.zcard("photochrom:workers"), "the worker")
    yield psutil.Process(worker.process.pid)
    worker.end()


def _submit(stage: Stage, model: str) -> str:
    """Submitted by the command itself, whose time counts."""
    process = stage.start(
        "batch", "submit", stage.scans, "-o", stage.results, "--model", model, "--json"
    )
    out, err = process.communicate()
    assert process.returncode == 0, err
    return json.loads(out)["batch"]


def _cpu(process: Any) -> float:
    """CPU seconds of a process and of its living children."""
    family = psutil.Process(process.pid)
    each = [family, *family.children(recursive=True)]
    return sum(sum(member.cpu_times()[:2]) for member in each)


def _cpu_until_end(process: subprocess.Popen, peak: list[int] | None = None) -> float:
    """CPU seconds of a process and all its children until it ends; `peak` takes its memory."""
    import resource

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    seen = 0.0  # the system counts a pool's processes only where its parent waits for them
    while process.poll() is None:
        with contextlib.suppress(psutil.NoSuchProcess):
            seen = max(seen, _cpu(process))
        if peak is not None:
            try:
                peak[0] = max(peak[0], psutil.Process(process.pid).memory_info().rss)
            except psutil.NoSuchProcess:
                break
        time.sleep(0.05)
    _, said = process.communicate()
    assert process.returncode == 0, said
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return max(seen, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def _redis_cpu(client: Any) -> float:
    about = client.info("cpu")
    return about["used_cpu_user"] + about["used_cpu_sys"]


if __name__ == "__main__":
    sys.exit(main())
