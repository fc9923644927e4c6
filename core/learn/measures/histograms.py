"""Measures over many pictures: a* and b* histograms, and the error for each colour's bin.

`Spread` compares how far the colours reach, ours and true; `Rebalanced` is Zhang 2016's AuC that
counts every colour as much as any other, however rare its pixels are.
"""

import numpy as np

#: Edges of the histograms' cells, one unit wide, in CIELAB units.
EDGES = np.arange(-128, 129)


class Spread:
    """Histograms of a* and b* of all pixels, ours and true."""

    def __init__(self) -> None:
        self.predicted = np.zeros((2, len(EDGES) - 1), np.int64)
        self.truth = np.zeros_like(self.predicted)

    def add(self, predicted: np.ndarray, truth: np.ndarray) -> None:
        """`predicted`, `truth`: a*, b* 2,H,W; beyond +-128 counts as the last cell."""
        for counts, planes in ((self.predicted, predicted), (self.truth, truth)):
            for channel in (0, 1):
                values = np.clip(planes[channel], EDGES[0], EDGES[-1])
                counts[channel] += np.histogram(values, EDGES)[0]

    def distances(self) -> dict[str, float]:
        """For a and b: the earth mover's distance in CIELAB units (`a_distance`), and the reach of
        the middle 98% of the pixels, ours over the truth's (`a_reach_ratio`)."""
        result = {}
        for channel, name in enumerate("ab"):
            predicted, truth = (
                _cumulative(counts[channel]) for counts in (self.predicted, self.truth)
            )
            result[f"{name}_distance"] = float(np.abs(predicted - truth).sum())
            reach = _reach(truth)
            result[f"{name}_reach_ratio"] = _reach(predicted) / reach if reach else float("nan")
        return result


def _cumulative(counts: np.ndarray) -> np.ndarray:
    return np.cumsum(counts) / max(counts.sum(), 1)


def _reach(cumulative: np.ndarray) -> float:
    low, high = np.searchsorted(cumulative, (0.01, 0.99))
    return float(high - low)


class Rebalanced:
    """AuC of the ab distance, mean over the colour bins that occur in the truth.

    The same as weighing each pixel by one over how often its bin occurs (Zhang 2016, equation 4
    with lambda 0), with the occurrences of these very pictures.
    """

    def __init__(self, bins: np.ndarray) -> None:
        """`bins`: Q,2."""
        self._bins = bins
        self._errors = np.zeros((len(bins), 152), np.int64)  # whole thresholds 0..150, and beyond

    def add(self, predicted: np.ndarray, truth: np.ndarray) -> None:
        """`predicted`, `truth`: a*, b* 2,H,W."""
        error = np.ceil(np.hypot(*(predicted - truth))).clip(0, 151).astype(np.int64).ravel()
        np.add.at(self._errors, (_nearest(truth.reshape(2, -1).T, self._bins), error), 1)

    def auc(self) -> float:
        """In %."""
        occurring = self._errors[self._errors.sum(1) > 0]
        if not len(occurring):
            return float("nan")
        within = np.cumsum(occurring, 1)[:, :151] / occurring.sum(1, keepdims=True)
        return float(100 * within.mean())


def _nearest(colours: np.ndarray, bins: np.ndarray) -> np.ndarray:
    """N: the index of the nearest bin of N,2 colours. By way of whole units, which repeat often."""
    whole, back = np.unique(np.round(colours).astype(np.int64), axis=0, return_inverse=True)
    apart = ((whole[:, None] - bins[None]) ** 2).sum(-1)
    return apart.argmin(1)[back.ravel()]
