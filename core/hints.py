"""Reads hints, the colours that a user gives at points or by strokes, into the network's planes.

A hint document is JSON text: `{"points": [{"x", "y", "radius", and "colour" or "a", "b"}]}` in
source pixels, or `{"strokes": PNG as base64}`, a transparent picture of the source's size. Hints
belong to one page: the one that the key `"page"` names, counted from 1, else the first.
`read_document` makes a document from a file, `document_of_points` and `document_of_strokes` make
one from a program's values, `document_for` selects the hints of a page, and `planes` turns a
document into the network's input.
"""

import base64
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import lru_cache
from math import hypot
from pathlib import Path
from typing import Any, Final

import numpy as np

from core.colour.lab import srgb_to_lab
from core.errors import HintsError, SourceError, nearest
from core.options import canonical_json

PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
DEFAULT_RADIUS: Final = 4.0  # source pixels
MAX_AB: Final = 128.0  # |a*|, |b*| of any real hint stay below
MAX_PIXELS: Final = 400e6  # of a picture of strokes, which is decoded whole, 4 bytes a pixel
#: Points of a document: each takes 0.2 ms, and what has more is better painted.
MOST_POINTS: Final = 20_000
_FARTHEST: Final = 1e9  # no picture is so large; NaN and infinity fail the comparison too
_MOST_PAGES: Final = 65_535
_POINT_KEYS = ("x", "y", "radius", "colour", "color", "a", "b")


@dataclass(frozen=True, slots=True)
class Point:
    """A disc of one chroma: centre x, y and radius in source pixels; a*, b* in CIELAB units."""

    x: float
    y: float
    radius: float
    a: float
    b: float

    @classmethod
    def of(cls, x: float, y: float, colour: str, radius: float = DEFAULT_RADIUS) -> "Point":
        """Returns a point of the chroma of `colour`, '#rrggbb' or a CSS name; raises `HintsError`.

        >>> round(Point.of(840, 410, "navy").b, 1)
        -64.7
        """
        return _point({"x": x, "y": y, "colour": colour, "radius": radius}, "the hint", None)


def read_document(path: Path) -> str:
    """Returns the canonical hint document of a hints file: JSON points or a transparent PNG."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise HintsError(f"hints cannot be read ({error.strerror})", file=path) from error
    return document_of(data, file=path)


def document_of(data: bytes, file: object = None, most_pixels: float = MAX_PIXELS) -> str:
    """The canonical hint document of a hints file's bytes; raises `HintsError`.

    A picture of strokes has at most `most_pixels`.
    """
    if data.startswith(PNG_SIGNATURE):
        # Refuses a PNG that cannot be read, now and not in the middle.
        _strokes(data, file, most_pixels)
        return canonical_json({"strokes": base64.b64encode(data).decode()})
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise HintsError("hints are neither JSON nor a PNG", file=file) from error
    if isinstance(value, dict) and "strokes" in value:
        _strokes(_png_of(value, file), file, most_pixels)
    else:
        points(value, file)
    if page_of(value, file) == 1:  # equal hints give equal documents, which the job key contains
        value.pop("page", None)
    return canonical_json(value)


def page_of(value: Any, file: object = None) -> int:
    """Returns the page of a parsed hint document, counted from 1; raises `HintsError`."""
    page = value.get("page", 1)
    if type(page) is not int or not 1 <= page <= _MOST_PAGES:
        raise HintsError(
            f"hints have page = {page!r}",
            file=file,
            remedy="give a whole number: the first page is 1",
        )
    return page


def document_for(document: str, page: int, pages: int) -> str:
    """Returns the document if it belongs to `page` (counted from 1) of a file of `pages`, else ''.

    Raises `HintsError` where the document belongs to a page that the file does not have.
    """
    if not document:
        return ""
    hinted = page_of(json.loads(document))
    if hinted > pages:
        count = f"{pages} page{'s' if pages > 1 else ''}"
        raise HintsError(
            f"the hints are for page {hinted} and the picture has {count}",
            remedy="pages are counted from 1, thumbnails and overviews left out",
        )
    return document if hinted == page else ""


def document_of_points(points: Iterable[Point]) -> str:
    """Returns the canonical hint document of points; raises `HintsError` for bad values."""
    entries = [asdict(point) for point in points]
    for index, entry in enumerate(entries):
        _point(entry, f"hint {index + 1}", None)
    return canonical_json({"points": entries})


def document_of_strokes(strokes: np.ndarray) -> str:
    """Returns the canonical hint document of strokes: uint8 sRGB with alpha, (H, W, 4).

    Raises `HintsError` for an array of another kind.
    """
    from core.image.vips import library

    if strokes.dtype != np.uint8 or strokes.ndim != 3 or strokes.shape[2] != 4:
        raise HintsError(
            f"strokes are {strokes.dtype} of the shape {strokes.shape}",
            remedy="give uint8 of the shape (height, width, 4): red, green, blue, alpha",
        )
    image = library().Image.new_from_array(np.ascontiguousarray(strokes), interpretation="srgb")
    return document_of(image.pngsave_buffer())


def points(value: Any, file: object = None) -> list[Point]:
    """Returns the points of a parsed hint document; raises `HintsError` that names the point and
    key.
    """
    if not isinstance(value, dict) or not isinstance(value.get("points"), list):
        raise HintsError('hints must be {"points": [...]}', file=file)
    _check_keys(value, "points", file)
    if len(value["points"]) > MOST_POINTS:
        raise HintsError(
            f"hints have {len(value['points']):,} points, more than {MOST_POINTS:,}",
            file=file,
            remedy="give them as a transparent PNG",
        )
    return [_point(entry, f"hint {index + 1}", file) for index, entry in enumerate(value["points"])]


def _check_keys(value: dict, kind: str, file: object) -> None:
    if others := value.keys() - {kind, "page"}:
        raise HintsError(f"hints have an unknown key {min(others)!r} beside {kind!r}", file=file)


def _png_of(value: dict, file: object) -> bytes:
    """Returns the picture of strokes in a parsed hint document; raises `HintsError`."""
    _check_keys(value, "strokes", file)
    try:
        return base64.b64decode(value["strokes"], validate=True)
    except (ValueError, TypeError) as error:
        raise HintsError("hints have strokes that are no PNG in base64", file=file) from error


def planes(document: str, picture: tuple[int, int], thumbnail: tuple[int, int]) -> np.ndarray:
    """Returns hint planes for the network.

    Parameters: sizes as (height, width), of the `picture` and of its `thumbnail`. Returns float32
    (3, *thumbnail): a*, b* and a mask of 0 or 1. Every hint covers at least one pixel. Raises
    `HintsError` for hints outside the picture.
    """
    value = json.loads(document)
    result = np.zeros((3, *thumbnail), np.float32)
    if "strokes" in value:
        _lay_strokes(result, value["strokes"], picture, thumbnail)
    else:
        for index, point in enumerate(points(value)):
            _lay_disc(result, point, f"hint {index + 1}", picture, thumbnail)
    return result


def _lay_disc(result, point: Point, label: str, picture, thumbnail) -> None:
    height, width = picture
    if not (0 <= point.x < width and 0 <= point.y < height):
        raise HintsError(
            f"{label} at ({point.x:g}, {point.y:g}) lies outside the picture of {width}x{height}"
        )
    scale_x, scale_y = thumbnail[1] / width, thumbnail[0] / height
    x, y = (point.x + 0.5) * scale_x - 0.5, (point.y + 0.5) * scale_y - 0.5
    radius_x, radius_y = max(point.radius * scale_x, 0.5), max(point.radius * scale_y, 0.5)
    row, column = min(round(y), thumbnail[0] - 1), min(round(x), thumbnail[1] - 1)
    # Only the disc's own neighbourhood is computed: a brush stroke has hundreds of discs.
    top, bottom = max(int(y - radius_y), 0), min(int(y + radius_y) + 2, thumbnail[0])
    left, right = max(int(x - radius_x), 0), min(int(x + radius_x) + 2, thumbnail[1])
    rows, columns = np.ogrid[top:bottom, left:right]
    disc = ((columns - x) / radius_x) ** 2 + ((rows - y) / radius_y) ** 2 <= 1
    disc[row - top, column - left] = True
    result[:, top:bottom, left:right][:, disc] = np.array([[point.a], [point.b], [1.0]], np.float32)


def _lay_strokes(result, encoded: str, picture, thumbnail) -> None:
    """Gives each thumbnail pixel the mean chroma of the strokes in it, where they cover enough."""
    strokes = _strokes(base64.b64decode(encoded), None)
    if strokes.shape[:2] != picture:
        raise HintsError(
            f"the hints picture is {strokes.shape[1]}x{strokes.shape[0]}, "
            f"the photograph {picture[1]}x{picture[0]}",
            remedy="paint the hints on a layer of the photograph's size",
        )
    rows, columns = np.nonzero(strokes[..., 3] >= 128)
    if rows.size == 0:
        return
    chroma = srgb_to_lab(strokes[rows, columns, :3] / 255.0)[..., 1:]
    rows, columns = rows * thumbnail[0] // picture[0], columns * thumbnail[1] // picture[1]
    cells = rows * thumbnail[1] + columns
    count = np.bincount(cells, minlength=thumbnail[0] * thumbnail[1])
    # A thin stroke on a large scan never fills a cell. A quarter of the best-covered cell's count
    # is enough, so that a line stays a line.
    enough = count >= max(1, min(count.max(), picture[0] * picture[1] / count.size) / 4)
    for channel in range(2):
        total = np.bincount(cells, chroma[:, channel], minlength=count.size)
        plane = np.where(enough, total / np.maximum(count, 1), 0)
        result[channel] = plane.reshape(thumbnail)
    result[2] = enough.reshape(thumbnail)


def _strokes(data: bytes, file: object, most_pixels: float = MAX_PIXELS) -> np.ndarray:
    """The strokes as uint8 (H, W, 4) sRGB with alpha."""
    from core.image.origin import Origin
    from core.image.vips import library, load

    try:
        image = load("pngload", Origin(data))
        if not image.hasalpha():
            raise HintsError("the hints picture has no transparency", file=file)
        if image.width * image.height > most_pixels:
            raise HintsError(
                f"the hints picture of {image.width}x{image.height} is larger than "
                f"{most_pixels / 1e6:g} megapixels",
                file=file,
                remedy="give the hints as points",
            )
        return image.colourspace("srgb").cast("uchar").numpy()
    except (SourceError, library().Error) as error:
        raise HintsError("the hints picture cannot be read as a PNG", file=file) from error


def _point(entry: Any, label: str, file: object) -> Point:
    if not isinstance(entry, dict):
        raise HintsError(f"{label} is no JSON object", file=file)
    for key in entry:
        if key not in _POINT_KEYS:
            raise HintsError(
                f"{label} has an unknown key {key!r}", file=file, remedy=nearest(key, _POINT_KEYS)
            )
    colour = entry.get("colour", entry.get("color"))
    if (colour is None) == (entry.get("a") is None and entry.get("b") is None):
        raise HintsError(f"{label} needs either a colour or both a and b", file=file)
    x, y, radius = (
        _number(entry, key, label, file, default)
        for key, default in (("x", None), ("y", None), ("radius", DEFAULT_RADIUS))
    )
    if radius <= 0:
        raise HintsError(f"{label} has radius {radius:g}, which must be above 0", file=file)
    if colour is not None:
        a, b = _chroma_of(colour, label, file)
    else:
        a, b = (_number(entry, key, label, file, None) for key in "ab")
        if hypot(a, b) > 2 * MAX_AB:
            raise HintsError(f"{label} has a*, b* beyond any colour", file=file)
    return Point(x, y, radius, a, b)


def _number(entry: dict, key: str, label: str, file: object, default: float | None) -> float:
    value = entry.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _FARTHEST:
        raise HintsError(f"{label} has {key} = {value!r}, which must be a number", file=file)
    return float(value)


def _chroma_of(colour: Any, label: str, file: object) -> tuple[float, float]:
    """Returns a*, b* of '#rrggbb' or a CSS name; raises `HintsError`."""
    try:
        return _chroma_of_name(colour)
    except (ValueError, AttributeError, TypeError) as error:
        raise HintsError(
            f"{label} has colour {colour!r}", file=file, remedy="give '#rrggbb' or a CSS name"
        ) from error


@lru_cache(256)  # the hundreds of discs of a stroke have one colour
def _chroma_of_name(colour: str) -> tuple[float, float]:
    import webcolors

    text = colour if colour.startswith("#") else webcolors.name_to_hex(colour)
    red, green, blue = webcolors.hex_to_rgb(text)
    _, a, b = srgb_to_lab(np.array([red, green, blue]) / 255.0)
    return float(a), float(b)


def is_empty(document: str) -> bool:
    """Returns whether the document gives no hint at all."""
    return not document or json.loads(document).get("points") == []
