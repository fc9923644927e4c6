"""`Colorizer`: lightness in, colour out.

One model, warm, for pictures of any size: `field` asks the network once, on a thumbnail, for the
picture's chroma; `painter` lays it over full-size strips and keeps their lightness (contract 2);
`colorize` does both for pixels in memory. Files are `core.job`'s subject. Results depend on the
picture, the model and the options alone. Stands on `core.colour`, `core.model`, `core.hints`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from core.colour.field import ChromaField
from core.errors import HintsError, ModelError
from core.hints import is_empty, planes
from core.model.session import Session, open_session
from core.model.store import resolve
from core.options import Options

#: A thumbnail's long side is at most this many times the short side asked for, so that a strip of
#: film of 1 x 30,000 pixels does not become a thumbnail of millions.
MAX_ASPECT: Final = 4

#: paint(samples, top, out) fills `out` (h, W, 3) from `samples` (h, W) or (h, W, 3), whose first
#: row is the picture's row `top`.
Painter = Callable[[np.ndarray, int, np.ndarray], None]


@dataclass(frozen=True)
class Look:
    """What the network sees of a picture: sizes as (height, width) in pixels."""

    picture: tuple[int, int]
    thumbnail: tuple[int, int]
    padded: tuple[int, int]


class Colorizer:
    """A model ready to colour pictures; safe to share between threads."""

    def __init__(self, session: Session) -> None:
        self.session = session

    @classmethod
    def open(cls, model: str = Options().model, device: str = "auto") -> "Colorizer":
        """The model of that name or path on that device; raises what `open_session` raises."""
        return cls(open_session(resolve(model), device))

    def look(self, height: int, width: int, options: Options) -> Look:
        """The sizes at which a picture of `height` x `width` pixels is shown to the network."""
        description = self.session.description
        side = options.side or description.side
        scale = min(side / min(height, width), MAX_ASPECT * side / max(height, width))
        thumbnail = max(1, round(height * scale)), max(1, round(width * scale))
        rows, columns = (-size % description.multiple + size for size in thumbnail)
        return Look((height, width), thumbnail, (rows, columns))

    def field(self, thumbnail: np.ndarray, look: Look, options: Options) -> ChromaField:
        """The picture's chroma, as the network sees it.

        Parameters: `thumbnail`, uint8 or uint16 sRGB codes of `look.thumbnail` (h, w) or (h, w, 3).
        Raises `HintsError` for hints that do not fit, `ModelError` where the model fails.
        """
        prediction = self.session.predict(*self._seen(thumbnail, look, options))
        stride = self.session.description.stride
        return ChromaField(
            grid=np.ascontiguousarray(prediction.chroma, np.float32),
            extent=(look.thumbnail[0] / stride, look.thumbnail[1] / stride),
            height=look.picture[0],
            width=look.picture[1],
        )

    def distribution_at(
        self, thumbnail: np.ndarray, look: Look, options: Options, x: float, y: float
    ) -> np.ndarray:
        """How probable each of the model's colour bins is at the picture's pixel (x, y): float32
        (Q,). `thumbnail` as for `field`; raises `ModelError` where the model tells no distribution.
        """
        description = self.session.description
        if not description.has_distribution:
            raise ModelError(f"the model {description.name} knows no alternatives")
        lightness, hints = self._seen(thumbnail, look, options)
        found = self.session.predict(lightness, hints, distribution=True).distribution
        assert found is not None, "the session answers with what it was asked for"
        place = [
            min(max(int(at * shown / size * cells / padded), 0), cells - 1)
            for at, shown, size, cells, padded in zip(
                (y, x), look.thumbnail, look.picture, found.shape[1:], look.padded, strict=True
            )
        ]
        return found[:, place[0], place[1]]

    def colorize(self, samples: np.ndarray, options: Options | None = None) -> np.ndarray:
        """A picture in memory, coloured.

        `samples`: uint8 or uint16 sRGB codes, (H, W) or (H, W, 3). Returns the same depth,
        (H, W, 3), whose L* is that of `samples` (contract 2).
        """
        from core.image.thumbnail import thumbnail_of

        options = options or Options()
        samples = np.ascontiguousarray(samples)
        look = self.look(samples.shape[0], samples.shape[1], options)
        height, width = look.thumbnail
        field = self.field(thumbnail_of(samples, width, height), look, options)
        out = np.empty((*samples.shape[:2], 3), samples.dtype)
        painter(field, options.vividness)(samples, 0, out)
        return out

    def _seen(self, thumbnail: np.ndarray, look: Look, options: Options):
        """What the network is shown: padded lightness, and hint planes or None."""
        from core.colour.kernels import lightness_of

        lightness = _pad_by_reflection(lightness_of(thumbnail), look.padded)
        return lightness, self._hints(look, options)

    def _hints(self, look: Look, options: Options) -> np.ndarray | None:
        if is_empty(options.hints):
            return None
        if not self.session.description.takes_hints:
            raise HintsError(
                f"the model {self.session.description.name} takes no hints",
                remedy="choose another model, or leave the hints out",
            )
        return planes(options.hints, look.picture, look.thumbnail, look.padded)


def painter(field: ChromaField, vividness: float) -> Painter:
    """The one full-size pass over a picture, with everything that depends on no pixel done."""
    from core.colour.kernels import colour_strip, prepare

    prepared = prepare(field, vividness)

    def paint(samples: np.ndarray, top: int, out: np.ndarray) -> None:
        colour_strip(samples, top, prepared, out)

    return paint


def _pad_by_reflection(plane: np.ndarray, padded: tuple[int, int]) -> np.ndarray:
    """`plane` (h, w) continued to the right and below, mirrored at its edges."""
    margins = [(0, wanted - size) for size, wanted in zip(plane.shape, padded, strict=True)]
    return np.pad(plane, margins, mode="reflect")
