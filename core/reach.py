"""Limits how far hints reach: each hint colours its thing, up to its edges, and nothing else.

A network that takes hints decides by itself where they act, and it may colour foliage for a hint on
an arm. This module computes two shares for every cell: of the network's output with hints, and of
the colour of the nearest hint. They follow from the hint's distance along paths that cross no
border (`core.colour.geodesic`) and from how alike the cell and the hint's cell look. A small
network of three layers computes them; its weights are in `reach.npz`, which
`python -m train.learn_reach` makes. It reads only the two outputs of the network that colours, with
and without hints, so that it serves every network.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from core.colour.windows import window_means

#: (lightness_cost, chroma_cost) of three distances (see `nearest_marked`): both low, both high,
#: lightness alone. The first distance also decides which hint is the nearest.
_WAYS: Final = ((1.169, 1.301), (4.0, 4.0), (8.0, 0.0))
#: `slack` of all three: free change of L*, in hundreds, along a path of a short side's length.
_SLACK: Final = 1.12
#: Standard deviation, as a share of the short side, by which lightness is smoothed before edges
#: are measured, so that grain does not count as a border.
_SMOOTHING: Final = 1 / 230
#: Radii of the surroundings that are compared, as shares of the short side.
_SMALL, _LARGE, _CHROMA = 1 / 32, 1 / 10, 1 / 20
#: Larger distances are set to this one, in short sides.
_FARTHEST: Final = 3.0
#: Smaller shares are set to 0, so that far cells keep their values bit for bit.
_NOTHING: Final = 0.02

WEIGHTS: Final = Path(__file__).with_name("reach.npz")


def limited(
    automatic: np.ndarray,
    change: np.ndarray,
    lightness: np.ndarray,
    hints: np.ndarray,
    reach: float = 1.0,
) -> np.ndarray:
    """Returns the chroma of a picture with hints that stop at the edges of things.

    All arrays are on the network's grid. `automatic`: the network's output without hints, a* and b*
    (2, h, w); `change`: its output with hints minus `automatic`; `lightness`: L* (h, w); `hints`:
    a*, b* and mask (3, h, w); `reach`: 0 for the hinted cells alone, 2 for twice as far as usual.
    Returns float32 (2, h, w), `automatic` itself where no cell is hinted.
    """
    marked = hints[2] > 0
    if not marked.any():
        return automatic
    if reach == 0:
        return np.where(marked, hints[:2], automatic).astype(np.float32)
    found, own = described(lightness, automatic, hints, reach)
    of_answer, of_own = _shares(found)
    of_own[marked] = 1
    answer = automatic + of_answer * change
    return np.asarray(answer + of_own * (own - answer), np.float32)


def described(
    lightness: np.ndarray, automatic: np.ndarray, hints: np.ndarray, reach: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the small network's input (features, h, w), and the nearest hints' a*, b*."""
    from core.colour.geodesic import nearest_marked

    side, marked = min(lightness.shape), hints[2] > 0
    smooth = _smoothed(np.asarray(lightness, np.float32), side * _SMOOTHING)
    ways = [
        nearest_marked(
            smooth, automatic, marked, lightness_cost=light, chroma_cost=chroma, slack=_SLACK
        )
        for light, chroma in _WAYS
    ]
    origin = np.unravel_index(ways[0][1], lightness.shape)

    def unlike(planes: np.ndarray) -> np.ndarray:
        """Returns how much each cell differs from its hint's in `planes`, (h, w) or (2, h, w)."""
        difference = planes - planes[..., *origin]
        return np.abs(difference) if difference.ndim == 2 else np.hypot(*difference)

    small = max(1, round(side * _SMALL))
    light = window_means(np.stack((lightness, lightness * lightness)), small)
    spread = np.sqrt(np.maximum(light[1] - light[0] ** 2, 0))
    own = hints[:2][:, *origin]
    features = [
        *(np.minimum(distance / reach, _FARTHEST) for distance, _ in ways),
        *(
            np.abs(place - at) / (side * reach)
            for place, at in zip(np.indices(lightness.shape), origin, strict=True)
        ),
        unlike(smooth) / 25,
        unlike(light[0]) / 25,
        unlike(window_means(lightness, max(1, round(side * _LARGE)))) / 25,
        unlike(spread) / 10,
        spread / 10,
        unlike(automatic) / 25,
        unlike(window_means(automatic, max(1, round(side * _CHROMA)))) / 25,
        np.hypot(*automatic) / 25,
        np.hypot(*(own - automatic)) / 25,
        np.hypot(*(own - automatic[:, *origin])) / 25,
        np.full(lightness.shape, 5 * np.sqrt(marked.mean())),
    ]
    return np.asarray(features, np.float32), own


def _shares(features: np.ndarray) -> np.ndarray:
    """Returns shares 0..1 (2, h, w): of the network's output, and of the hint's own colour."""
    values = features.reshape(len(features), -1)
    layers = _layers()
    for number, (weight, bias) in enumerate(layers):
        values = weight @ values + bias[:, None]
        if number + 1 < len(layers):
            values *= _sigmoid(values)  # "SiLU"
    shares = (_sigmoid(values) - _NOTHING) / (1 - _NOTHING)
    return np.maximum(shares, 0).reshape(2, *features.shape[1:])


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(values, -50, 50)))


@lru_cache(1)
def _layers() -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns weights and biases, layer by layer."""
    with np.load(WEIGHTS) as stored:
        return [(stored[f"weight{n}"], stored[f"bias{n}"]) for n in range(len(stored) // 2)]


def lightness_in_cells(lightness: np.ndarray, stride: int, shape: tuple[int, int]) -> np.ndarray:
    """Returns means of L* (H, W) over the cells of a grid of `shape`, which may be larger."""
    return _cells(lightness, stride, shape, mode="edge").mean((-3, -1))


def hints_in_cells(hints: np.ndarray, stride: int, shape: tuple[int, int]) -> np.ndarray:
    """Returns hint planes (3, H, W) as (3, *shape): the mean of each cell's hinted pixels, and a
    mask of 1 where it has any.
    """
    cells = _cells(hints, stride, shape, mode="constant")
    count = cells[2].sum((-3, -1))
    colours = (cells[:2] * cells[2]).sum((-3, -1)) / np.maximum(count, 1)
    return np.concatenate((colours, (count > 0)[None])).astype(np.float32)


def _cells(planes: np.ndarray, stride: int, shape: tuple[int, int], mode: Any) -> np.ndarray:
    """Returns `planes` (..., H, W) as (..., h, stride, w, stride), padded by numpy's `mode`."""
    margins = [
        (0, cells * stride - size) for cells, size in zip(shape, planes.shape[-2:], strict=True)
    ]
    padded = np.pad(planes, [(0, 0)] * (planes.ndim - 2) + margins, mode=mode)
    return padded.reshape(*planes.shape[:-2], shape[0], stride, shape[1], stride)


def _smoothed(plane: np.ndarray, deviation: float) -> np.ndarray:
    """Returns a plane (H, W) blurred by a Gaussian of `deviation` pixels, its edges extended."""
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
