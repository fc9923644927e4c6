"""Hints as points: places of the photograph that got a colour by a click in the preview.

They stay with the photograph as a parasite, so they survive a saved XCF file, and each colouring
takes them up again until they are removed.
"""
# pyright: reportMissingImports=false
# gi exists in GIMP's own Python only.

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from gi.repository import Gimp
from layers import Extent
from marks import KEPT

PARASITE = "photochrom-points"
RADIUS = 0.012  # of a point, as a share of the shorter side


@dataclass(frozen=True)
class HintPoint:
    """A place, as shares of the photograph's width and height, and its colour, `#rrggbb`."""

    x: float
    y: float
    colour: str

    @property
    def rgb(self) -> bytes:
        """The colour's three codes."""
        return bytes.fromhex(self.colour[1:])


def read(photograph: Gimp.Layer) -> list[HintPoint]:
    """The points of a photograph; none where what is noted makes no sense."""
    parasite = photograph.get_parasite(PARASITE)
    try:
        noted = json.loads(bytes(parasite.get_data())) if parasite else []
        found = [HintPoint(float(row["x"]), float(row["y"]), str(row["colour"])) for row in noted]
    except (ValueError, TypeError, KeyError):
        return []
    return [p for p in found if re.fullmatch("#[0-9a-f]{6}", p.colour) and _inside(p.x, p.y)]


def write(photograph: Gimp.Layer, points: Iterable[HintPoint]) -> None:
    """Note the points with the photograph, instead of those that it had."""
    rows = [asdict(point) for point in points]
    if rows:
        text = json.dumps(rows).encode()
        photograph.attach_parasite(Gimp.Parasite.new(PARASITE, KEPT, text))
    elif photograph.get_parasite(PARASITE):
        photograph.detach_parasite(PARASITE)


def moved(points: Iterable[HintPoint], of: Extent, to: Extent) -> list[HintPoint]:
    """Points of one rectangle of the image as points of another, without those outside of it."""
    found = []
    for point in points:
        x = (of.x + point.x * of.width - to.x) / to.width
        y = (of.y + point.y * of.height - to.y) / to.height
        if _inside(x, y):
            found.append(HintPoint(x, y, point.colour))
    return found


def nearest(
    points: list[HintPoint], x: float, y: float, width: int, height: int
) -> HintPoint | None:
    """The point under a click at (x, y) pixels of a picture of that size; None where none is."""
    reach = max(6.0, RADIUS * min(width, height))
    near = [(math.hypot(p.x * width - x, p.y * height - y), i) for i, p in enumerate(points)]
    distance, index = min(near, default=(math.inf, 0))
    return points[index] if distance <= reach else None


def draw(points: list[HintPoint], pixels: bytearray, width: int, height: int, top: int) -> None:
    """Discs into R'G'B'A rows, from row `top` on, of a picture of that size."""
    radius = max(1.0, RADIUS * min(width, height))
    rows = len(pixels) // (4 * width)
    for point in points:
        x, y = point.x * width, point.y * height
        first, last = max(top, math.ceil(y - radius)), min(top + rows - 1, math.floor(y + radius))
        for row in range(first, last + 1):
            half = math.sqrt(max(0.0, radius**2 - (row - y) ** 2))
            left, right = max(0, math.ceil(x - half)), min(width, math.floor(x + half) + 1)
            start = 4 * ((row - top) * width + left)
            if right > left:
                pixels[start : start + 4 * (right - left)] = (point.rgb + b"\xff") * (right - left)


def _inside(x: float, y: float) -> bool:
    return 0.0 <= x <= 1.0 and 0.0 <= y <= 1.0
