"""A page and its colours: what a writer takes its bands from."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from core.image.layout import SampleLayout
from core.image.metadata import Metadata
from core.image.page import Page
from core.image.pixels import HELD_BYTES, STRIP_PIXELS, HeldPixels

#: paint(samples, top, out) fills `out` (h, width, 3), uint8 or uint16, with the colours of
#: `samples` (h, width) or (h, width, 3), uint8 or uint16, whose first row is the page's row `top`.
#: Samples may be finer than `out`; they are not to be written to, but `out` may be their memory.
Paint = Callable[[np.ndarray, int, np.ndarray], None]


@dataclass(frozen=True, slots=True, eq=False)
class PaintedPage:
    """A page, what paints it, and the metadata that it is written with (`write.py` fills it in).

    `check` is called before each strip, and stops the work by raising.
    """

    page: Page
    paint: Paint
    check: Callable[[], None] = lambda: None
    metadata: Metadata = field(default_factory=Metadata)

    def layout(self, depth: Any) -> SampleLayout:
        """RGB of `depth` bits (8 or 16), with alpha where the page has it."""
        return SampleLayout(self.page.width, self.page.height, 3, depth, self.page.has_alpha)

    def bands(self, layout: SampleLayout) -> Iterator[np.ndarray]:
        """The painted rows from the top, (h, width, channels); h is a multiple of `layout.rows`.

        A band is done with when the next is asked for: its memory is used again, since a new page
        of 24 MP costs 0.006 s in page faults.
        """
        page = self.page
        rows = layout.rows * max(1, STRIP_PIXELS // (page.width * layout.rows))
        rows = min(rows, page.height)
        dtype = np.uint8 if layout.depth == 8 else np.uint16
        colours = np.empty((rows, page.width, 3), dtype)
        whole = np.empty((rows, page.width, 4), dtype) if page.has_alpha else colours
        for top, samples, alpha in page.strips(rows):
            height = len(samples)
            self.check()
            self.paint(samples, top, colours[:height])
            if alpha is not None:
                whole[:height, :, :3] = colours[:height]
                whole[:height, :, 3] = narrowed(alpha, dtype)
            yield whole[:height]

    def samples(self, layout: SampleLayout) -> np.ndarray:
        """The whole painted page, (height, width, channels): for encoders that want it so."""
        samples = np.empty(layout.shape, np.uint8 if layout.depth == 8 else np.uint16)
        top = 0
        for band in self.bands(layout):
            samples[top : top + len(band)] = band
            top += len(band)
        return samples

    def fits_memory(self) -> bool:
        """Whether `colours` is little memory."""
        return self.page.width * self.page.height * 3 <= HELD_BYTES

    def colours(self) -> np.ndarray:
        """The whole page, (height, width, 3) uint8, without alpha.

        It is painted into the memory of the page's own samples, where these are 8-bit RGB and
        held: the page then has to be decoded anew by whoever asks for its samples again.
        """
        page = self.page
        out: np.ndarray | None = None
        for top, samples, _ in page.strips():
            if out is None:
                is_alike = page.channels == "rgb" and page.dtype == np.uint8
                if is_alike and isinstance(page.pixels, HeldPixels):
                    out = page.pixels.take()
                else:
                    out = np.empty((page.height, page.width, 3), np.uint8)
            self.check()
            self.paint(samples, top, out[top : top + len(samples)])
        assert out is not None, "a page has a row"
        return out


def narrowed(alpha: np.ndarray, dtype: Any) -> np.ndarray:
    """Alpha of 16 bits in the 8 of `dtype`, where the format has no more; as it is otherwise."""
    if alpha.dtype == dtype or dtype == np.uint16:
        return alpha
    return ((alpha.astype(np.uint32) + 128) // 257).astype(dtype)
