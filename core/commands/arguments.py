"""Arguments that several commands share: the picture's options, declared once in `core.options`."""

import logging
import os
from collections.abc import Callable
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from typing import Any, Final

import click

from core.options import EXISTING, Options, declared

#: Values of --device; `core.model.session` knows what each stands for.
DEVICES: Final = ("auto", "cpu", "cuda", "tensorrt", "directml", "coreml")


class Choice(click.Choice):
    """A choice whose refusal names the nearest."""

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
    "--device", type=Choice(DEVICES), default="auto", show_default=True,
    help="What to compute on; auto takes the best that loads.",
)  # fmt: skip


def _say_more(context: click.Context, _: click.Parameter, verbose: bool) -> None:
    if verbose:
        context.find_root().obj = True
        logging.getLogger().setLevel(logging.DEBUG)


#: Takes effect at once, before the command or after it.
verbose_option = click.option(
    "--verbose", is_flag=True, is_eager=True, expose_value=False, callback=_say_more,
    help="Say more, with tracebacks.",
)  # fmt: skip


def _pixels(_: click.Context, __: click.Parameter, megapixels: float) -> int:
    if not isfinite(megapixels):
        raise click.BadParameter(f"{megapixels} is no number of megapixels")
    return round(megapixels * 1e6)


#: In megapixels for a person, in pixels for the command.
max_pixels_option = click.option(
    "--max-pixels", type=click.FloatRange(0, min_open=True), default=1000, show_default=True,
    callback=_pixels, help="Refuse pictures of more megapixels than this.",
)  # fmt: skip


existing_option = click.option(
    "--existing", type=Choice(list(EXISTING)), default="same", show_default=True,
    help="Where a result's name is taken: "
    + "; ".join(f"{choice} = {meaning}" for choice, meaning in EXISTING.items()) + ".",
)  # fmt: skip


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


def picture_options(command: Callable) -> Callable:
    """Adds one command-line option for each of `Options`; `options_of` reads them back."""
    for name, kind, default, about in reversed(list(declared())):
        command = click.option(
            f"--{name}",
            type=_type(name, kind, about),
            default=None if name == "hints" else default,
            show_default=name != "hints",
            help=_sentence(about["help"]),
        )(command)
    return command


def options_of(values: dict[str, Any]) -> Options:
    """Takes the picture's options out of a command's keyword arguments."""
    chosen = {name: values.pop(name) for name, *_ in declared()}
    hints: Path | None = chosen["hints"]
    chosen["hints"] = ""
    if hints:
        from core.hints import read_document

        chosen["hints"] = read_document(hints)
    return Options(**chosen)


def _type(name: str, kind: type, about) -> Any:
    if name == "hints":
        return ReadPath(exists=True, dir_okay=False, path_type=Path)
    if "choices" in about:
        return Choice(about["choices"])
    if "low" in about:
        span = click.FloatRange if kind is float else click.IntRange
        return span(about["low"], about["high"])
    return kind


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."
