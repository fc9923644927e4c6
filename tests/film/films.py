"""Small films made for tests, and what of a film tests look at."""

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

WIDTH, HEIGHT = 96, 64
RATE = 24


@dataclass
class Recipe:
    """A film: `pan` pixels a frame; `cuts`: frames at which another scene begins."""

    frames: int = 24
    codec: str = "ffv1"
    format: str = "gray"
    size: tuple[int, int] = (WIDTH, HEIGHT)
    sound: str | None = "pcm_s16le"
    options: dict[str, str] = field(default_factory=dict)
    times: list[int] | None = None
    aspect: Fraction | None = None
    rotation: int = 0
    cuts: tuple[int, ...] = ()
    pan: int = 1
    full: bool = False


def scene(number: int, width: int, height: int) -> np.ndarray:
    """Gray blocks of 8 pixels, uint8, wider than a film so that it can pan over them."""
    random = np.random.default_rng(number)
    blocks = random.integers(20, 230, (height // 8 + 2, width // 4 + 2))
    return np.kron(blocks, np.ones((8, 8), np.uint8)).astype(np.uint8)


def picture(recipe: Recipe, index: int) -> np.ndarray:
    """What frame `index` shows: (height, width) uint8."""
    width, height = recipe.size
    scenes = [cut for cut in recipe.cuts if cut <= index]
    left = (index - (scenes[-1] if scenes else 0)) * recipe.pan
    return scene(len(scenes), width + recipe.frames, height)[:height, left : left + width]


def write_film(path: Path, recipe: Recipe | None = None, **changes: Any) -> Path:
    """Writes a film of the recipe with sound, a title and a chapter."""
    recipe = recipe or Recipe(**changes)
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream(recipe.codec, rate=RATE, options=recipe.options)
        stream.width, stream.height = recipe.size
        stream.pix_fmt = recipe.format
        stream.codec_context.time_base = Fraction(1, 1000 if recipe.times else RATE)
        if recipe.aspect:
            stream.codec_context.sample_aspect_ratio = recipe.aspect
        if recipe.full:
            stream.codec_context.color_range = 2
        if recipe.rotation:
            stream.set_display_rotation(recipe.rotation)
        sound: Any = (
            out.add_stream(recipe.sound, rate=48000, layout="mono") if recipe.sound else None
        )
        out.metadata["title"] = "A day at the sea"
        out.set_chapters(
            [
                {
                    "id": 1,
                    "start": 0,
                    "end": 500,
                    "time_base": Fraction(1, 1000),
                    "metadata": {"title": "One"},
                }
            ]
        )
        for index in range(recipe.frames):
            gray = np.ascontiguousarray(picture(recipe, index))
            frame = av.VideoFrame.from_ndarray(gray, format="gray").reformat(format=recipe.format)
            frame.pts = recipe.times[index] if recipe.times else index
            frame.time_base = stream.codec_context.time_base
            out.mux(stream.encode(frame))
            if sound is not None:
                wave = (np.sin(np.arange(2000) * 0.05 + index) * 9000).astype(np.int16)
                tone = av.AudioFrame.from_ndarray(wave[None], format="s16", layout="mono")
                tone.sample_rate, tone.pts = 48000, 2000 * index
                tone.time_base = Fraction(1, 48000)
                out.mux(sound.encode(tone))
        out.mux(stream.encode())
        if sound is not None:
            out.mux(sound.encode())
    return path


@dataclass
class Seen:
    """What a film holds: `luma`, `cb`, `cr` of every frame; `sound`: packets as (pts, bytes)."""

    luma: list[np.ndarray]
    cb: list[np.ndarray]
    cr: list[np.ndarray]
    times: list[float]
    sound: list[tuple[Fraction, bytes]]
    info: dict[str, Any]


def look(path: Path) -> Seen:
    """All of a film."""
    seen = Seen([], [], [], [], [], {})
    with av.open(str(path)) as film:
        stream = film.streams.video[0]
        context = stream.codec_context
        for frame in film.decode(stream):
            planes = [_plane(frame, index) for index in range(len(frame.planes))]
            seen.luma.append(planes[0])
            if len(planes) == 3:
                seen.cb.append(planes[1])
                seen.cr.append(planes[2])
            seen.times.append(frame.time)
            seen.info |= {"format": frame.format.name, "rotation": frame.rotation}
        seen.info |= {
            "codec": context.name,
            "range": context.color_range,
            "matrix": context.colorspace,
            "fields": context.field_order,
            "aspect": stream.sample_aspect_ratio,
            "metadata": {key.upper(): value for key, value in film.metadata.items()},
            "chapters": [chapter["metadata"].get("title") for chapter in film.chapters()],
        }
    with av.open(str(path)) as film:
        for packet in film.demux():
            if packet.stream.type == "audio" and packet.size and packet.pts is not None:
                seen.sound.append((packet.pts * packet.time_base, bytes(packet)))
    return seen


def _plane(frame, index: int) -> np.ndarray:
    plane = frame.planes[index]
    dtype = np.dtype("<u2" if frame.format.components[0].bits > 8 else np.uint8)
    rows = np.frombuffer(bytes(plane), dtype).reshape(-1, plane.line_size // dtype.itemsize)
    return rows[: plane.height, : plane.width]


def same(first: list[np.ndarray], second: list[np.ndarray]) -> bool:
    """Whether two lists of planes are equal, code for code."""
    return len(first) == len(second) and all(map(np.array_equal, first, second))
