"""Is each thing coloured right? The share of objects most of whose pixels are near the truth.

Objects are label masks where there are some. Without masks, segments of the true picture stand in:
`segments` cuts it into patches of like colour in the manner of SLIC (Achanta et al. 2012); such a
score is called by that name, since a patch is not a thing.
"""

import numpy as np


def objects_right(
    ours: np.ndarray, truth: np.ndarray, labels: np.ndarray, tolerance: float = 15.0
) -> tuple[int, int]:
    """(how many objects are right, how many there are).

    `ours`, `truth` a*, b* 2,H,W; `labels` H,W of whole numbers, 0 is no object; an object is right
    when more than half of its pixels are within `tolerance` of the truth in the a* b* plane.
    """
    names, which = np.unique(labels, return_inverse=True)
    near = np.hypot(*(ours - truth)) <= tolerance
    pixels = np.bincount(which.ravel())
    right = np.bincount(which.ravel(), weights=near.ravel()) > pixels / 2
    things = names != 0
    return int(right[things].sum()), int(things.sum())


def segments(
    lightness: np.ndarray, chroma: np.ndarray, count: int = 60, compactness: float = 10.0
) -> np.ndarray:
    """H,W of labels 1..n, n about `count`: patches of like colour, none of them large.

    k-means in (L*, a*, b*, x, y) from an even grid, each centre looking within two grid steps, ten
    rounds. `compactness` is the colour difference that weighs as much as one grid step.
    """
    height, width = lightness.shape
    step = max(1.0, (height * width / count) ** 0.5)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    weight = compactness / step
    features = np.stack((lightness, *chroma, x * weight, y * weight), -1).astype(np.float32)
    rows = np.arange(step / 2, height, step).astype(int)
    columns = np.arange(step / 2, width, step).astype(int)
    centres = features[np.ix_(rows, columns)].reshape(-1, 5)
    labels = np.zeros((height, width), np.int64)
    for _ in range(10):
        labels = _assigned(features, centres, step, weight)
        counts = np.bincount(labels.ravel(), minlength=len(centres)).clip(1)
        sums = [
            np.bincount(labels.ravel(), features[..., axis].ravel(), len(centres))
            for axis in range(5)
        ]
        centres = (np.stack(sums, -1) / counts[:, None]).astype(np.float32)
    return np.unique(labels, return_inverse=True)[1].reshape(height, width) + 1


def _assigned(features: np.ndarray, centres: np.ndarray, step: float, weight: float) -> np.ndarray:
    height, width = features.shape[:2]
    best = np.full((height, width), np.inf, np.float32)
    labels = np.zeros((height, width), np.int64)
    for index, centre in enumerate(centres):
        x, y = centre[3:] / weight
        rows = slice(max(0, int(y - 2 * step)), min(height, int(y + 2 * step) + 1))
        columns = slice(max(0, int(x - 2 * step)), min(width, int(x + 2 * step) + 1))
        apart = ((features[rows, columns] - centre) ** 2).sum(-1)
        nearer = apart < best[rows, columns]
        best[rows, columns][nearer] = apart[nearer]
        labels[rows, columns][nearer] = index
    return labels
