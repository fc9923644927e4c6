"""`make bench-video`: flicker, drift, looks of the network and time, on films of known motion.

Films are made of a scikit-image photograph that pans by fractions of a pixel under grain and a
light that flickers. The motion is known, so that a frame can be compared with its predecessor moved
into its place. Colouring every frame by itself stands beside it.
"""

import itertools
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from core.bench.rows import Row
from core.colorizer import Colorizer
from core.film.one_film import colour_segment, finish, open_work
from core.film.options import FilmOptions
from core.options import Options

WIDTH, HEIGHT, FRAMES = 320, 240, 208
PAN = 0.7  # pixels a frame


def true_film(seed: int = 0) -> Iterator[np.ndarray]:
    """sRGB frames, uint8 (HEIGHT, WIDTH, 3)."""
    import cv2
    from skimage import data

    wide = cv2.resize(data.coffee(), (WIDTH + 160, HEIGHT + 40)).astype(np.float32)
    random = np.random.default_rng(seed)
    for index in range(FRAMES):
        shift = np.array([[1, 0, -PAN * index * 0.98], [0, 1, -12 + 8 * np.sin(index / 30)]])
        frame = cv2.warpAffine(wide, shift.astype(np.float32), (WIDTH, HEIGHT))
        light = 1 + 0.03 * np.sin(index * 2.1)
        grain = random.normal(0, 3, (HEIGHT, WIDTH, 1))
        yield np.clip(frame * light + grain, 0, 255).astype(np.uint8)


def moved(picture: np.ndarray, index: int) -> np.ndarray:
    """Frame `index - 1` where it lies in frame `index`."""
    import cv2

    dy = 8 * (np.sin(index / 30) - np.sin((index - 1) / 30))
    shift = np.array([[1, 0, -PAN * 0.98], [0, 1, dy]], np.float32)
    return cv2.warpAffine(picture, shift, (picture.shape[1], picture.shape[0]))


def chroma_of_film(path: Path) -> list[np.ndarray]:
    """a*, b* of every frame, float32 (HEIGHT, WIDTH, 2)."""
    with av.open(str(path)) as film:
        return [ab(frame.to_ndarray(format="rgb24")) for frame in film.decode(video=0)]


def ab(rgb: np.ndarray) -> np.ndarray:
    import cv2

    return cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[..., 1:]


def flicker(chroma: list[np.ndarray]) -> float:
    """Mean |d ab| between a frame and its predecessor moved into its place, away from edges."""
    inner = np.s_[8:-8, 8:-8]
    return float(
        np.mean(
            [
                np.linalg.norm(later[inner] - moved(earlier, index)[inner], axis=-1).mean()
                for index, (earlier, later) in enumerate(itertools.pairwise(chroma), 1)
            ]
        )
    )


def coloured(source: Path, target: Path, colorizer: Colorizer, every: int) -> tuple[float, float]:
    """Colours; CPU seconds and looks of the network a frame."""
    begun = time.process_time()
    work = open_work(
        source, target, colorizer, Options(), FilmOptions(codec="ffv1", chroma="444", every=every)
    )
    records = [colour_segment(work, segment) for segment in work.plan.segments]
    finish(work, replace=True)
    frames = sum(each.frames for each in records)
    return (time.process_time() - begun), sum(each.calls for each in records) / frames


def rows() -> Iterator[Row]:
    """The figures."""
    colorizer = Colorizer.open(Options().model, "cpu")
    with tempfile.TemporaryDirectory(prefix="photochrom-bench-") as name:
        folder = Path(name)
        source = folder / "gray.mkv"
        truth = [ab(frame) for frame in true_film()]
        with av.open(str(source), "w") as out:
            stream = out.add_stream("ffv1", rate=24, options={"g": "1"})
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "gray"
            for index, rgb in enumerate(true_film()):
                frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="gray")
                frame.pts = index
                out.mux(stream.encode(frame))
            out.mux(stream.encode())
        _, looks = coloured(source, folder / "ours.mkv", colorizer, 16)
        coloured(source, folder / "each.mkv", colorizer, 1)
        ours, each = (chroma_of_film(folder / name) for name in ("ours.mkv", "each.mkv"))
        yield Row("looks of the network a frame", looks, "", 1 / 8)
        yield Row("flicker: ours / the true film's", flicker(ours) / flicker(truth), "x", 1.3)
        yield Row(
            "flicker: every frame by itself / ours", flicker(each) / flicker(ours), "x", 3, True
        )
        errors = [
            float(np.sqrt(((seen - meant) ** 2).sum(-1).mean()))
            for seen, meant in zip(ours, truth, strict=True)
        ]
        drift = np.mean(errors[-10:]) / np.mean(errors[:10])
        alone = [
            float(np.sqrt(((seen - meant) ** 2).sum(-1).mean()))
            for seen, meant in zip(each, truth, strict=True)
        ]
        note = f"every frame by itself: {np.mean(alone[-10:]) / np.mean(alone[:10]):.2f}"
        yield Row(
            "drift: error of the last ten / the first ten", float(drift), "x", 1.15, note=note
        )
        yield from _time_of_1080p(folder, colorizer)


def _time_of_1080p(folder: Path, colorizer: Colorizer, frames: int = 40) -> Iterator[Row]:
    import cv2
    from skimage import data

    source = folder / "hd.mp4"
    wide = cv2.resize(data.coffee(), (2000, 1200))
    with av.open(str(source), "w") as out:
        stream = out.add_stream("libx264", rate=24, options={"preset": "medium", "threads": "4"})
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        for index in range(frames):
            rgb = np.ascontiguousarray(wide[40:1120, index : index + 1920])
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="yuv420p")
            frame.pts = index
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    begun = time.process_time()
    with av.open(str(source)) as film, av.open(str(folder / "base.mp4"), "w") as out:
        again = out.add_stream(
            "libx264", rate=24, options={"preset": "medium", "crf": "16", "threads": "4"}
        )
        again.width, again.height, again.pix_fmt = 1920, 1080, "yuv420p"
        for frame in film.decode(video=0):
            frame.pict_type = 0  # type: ignore[assignment]
            out.mux(again.encode(frame))
        out.mux(again.encode())
    base = time.process_time() - begun
    begun = time.process_time()
    work = open_work(source, folder / "out.mp4", colorizer, Options(), FilmOptions(codec="x264"))
    for segment in work.plan.segments:
        colour_segment(work, segment)
    finish(work, replace=True)
    ours = time.process_time() - begun
    yield Row("1080p, x264 medium: ours / decode + encode (CPU)", ours / base, "x", 1.6)


if __name__ == "__main__":
    missed = False
    for row in rows():
        print(row.as_json() if "--json" in sys.argv else row, flush=True)
        missed |= row.met is False
    sys.exit(missed)
