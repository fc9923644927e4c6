"""Colours that a file holds multiplied by their alpha, divided by it again.

The lightness of a photograph is that of its colours, not of what shows of them through their
transparency. A format that says of itself that its colours are multiplied (TIFF, JPEG 2000) keeps
them so in a result of the same format; everywhere else they are divided.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from core.image.page import Page
from core.image.pixels import PagePixels


class StraightPixels:
    """`PagePixels` whose last channel is alpha and whose colours are not multiplied by it."""

    def __init__(self, pixels: PagePixels) -> None:
        self._pixels = pixels

    def bands(self, rows: int) -> Iterator[tuple[int, np.ndarray]]:
        for top, codes in self._pixels.bands(rows):
            yield top, straight_codes(codes)

    def release(self) -> None:
        self._pixels.release()


def straight_codes(codes: np.ndarray) -> np.ndarray:
    """(h, w, colours and alpha) uint8 or uint16 divided by alpha; larger than white is white.

    What does not show at all (alpha 0) stays as it is: its colour cannot be known.
    """
    full = np.iinfo(codes.dtype).max
    alpha = codes[..., -1:].astype(np.uint32)
    divisor = np.where(alpha == 0, full, alpha)
    colours = codes[..., :-1].astype(np.uint32)  # 65535 * 65535 and half a divisor fit
    quotients = np.minimum((colours * full + divisor // 2) // divisor, full)
    return np.concatenate((quotients.astype(codes.dtype), codes[..., -1:]), axis=2)


def straight_page(page: Page) -> Page:
    """The page with colours that are not multiplied by alpha; itself where they never were."""
    if not page.premultiplied:
        return page
    return replace(page, pixels=StraightPixels(page.pixels), premultiplied=False)
