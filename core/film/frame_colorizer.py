"""A span of a film, coloured: frames in, frames with chroma out.

This is the one place where guide, network, motion and chroma codes follow each other. Everything
between reading a frame and encoding it happens here, at the size of a guide but for two passes over
the full-size frame: its means, and its new chroma planes.
"""

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from core.colorizer import Colorizer
from core.colour.field import ChromaField
from core.colour.ycbcr import chroma_codes, luma_of
from core.film.hints import TimedHints, TrackedHints
from core.film.motion import Motion
from core.film.options import FilmOptions
from core.film.planes import Layout, chroma_size, coloured, plane, resized
from core.film.propagation import ChromaPropagation
from core.film.source import Film
from core.options import Options

if TYPE_CHECKING:
    from av import VideoFrame

#: Short side of a guide at most, pixels: at this size motion is followed and chroma carried. The
#: bundled network answers with 160 rows; `make bench-video` tells what it costs and gives.
_GUIDE: Final = 192


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A frame on its way; `means`: codes of luma, (h, w) of the result's chroma planes."""

    frame: "VideoFrame"
    means: np.ndarray


@dataclass(frozen=True, slots=True)
class _Shown:
    """A frame for the Colorizer: upright, of square pixels, seen through its thumbnail alone."""

    height: int
    width: int
    luma: np.ndarray
    turns: int

    def thumbnail(self, width: int, height: int) -> np.ndarray:
        """uint16 sRGB codes (height, width)."""
        if self.turns % 2:
            width, height = height, width
        small = resized(self.luma, height, width)
        return np.ascontiguousarray(np.rot90((small * 65535 + 0.5).astype(np.uint16), self.turns))


class FrameColorizer:
    """Colours frames of one film, in order; `calls` and `cuts` count what was asked and found."""

    def __init__(
        self,
        film: Film,
        after: Layout,
        colorizer: Colorizer,
        options: Options,
        film_options: FilmOptions,
        hints: Sequence[TimedHints] = (),
    ) -> None:
        self._film, self._after = film, after
        self._colorizer, self._options = colorizer, options
        self._turns = round(film.rotation / 90) % 4
        self._upright = upright_size(film)
        self._shown = colorizer.sizes_of(*self._upright, options).whole
        share = min(1.0, _GUIDE / min(self._shown))
        seen = max(1, round(self._shown[0] * share)), max(1, round(self._shown[1] * share))
        self._guide = seen if self._turns % 2 == 0 else (seen[1], seen[0])
        self._hints = TrackedHints(hints, self._upright, seen) if hints else None
        self.propagation = ChromaPropagation(self._ask, film_options.every, self._follow)

    def frames(self, frames: "Iterable[VideoFrame]") -> "Generator[VideoFrame, None, None]":
        """Each frame in the result's planes, with its chroma; a few frames later than it came."""
        film = self._film
        size = chroma_size(film.height, film.width, self._after.chroma)
        for frame in frames:
            means = resized(plane(frame, 0), *size)
            guide = (self._luma(means, *self._guide) * 255 + 0.5).astype(np.uint8)
            for settled, chroma in self.propagation.feed(_Waiting(frame, means), guide):
                yield self._painted(settled, chroma)
        for settled, chroma in self.propagation.end():
            yield self._painted(settled, chroma)

    def _luma(self, codes: np.ndarray, height: int, width: int) -> np.ndarray:
        """Y' 0..1 (height, width)."""
        small = resized(codes, height, width)
        return luma_of(small, self._film.layout.depth, is_full=self._film.is_full)

    def _ask(self, item: Any) -> np.ndarray:
        codes = plane(item.frame, 0)
        height, width = self._shown if self._turns % 2 == 0 else self._shown[::-1]
        luma = self._luma(codes, min(2 * height, len(codes)), min(2 * width, codes.shape[1]))
        shown = _Shown(*self._upright, luma, self._turns)
        options = replace(self._options, vividness=1.0)
        if self._hints:
            options = replace(options, hints=self._hints.document)
        field = self._colorizer.field(shown, options)
        height, width = self._guide if self._turns % 2 == 0 else self._guide[::-1]
        chroma = np.rot90(_grown(field, height, width), -self._turns)
        return np.ascontiguousarray(chroma)

    def _follow(self, item: Any, motion: Motion | None) -> bool:
        if not self._hints:
            return False
        if motion is not None and self._turns:
            motion = _turned(motion, self._turns)
        return self._hints.follow(float(item.frame.pts * self._film.time_base), motion)

    def _painted(self, item: _Waiting, chroma: np.ndarray) -> "VideoFrame":
        before, after = self._film.layout, self._after
        codes = chroma_codes(
            item.means,
            np.asarray(chroma, np.float32),
            self._film.matrix,
            (before.depth, after.depth),
            is_full=self._film.is_full,
            vividness=self._options.vividness,
        )
        return coloured(item.frame, before, after, codes)


def upright_size(film: Film) -> tuple[int, int]:
    """(height, width) of the film as it is shown: of square pixels, turned upright."""
    height, width = film.height, max(1, round(film.width * film.aspect))
    return (height, width) if film.rotation % 180 == 0 else (width, height)


def _grown(field: ChromaField, height: int, width: int) -> np.ndarray:
    """The field at the guide's size: float32 (height, width, 2), cubic between the cells."""
    import cv2

    rows, columns = field.grid.shape[1:]
    # the centre of guide pixel x lies at column (x + 0.5) * extent / width - 0.5 of the grid
    down, across = field.extent[0] / height, field.extent[1] / width
    y = np.clip((np.arange(height) + 0.5) * down - 0.5, 0, rows - 1).astype(np.float32)
    x = np.clip((np.arange(width) + 0.5) * across - 0.5, 0, columns - 1).astype(np.float32)
    where_x, where_y = np.meshgrid(x, y)
    grid = np.ascontiguousarray(np.moveaxis(field.grid, 0, -1))
    return cv2.remap(grid, where_x, where_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def _turned(motion: Motion, turns: int) -> Motion:
    """The motion ahead as it is seen upright."""
    ahead = np.rot90(motion.ahead, turns)
    for _ in range(turns):  # a quarter to the left: right becomes up, down becomes right
        ahead = np.stack([ahead[..., 1], -ahead[..., 0]], axis=-1)
    return replace(motion, ahead=ahead, ahead_trust=np.rot90(motion.ahead_trust, turns))
