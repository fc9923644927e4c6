"""What guests cost and gain: `make bench-guests`, or `python -m tests.guests.bench`.

Prints the figures of docs/guests.md. Weights are filled by a rule (`fill`), so that none need be
at hand. `--json` prints JSON lines, `--quick` leaves the conversion of the large network out, which
takes 4 GB of memory.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from core.bench import Row
from core.bench.pictures import photograph
from core.bench.rows import PICTURES, cpu_seconds, done, save_jpeg, without_network
from core.colorizer import Colorizer
from core.colour.lab import lab_to_linear, lightness, srgb_to_lab
from core.job import Job, run
from core.learn.guests import conversion
from core.options import DEFAULT_MODEL, Options
from tests.guests.files import filled
from tests.guests.published import PROGRAMS, script

SAMPLE = Path(__file__).parents[2] / "docs" / "images" / "sample.jpg"
#: How many times its side the sample is enlarged, so that the network's answer has cells to show.
ENLARGED = 4
#: Seconds that a conversion may take.
SECONDS = {"ddcolor-tiny": 60, "ddcolor-large": 240}
#: Peak memory of a conversion as a multiple of the file of weights.
TIMES_FILE = 3
MEGABYTE = 1e6
#: Runs the command; its CPU seconds and its peak memory in kilobytes are the last words it says.
_COMMAND = """
import atexit, pathlib, time
@atexit.register
def say():
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    print(time.process_time(), next(l for l in lines if l.startswith("VmHWM")).split()[1])
from core.commands.main import main
main()
"""


def rows(quick: bool = False) -> Iterator[Row]:
    """All figures, as they are measured."""
    with tempfile.TemporaryDirectory(prefix="photochrom-bench-") as name:
        folder = Path(name)
        yield from post_processing()
        yield from house(folder)
        yield from conversions(folder, quick)


def post_processing() -> Iterator[Row]:
    """The same answer of the bundled network, as the published programs paint it and as ours does.

    The chroma is doubled for a second look, since clipping shows in vivid pictures.
    """
    small = Image.open(SAMPLE)
    size = (ENLARGED * small.width, ENLARGED * small.height)
    gray = np.asarray(small.resize(size, Image.Resampling.BICUBIC))
    colorizer = Colorizer.open(DEFAULT_MODEL, "cpu")
    for vividness in (1.0, 2.0):
        options = Options(vividness=vividness)
        ours = colorizer.colorize(gray, options)
        chroma = vividness * answer(colorizer, gray)
        yield from compared("ours", gray, ours, ours, chroma, vividness, 0.25)
        for program, paint in PROGRAMS.items():
            theirs = paint(gray, chroma)
            yield from compared(program, gray, theirs, ours, chroma, vividness, float("inf"))


def answer(colorizer: Colorizer, gray: np.ndarray) -> np.ndarray:
    """a*, b* float32 (2,h,w) of the network, seen as the program shows it the picture."""
    side = colorizer.session.description.side
    side -= side % colorizer.session.description.multiple
    seen = Image.fromarray(gray).resize((side, side), Image.Resampling.LANCZOS)
    plane = lightness(np.repeat(np.asarray(seen)[..., None] / 255, 3, -1))
    return colorizer.session.predict(plane.astype(np.float32)).chroma


def compared(
    program: str,
    gray: np.ndarray,
    painted: np.ndarray,
    ours: np.ndarray,
    chroma: np.ndarray,
    vividness: float,
    must: float,
) -> Iterator[Row]:
    """How far L* moved; how many colours were clipped; how hard the cells' borders are."""
    what = f"{program}, chroma x {vividness:g}: "
    source = lightness(np.repeat(gray[..., None] / 255, 3, -1))
    moved = np.abs(lightness(painted / 255) - source)
    yield Row(what + "|dL*| max", float(moved.max()), "L*", must, note=f"mean {moved.mean():.3f}")
    if painted is ours:
        return
    lab = np.dstack((source, *_nearest(chroma, gray.shape)))
    linear = lab_to_linear(lab)
    clipped = ((linear < -1e-3) | (linear > 1 + 1e-3)).any(-1).mean()
    yield Row(what + "colours that it clips", 100 * float(clipped), "%", float("inf"))
    ratio = border_energy(painted, chroma.shape) / border_energy(ours, chroma.shape)
    yield Row(what + "chroma's steps across the cells' borders / ours", ratio, "x", float("inf"))


def border_energy(painted: np.ndarray, cells: tuple[int, ...]) -> float:
    """Mean square of the step in a*, b* from one column to the next, where a cell ends."""
    chroma = srgb_to_lab(painted / 255)[..., 1:]
    width = painted.shape[1]
    cell = np.floor((np.arange(width) + 0.5) * cells[2] / width)
    borders = np.flatnonzero(np.diff(cell))
    return float(((chroma[:, borders + 1] - chroma[:, borders]) ** 2).sum(-1).mean())


def _nearest(chroma: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    down, across = (
        np.floor((np.arange(n) + 0.5) * cells / n).astype(int)
        for n, cells in zip(shape, chroma.shape[1:], strict=True)
    )
    return chroma[:, down][:, :, across]


def house(folder: Path) -> Iterator[Row]:
    """A 24-megapixel JPEG with ECCV16: the usual script's CPU against ours, without the network."""
    weights = folder / "eccv16.pth"
    torch.save(filled("eccv16"), weights)
    model, _ = conversion.convert(
        weights, folder, conversion.ConversionOptions(squash=True), lambda _: None
    )
    colorizer = Colorizer.open(str(model), "cpu")
    still = without_network(colorizer)
    session, seen = colorizer.session, np.full((256, 256), 50, np.float32)
    chroma = np.kron(session.predict(seen).chroma, np.ones((4, 4), np.float32))
    (network,) = cpu_seconds([lambda: session.predict(seen)], 3)
    for name, grain in PICTURES.items():
        source = save_jpeg(folder / "gray.jpg", photograph(4000, 6000, grain=grain))
        job = Job(source, folder / "ours.jpg", existing="overwrite")
        done(run(job, still))
        (ours,) = cpu_seconds([lambda j=job: done(run(j, still))])
        (theirs,) = cpu_seconds(
            [lambda s=source: script(str(s), lambda _: chroma, str(folder / "theirs.jpg"))], 2
        )
        note = f"{theirs:.1f} s / {ours:.2f} s; the network takes {network:.2f} s on both sides"
        what = f"24 MP gray JPEG, {name}, ECCV16: the usual script / ours, in all but the network"
        yield Row(what, theirs / ours, "x", 8, True, note)


def conversions(folder: Path, quick: bool) -> Iterator[Row]:
    """Seconds and peak memory of `photochrom models convert` on files of filled weights."""
    for name, must in SECONDS.items():
        if quick and name != "ddcolor-tiny":
            continue
        weights, model = folder / f"{name}.pth", folder / f"{name}.onnx"
        _fill(name, weights)
        words = ("models", "convert", str(weights), "-o", str(model))
        began = time.perf_counter()
        said = subprocess.run(
            [sys.executable, "-c", _COMMAND, *words], check=True, stdout=subprocess.PIPE, text=True
        ).stdout.split()
        wall = time.perf_counter() - began
        size, peak = weights.stat().st_size, int(said[-1]) * 1024
        note = f"{float(said[-2]):.0f} s of CPU"
        yield Row(f"conversion of {name}, wall clock", wall, "s", must, note=note)
        note = f"{peak / MEGABYTE:.0f} MB for a file of {size / MEGABYTE:.0f}"
        yield Row(
            f"conversion of {name}: peak memory / file", peak / size, "x", TIMES_FILE, note=note
        )
        weights.unlink()
        model.unlink()


def _fill(name: str, weights: Path) -> None:
    """In a process of its own: the memory that filling takes is not given back."""
    text = (
        "import sys, torch; from tests.guests.files import filled; "
        "torch.save({'params': filled(sys.argv[1])}, sys.argv[2])"
    )
    subprocess.run([sys.executable, "-c", text, name, str(weights)], check=True)


if __name__ == "__main__":
    missed = False
    for row in rows("--quick" in sys.argv):
        missed |= row.met is False
        print(row.as_json() if "--json" in sys.argv else str(row), flush=True)
    sys.exit(missed)
