"""Splits pictures for validation, and samples them for training: a set, then one of its pictures.

The n-th sample of a run depends only on the seed and n, so that a run can be resumed at any sample
and two runs give the same batches.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from train.data.cache import CachedPicture, Pictures


def by_set(entries: Sequence[CachedPicture]) -> dict[str, list[int]]:
    """Returns the indices of the pictures of each set, in alphabetical order of the sets."""
    sets: dict[str, list[int]] = defaultdict(list)
    for index, entry in enumerate(entries):
        sets[entry.set_name].append(index)
    return dict(sorted(sets.items()))


def split(entries: Sequence[CachedPicture], validation: int) -> tuple[list[int], list[int]]:
    """Returns the indices for training and for validation (about `validation` of them).

    A set of n pictures gives a share ~ sqrt(n) to validation: the pictures with the lowest hashes
    of their names, which are the same in every run, in any order of the shards.
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
    """Returns whether the colours of a picture (uint8 sRGB H,W,3) spread by `least` or more.

    Those of gray and uniformly toned pictures (sepia) do not. The spread is that of Hasler and
    Süsstrunk's colourfulness: the standard deviations of red - green and of yellow - blue, in sRGB
    codes, of every eighth pixel in each direction.
    """
    red, green, blue = np.moveaxis(picture[::8, ::8].astype(np.float32), -1, 0)
    return float(np.hypot(np.std(red - green), np.std((red + green) / 2 - blue))) >= least


def choose_pictures(
    indices: Sequence[int], count: int, seed: int, is_wanted: Callable[[int], bool]
) -> tuple[list[int], int]:
    """Returns `count` of the indices for which `is_wanted`, in their order, drawn evenly by `seed`.

    Returns fewer where there are not so many, and all of them where `count` is 0. The second value
    is the number of unwanted indices that were drawn. A larger count includes all indices of a
    smaller one with the same seed.
    """
    order = np.random.default_rng(seed).permutation(len(indices)) if count else range(len(indices))
    chosen: list[int] = []
    unwanted = 0
    for place in order:
        if count and len(chosen) == count:
            break
        if is_wanted(indices[place]):
            chosen.append(indices[place])
        else:
            unwanted += 1
    return sorted(chosen), unwanted


class PictureSampler:
    """Samples a set with probability ~ n^power x weight, then one of its pictures evenly."""

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
        """Returns the index of the picture at a position, and the generator for augmenting it."""
        random = np.random.default_rng([self._seed, position])
        chosen = int(np.searchsorted(self._bounds, random.random(), side="right"))
        of_set = self._sets[min(chosen, len(self._sets) - 1)]
        return int(of_set[random.integers(len(of_set))]), random
