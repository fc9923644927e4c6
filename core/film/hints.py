"""Hints for films: colours that the user gives at a time, which hold until the scene's cut.

A file of hints is a hint document of points (`core.hints`) with `"at"`, seconds or "h:mm:ss.s", or
`{"hints": [...]}` of several; without `at` it is the film's first frame. Points are in pixels of
the upright film as it is shown. `TrackedHints` moves them along with what they lie on.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from core.errors import HintsError
from core.film.motion import Motion
from core.hints import Point, document_of_points, points
from core.options import canonical_json

_CLOCK: Final = re.compile(r"(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)")
#: A point is given up where the motion under it can be trusted no more than this.
_TRUSTED: Final = 0.02


@dataclass(frozen=True, slots=True)
class TimedHints:
    """Points that are given at a time, in seconds of the film."""

    at: float
    points: tuple[Point, ...]


def read_hints(path: Path | None) -> tuple[TimedHints, ...]:
    """The hints of a file, by time; raises `HintsError`."""
    if path is None:
        return ()
    try:
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise HintsError(f"hints cannot be read ({error.strerror})", file=path) from error
    except (ValueError, RecursionError) as error:
        raise HintsError(
            "hints for a film are JSON with points, and this is none", file=path
        ) from error
    entries = value["hints"] if isinstance(value, dict) and "hints" in value else [value]
    if not isinstance(entries, list) or (len(value) > 1 and "hints" in value):
        raise HintsError(
            'hints must be {"hints": [...]} or {"at": ..., "points": [...]}', file=path
        )
    return tuple(sorted((_timed(entry, path) for entry in entries), key=lambda hints: hints.at))


def canonical(hints: Sequence[TimedHints]) -> str:
    """The hints as text for keys; '' for none."""
    return (
        canonical_json([[each.at, document_of_points(each.points)] for each in hints])
        if hints
        else ""
    )


def _timed(entry: Any, path: Path) -> TimedHints:
    if not isinstance(entry, dict):
        raise HintsError("hints of a film are JSON objects with at and points", file=path)
    entry = dict(entry)
    at = entry.pop("at", 0)
    if isinstance(at, str) and (found := _CLOCK.fullmatch(at)):
        at = int(found[1] or 0) * 3600 + int(found[2]) * 60 + float(found[3])
    if isinstance(at, bool) or not isinstance(at, int | float) or not 0 <= at <= 1e6:
        raise HintsError(f"hints have at = {at!r}", file=path, remedy='give seconds, or "h:mm:ss"')
    return TimedHints(float(at), tuple(points(entry, path)))


class TrackedHints:
    """The points that hold now. Sizes as (height, width): of the upright film and of its guide."""

    def __init__(
        self, hints: Sequence[TimedHints], film: tuple[int, int], guide: tuple[int, int]
    ) -> None:
        for each in hints:
            for point in each.points:
                if not (0 <= point.x < film[1] and 0 <= point.y < film[0]):
                    raise HintsError(
                        f"a hint at ({point.x:g}, {point.y:g}) lies outside the film of "
                        f"{film[1]}x{film[0]}"
                    )
        self._waiting = list(hints)
        self._guide = guide
        self._scale = guide[1] / film[1], guide[0] / film[0]
        self._points: list[Point] = []

    def follow(self, seconds: float, motion: Motion | None) -> bool:
        """Moves the points on by a frame, which is shown at `seconds`; a cut takes them away.

        Answers whether new ones have come.
        """
        moved = [] if motion is None else [_moved(self._ahead(p, motion), p) for p in self._points]
        self._points = [point for point in moved if point is not None]
        has_come = False
        while self._waiting and self._waiting[0].at <= seconds + 1e-6:
            self._points += self._waiting.pop(0).points
            has_come = True
        return has_come

    @property
    def document(self) -> str:
        """The points as a hint document; '' for none."""
        return document_of_points(self._points) if self._points else ""

    def _ahead(self, point: Point, motion: Motion) -> tuple[float, float] | None:
        """Where the point is one frame on; None where it is lost."""
        height, width = self._guide
        x, y = (point.x + 0.5) * self._scale[0], (point.y + 0.5) * self._scale[1]
        row, column = min(max(int(y), 0), height - 1), min(max(int(x), 0), width - 1)
        if motion.ahead_trust[row, column] < _TRUSTED:
            return None
        dx, dy = motion.ahead[row, column]
        x, y = x + float(dx), y + float(dy)
        if not (0 <= x < width and 0 <= y < height):
            return None
        return x / self._scale[0] - 0.5, y / self._scale[1] - 0.5


def _moved(place: tuple[float, float] | None, point: Point) -> Point | None:
    return None if place is None else replace(point, x=max(place[0], 0.0), y=max(place[1], 0.0))
