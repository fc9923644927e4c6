"""A film's plan: segments that begin at key frames of the source, and their keys.

One pass over the file's packets, without decoding, finds the key frames, the times and the SHA-256
of every segment. A segment is a unit of work: any process that has the file can colour it, and
needs no other segment's result.
"""

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from core.film import faults
from core.film.hints import TimedHints, canonical
from core.film.options import FilmOptions
from core.film.source import Film, open_file, reported_packets
from core.options import Options, canonical_json

#: Frames of a segment, at least, where the source has key frames to end it at.
FRAMES: Final = 250
#: Frames before a segment that are looked at too, so that its colours go on from those before it.
LEAD: Final = 48
#: Seconds that a hint can reach into later segments.
REACH: Final = 60.0


@dataclass(frozen=True, slots=True)
class Segment:
    """Frames whose times lie in `start`..`stop` (left out; None: to the end), in the film's time
    base. `lead` is where looking begins. `key` stands for the work (contract 3's kind)."""

    index: int
    start: int
    stop: int | None
    lead: int
    frames: int
    key: str


@dataclass(frozen=True, slots=True)
class FilmPlan:
    """`segments` in order; `notes` of what is missing of the file; `key` stands for the film."""

    film: Film
    segments: tuple[Segment, ...]
    notes: tuple[str, ...]
    key: str
    damage: tuple[str, ...] = ()

    @property
    def frames(self) -> int:
        """How many are coloured, as far as packets tell."""
        return sum(segment.frames for segment in self.segments)


def work_of(
    model_sha256: str, options: Options, film_options: FilmOptions, hints: Sequence[TimedHints] = ()
) -> dict[str, Any]:
    """All that segments' keys depend on beside the film, as JSON values."""
    return {
        "model": model_sha256,
        "options": _what_changes_colours(options, hints),
        "detail": options.detail,
        "film": film_options.canonical(),
        "hints": canonical(hints),
    }


def _what_changes_colours(options: Options, hints: Sequence[TimedHints]) -> dict[str, Any]:
    """The picture's options that a film has, and `reach` where it has hints."""
    others = ("detail", "hints", "format", "quality", "reach")
    values = {name: value for name, value in options.canonical().items() if name not in others}
    return values | {"reach": options.reach} if hints else values


def plan(
    film: Film,
    model_sha256: str,
    options: Options,
    film_options: FilmOptions,
    hints: Sequence[TimedHints] = (),
) -> FilmPlan:
    """The segments of a film. Raises `SourceError` where there is nothing to colour."""
    times, keys, hashes, damage = _read(film)
    start, stop = _span(film, times, film_options.preview)
    borders = _borders(
        times, [key for key in keys if start < key and (stop is None or key < stop)], start
    )
    common = work_of(model_sha256, options, film_options, hints)
    ordered = sorted(times)
    segments = []
    for index, begin in enumerate(borders):
        end = borders[index + 1] if index + 1 < len(borders) else stop
        lead = _lead(film, ordered, begin, hints)
        # looking goes on to the next key frame of ours, `every` frames beyond the end at most
        after = None if end is None else bisect_right(ordered, end) + film_options.every + 1
        digests = [
            digest
            for key, digest in zip(keys, hashes, strict=True)
            if key >= _key_before(keys, lead)
            and (after is None or after >= len(ordered) or key <= ordered[after])
        ]
        count = (len(ordered) if end is None else bisect_left(ordered, end)) - bisect_left(
            ordered, begin
        )
        work = common | {"seen": digests, "start": begin, "stop": end, "lead": lead}
        key = hashlib.sha256(canonical_json(work).encode()).hexdigest()
        segments.append(Segment(index, begin, end, lead, count, key))
    whole = hashlib.sha256("".join(segment.key for segment in segments).encode()).hexdigest()
    return FilmPlan(film, tuple(segments), film.notes, whole, damage)


def _read(film: Film) -> tuple[list[int], list[int], list[str], tuple[str, ...]]:
    """Times of all packets, those of key frames, a SHA-256 for what follows each, and damage."""
    times: list[int] = []
    keys: list[int] = []
    hashes: list[Any] = []
    damage = []
    with open_file(film.path) as container:
        stream: Any = container.streams[film.stream]
        stated = stream.frames
        length = container.duration and container.duration / 1e6
        end = 0.0
        for packet, complaint in reported_packets(container):
            if complaint:
                damage.append(f"it cannot be read at {faults.clock(end)} ({complaint})")
            if packet is None or not packet.size:
                continue
            time = packet.pts if packet.pts is not None else packet.dts
            if time is not None and packet.time_base:
                end = max(end, float((time + (packet.duration or 0)) * packet.time_base))
            if packet.stream.index != film.stream:
                continue
            if time is None:
                time = times[-1] + 1 if times else 0
            if packet.is_keyframe or not keys:
                keys.append(time)
                hashes.append(hashlib.sha256())
            hashes[-1].update(bytes(packet))
            times.append(time)
    if not times:
        raise faults.without_frames(film.path)
    if stated and len(times) < stated:
        missing = f"{stated - len(times)} of {stated} frames are missing"
        damage.append(f"it is cut short at {faults.clock(end)}: {missing}")
    elif length and end < 0.99 * length - 0.3 and not damage:
        damage.append(f"it is cut short: it ends at {faults.clock(end)} of {faults.clock(length)}")
    order = sorted(range(len(keys)), key=keys.__getitem__)
    return (
        times,
        [keys[i] for i in order],
        [hashes[i].hexdigest() for i in order],
        tuple(damage),
    )


def _span(film: Film, times: list[int], preview: float) -> tuple[int, int | None]:
    """The times that are coloured: all, or `preview` seconds from the middle."""
    first, last = min(times), max(times)
    if not preview or (last - first) * film.time_base <= preview:
        return first, None
    middle = (first + last) / 2
    half = preview / 2 / float(film.time_base)
    return round(middle - half), round(middle + half)


def _borders(times: list[int], keys: list[int], start: int) -> list[int]:
    """Where segments begin: at `start`, and at key frames `FRAMES` or more after another."""
    ordered = sorted(times)
    borders = [start]
    before = bisect_right(ordered, start)
    for key in keys:
        at = bisect_right(ordered, key)
        if at - before >= FRAMES and len(ordered) - at >= FRAMES // 2:
            borders.append(key)
            before = at
    return borders


def _lead(film: Film, ordered: list[int], begin: int, hints: Sequence[TimedHints]) -> int:
    at = bisect_right(ordered, begin) - 1
    lead = ordered[max(0, at - LEAD)]
    reach = begin - round(REACH / float(film.time_base))
    for each in hints:
        time = round(each.at / float(film.time_base))
        if reach <= time < begin:
            return min(lead, max(time, ordered[0]))
    return lead


def _key_before(keys: list[int], time: int) -> int:
    return keys[max(0, bisect_right(keys, time) - 1)]
