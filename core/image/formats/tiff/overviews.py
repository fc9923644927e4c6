"""Smaller versions of a coloured page, made of its rows as they come, in bounded memory.

A page is coloured once: the network, asked anew about a thumbnail or a level of a pyramid, would
give each other colours.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from core.image.layout import SampleLayout


class Pyramid:
    """The smaller versions of a page of `layout`: `levels`, the largest first.

    Each is made of the one before it where that has the same channels and depth: all levels of a
    pyramid together cost a third more than the first.
    """

    def __init__(self, layout: SampleLayout, levels: Sequence[SampleLayout]) -> None:
        self._below: dict[int, list[tuple[int, _Shrinker]]] = {}
        for number, level in enumerate(levels):
            above = number - 1
            if above >= 0:
                former = levels[above]
                fits = former.width >= level.width and former.height >= level.height
                same = (former.depth, former.channels) == (level.depth, level.channels)
                above = above if fits and same else -1
            shrinker = _Shrinker(layout if above < 0 else levels[above], level)
            self._below.setdefault(above, []).append((number, shrinker))

    def add(self, band: np.ndarray, above: int = -1) -> Iterator[tuple[int, np.ndarray]]:
        """(level, rows) of what the next rows of the page (h, width, channels) complete."""
        for number, shrinker in self._below.get(above, ()):
            rows = shrinker.add(band)
            if len(rows):
                yield number, rows
                yield from self.add(rows, number)


class _Shrinker:
    """Makes rows of `small` of rows of `large`: each sample the mean of the codes it covers.

    Where a whole number of rows or columns becomes one, they are added up as integers: a fifth of
    the time.
    """

    def __init__(self, large: SampleLayout, small: SampleLayout) -> None:
        self._large, self._small = large, small
        self._top = 0  # rows that have come
        self._done = 0  # rows that were made
        self._begun: np.ndarray | float = 0.0  # sum of rows of the one that is being made
        self._rest: np.ndarray | None = None  # those rows, where whole numbers of them become one

    def add(self, band: np.ndarray) -> np.ndarray:
        """The rows (n, width, channels) that `band` completes."""
        large, small = self._large, self._small
        sums = self._sums_of_rows(band[..., : small.channels])
        if not len(sums):
            return np.empty((0, small.width, small.channels), np.uint8)
        across, rest = divmod(large.width, small.width)
        sums = sums.swapaxes(0, 1)
        if rest:
            edges = np.arange(1, small.width + 1) * (large.width / small.width)
            sums, _ = _sums_between(sums, edges, 0.0)
        else:
            sums = _sums_of(sums, across)
        scale = small.height * small.width / (large.height * large.width)
        if large.depth != small.depth:
            scale *= 1 / 257 if small.depth == 8 else 257
        codes = np.rint(sums.swapaxes(0, 1) * scale)
        return np.ascontiguousarray(codes.astype(np.uint8 if small.depth == 8 else np.uint16))

    def _sums_of_rows(self, band: np.ndarray) -> np.ndarray:
        large, small = self._large, self._small
        down, rest = divmod(large.height, small.height)
        if not rest:
            if self._rest is not None:
                band = np.concatenate((self._rest, band))
            whole = len(band) - len(band) % down
            self._rest = band[whole:].copy() if whole < len(band) else None
            return _sums_of(band[:whole], down)
        bottom = self._top + len(band)
        last = bottom * small.height // large.height
        edges = np.arange(self._done + 1, last + 1) * (large.height / small.height) - self._top
        sums, self._begun = _sums_between(band, edges, self._begun)
        self._top, self._done = bottom, last
        return sums


def _sums_of(rows: np.ndarray, times: int) -> np.ndarray:
    """Sums of each `times` rows."""
    # Codes of 16 bits go 65,537 times into 32 bits.
    dtype = np.uint32 if rows.dtype in (np.uint8, np.uint16) and times <= 256 else np.float64
    sums = rows[::times].astype(dtype)
    for number in range(1, times):
        sums += rows[number::times]
    return sums


def _sums_between(
    rows: np.ndarray, edges: np.ndarray, begun: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """Sums of `rows` up to each of `edges` (fractions of rows, ascending) since the edge before.

    `begun` is the sum since the last edge in former rows. Returns float64 (edges, ...), and what is
    begun after the last edge.
    """
    running = np.zeros((len(rows) + 1, *rows.shape[1:]))
    np.cumsum(rows, axis=0, out=running[1:])
    running += begun
    edges = np.clip(edges, 0, len(rows))
    whole = np.minimum(edges.astype(np.intp), len(rows) - 1)
    part = (edges - whole).reshape(-1, *(1,) * (rows.ndim - 1))
    up_to = running[whole] + part * rows[whole]
    sums = np.diff(up_to, axis=0, prepend=np.zeros((1, *rows.shape[1:])))
    return sums, running[-1] - (up_to[-1] if len(up_to) else 0.0)
