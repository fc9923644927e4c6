"""The promise for film, measured on what a file really holds.

`verify` reads the original and the coloured film in step. Of every n-th frame luma is compared code
for code (lossless results) or by its L* (lossy ones), and L* of each sample of chroma with that of
the gray of its luma. All other streams must have the same bytes.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from core.colour.ycbcr import MOST_DL, lightness_of_codes, lightness_of_luma, luma_of
from core.film.faults import clock
from core.film.muxing import OPTIONS_TAG
from core.film.planes import chroma_size, moved_luma, plane, resized
from core.film.source import Film, begins_at, frames, open_file, open_film


@dataclass(frozen=True, slots=True)
class FilmTolerance:
    """`luma`: largest L* between the luma of both films, of one pixel and in the mean of a frame;
    `chroma`: largest L* between a sample of chroma and the gray of its luma."""

    luma: tuple[float, float]
    chroma: float


#: By FFmpeg's name of the result's codec; of lossy ones at their default quality. 8 bits round
#: chroma by up to half an L*; what an encoder changes comes on top. Measured on three clips (luma
#: worst, mean; chroma): ProRes 2.8, 0.18, 2.2; x264 10.4, 0.67, 2.6; x265 17.4, 0.41, 2.7.
TOLERANCES: Final = {
    "ffv1": FilmTolerance((0.0, 0.0), MOST_DL + 0.5),
    "prores": FilmTolerance((8.0, 0.5), 4.0),
    "h264": FilmTolerance((24.0, 1.5), 6.0),
    "hevc": FilmTolerance((32.0, 1.5), 6.0),
}
_OTHERS: Final = TOLERANCES["hevc"]

#: The share by which the shape of pixels may differ: Matroska rounds the size of what is shown.
_ROUNDED: Final = 0.02

#: Seconds by which times may differ: Matroska counts in milliseconds.
_TICK: Final = 0.0011


@dataclass(slots=True)
class FilmComparison:
    """What was found of one pair. `worst`, `mean`: |dL*| of luma; `chroma`: the largest |dL*| of a
    sample of chroma against its gray; over `compared` of `frames` frames. `streams` that are the
    same besides the picture."""

    original: str
    coloured: str
    codec: str = ""
    frames: int = 0
    compared: int = 0
    worst: float = 0.0
    mean: float = 0.0
    chroma: float = 0.0
    streams: int = 0
    differences: list[str] = field(default_factory=list)

    @property
    def kept(self) -> bool:
        """Whether the promise holds."""
        return not self.differences


def verify(original: Path, coloured: Path, every: int = 8) -> FilmComparison:
    """Compares two films. Raises `SourceError` where one of them cannot be read."""
    before, after = open_film(original), open_film(coloured)
    result = FilmComparison(str(original), str(coloured), after.codec)
    for name in ("width", "height", "aspect", "rotation", "matrix", "is_full"):
        old, new = getattr(before, name), getattr(after, name)
        is_near = name == "aspect" and abs(new / old - 1) < _ROUNDED
        if old != new and not is_near:
            result.differences.append(f"its {name.removeprefix('is_')} was {old} and is {new}")
    if not after.layout.chroma:
        result.differences.append("it has no colour")
    if seconds := _preview_of(coloured):
        result.differences.append(f"it is a preview of {seconds:g} seconds")
    if not result.differences:
        _compare_frames(before, after, every, result)
    _compare_streams(before, after, result)
    return result


def _preview_of(coloured: Path) -> float:
    """Seconds of a preview; 0 for a whole film, and for one that is not ours."""
    with open_file(coloured) as container:
        tags = {name.upper(): value for name, value in container.metadata.items()}
    try:
        return float(json.loads(tags[OPTIONS_TAG])["film"]["preview"])
    except (KeyError, TypeError, ValueError):
        return 0.0


def _compare_frames(before: Film, after: Film, every: int, result: FilmComparison) -> None:
    tolerance = TOLERANCES.get(after.codec, _OTHERS)
    is_lossless = tolerance.luma == (0.0, 0.0)
    sums = 0.0
    for number, (frame, partner) in enumerate(_pairs(before, after, result)):
        result.frames += 1
        if number % every:
            continue
        result.compared += 1
        worst, mean = _luma_difference(frame, partner, before, after)
        if is_lossless and worst and not result.worst:
            result.differences.append(f"luma differs from {clock(frame.time)} on")
        result.worst = max(result.worst, worst)
        result.chroma = max(result.chroma, _chroma_difference(partner, after))
        sums += mean
    result.mean = sums / max(1, result.compared)
    if not is_lossless and (result.worst > tolerance.luma[0] or result.mean > tolerance.luma[1]):
        result.differences.append(
            f"L* of luma differs by {result.worst:.4g}, {result.mean:.4g} in the mean"
        )
    if result.chroma > tolerance.chroma:
        result.differences.append(
            f"a colour's L* differs by {result.chroma:.4g} from its gray's, more than "
            f"{tolerance.chroma:g}"
        )


def _pairs(before: Film, after: Film, result: FilmComparison) -> Iterator[tuple[Any, Any]]:
    """Frames of both in step, for as long as their times go together."""
    others, shift = _frames_of(after), None
    originals = _frames_of(before)
    for frame in originals:
        partner = next(others, None)
        if partner is None:
            rest = 1 + sum(1 for _ in originals)
            result.differences.append(f"its last {rest} frames are missing")
            return
        shift = partner.time - frame.time if shift is None else shift
        if abs(partner.time - frame.time - shift) > _TICK:
            result.differences.append(f"the frame of {clock(frame.time)} is shown at another time")
            return
        yield frame, partner
    if rest := sum(1 for _ in others):
        result.differences.append(f"it has {rest} frames more")


def _frames_of(film: Film) -> Iterator[Any]:
    return frames(film, begins_at(film), None, lambda *_: None)


def _luma_difference(frame, partner, before: Film, after: Film) -> tuple[float, float]:
    """Largest and mean |dL*| between two frames' luma."""
    old = moved_luma(plane(frame, 0), before.layout.depth, after.layout)
    new = plane(partner, 0)
    if np.array_equal(old, new):
        return 0.0, 0.0
    codes = np.arange(1 << after.layout.depth, dtype=np.uint32)
    shown = lightness_of_luma(luma_of(codes, after.layout.depth, is_full=after.is_full))
    difference = np.abs(shown[old] - shown[new])
    # codes beyond black and white are shown alike, and are none the less not the same
    return max(float(difference.max()), 1e-9), float(difference.mean())


def _chroma_difference(partner, film: Film) -> float:
    """The largest |dL*| of a sample of chroma against the gray of the luma that it covers."""
    depth = film.layout.depth
    luma = resized(plane(partner, 0), *chroma_size(film.height, film.width, film.layout.chroma))
    planes = np.stack([luma, plane(partner, 1), plane(partner, 2)])
    shown = lightness_of_codes(planes, depth, film.matrix, is_full=film.is_full)
    gray = lightness_of_luma(luma_of(luma, depth, is_full=film.is_full))
    return float(np.abs(shown - gray).max())


def _compare_streams(before: Film, after: Film, result: FilmComparison) -> None:
    wanted, found = _streams_of(before), _streams_of(after)
    for number, (what, digest) in enumerate(wanted):
        if number >= len(found):
            result.differences.append(f"its {what} is missing")
        elif found[number][1] != digest:
            result.differences.append(f"its {what} is not the same")
        else:
            result.streams += 1


def _streams_of(film: Film) -> list[tuple[str, str]]:
    """Of each stream but the film's own: what it is, and a digest of all its packets' bytes, which
    a container may cut otherwise (MOV does so with PCM)."""
    with open_file(film.path) as container:
        streams = [
            stream
            for stream in container.streams
            if stream.index != film.stream and stream.codec_context is not None
        ]
        digests = {stream.index: hashlib.sha256() for stream in streams}
        for packet in container.demux(*streams) if streams else ():
            digests[packet.stream.index].update(_payload(packet))
        return [
            (f"{stream.type} (stream {stream.index})", digests[stream.index].hexdigest())
            for stream in streams
        ]


def _payload(packet) -> bytes:
    """A packet's bytes, of AAC without the ADTS header that only MPEG streams have."""
    data = bytes(packet)
    is_adts = packet.stream.codec_context.name == "aac" and data[:1] == b"\xff"
    if is_adts and len(data) > 7 and data[1] & 0xF6 == 0xF0:
        return data[7 if data[1] & 1 else 9 :]
    return data
