"""Measures how far hints reach: their own thing takes the colour, other things keep theirs.

A *thing* is a segment of the true picture (`core.learn.measures.objects.segments`). One, two and
four things get a hint each in their middle, discs of one radius, as a person would paint: of the
true colour and, for a single hint, also of a *free* colour, the true one rotated around the gray
axis, as for a red dress that shall be blue. The measures are

* inside the hinted segments: by how much the ab RMSE to the asked colours falls, pooled over all
  pictures (`inside`, `inside_free`: 0 = as without the hint, 1 = exactly as asked). A hint has one
  colour and a thing many: filling each thing exactly, with exactly the mean of its colours, would
  reach `inside_flat`, `inside_flat_free`;
* elsewhere, on pixels whose true colour is further than `OTHER` from every hinted one: the share
  that moved by more than `MOVED` (`stray`, `stray_free`).
"""

import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from core.learn.measures.objects import segments
from train.evaluate import Photograph

#: Numbers of hints that are tried, and their radii in px, one after another for each picture.
COUNTS: Final = (1, 2, 4)
RADII: Final = (4, 8, 16)
#: Distances in a*, b* (CIELAB units): beyond `OTHER` two colours count as different, and beyond
#: `MOVED` a pixel's colour counts as changed.
OTHER: Final = 20.0
MOVED: Final = 5.0
#: Least chroma of a free colour, and the range of its rotation in degrees.
_LEAST_CHROMA: Final = 25.0
_TURNS: Final = (90, 270)

#: colour(photograph, hints 3,H,W) -> a*, b* 2,H,W, such as `EvaluatedModel.colour`.
Colour = Callable[[Photograph, np.ndarray], np.ndarray]


@dataclass(frozen=True, slots=True)
class Case:
    """Hints for a picture, and the colours that they should cause.

    `kind`: '' for true colours, '_free' for a free one; `hints` (3, H, W): a*, b*, mask; `inside`
    (H, W): the hinted things; `is_other` (H, W): pixels that should keep their colours; `wanted`:
    a*, b* (2, H, W) of the things, with their shades; `flat` (2, H, W): without them.
    """

    kind: str
    hints: np.ndarray
    inside: np.ndarray
    is_other: np.ndarray
    wanted: np.ndarray
    flat: np.ndarray


class HintReach:
    """Measures the reach of hints over the pictures that are added."""

    def __init__(self, colour: Colour) -> None:
        self._colour = colour
        self._squares: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(3))
        self._pixels: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(2))
        self._count = 0

    def add(self, photograph: Photograph, predicted: np.ndarray) -> None:
        """Adds a picture; `predicted` is the model's a*, b* (2, H, W) without hints."""
        radius = RADII[self._count % len(RADII)]
        self._count += 1
        for case in cases(photograph, radius):
            self._take_in(case, photograph, predicted)

    def result(self) -> dict[str, float]:
        """Returns `inside`, `inside_flat`, `stray`, also with `_free`; {} without pictures."""
        found = {}
        for kind, (before, *after) in self._squares.items():
            for name, squares in zip(("inside", "inside_flat"), after, strict=True):
                found[f"{name}{kind}"] = 1 - float(np.sqrt(squares / before)) if before else 0.0
            moved, all_pixels = self._pixels[kind]
            found[f"stray{kind}"] = float(moved / all_pixels) if all_pixels else 0.0
        return found

    def _take_in(self, case: Case, photograph: Photograph, automatic: np.ndarray) -> None:
        answer = self._colour(photograph, case.hints)
        for at, given in enumerate((automatic, answer, case.flat)):
            self._squares[case.kind][at] += ((given - case.wanted)[:, case.inside] ** 2).sum()
        moved = np.hypot(*(answer - automatic)) > MOVED
        self._pixels[case.kind] += ((moved & case.is_other).sum(), case.is_other.sum())


def cases(photograph: Photograph, radius: int) -> Iterator[Case]:
    """Yields the cases of a picture, with discs of `radius` px; the draw depends on its name."""
    random = np.random.default_rng(zlib.crc32(photograph.name.encode()))
    labels = segments(photograph.lightness, photograph.chroma)
    names = random.permutation(np.unique(labels))[: max(COUNTS)]
    asked = [_mean(photograph.chroma, labels == name) for name in names]
    for count in COUNTS:
        yield _case("", photograph, labels, names[:count], asked[:count], radius)
    yield _case("_free", photograph, labels, names[:1], [_turned(asked[0], random)], radius)


def _case(
    kind: str,
    photograph: Photograph,
    labels: np.ndarray,
    names: np.ndarray,
    asked: list[np.ndarray],
    radius: int,
) -> Case:
    truth = photograph.chroma
    hints = np.zeros((3, *labels.shape), np.float32)
    wanted, flat = truth.copy(), truth.copy()
    is_other = np.ones(labels.shape, bool)
    for name, colour in zip(names, asked, strict=True):
        thing = labels == name
        disc = thing & _disc(_middle(thing), radius, labels.shape)
        hints[:2, disc] = colour[:, None]
        hints[2, disc] = 1
        # The thing's shades stay as they are, around another mean colour.
        mean = _mean(truth, thing)
        wanted[:, thing] = truth[:, thing] + (colour - mean)[:, None]
        flat[:, thing] = colour[:, None]
        is_other &= ~thing & (np.hypot(*(truth - mean[:, None, None])) > OTHER)
    return Case(kind, hints, np.isin(labels, names), is_other, wanted, flat)


def _mean(chroma: np.ndarray, where: np.ndarray) -> np.ndarray:
    return chroma[:, where].mean(1)


def _turned(colour: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Returns a free colour: `colour` rotated around the gray axis, with a least chroma."""
    angle = np.arctan2(colour[1], colour[0]) + np.radians(random.uniform(*_TURNS))
    chroma = max(float(np.hypot(*colour)), _LEAST_CHROMA)
    return chroma * np.array((np.cos(angle), np.sin(angle)), np.float32)


def _middle(thing: np.ndarray) -> tuple[int, int]:
    """Returns the pixel of a thing that is furthest from its border."""
    from scipy.ndimage import distance_transform_edt

    depth = np.asarray(distance_transform_edt(np.pad(thing, 1)))[1:-1, 1:-1]
    row, column = np.unravel_index(int(depth.argmax()), thing.shape)
    return int(row), int(column)


def _disc(centre: tuple[int, int], radius: int, shape: tuple[int, ...]) -> np.ndarray:
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 <= radius**2
