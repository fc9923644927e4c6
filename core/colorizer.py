"""`Colorizer`: lightness in, colour out.

One model, warm, for pictures of any size. `field` asks the network once, on a thumbnail, for the
picture's chroma; `painter_of` gives what lays it over full-size strips and keeps their lightness
(contract 2); `colorize` does all of it for pixels in memory. This is the one place where
sizes, thumbnail, field and painter follow each other. Files are `core.job`'s subject. Results
depend on the picture, the model and the options alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from core.adjustments import adjusted
from core.coherence import coherent
from core.colour.field import ChromaField
from core.errors import HintsError, ModelError
from core.hints import is_empty, planes
from core.model.session import Prediction, Session, open_session
from core.model.store import resolve
from core.options import Options
from core.reach import hints_in_cells, lightness_in_cells, limited
from core.tiles import enlarged, places, with_details

if TYPE_CHECKING:
    from core.image.page import Page

#: A thumbnail's long side is at most this many times the short side asked for, so that a strip of
#: film of 1 x 30,000 pixels does not become a thumbnail of millions.
MAX_ASPECT: Final = 4

#: paint(samples, top, out) fills `out` (h, W, 3) from `samples` (h, W) or (h, W, 3), whose first
#: row is the picture's row `top`.
Painter = Callable[[np.ndarray, int, np.ndarray], None]

#: watch(done, whole) is called before each inference for a picture, one where no `detail` is asked
#: for; what it raises ends the work.
Watch = Callable[[int, int], None]


@dataclass(frozen=True)
class ThumbnailSizes:
    """How large the network sees a picture: sizes as (height, width) in pixels.

    `thumbnail` is what is to be made of the picture; `whole` is the size at which the network sees
    all of it, smaller than that where tiles of it are shown too.
    """

    picture: tuple[int, int]
    thumbnail: tuple[int, int]
    whole: tuple[int, int]


class Picture(Protocol):
    """What is coloured, such as a page of a file: its size in pixels, and thumbnails of it."""

    @property
    def height(self) -> int: ...

    @property
    def width(self) -> int: ...

    def thumbnail(self, width: int, height: int) -> np.ndarray:
        """uint8 or uint16 sRGB codes (height, width) or (height, width, 3)."""
        ...


class Colorizer:
    """A model ready to colour pictures; safe to share between threads."""

    def __init__(self, session: Session) -> None:
        self.session = session

    @classmethod
    def open(cls, model: str = Options().model, device: str = "auto") -> "Colorizer":
        """The model of that name or path on that device; raises what `open_session` raises."""
        return cls(open_session(resolve(model), device))

    def sizes_of(self, height: int, width: int, options: Options) -> ThumbnailSizes:
        """The sizes at which a picture of `height` x `width` pixels is shown to the network."""
        side = options.side or self.session.description.side
        scale = min(side / min(height, width), MAX_ASPECT * side / max(height, width))
        whole = max(1, round(height * scale)), max(1, round(width * scale))
        # no nearer than the picture has pixels
        nearer = max(1, min(options.detail, height // whole[0], width // whole[1]))
        return ThumbnailSizes((height, width), (nearer * whole[0], nearer * whole[1]), whole)

    def field(
        self, picture: Picture, options: Options, watch: Watch = lambda *_: None
    ) -> ChromaField:
        """The picture's chroma: the network is asked here, of a thumbnail.

        Raises `HintsError` for hints that do not fit, `ModelError` where the model fails, what
        `watch` raises, and what the picture's thumbnail raises.
        """
        sizes = self.sizes_of(picture.height, picture.width, options)
        thumbnail = _thumbnail(picture, sizes)
        hints = self._hints(sizes.picture, sizes.thumbnail, options)
        stride = self.session.description.stride
        tiles = self._tiles(sizes)
        inferences = 1 + len(tiles) + (hints is not None)
        asked = count()

        def ask(lightness: np.ndarray, hints: np.ndarray | None = None) -> np.ndarray:
            watch(next(asked), inferences)
            return self._predict(lightness, hints).chroma

        seen = self._seen_whole(thumbnail, sizes)
        whole = ask(seen)
        grid = self._with_details(whole, thumbnail, sizes, ask) if tiles else whole
        lightness = self._lightness_at(grid, thumbnail)
        grid = coherent(grid, lightness, self.session.description.coherence)
        grid = adjusted(grid, lightness, options)
        if hints is not None:
            change = ask(seen, self._hints(sizes.picture, sizes.whole, options)) - whole
            if tiles:
                nearer = sizes.thumbnail[0] // sizes.whole[0]
                change = enlarged(change, nearer, grid.shape[1:])
            hints = hints_in_cells(hints, stride, grid.shape[1:])
            grid = limited(grid, change, lightness, hints, options.reach)
        return ChromaField(
            grid=np.ascontiguousarray(grid, np.float32),
            extent=(sizes.thumbnail[0] / stride, sizes.thumbnail[1] / stride),
            height=sizes.picture[0],
            width=sizes.picture[1],
        )

    def painter_of(
        self, picture: Picture, options: Options, watch: Watch = lambda *_: None
    ) -> Painter:
        """What paints the strips of a picture; raises what `field` raises."""
        return painter(self.field(picture, options, watch), options.vividness)

    def distribution_at(self, picture: Picture, options: Options, x: float, y: float) -> np.ndarray:
        """How probable each of the model's colour bins is at the picture's pixel (x, y).

        Returns float32 (Q,); raises `ModelError` where the model tells no distribution.
        """
        description = self.session.description
        if not description.has_distribution:
            raise ModelError(f"the model {description.name} knows no alternatives")
        sizes = self.sizes_of(picture.height, picture.width, options)
        thumbnail = _thumbnail(picture, sizes)
        hints = self._hints(sizes.picture, sizes.whole, options)
        seen = self._seen_whole(thumbnail, sizes)
        found = self._predict(seen, hints, distribution=True).distribution
        assert found is not None, "the session answers with what it was asked for"
        place = [
            min(max(int(at * whole / size * cells / self._padded(whole)), 0), cells - 1)
            for at, whole, size, cells in zip(
                (y, x), sizes.whole, sizes.picture, found.shape[1:], strict=True
            )
        ]
        return found[:, place[0], place[1]]

    def colorize(self, samples: np.ndarray, options: Options | None = None) -> np.ndarray:
        """A picture in memory, coloured.

        `samples`: uint8 or uint16 sRGB codes, (H, W) or (H, W, 3). Returns the same depth,
        (H, W, 3), whose L* is that of `samples` (contract 2). Raises `ValueError` for samples of
        another kind, and what `field` raises.
        """
        from core.image.page import page_in_memory

        _check_samples(samples)
        return self.colorize_page(page_in_memory(np.ascontiguousarray(samples)), options)

    def colorize_page(self, page: "Page", options: Options | None = None) -> np.ndarray:
        """A page of a file, coloured: (H, W, 3) of the samples' depth, without transparency."""
        paint = self.painter_of(page, options or Options())
        out = np.empty((page.height, page.width, 3), page.dtype)
        for top, samples, _ in page.strips():
            paint(samples, top, out[top : top + len(samples)])
        return out

    def _seen_whole(self, thumbnail: np.ndarray, sizes: ThumbnailSizes) -> np.ndarray:
        """L* of all of the picture, as the network sees it."""
        from core.colour.kernels import lightness_of
        from core.image.page import page_in_memory

        if sizes.thumbnail != sizes.whole:
            thumbnail = page_in_memory(thumbnail).thumbnail(*reversed(sizes.whole))
        return lightness_of(thumbnail)

    def _lightness_at(self, grid: np.ndarray, thumbnail: np.ndarray) -> np.ndarray:
        """The thumbnail's L* in the cells of a grid (2, h, w), which may reach beyond it."""
        from core.colour.kernels import lightness_of

        stride = self.session.description.stride
        return lightness_in_cells(lightness_of(thumbnail), stride, grid.shape[1:])

    def _tiles(self, sizes: ThumbnailSizes) -> list[tuple[int, int]]:
        """(top, left) of the tiles for details, in cells of the finer grid."""
        return [] if sizes.thumbnail == sizes.whole else places(*self._finer_grid(sizes))

    def _finer_grid(self, sizes: ThumbnailSizes) -> tuple[tuple[int, int], int]:
        """((height, width), side of a tile) of the grid for details, in its cells."""
        stride = self.session.description.stride
        shape = -(-sizes.thumbnail[0] // stride), -(-sizes.thumbnail[1] // stride)
        return shape, self._padded(min(sizes.whole)) // stride

    def _with_details(
        self,
        whole: np.ndarray,
        thumbnail: np.ndarray,
        sizes: ThumbnailSizes,
        ask: Callable[[np.ndarray], np.ndarray],
    ) -> np.ndarray:
        """The chroma of `whole`, finer: see `core.tiles`."""
        from core.colour.kernels import lightness_of

        stride = self.session.description.stride
        lightness = lightness_of(thumbnail)
        shape, tile = self._finer_grid(sizes)

        def ask_of_tile(top: int, left: int, height: int, width: int) -> np.ndarray:
            rows = slice(top * stride, (top + height) * stride)
            columns = slice(left * stride, (left + width) * stride)
            return ask(lightness[rows, columns])[:, :height, :width]

        nearer = sizes.thumbnail[0] // sizes.whole[0]
        return with_details(whole, nearer, shape, tile, ask_of_tile)

    def _predict(
        self, lightness: np.ndarray, hints: np.ndarray | None, *, distribution: bool = False
    ) -> Prediction:
        """The network's answer for planes (h, w) and (3, h, w) of any size: padding included."""
        margins = [(0, self._padded(size) - size) for size in lightness.shape]
        lightness = np.pad(lightness, margins, mode="reflect")  # to the right and below
        if hints is not None:
            hints = np.pad(hints, [(0, 0), *margins])
        return self.session.predict(lightness, hints, distribution=distribution)

    def _padded(self, length: int) -> int:
        """A height or width as the network takes it."""
        multiple = self.session.description.multiple
        return -(-length // multiple) * multiple

    def _hints(
        self, picture: tuple[int, int], thumbnail: tuple[int, int], options: Options
    ) -> np.ndarray | None:
        if is_empty(options.hints):
            return None
        if not self.session.description.takes_hints:
            raise HintsError(
                f"the model {self.session.description.name} takes no hints",
                remedy="choose another model, or leave the hints out",
            )
        return planes(options.hints, picture, thumbnail)


def _check_samples(samples: np.ndarray) -> None:
    """Raises `ValueError` where `samples` are no picture in sRGB codes."""
    shape = samples.shape
    if len(shape) not in (2, 3) or shape[2:] not in ((), (3,)) or 0 in shape:
        raise ValueError(f"a picture is (H, W) or (H, W, 3), not of the shape {shape}")
    if samples.dtype not in (np.uint8, np.uint16):
        raise ValueError(
            f"a picture has sRGB codes in uint8 or uint16, not {samples.dtype}; "
            "values of 0 to 1 become codes by (values * 65535).round().astype('uint16')"
        )


def _thumbnail(picture: Picture, sizes: ThumbnailSizes) -> np.ndarray:
    height, width = sizes.thumbnail
    return picture.thumbnail(width, height)


def painter(field: ChromaField, vividness: float) -> Painter:
    """The one full-size pass over a picture, with everything that depends on no pixel done."""
    from core.colour.kernels import colour_strip, prepare

    prepared = prepare(field, vividness)

    def paint(samples: np.ndarray, top: int, out: np.ndarray) -> None:
        colour_strip(samples, top, prepared, out)

    return paint
