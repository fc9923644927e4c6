"""A film whose motion is known, and the measures of flicker and drift.

Two cut-outs of scikit-image's photographs move before a third that pans, with grain and a light
that flickers. All of them are back at their places after `PERIOD` frames, so that the last frames
of a film show what the first ones do. For each pixel it is known where its point was a frame
before, or that it was covered.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np

WIDTH, HEIGHT = 640, 480
PERIOD = 200

#: Of the background and of each cut-out: its place at rest, how far it goes, how often in a period.
_PATHS = (
    ((-140.0, -60.0), (100.0, 24.0), (1, 2)),
    ((60.0, 90.0), (70.0, 20.0), (2, 1)),
    ((380.0, 200.0), (90.0, 40.0), (1, 3)),
)


def places(index: int) -> list[tuple[float, float]]:
    """Where the layers lie in frame `index`: x, y."""
    turn = 2 * np.pi * index / PERIOD
    return [
        (x + far_x * np.sin(often_x * turn), y + far_y * np.sin(often_y * turn))
        for (x, y), (far_x, far_y), (often_x, often_y) in _PATHS
    ]


def true_frame(index: int) -> np.ndarray:
    """sRGB, uint8 (HEIGHT, WIDTH, 3)."""
    random = np.random.default_rng(index)
    light = 1 + 0.03 * np.sin(index * 2.1)
    grain = random.normal(0, 3, (HEIGHT, WIDTH, 1))
    picture = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    for layer, place in zip(_layers(), places(index), strict=True):
        moved = _moved(layer, place)
        picture += moved[..., 3:] * (moved[..., :3] - picture)
    return np.clip(picture * light + grain, 0, 255).astype(np.uint8)


def before(index: int) -> tuple[np.ndarray, np.ndarray]:
    """For each pixel of frame `index` the place of its point in the frame before, float32
    (HEIGHT, WIDTH, 2), and whether that is known for certain."""
    owner, earlier = _owners(index), _owners(index - 1)
    shifts = np.subtract(places(index - 1), places(index))[owner].astype(np.float32)
    where = np.stack(np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT)), -1).astype(np.float32)
    where += shifts
    inside = ((where >= 0) & (where <= [WIDTH - 1, HEIGHT - 1])).all(-1)
    was = cv2.remap(earlier, where[..., 0], where[..., 1], cv2.INTER_NEAREST)
    return where, inside & (was == owner) & ~(_near_another(owner, 3) | _near_another(was, 3))


def write_true_film(path: Path, frames: int) -> Path:
    """The film in gray, lossless."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=24, options={"g": "1"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "gray"
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(true_frame(index), format="rgb24")
            frame = frame.reformat(format="gray")
            frame.pts = index
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


def ab(rgb: np.ndarray) -> np.ndarray:
    """a*, b* of sRGB codes: float32 (h, w, 2)."""
    return cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[..., 1:]


def flicker(
    chroma: Iterable[np.ndarray], motions: Iterable[tuple[np.ndarray, np.ndarray]]
) -> float:
    """Mean |d ab| between a frame and its predecessor moved into its place, where that is known."""
    changes = []
    for (earlier, later), (where, known) in zip(pairwise(chroma), motions, strict=True):
        moved = cv2.remap(earlier, where[..., 0], where[..., 1], cv2.INTER_LINEAR)
        changes.append(np.linalg.norm(later - moved, axis=-1)[known].mean())
    return float(np.mean(changes))


def known_motions(frames: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """`before` of all frames but the first."""
    return map(before, range(1, frames))


def borders(index: int, pixels: int) -> np.ndarray:
    """Pixels of frame `index` that lie so close to the border of two layers."""
    return _near_another(_owners(index), pixels)


def error(seen: np.ndarray, meant: np.ndarray) -> float:
    """Root mean square of the distance in a*, b*."""
    return float(np.sqrt(((seen - meant) ** 2).sum(-1).mean()))


@cache
def _layers() -> tuple[np.ndarray, ...]:
    """RGB in codes and coverage 0..1, float32 (h, w, 4): a background and two ellipses."""
    from skimage import data

    wide = cv2.resize(data.coffee(), (WIDTH + 300, HEIGHT + 140)).astype(np.float32)
    layers = [np.dstack([wide, np.ones(wide.shape[:2], np.float32)])]
    for picture, size in (
        (data.astronaut()[0:260, 110:350], (150, 170)),
        (data.chelsea()[20:280, 90:390], (200, 150)),
    ):
        cut = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        cover = np.zeros(cut.shape[:2], np.float32)
        centre, axes = (size[0] // 2, size[1] // 2), (size[0] // 2 - 4, size[1] // 2 - 4)
        cv2.ellipse(cover, centre, axes, 0, 0, 360, 1.0, -1)
        layers.append(np.dstack([cut, cv2.GaussianBlur(cover, (0, 0), 1)]).astype(np.float32))
    return tuple(layers)


def _moved(layer: np.ndarray, place: tuple[float, float]) -> np.ndarray:
    shift = np.array([[1, 0, place[0]], [0, 1, place[1]]], np.float32)
    return cv2.warpAffine(layer, shift, (WIDTH, HEIGHT))


def _owners(index: int) -> np.ndarray:
    """Which layer is seen: uint8 (HEIGHT, WIDTH)."""
    owner = np.zeros((HEIGHT, WIDTH), np.uint8)
    for number, place in list(enumerate(places(index)))[1:]:
        owner[_moved(_layers()[number], place)[..., 3] > 0.5] = number
    return owner


def _near_another(owner: np.ndarray, pixels: int) -> np.ndarray:
    kernel = np.ones((2 * pixels + 1, 2 * pixels + 1), np.uint8)
    return cv2.dilate(owner, kernel) != cv2.erode(owner, kernel)
