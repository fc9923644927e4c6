"""The a* b* bins of the classifiers: two sets of cells of size 10.

`in_gamut_bins`, of `lite`: the 260 cells that some 8-bit sRGB colour, in steps of 5 codes, rounds
to. `published_bins`, of `zhang`: the 313 of Zhang, Isola, Efros 2016 (`pts_in_hull`), exactly as
published. The paper says "in gamut", but no rule in it yields that list: 261 of them are the cells
that some 8-bit sRGB colour rounds to, and all of them lie in the 323 that one step up, down, left
or right of those reaches. Published weights expect this set in this order.
"""

import numpy as np

CELL = 10.0


def in_gamut_bins(step: int = 5) -> np.ndarray:
    """float32 Q,2: a*, b* of every cell that an sRGB colour rounds to, sorted by a*, then b*."""
    import torch

    from core.learn.lab_torch import srgb_to_lab

    codes = torch.arange(0, 256, step, dtype=torch.float64) / 255
    rgb = torch.stack(torch.meshgrid(codes, codes, codes, indexing="ij")).reshape(1, 3, -1, 1)
    ab = srgb_to_lab(rgb)[0, 1:, :, 0].T.numpy()
    cells = np.unique(np.round(ab / CELL), axis=0)
    return (cells * CELL).astype(np.float32)


#: Of the published set: a* -> the least and the greatest b* of its row, which has no holes.
PUBLISHED_ROWS: dict[int, tuple[int, int]] = {
    -90: (50, 90),
    -80: (20, 90),
    -70: (0, 90),
    -60: (-20, 90),
    -50: (-30, 100),
    -40: (-40, 100),
    -30: (-50, 100),
    -20: (-50, 100),
    -10: (-60, 100),
    0: (-70, 100),
    10: (-80, 90),
    20: (-80, 90),
    30: (-90, 90),
    40: (-100, 90),
    50: (-100, 80),
    60: (-110, 80),
    70: (-110, 80),
    80: (-110, 70),
    90: (-110, 70),
    100: (-90, 0),
}


def published_bins() -> np.ndarray:
    """float32 313,2: a*, b*, sorted by a*, then b*.

    >>> published_bins().shape, published_bins()[0].tolist()
    ((313, 2), [-90.0, 50.0])
    """
    return np.array(
        [(a, b) for a, (least, most) in PUBLISHED_ROWS.items() for b in range(least, most + 1, 10)],
        np.float32,
    )
