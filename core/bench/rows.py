"""The figures that the README states, each measured here and nowhere else."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np

from core.bench.pictures import chroma, photograph
from core.colorizer import Colorizer
from core.image.formats.jpeg import decoder
from core.image.vips import library
from core.job import Job, Outcome, run
from core.model.session import Prediction
from core.options import DEFAULT_MODEL
from core.system import load_average

#: Name of a picture -> its grain. At quality 92 they take about 0.9 and 1.6 bits a pixel.
PICTURES: Final = {"smooth": 1.5, "grainy": 3.0}
REPEATS: Final = 5
MEGABYTE: Final = 1e6


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. `value` in `unit` ('x' = ratio); `must` is the bound, below or above it."""

    what: str
    value: float | None
    unit: str
    must: float
    at_least: bool = False
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the figure is met; None where it could not be measured."""
        if self.value is None:
            return None
        return self.value >= self.must if self.at_least else self.value <= self.must

    def __str__(self) -> str:
        """The figure as a line of a table: verdict, value, bound, what it is."""
        verdict = {True: "ok  ", False: "MISS", None: "-   "}[self.met]
        value = "      " if self.value is None else f"{self.value:6.2f}"
        sign = ">=" if self.at_least else "<="
        note = f"  ({self.note})" if self.note else ""
        return f"{verdict} {value} {self.unit:<2} {sign} {self.must:<4g} {self.what}{note}"

    def as_json(self) -> str:
        """The figure as one JSON line."""
        return json.dumps(asdict(self) | {"met": self.met})


def rows(quick: bool = False) -> Iterator[Row]:
    """All figures, as they are measured. `quick` leaves the 400-megapixel scan out."""
    with tempfile.TemporaryDirectory(prefix="photochrom-bench-") as name:
        folder = Path(name)
        colorizer = Colorizer.open(DEFAULT_MODEL, "cpu")
        yield from _start_up()
        yield from _jpegs(folder, colorizer)
        yield from _tiff_of_100_megapixels(folder, colorizer)
        if not quick:
            yield from _tiff_of_400_megapixels(folder)
        yield from _folder_on_two_processes(folder)


class _StillSession:
    """A session that answers at once with a chroma of its own: what a job costs without the net."""

    def __init__(self, colorizer: Colorizer) -> None:
        session = colorizer.session
        self.description, self.sha256 = session.description, session.sha256
        self.provider = "none"

    def predict(self, lightness: np.ndarray, hints=None, *, distribution=False) -> Prediction:
        stride = self.description.stride
        return Prediction(chroma(lightness.shape[0] // stride, lightness.shape[1] // stride))


def without_network(colorizer: Colorizer) -> Colorizer:
    """A Colorizer of the same model whose network answers at once."""
    return Colorizer(_StillSession(colorizer))  # type: ignore[arg-type]


def _jpegs(folder: Path, colorizer: Colorizer) -> Iterator[Row]:
    still = without_network(colorizer)
    for name, grain in PICTURES.items():
        gray = photograph(4000, 6000, grain=grain)
        files = {
            "gray": (save_jpeg(folder / "gray.jpg", gray), 1.4),
            "colour": (save_jpeg(folder / "colour.jpg", _tinted(gray)), 1.6),
            "neutral colour": (save_jpeg(folder / "neutral.jpg", _neutral(gray)), 1.2),
        }
        for kind, (source, must) in files.items():
            target = folder / "out.jpg"
            job = Job(source, target, existing="overwrite")
            done(run(job, still))
            coloured = library().Image.new_from_file(str(target)).copy_memory()
            work: list[Callable] = [
                lambda s=source, c=coloured: _decode_and_encode(s, c, folder / "base.jpg"),
                lambda j=job: done(run(j, still)),
            ]
            if kind == "gray":
                work.append(lambda j=job: done(run(j, colorizer)))
            base_seconds, job_seconds, *with_network = cpu_seconds(work)
            what = f"24 MP {kind} JPEG, {name}: job / decode+encode"
            yield Row(f"{what}, without inference", job_seconds / base_seconds, "x", must)
            if kind != "neutral colour":
                yield from _warnings_of_jpeg(source, kind, name)
            if with_network:
                note = f"inference {1000 * (with_network[0] - job_seconds):.0f} ms"
                yield Row(
                    f"{what}, with inference", with_network[0] / base_seconds, "x", 2.1, note=note
                )


def _warnings_of_jpeg(source: Path, kind: str, name: str) -> Iterator[Row]:
    """What it costs that no warning of the JPEG decoder is lost."""
    data = source.read_bytes()
    shape = (4000, 6000, 1 if kind == "gray" else 3)
    work: list[Callable] = [
        lambda: library().Image.new_from_buffer(data, "", access="sequential").write_to_memory(),
        lambda: decoder.decode(data, shape, str(source)),
        lambda: decoder.check(data, str(source)),
    ]
    base_seconds, held, checked = cpu_seconds(work)
    what = f"24 MP {kind} JPEG, {name}: "
    yield Row(
        what + "decoding with all warnings / libvips' decoding", held / base_seconds, "x", 1.02
    )
    yield Row(what + "check before streaming / libvips' decoding", checked / base_seconds, "x", 0.7)


def _tiff_of_100_megapixels(folder: Path, colorizer: Colorizer) -> Iterator[Row]:
    still = without_network(colorizer)
    for name, grain in PICTURES.items():
        gray = photograph(8660, 11547, grain=grain).astype(np.uint16) * 257
        source, target = folder / "scan.tif", folder / "out.tif"
        library().Image.new_from_array(gray).tiffsave(str(source))
        job = Job(source, target, existing="overwrite")
        del gray
        base_seconds, job_seconds = cpu_seconds(
            [
                lambda s=source, t=target: _read_and_write_strips(s, t),
                lambda j=job: done(run(j, still)),
            ],
            repeats=3,
        )
        what = f"100 MP 16-bit gray TIFF, {name}: job / read+write"
        yield Row(what, job_seconds / base_seconds, "x", 1.6)
    peak = _peak_of_command(folder / "scan.tif", folder / "peak.tif")
    yield Row("100 MP 16-bit gray TIFF: peak memory of the command", peak, "GB", 0.7)


def _tiff_of_400_megapixels(folder: Path) -> Iterator[Row]:
    source = folder / "huge.tif"
    library().Image.new_from_array(photograph(17320, 23094, grain=2.0)).tiffsave(str(source))
    peak = _peak_of_command(source, folder / "huge-out.tif")
    yield Row("400 MP 8-bit TIFF: peak memory of the command", peak, "GB", 1.2)


def _folder_on_two_processes(folder: Path) -> Iterator[Row]:
    scans = folder / "scans"
    scans.mkdir()
    first = photograph(1160, 1740, grain=2.0)
    for number in range(200):
        save_jpeg(scans / f"{number:03}.jpg", np.roll(first, 5 * number, axis=1))
    walls = []
    for jobs in (1, 2):
        start = time.perf_counter()
        _command("colorize", scans, "-o", folder / f"with-{jobs}", "--jobs", jobs, "--quiet")
        walls.append(time.perf_counter() - start)
    note = f"wall clock; load average {load_average():.1f}; means something on two idle cores only"
    what = "200 two-megapixel JPEGs: --jobs 2 / --jobs 1, throughput"
    yield Row(what, walls[0] / walls[1], "x", 1.7, True, note)


def _start_up() -> Iterator[Row]:
    _command("--help")
    seconds = min(_wall(lambda: _command("--help")) for _ in range(REPEATS))
    yield Row("photochrom --help, wall clock", seconds, "s", 0.5)


def cpu_seconds(work: list[Callable[[], object]], repeats: int = REPEATS) -> list[float]:
    """Least CPU seconds of this process for each of `work`, taken in turns."""
    least = [float("inf")] * len(work)
    for _ in range(repeats):
        for index, function in enumerate(work):
            start = time.process_time()
            function()
            least[index] = min(least[index], time.process_time() - start)
    return least


def _wall(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def done(outcome: Outcome) -> None:
    """Raises `RuntimeError` where the job that is measured failed."""
    if outcome.status != "done":
        raise RuntimeError(f"the job to be measured failed: {outcome}")


def _command(*arguments: object) -> str:
    """Runs the command line in a fresh process; its standard output, and its peak memory last."""
    words = [str(argument) for argument in arguments]
    command = [sys.executable, "-c", _START, *words]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


#: The peak is asked of the process itself: what wait() reports includes the parent's own memory,
#: which a child has for the moment between fork and exec.
_START: Final = """
import atexit, pathlib
@atexit.register
def say_peak():
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    print(next(line for line in lines if line.startswith("VmHWM")).split()[1])
from core.commands.main import main
main()
"""


def _peak_of_command(source: Path, target: Path) -> float:
    """Peak resident memory, in GB, of `photochrom colorize` on one file."""
    printed = _command("colorize", source, "-o", target, "--quiet")
    return int(printed.split()[-1]) * 1024 / 1e9


def _decode_and_encode(source: Path, coloured, target: Path) -> None:
    """The base: decode the same file, encode the coloured pixels with the same settings."""
    image = library().Image.new_from_file(str(source), access="sequential", fail_on="error")
    image.write_to_memory()
    coloured.jpegsave(str(target), Q=92, subsample_mode="off")


def _read_and_write_strips(source: Path, target: Path) -> None:
    """The base: read every strip of the source, write as many 16-bit RGB strips of black."""
    vips = library()
    image = vips.Image.new_from_file(str(source), access="sequential", fail_on="error")
    strips = vips.Region.new(image)
    for top in range(0, image.height, 64):
        strips.fetch(0, top, image.width, min(64, image.height - top))
    black = vips.Image.black(image.width, image.height, bands=3)
    black.cast("ushort").copy(interpretation="rgb16").tiffsave(str(target))


def save_jpeg(path: Path, pixels: np.ndarray) -> Path:
    """Writes `pixels` as a JPEG of quality 92 without subsampling; returns `path`."""
    image = library().Image.new_from_array(pixels)
    image.jpegsave(str(path), Q=92, subsample_mode="off")
    return path


def _neutral(gray: np.ndarray) -> np.ndarray:
    return np.repeat(gray[..., None], 3, axis=2)


def _tinted(gray: np.ndarray) -> np.ndarray:
    """A sepia print."""
    tint = np.array([1.0, 0.92, 0.78], np.float32)
    return (gray[..., None] * tint).astype(np.uint8)
