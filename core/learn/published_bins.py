"""The 313 a* b* bins of Zhang, Isola, Efros 2016 (`pts_in_hull`), exactly as published.

Cells of size 10. The paper says "in gamut", but no rule in it yields the list: 261 of them are
the cells that some 8-bit sRGB colour rounds to, and all of them lie in the 323 that one step up,
down, left or right of those reaches. The set has no holes along b*, so each row of equal a* is
told by its two ends; published weights expect this set in this order.
"""

import numpy as np

#: a* -> the least and the greatest b* of its row, both included.
ROWS: dict[int, tuple[int, int]] = {
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
        [(a, b) for a, (least, most) in ROWS.items() for b in range(least, most + 1, 10)],
        np.float32,
    )
