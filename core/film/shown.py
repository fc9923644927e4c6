"""Frames as pictures for a screen: upright, of square pixels, 8 bits; and some of a film."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from core.colorizer import Colorizer
from core.colour.ycbcr import luma_of
from core.film.encoder import layout_for
from core.film.frame_colorizer import FrameColorizer, upright_size
from core.film.options import FilmOptions
from core.film.planes import plane, resized
from core.film.source import Film, begins_at, frames, open_file
from core.options import Options

if TYPE_CHECKING:
    from av import VideoFrame

#: A matrix of ours -> swscale's name.
_MATRICES: Final = {"601": "ITU601", "709": "ITU709", "2020": "BT2020"}


def in_colour(frame: "VideoFrame", film: Film, side: int) -> NDArray[np.uint8]:
    """sRGB codes (height, width, 3) of a coloured frame, whose long side is `side` at most."""
    height, width = _size(film, side)
    rgb = frame.reformat(
        width=width,
        height=height,
        format="rgb24",
        src_colorspace=_MATRICES[film.matrix],
        src_color_range="JPEG" if film.is_full else "MPEG",
        interpolation="AREA",
    )
    return _upright(rgb.to_ndarray(), film)


def in_gray(frame: "VideoFrame", film: Film, depth: int, side: int) -> NDArray[np.uint8]:
    """sRGB codes (height, width) of the luma of a frame of that depth."""
    codes = resized(plane(frame, 0), *_size(film, side))
    luma = luma_of(codes, depth, is_full=film.is_full)
    return _upright((luma * 255 + 0.5).astype(np.uint8), film)


def samples(
    film: Film, colorizer: Colorizer, options: Options, count: int, side: int
) -> Iterator[tuple[float, NDArray[np.uint8], NDArray[np.uint8]]]:
    """`count` frames from all over the film: seconds, the frame in gray and in colour."""
    film_options = FilmOptions(codec="x264", chroma="444")
    layout, _ = layout_for(film, film_options)
    first, length = begins_at(film), _length(film)
    for number in range(count):
        at = first + round((number + 0.5) / count * length / film.time_base)
        frame = next(frames(film, at, None, lambda *_: None), None)
        if frame is None:
            continue
        seconds = float((frame.pts - first) * film.time_base)
        gray = in_gray(frame, film, film.layout.depth, side)
        (coloured,) = FrameColorizer(film, layout, colorizer, options, film_options).frames([frame])
        yield seconds, gray, in_colour(coloured, film, side)


def _size(film: Film, side: int) -> tuple[int, int]:
    """(height, width) before it is turned upright."""
    height, width = upright_size(film)
    share = min(1.0, side / max(height, width))
    height, width = max(1, round(height * share)), max(1, round(width * share))
    return (height, width) if film.rotation % 180 == 0 else (width, height)


def _upright(picture: np.ndarray, film: Film) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.rot90(picture, round(film.rotation / 90) % 4))


def _length(film: Film) -> float:
    """Seconds, as its container says; 0 where it says nothing."""
    with open_file(film.path) as container:
        return (container.duration or 0) / 1e6
