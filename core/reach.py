"""How far hints reach: each colours its thing, up to its edges, and leaves the rest alone.

A network that takes hints decides by itself where they act, and it may colour foliage for a dab on
an arm. Here its answer with hints is taken up only near them, where *near* is measured along ways
that cross no border (`core.colour.geodesic`); and nearer still the hint's own colour is taken. Both
end softly. This needs nothing of a network but its two answers, so that it holds for all of them.
"""

from typing import Any, Final, NamedTuple

import numpy as np


class _Zone(NamedTuple):
    """Around hints: how far apart borders are (see `nearest_marked`), and how far it goes.

    `half`: the distance, in short sides, at which half is taken up; `end`: over which it ends.
    """

    lightness_cost: float
    chroma_cost: float
    half: float
    end: float


#: Where the hint's own colour is taken, and where the network's answer with hints. Chosen on
#: validation pictures by `photochrom evaluate --hints stray` and `--hints grid`.
_OWN: Final = _Zone(lightness_cost=1.169, chroma_cost=1.301, half=0.498, end=0.129)
_ANSWER: Final = _Zone(lightness_cost=0.076, chroma_cost=0.162, half=0.385, end=0.107)

#: Lightness is smoothed before its edges are looked for, by this share of the short side
#: (a standard deviation), since grain is no border.
_SMOOTHING: Final = 1 / 230
#: A share below this one is none: far pixels keep their bits.
_NOTHING: Final = 0.01
#: On a way of a short side L* may change by so many hundreds for nothing.
_SLACK: Final = 1.12


def limited(
    automatic: np.ndarray,
    change: np.ndarray,
    lightness: np.ndarray,
    hints: np.ndarray,
    reach: float = 1.0,
) -> np.ndarray:
    """The chroma of a picture with hints that stop at the edges of things.

    All on the network's grid. Parameters: its answer without hints and what hints change in it, a*
    and b* (2, h, w); L* (h, w); a*, b* of hints and their mask (3, h, w); `reach`, 0 for the hinted
    cells alone, 2 for twice as far as usual. Returns float32 (2, h, w), `automatic` itself where no
    cell is hinted.
    """
    from core.colour.geodesic import nearest_marked

    marked = hints[2] > 0
    if not marked.any():
        return automatic
    smooth = _smoothed(np.asarray(lightness, np.float32), min(lightness.shape) * _SMOOTHING)

    def share(zone: _Zone) -> tuple[np.ndarray, np.ndarray]:
        distance, origin = nearest_marked(
            smooth,
            automatic,
            marked,
            lightness_cost=zone.lightness_cost,
            chroma_cost=zone.chroma_cost,
            slack=_SLACK,
        )
        return _taken_up(distance, zone, reach), origin

    answer = automatic + share(_ANSWER)[0] * change
    taken_up, origin = share(_OWN)
    own = hints[:2].reshape(2, -1)[:, origin]
    return np.asarray(answer + taken_up * (own - answer), np.float32)


def lightness_in_cells(lightness: np.ndarray, stride: int, shape: tuple[int, int]) -> np.ndarray:
    """L* (H, W) as means over the cells of a grid of `shape`, which may reach beyond it."""
    return _cells(lightness, stride, shape, mode="edge").mean((-3, -1))


def hints_in_cells(hints: np.ndarray, stride: int, shape: tuple[int, int]) -> np.ndarray:
    """Hint planes (3, H, W) in the cells of a grid of `shape`: the mean of a cell's hinted pixels,
    and a mask of 1 where it has one."""
    cells = _cells(hints, stride, shape, mode="constant")
    count = cells[2].sum((-3, -1))
    colours = (cells[:2] * cells[2]).sum((-3, -1)) / np.maximum(count, 1)
    return np.concatenate((colours, (count > 0)[None])).astype(np.float32)


def _cells(planes: np.ndarray, stride: int, shape: tuple[int, int], mode: Any) -> np.ndarray:
    """`planes` (..., H, W) as (..., h, stride, w, stride)."""
    margins = [
        (0, cells * stride - size) for cells, size in zip(shape, planes.shape[-2:], strict=True)
    ]
    padded = np.pad(planes, [(0, 0)] * (planes.ndim - 2) + margins, mode=mode)
    return padded.reshape(*planes.shape[:-2], shape[0], stride, shape[1], stride)


def _taken_up(distance: np.ndarray, zone: _Zone, reach: float) -> np.ndarray:
    """The share that is taken up at these distances: 1 at hints, a half at `half`, softly to 0."""
    if reach == 0:
        return (distance == 0).astype(np.float32)
    excess = np.minimum((distance / reach - zone.half) / zone.end, 50)  # no overflow
    share = (1 + np.exp(-zone.half / zone.end)) / (1 + np.exp(excess))
    return np.clip((share - _NOTHING) / (1 - _NOTHING), 0, 1)


def _smoothed(plane: np.ndarray, deviation: float) -> np.ndarray:
    """A plane (H, W), blurred by a Gaussian of so many pixels; beyond its rim its edges go on."""
    radius = int(np.ceil(3 * deviation))
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / deviation) ** 2)
    weights = (weights / weights.sum()).astype(np.float32)
    for axis in range(2):
        margins = [(radius, radius) if axis == other else (0, 0) for other in range(2)]
        padded = np.pad(plane, margins, mode="edge")
        size = plane.shape[axis]
        plane = sum(
            (
                weight * np.take(padded, range(at, at + size), axis)
                for at, weight in enumerate(weights)
            ),
            start=np.zeros_like(plane),
        )
    return plane
