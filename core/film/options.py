"""`FilmOptions`: what a user may choose of a coloured film beside the colours themselves.

The colours are `core.options.Options`' subject (model, side, detail, vividness), hints at times are
`core.film.hints`'. `CODECS` says what is written, in which containers, and what quality means.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from core.errors import OptionsError, nearest


@dataclass(frozen=True, slots=True)
class Codec:
    """`encoder`: FFmpeg's name. `suffixes`: of the containers that hold it. `quality`: option,
    default, lowest and highest value of the codec's own scale; None where it has none."""

    encoder: str
    suffixes: tuple[str, ...]
    quality: tuple[str, int, int, int] | None
    is_lossless: bool = False


CODECS: Final[Mapping[str, Codec]] = {
    "ffv1": Codec("ffv1", (".mkv",), None, is_lossless=True),
    "x264": Codec("libx264", (".mkv", ".mp4", ".mov", ".m4v"), ("crf", 16, 0, 51)),
    "x265": Codec("libx265", (".mkv", ".mp4", ".mov", ".m4v"), ("crf", 18, 0, 51)),
    "prores": Codec("prores_ks", (".mov", ".mkv"), ("profile", 3, 0, 5)),
}

#: Suffix of the result -> what is written without --codec.
_USUAL: Final = {".mkv": "ffv1", ".mp4": "x264", ".m4v": "x264", ".mov": "prores"}
SUFFIXES: Final = tuple(_USUAL)

#: The options of pictures (`core.options.Options`) that films have too.
OF_PICTURES: Final = ("model", "side", "detail", "vividness", "calm", "warmth", "tint", "reach")

#: Version of how films are coloured: it is in every key, so that a change begins anew.
METHOD: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmOptions:
    """`codec`: of `CODECS`. `quality`: on its scale, -1 for its default. `depth`: 0 keeps that of
    the source, 10 writes at least 10 bits. `chroma`: '420' or '444', for sources without chroma.
    `every`: frames between two looks of the network, at most. `preview`: seconds from the middle,
    0 for all. `strict`: damage is a failure."""

    codec: str
    quality: int = -1
    depth: int = 0
    chroma: str = "420"
    every: int = 16
    preview: float = 0.0
    strict: bool = False

    def __post_init__(self) -> None:
        if self.codec not in CODECS:
            raise OptionsError(f"codec is {self.codec!r}", remedy=nearest(self.codec, [*CODECS]))
        scale = CODECS[self.codec].quality
        if self.quality != -1 and not (scale and scale[2] <= self.quality <= scale[3]):
            raise OptionsError(
                f"quality is {self.quality}",
                remedy=f"choose {scale[2]} to {scale[3]} for {self.codec}"
                if scale
                else f"{self.codec} is lossless: leave --quality out",
            )

    def canonical(self) -> dict[str, Any]:
        """What enters the keys: all that changes the result; `strict` changes none."""
        values = asdict(self)
        del values["strict"]
        return values | {"method": METHOD}


def codec_for(target: Path, codec: str | None) -> str:
    """The codec for a result of that name; raises `OptionsError` where they do not fit."""
    suffix = target.suffix.lower()
    if suffix not in _USUAL:
        raise OptionsError(
            f"no film is written under the name {target.name}",
            remedy=f"end it with one of {' '.join(SUFFIXES)}",
        )
    if codec is None:
        return _USUAL[suffix]
    if codec in CODECS and suffix not in CODECS[codec].suffixes:
        raise OptionsError(
            f"a {suffix} file holds no {codec}",
            remedy=f"end the name with one of {' '.join(CODECS[codec].suffixes)}",
        )
    return codec
