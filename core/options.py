"""`Options`: everything that a user may choose and that changes the picture.

Each option is declared once, here, with its default, range and help; the command line, the queue,
the local server and the documentation read them from `Options` by `declared()`. Frozen, validated
at birth, and written canonically for the job key (contract 3).
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import Field, asdict, dataclass, field, fields
from math import isfinite
from typing import Any, Final

from core.errors import OptionsError, nearest

DEFAULT_MODEL = "photochrom-lite"

#: What to do where the result's name is taken already, and what each choice means.
EXISTING: Final[Mapping[str, str]] = {
    "same": "skip the very same work (same job key), fail for anything else",
    "skip": "leave whatever stands there, unread, and skip the file",
    "overwrite": "replace it",
    "fail": "fail for that file",
}

#: What `--format` accepts; `same` keeps the source's own.
FORMATS = ("same", "jpeg", "png", "tiff", "webp", "avif", "jpeg2000")
#: Other words for a format, which become its name before anything is done with them.
FORMAT_SYNONYMS: Final[Mapping[str, str]] = {"jpg": "jpeg", "tif": "tiff", "jp2": "jpeg2000"}


def _option(default: Any, help: str, **limits: Any) -> Any:
    return field(default=default, metadata={"help": help, **limits})


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What changes the picture. Raises `OptionsError` for a value outside its range.

    `hints` is the text of a hint document (see `core.hints`), not a path: the options of a job
    travel to another machine whole.
    """

    model: str = _option(DEFAULT_MODEL, "model by name, or the path of an .onnx file")
    side: int = _option(
        0, "short side, in pixels, of what the network sees; 0 = the model's own", low=0, high=2048
    )
    detail: int = _option(
        1,
        "look again from so much nearer, for small faces in a group; 2, 3 and 4 ask the network "
        "about 13, 21 and 36 times, and a scan of 12 MP takes 4, 7 and 10 times as long",
        low=1,
        high=4,
        added=True,
    )
    vividness: float = _option(
        1.0, "scales the colours: 0 = gray, 1 = as predicted, 2 = twice", low=0.0, high=2.0
    )
    calm: float = _option(
        0.0,
        "draws blotches to the colour around them, up to edges: 0 = not at all, 1 = wholly",
        low=0.0,
        high=1.0,
        added=True,
    )
    warmth: float = _option(
        0.0,
        "moves colours to blue (below 0) or to yellow (above); grays stay",
        low=-1.0,
        high=1.0,
        added=True,
    )
    tint: float = _option(
        0.0,
        "moves colours to green (below 0) or to red (above); grays stay, and skin nearly",
        low=-1.0,
        high=1.0,
        added=True,
    )
    hints: str = _option("", "colours that the user gave, as a hint document")
    reach: float = _option(
        1.0,
        "how far a hint's colour goes within its thing: 0 = no further than the hint, "
        "1 = as usual, 2 = twice as far",
        low=0.0,
        high=3.0,
    )
    format: str = _option(
        "same",
        "format of the result; jpg, tif and jp2 are understood too",
        choices=FORMATS,
        synonyms=FORMAT_SYNONYMS,
    )
    quality: int = _option(92, "quality of lossy formats", low=1, high=100)

    def __post_init__(self) -> None:
        for option in fields(self):
            object.__setattr__(self, option.name, _checked(option, getattr(self, option.name)))

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "Options":
        """Options from untrusted key-value pairs; unknown names are refused by name."""
        known = [option.name for option in fields(cls)]
        for name in values:
            if name not in known:
                raise OptionsError(f"unknown option {name!r}", remedy=nearest(name, known))
        return cls(**values)

    def canonical(self) -> dict[str, Any]:
        """What enters the job key: all options, defaults included, with four exceptions.

        The model stands in the key by its SHA-256, so its name is left out; the hint document,
        which can be large, stands here by its SHA-256; an option that was `added` since the first
        keys were written is left out at its default, so that the work of before keeps its key; and
        `reach` stands here only where there are hints.
        """
        values = asdict(self)
        del values["model"]
        for option in fields(self):
            if option.metadata.get("added") and values[option.name] == option.default:
                del values[option.name]
        if not self.hints:
            del values["reach"]
        values["hints"] = hashlib.sha256(self.hints.encode()).hexdigest() if self.hints else None
        return values

    def as_mapping(self) -> dict[str, Any]:
        """The options as JSON values, for a queue message; `from_mapping` reads them back."""
        return asdict(self)


def declared() -> Iterator[tuple[str, type, Any, Mapping[str, Any]]]:
    """(name, type, default, {help, low, high, choices, synonyms}) of every option, in order."""
    for option in fields(Options):
        yield option.name, type(option.default), option.default, option.metadata


def canonical_json(value: Any) -> str:
    """JSON with sorted keys, no spaces and Python's shortest floats: equal values, equal text."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def _checked(option: Field, value: Any) -> Any:
    """`value` in the option's own type, or `OptionsError`. `True` is no number."""
    kind = type(option.default)
    limits = option.metadata
    if isinstance(value, str):
        value = limits.get("synonyms", {}).get(value, value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not kind:
        raise OptionsError(f"{option.name} must be {_NOUNS[kind]}, not {value!r}")
    if kind is float and not isfinite(value):
        raise OptionsError(f"{option.name} must be a finite number, not {value!r}")
    if "choices" in limits and value not in limits["choices"]:
        raise OptionsError(
            f"{option.name} is {value!r}", remedy=nearest(str(value), limits["choices"])
        )
    if "low" in limits and not limits["low"] <= value <= limits["high"]:
        raise OptionsError(
            f"{option.name} is {value!r}", remedy=f"choose {limits['low']} to {limits['high']}"
        )
    return value


_NOUNS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
