"""Arguments that several commands share: the picture's options, declared once in `core.options`."""

import logging
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from typing import Any, Final

import click

from core.options import EXISTING, Options, declared

#: Values of --device; `core.model.session` knows what each stands for.
DEVICES: Final = ("auto", "cpu", "cuda", "tensorrt", "directml", "coreml")


class SuggestingChoice(click.Choice):
    """A choice whose refusal names the nearest; `synonyms` are other words for its values."""

    def __init__(self, choices: Iterable[str], synonyms: Mapping[str, str] | None = None) -> None:
        super().__init__(list(choices))
        self._synonyms = synonyms or {}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return super().convert(self._synonyms.get(value, value), param, ctx)

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        refusal = super().get_invalid_choice_message(value, ctx)
        likely = get_close_matches(str(value), list(self.choices), n=1)
        return f"{refusal} Did you mean {likely[0]!r}?" if likely else refusal


class _NamedPath(click.Path):
    """A path that is given must have a name: '' would be the folder that one is in."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if os.fspath(value) == "":
            self.fail("it is empty; give the name of a file or folder", param, ctx)
        return super().convert(value, param, ctx)


class ReadPath(_NamedPath):
    """The type of an argument whose file or folder is read."""


class WrittenPath(_NamedPath):
    """The type of an argument whose file or folder is written: a command hands it to `Paths`."""


device_option = click.option(
    "--device",
    type=SuggestingChoice(DEVICES),
    default="auto",
    show_default=True,
    help="What to compute on; auto takes the best that loads.",
)


def _say_more(context: click.Context, _: click.Parameter, verbose: bool) -> None:
    if verbose:
        context.find_root().obj = True
        logging.getLogger().setLevel(logging.DEBUG)


#: Takes effect at once, before the command or after it.
verbose_option = click.option(
    "--verbose",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_say_more,
    help="Say more, with tracebacks.",
)


class PixelCount(click.ParamType):
    """A number of pixels: '400' and '400MP' are megapixels, '1.5GP' gigapixels.

    A number from `_BARE_PIXELS` up counts pixels: nobody means a million megapixels.
    """

    name = "megapixels"
    _UNITS: Final = {"": 1e6, "mp": 1e6, "gp": 1e9, "px": 1.0}
    _BARE_PIXELS: Final = 1e6

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value).strip().lower()
        unit = text[-2:] if text[-2:] in self._UNITS else ""
        try:
            number = float(text.removesuffix(unit))
        except ValueError:
            self.fail(f"{value!r} is no number of megapixels, such as 400 or 400MP", param, ctx)
        if not isfinite(number) or number <= 0:
            self.fail(f"{value} is no number of megapixels above 0", param, ctx)
        is_bare = not unit and number >= self._BARE_PIXELS
        return max(1, round(number * (1.0 if is_bare else self._UNITS[unit])))


def max_pixels_option_of(default: int) -> Callable:
    """`--max-pixels` with a default in megapixels."""
    return click.option(
        "--max-pixels",
        type=PixelCount(),
        default=f"{default}MP",
        show_default=True,
        metavar="MEGAPIXELS",
        help="Refuse pictures of more megapixels than this: 400 or 400MP; 400000000 counts pixels.",
    )


max_pixels_option = max_pixels_option_of(1000)


existing_option = click.option(
    "--existing",
    type=SuggestingChoice(list(EXISTING)),
    default="same",
    show_default=True,
    help="Where a result's name is taken: "
    + "; ".join(f"{choice} = {meaning}" for choice, meaning in EXISTING.items())
    + ".",
)


recolour_option = click.option(
    "--recolour",
    is_flag=True,
    help="Also colour what is in colour already, and results of photochrom; without it they are "
    "skipped. Toned, faded and stained black-and-white photographs are always coloured.",
)


exclude_option = click.option(
    "--exclude",
    multiple=True,
    metavar="PATTERN",
    help="Leave out files and folders of this name below SRC, as '*_web.jpg' or drafts; a pattern "
    "with a slash is compared with the whole path below SRC. May be given several times.",
)


quiet_option = click.option("--quiet", is_flag=True, help="Say nothing but errors.")


def json_option_of(help: str) -> Callable:
    """`--json`, as the argument `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help=help)


def report_option_of(help: str) -> Callable:
    """`--report`: a file that report lines are appended to."""
    return click.option(
        "--report",
        type=WrittenPath(dir_okay=False, readable=False, path_type=Path),
        metavar="FILE.jsonl",
        help=help,
    )


def picture_options_of(names: Collection[str]) -> Callable[[Callable], Callable]:
    """Adds a command-line option for each of `Options` whose name is in `names`."""

    def add(command: Callable) -> Callable:
        for name, kind, default, about in reversed(list(declared())):
            if name in names:
                command = click.option(
                    f"--{name}",
                    type=option_type(name, kind, about),
                    default=None if name == "hints" else default,
                    show_default=name != "hints",
                    help=sentence(about["help"]),
                )(command)
        return command

    return add


def options_of(values: dict[str, Any]) -> Options:
    """Takes the picture's options out of a command's keyword arguments."""
    chosen = {name: values.pop(name) for name, *_ in declared()}
    hints: Path | None = chosen["hints"]
    chosen["hints"] = ""
    if hints:
        from core.hints import read_document

        chosen["hints"] = read_document(hints)
    return Options(**chosen)


def option_type(name: str, kind: type, about: Mapping[str, Any]) -> Any:
    """click's type of one of `declared()`."""
    if name == "hints":
        return ReadPath(exists=True, dir_okay=False, path_type=Path)
    if "choices" in about:
        return SuggestingChoice(about["choices"], about.get("synonyms"))
    if "low" in about:
        span = click.FloatRange if kind is float else click.IntRange
        return span(about["low"], about["high"])
    return kind


def sentence(text: str) -> str:
    """A help text as a sentence."""
    return text[0].upper() + text[1:] + "."


#: Adds all of them; `options_of` reads them back.
picture_options = picture_options_of([name for name, *_ in declared()])
