"""Draws the colours within a thing together, so that it has one colour and not blotches.

A network colours a small picture cell by cell, and what it is unsure of it leaves gray or colours
by chance. `coherent` takes for each cell the mean over the cells that no edge of lightness parts
from it, vivid ones before pale ones: a gray patch on a coloured sleeve takes the sleeve's colour. A
model says in its metadata how much of this it wants (`coherence`, contract 1).
"""

from typing import Final

import numpy as np

#: Standard deviation of the mean, as a share of the picture's short side.
_RADIUS: Final = 0.16
#: Change of lightness, in L*, that counts as far as this radius.
_STEP: Final = 12.0
#: Chroma that is added to a cell's own to weigh it, in CIELAB units: gray cells count a little.
_LEAST_WEIGHT: Final = 2.0


def coherent(chroma: np.ndarray, lightness: np.ndarray, share: float) -> np.ndarray:
    """Returns `chroma`, a* and b* (2, h, w), with `share` (0..1) of it drawn together.

    `lightness`: L* (h, w) of the same cells. Returns float32, `chroma` itself where `share` is 0.
    """
    if not share:
        return chroma
    from core.colour.edge_aware import smoothed

    chroma = np.asarray(chroma, np.float32)
    weight = np.hypot(*chroma) + np.float32(_LEAST_WEIGHT)
    *weighed, total = smoothed(
        np.stack((*(chroma * weight), weight)),
        np.asarray(lightness, np.float32),
        radius=_RADIUS * min(weight.shape),
        step=_STEP,
    )
    return chroma + np.float32(share) * (np.stack(weighed) / total - chroma)
