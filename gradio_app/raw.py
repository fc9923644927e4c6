"""Raw mode of contract 4: interleaved little-endian samples in; samples, chroma or colours out.

Samples come and go by files, strip by strip: a layer of 100 megapixels costs strips of memory.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Literal

from core.errors import OptionsError
from core.options import Options
from gradio_app.problems import Refused

if TYPE_CHECKING:
    import numpy as np

    from core.colorizer import Colorizer

MEDIA_TYPE: Final = "application/octet-stream"
#: Pixels that are painted between two looks at whether the work is still wanted: about 10 ms.
STRIP_PIXELS: Final = 1 << 20
#: Bytes written at once. Linux keeps a longer write in larger blocks of memory, and may have to
#: clear room for them: 144 MB take 0.06 s of CPU like this, 0.04 to 0.25 s in megabytes.
PIECE_BYTES: Final = 64 << 10
_SIDES: Final = range(1, 1_000_001)


@dataclass(frozen=True, slots=True)
class Shape:
    """What raw samples are: sizes in pixels, 1 or 3 `channels`, `depth` bits a sample.

    `place` is the pixel (x, y) of which alternatives are wanted.
    """

    width: int
    height: int
    channels: Literal[1, 3]
    depth: Literal[8, 16]
    want: Literal["rgb", "chroma", "alternatives"]
    place: tuple[int, int] = (0, 0)

    @classmethod
    def take_from(cls, values: dict[str, str]) -> "Shape":
        """Takes the shape out of a request's parameters; raises `OptionsError`."""
        width = _whole(values, "width", _SIDES)
        height = _whole(values, "height", _SIDES)
        channels = _whole(values, "channels", (1, 3))
        depth = _whole(values, "depth", (8, 16))
        space = _one_of(values, "space", ("gray", "srgb"), "gray" if channels == 1 else "srgb")
        if (space == "gray") != (channels == 1):
            raise OptionsError(f"space {space} does not go with {channels} channels")
        want = _one_of(values, "want", ("rgb", "chroma", "alternatives"), "rgb")
        place = (0, 0)
        if want == "alternatives":
            place = _whole(values, "x", range(width)), _whole(values, "y", range(height))
        return cls(width, height, channels, depth, want, place)  # type: ignore[arg-type]

    @property
    def media_type(self) -> str:
        """The answer's."""
        return "application/json" if self.want == "alternatives" else MEDIA_TYPE

    @property
    def sample_type(self) -> str:
        """numpy's name of the sample type."""
        return "u1" if self.depth == 8 else "<u2"

    @property
    def source_bytes(self) -> int:
        """How many bytes the samples have."""
        return self.width * self.height * self.channels * self.depth // 8


def check_size(shape: Shape, size: int) -> None:
    """Raises `Refused` where `size` bytes are not the samples that were announced."""
    if size != shape.source_bytes:
        raise Refused(
            400,
            f"{size} bytes came, but {shape.width} x {shape.height} pixels of "
            f"{shape.channels} x {shape.depth} bits are {shape.source_bytes}",
        )


def colour(
    source: Path,
    target: Path,
    shape: Shape,
    options: Options,
    colorizer: "Colorizer",
    check: Callable[[], None],
) -> None:
    """Writes what is wanted of the samples in `source` into `target`.

    `check` raises to stop between strips.
    """
    import numpy as np

    from core.colour.kernels import chroma_of
    from core.image.page import page_in_memory

    pixels = (shape.height, shape.width)
    # "c", not "r": kernels would copy read-only samples
    samples = np.memmap(source, shape.sample_type, "c", shape=_with(pixels, shape.channels))
    if shape.want == "alternatives":
        target.write_text(
            json.dumps({"alternatives": _alternatives(samples, shape, options, colorizer)})
        )
        return
    paint = colorizer.painter_of(page_in_memory(samples), options, lambda *_: check())
    rows = max(1, STRIP_PIXELS // shape.width)
    # Chroma is taken at 16 bits whatever the depth of the samples: 8 would make it coarse.
    painted_type = np.uint16 if shape.want == "chroma" else shape.sample_type
    painted = np.empty((min(rows, shape.height), shape.width, 3), painted_type)
    with target.open("wb") as stream:
        for top in range(0, shape.height, rows):
            check()
            strip = np.ascontiguousarray(samples[top : top + rows])
            answer = painted[: len(strip)]
            paint(strip, top, answer)
            _write(chroma_of(answer) if shape.want == "chroma" else answer, stream)


def _alternatives(
    samples: "np.ndarray", shape: Shape, options: Options, colorizer: "Colorizer"
) -> list[dict[str, Any]]:
    """The colours that the model thinks of at the place, the likeliest first."""
    import numpy as np

    from core.colour.kernels import lightness_of
    from core.image.page import page_in_memory
    from gradio_app.alternatives import alternatives

    x, y = shape.place
    found = colorizer.distribution_at(page_in_memory(samples), options, x, y)
    bins = colorizer.session.description.bins
    assert bins is not None, "a distribution has bins (contract 1)"
    pixel = np.ascontiguousarray(samples[y : y + 1, x : x + 1])
    return alternatives(found, bins, float(lightness_of(pixel)[0, 0]))


def _write(samples: "np.ndarray", stream: BinaryIO) -> None:
    """To a file that is not mapped: where the disk is full, a mapped one ends the whole server."""
    data = samples.data.cast("B")
    for start in range(0, len(data), PIECE_BYTES):
        stream.write(data[start : start + PIECE_BYTES])


def _with(pixels: tuple[int, int], channels: int) -> tuple[int, ...]:
    return pixels if channels == 1 else (*pixels, channels)


def _whole(values: dict[str, str], name: str, allowed: Any) -> int:
    text = values.pop(name, "")
    if not text:
        raise OptionsError(f"raw samples need {name}")
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) in allowed):
        span = (
            f"{allowed[0]} to {allowed[-1]}"
            if isinstance(allowed, range)
            else (" or ".join(map(str, allowed)))
        )
        raise OptionsError(f"{name} is {text[:20]!r}", remedy=f"give {span}")
    return int(text)


def _one_of(values: dict[str, str], name: str, allowed: tuple[str, ...], default: str) -> str:
    text = values.pop(name, default)
    if text not in allowed:
        raise OptionsError(f"{name} is {text[:20]!r}", remedy=f"give {' or '.join(allowed)}")
    return text
