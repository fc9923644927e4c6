"""Samples pictures: the validation split, then first a set and then one of its pictures, by seed.

The n-th sample of a run depends on the seed and n alone, so that a run can be taken up at any
sample and two runs give the same batches.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from train.data.cache import CachedPicture, Pictures


def by_set(entries: Sequence[CachedPicture]) -> dict[str, list[int]]:
    """Indices of the pictures of each set, sets in alphabetical order."""
    sets: dict[str, list[int]] = defaultdict(list)
    for index, entry in enumerate(entries):
        sets[entry.set_name].append(index)
    return dict(sorted(sets.items()))


def split(entries: Sequence[CachedPicture], validation: int) -> tuple[list[int], list[int]]:
    """Indices for training and for validation (about `validation` of them, never trained on).

    A set of n pictures gives a share ~ sqrt(n), the ones whose names hash lowest: the same
    pictures in every run, whatever the order of the shards.
    """
    sets = by_set(entries)
    roots = {name: len(indices) ** 0.5 for name, indices in sets.items()}
    kept_out: set[int] = set()
    for name, indices in sets.items():
        share = round(validation * roots[name] / sum(roots.values()))
        ranked = sorted(indices, key=lambda i: hashlib.sha256(entries[i].name.encode()).digest())
        kept_out.update(ranked[: min(share, len(indices) // 4)])
    training = [index for index in range(len(entries)) if index not in kept_out]
    return training, sorted(kept_out)


def has_colour(picture: np.ndarray, least: float) -> bool:
    """Whether a picture's colours spread: gray and uniformly toned ones (sepia) do not.

    Standard deviation of red - green and of yellow - blue in sRGB codes, on every eighth pixel.
    """
    red, green, blue = np.moveaxis(picture[::8, ::8].astype(np.float32), -1, 0)
    return float(np.hypot(np.std(red - green), np.std((red + green) / 2 - blue))) >= least


def drawn(
    indices: Sequence[int], count: int, seed: int, wanted: Callable[[int], bool]
) -> tuple[list[int], int]:
    """`count` of the `indices` that are `wanted`, drawn evenly by `seed`, in their own order, and
    how many unwanted ones were met; `count` 0: all that are wanted.

    A larger count has all pictures of a smaller one with the same seed.
    """
    order = np.random.default_rng(seed).permutation(len(indices)) if count else range(len(indices))
    chosen: list[int] = []
    unwanted = 0
    for place in order:
        if count and len(chosen) == count:
            break
        if wanted(indices[place]):
            chosen.append(indices[place])
        else:
            unwanted += 1
    return sorted(chosen), unwanted


class PictureSampler:
    """Draws the set with probability ~ n^power x weight, then one of its pictures evenly."""

    def __init__(
        self,
        pictures: Pictures,
        indices: Sequence[int],
        *,
        seed: int,
        power: float = 0.65,
        weights: Mapping[str, float] | None = None,
    ) -> None:
        weights = weights or {}
        sets = by_set([pictures.entries[index] for index in indices])
        self._sets = [np.asarray([indices[i] for i in chosen]) for chosen in sets.values()]
        share = np.asarray([len(c) ** power * weights.get(n, 1.0) for n, c in sets.items()])
        self._bounds = np.cumsum(share / share.sum())
        self._seed = seed

    def __call__(self, position: int) -> tuple[int, np.random.Generator]:
        """The picture's index at this position, and the generator for all that is done to it."""
        random = np.random.default_rng([self._seed, position])
        chosen = int(np.searchsorted(self._bounds, random.random(), side="right"))
        of_set = self._sets[min(chosen, len(self._sets) - 1)]
        return int(of_set[random.integers(len(of_set))]), random
