"""Measures the share of objects most of whose pixels are near the truth, and their blotches.

Objects are label masks where there are some. Without masks, segments of the true picture stand in:
`segments` cuts it into patches of like colour by scikit-image's SLIC (Achanta et al. 2012); such a
score is called by that name, since a patch is not a thing.
"""

import numpy as np


def objects_right(
    predicted: np.ndarray, truth: np.ndarray, labels: np.ndarray, tolerance: float = 15.0
) -> tuple[int, int]:
    """(how many objects are right, how many there are).

    `predicted`, `truth` a*, b* 2,H,W; `labels` H,W of whole numbers, 0 is no object. An object is
    right when more than half of its pixels are within `tolerance` of the truth in the a* b* plane.
    """
    names, which = np.unique(labels, return_inverse=True)
    near = np.hypot(*(predicted - truth)) <= tolerance
    pixels = np.bincount(which.ravel())
    right = np.bincount(which.ravel(), weights=near.ravel()) > pixels / 2
    things = names != 0
    return int(right[things].sum()), int(things.sum())


def spread_within(chroma: np.ndarray, labels: np.ndarray) -> float:
    """How far a*, b* (2, H, W) lie from the mean of their object in `labels` (H, W): the RMS.

    Label 0 is no object; nan where there is none. A network that colours by chance has blotches,
    and its colours spread within objects.
    """
    things = labels != 0
    which = np.unique(labels[things], return_inverse=True)[1]
    if not which.size:
        return float("nan")
    pixels = np.bincount(which)
    planes = chroma[:, things].astype(np.float64)
    means = np.stack([np.bincount(which, weights=plane) / pixels for plane in planes])
    return float(np.sqrt(((planes - means[:, which]) ** 2).sum(0).mean()))


def segments(
    lightness: np.ndarray, chroma: np.ndarray, count: int = 60, compactness: float = 10.0
) -> np.ndarray:
    """H,W of labels 1..n, n about `count`: connected patches of like colour, none of them large.

    `compactness` is the colour difference that weighs as much as one step of the grid of patches.
    """
    from skimage.segmentation import slic

    lab = np.stack((lightness, *chroma), -1).astype(np.float32)
    # slic stretches what it is given to 0..1, and reckons its compactness there
    stretched = float(np.ptp(lab)) or 1.0
    labels = slic(lab, n_segments=count, compactness=compactness / stretched, convert2lab=False)
    return np.unique(labels, return_inverse=True)[1].reshape(lightness.shape) + 1
