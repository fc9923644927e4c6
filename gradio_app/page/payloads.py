"""Checks the payload of an event of the page: each value is of its part's own kind.

Gradio looks at values itself, and answers in its libraries' words, or lets a handler fail. Events
are looked at before it gets them (`PageRoutes`), and refused with one plain sentence.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import gradio as gr

from core.options import Options
from gradio_app.page.uploads import NOT_YOURS
from gradio_app.problems import Refused

#: What "Small faces" stands for: the option `detail` that finds them in a group.
SMALL_FACES_DETAIL: Final = 2

#: Names and ids are short.
_LONGEST_TEXT: Final = 400

#: Of one part's value: raises `Refused` where it is none that the part can have.
Check = Callable[[Any], None]


class Payloads:
    """The values that each event of `page` takes."""

    def __init__(self, page: gr.Blocks) -> None:
        self._checks: dict[int, list[Check]] = {}
        self._numbers: dict[str, int] = {}
        for number, event in page.fns.items():
            self._checks[number] = [_check_of(part) for part in event.inputs]
            if isinstance(event.api_name, str):
                self._numbers[event.api_name] = number

    def check(self, name: str, event: dict[str, Any]) -> None:
        """Refuses an event, called by `name` or, where that is '', by its number `fn_index`."""
        number = self._numbers.get(name) if name else event.get("fn_index")
        checks = self._checks.get(number) if type(number) is int else None
        if checks is None:
            raise Refused(404, "the page has no such event", kind="path")
        values = event["data"]
        if len(values) != len(checks):
            raise Refused(422, f"this event takes {len(checks)} values, not {len(values)}")
        for check, value in zip(checks, values, strict=True):
            check(value)
        # A slider that is let go of says its number, which stands in its value already.
        own = event.get("event_data")
        if not (isinstance(own, dict | None) or _is_number(own)):
            raise Refused(422, "what an event says of itself is an object")


def _check_of(part: Any) -> Check:
    """The check for a component of the page, by its kind."""
    if isinstance(part, gr.Dropdown):
        choices = [value for _, value in part.choices]
        return lambda value: _refuse_unless(_is_one_of(value, choices), "there is no such choice")
    if isinstance(part, gr.Slider):
        low, high = part.minimum, part.maximum
        return lambda value: _refuse_unless(
            _is_number(value) and low <= value <= high, f"a number from {low} to {high} is wanted"
        )
    if isinstance(part, gr.Checkbox):
        return lambda value: _refuse_unless(
            isinstance(value, int) and value in (0, 1), "yes or no is wanted"
        )
    if isinstance(part, gr.File):
        is_list = part.file_count != "single"
        return lambda value: _refuse_unless(_is_of_files(value, is_list), NOT_YOURS, "upload")
    return lambda value: _refuse_unless(
        value is None or (isinstance(value, str) and len(value) <= _LONGEST_TEXT),
        "a short text is wanted",
    )


def _refuse_unless(is_good: bool, sentence: str, kind: str = "request") -> None:
    if not is_good:
        raise Refused(422, sentence, kind=kind)


def _is_one_of(value: Any, choices: list[Any]) -> bool:
    return any(type(value) is type(choice) and value == choice for choice in choices)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_of_files(value: Any, is_list: bool) -> bool:
    """Whether it is None, or a file as `PageRoutes` writes it, or a list of such."""
    if value is None:
        return True
    if isinstance(value, list) != is_list:
        return False
    files = value if is_list else [value]
    return all(isinstance(file, dict) and isinstance(file.get("path"), str) for file in files)


def numbers_in(data: Any, *names: str) -> Iterator[float]:
    """Finite numbers of what an event says of itself; raises `Refused` where one is missing."""
    for name in names:
        value = data.get(name) if isinstance(data, dict) else None
        number = float(value) if _is_number(value) else math.nan  # type: ignore[arg-type]
        if not math.isfinite(number):
            raise Refused(422, f"{name} is no number")
        yield number


def file_path(file: Any) -> str:
    """Where a file lies, as a browser says; `Uploads` alone knows whether that is true."""
    path = file.get("path") if isinstance(file, dict) else None
    if not isinstance(path, str):
        raise Refused(422, NOT_YOURS, kind="upload")
    return path


def files_of(files: Any, most: int) -> list[str]:
    """The paths of 1 to `most` files; raises `Refused` for others."""
    if not isinstance(files, list) or not 0 < len(files) <= most:
        raise Refused(422, f"Choose 1 to {most} photographs here; the command line has no limit")
    return [file_path(file) for file in files]


class WaySettings(NamedTuple):
    """Values of the parts of one of two ways of colouring (`settings_parts.two_ways`)."""

    model: Any
    side: Any
    vividness: Any
    small_faces: Any

    @classmethod
    def pair(cls, values: Sequence[Any]) -> tuple["WaySettings", "WaySettings"]:
        """Splits values into the settings of the first way and of the second."""
        count = len(cls._fields)
        return cls(*values[:count]), cls(*values[count:])


class ColourSettings(NamedTuple):
    """Values of the parts that say how to colour (`settings_parts`), or these parts themselves."""

    model: Any
    side: Any = 0
    vividness: Any = 1.0
    small_faces: Any = False
    warmth: Any = 0.0
    tint: Any = 0.0
    calm: Any = 0.0
    reach: Any = 1.0

    def options(self, hints: str = "") -> Options:
        """Returns the options of these values; raises `OptionsError` for values out of range."""
        return Options(
            model=self.model,
            side=int(self.side),
            detail=detail_of(self.small_faces),
            vividness=float(self.vividness),
            calm=float(self.calm),
            warmth=float(self.warmth),
            tint=float(self.tint),
            hints=hints,
            reach=float(self.reach),
        )


def detail_of(small_faces: Any) -> int:
    """The option `detail` for the switch."""
    return SMALL_FACES_DETAIL if small_faces else 1
