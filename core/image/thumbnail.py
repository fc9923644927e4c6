"""A thumbnail of samples in memory, the very one that a file of these samples would give."""

import numpy as np

from core.image.metadata import Metadata
from core.image.picture import Held, Page


def thumbnail_of(samples: np.ndarray, width: int, height: int) -> np.ndarray:
    """`samples`, uint8 or uint16 sRGB codes (H, W) or (H, W, 3), at `width` x `height`.

    Returns (height, width) or (height, width, 3) of the same depth; see `Page.thumbnail`. The
    samples may be mapped from a file: nothing of their size is copied.
    """
    codes = samples if samples.ndim == 3 else samples[..., np.newaxis]
    depth = 16 if samples.dtype == np.uint16 else 8
    page = Page(
        index=0,
        width=samples.shape[1],
        height=samples.shape[0],
        depth=depth,
        bits=depth,
        channels="rgb" if samples.ndim == 3 else "gray",
        has_alpha=False,
        metadata=Metadata(),
        pixels=Held(lambda: codes, []),
    )
    return page.thumbnail(width, height)
