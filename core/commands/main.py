"""`photochrom`: the group of commands, found through the entry points `photochrom.commands`.

A command is imported when it is called, and heavy libraries when there is a picture to colour, so
that `--help` answers at once. Errors leave as one line and the exit code of contract 5.
"""

import logging
import signal
import sys
from importlib.metadata import entry_points

import click

from core.commands.arguments import verbose_option
from core.errors import (
    EXIT_INTERRUPTED,
    EXIT_MACHINE,
    EXIT_SOME_FAILED,
    Failure,
    PhotochromError,
    nearest,
    printable,
)


class EntryPointGroup(click.Group):
    """A group whose commands come from the entry points of `photochrom.commands`."""

    def _found(self) -> dict:
        return {entry.name: entry for entry in entry_points(group="photochrom.commands")}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self._found())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = self._found().get(cmd_name)
        if entry is None:
            return None
        try:
            return entry.load()
        except ModuleNotFoundError as error:
            return _without_its_extra(cmd_name, error)

    def resolve_command(self, ctx: click.Context, args: list[str]):
        name = args[0]
        if not name.startswith("-") and name not in self._found():
            ctx.fail(f"no such command {name!r}; {nearest(name, self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)


def _without_its_extra(name: str, error: ModuleNotFoundError) -> click.Command:
    """A command that cannot be imported: it has its line in the help, and fails when it is run."""

    @click.command(
        name,
        help="Not installed.",
        add_help_option=False,
        context_settings={"ignore_unknown_options": True},
    )
    @click.argument("words", nargs=-1, type=click.UNPROCESSED)
    def command(words: tuple[str, ...]) -> None:
        raise error

    return command


@click.command(
    cls=EntryPointGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: photochrom colorize scans/ -o coloured/",
)
@click.version_option(package_name="photochrom")
@verbose_option
def photochrom() -> None:
    """Colour black-and-white photographs. The photographer's lightness stays."""
    for chatty in ("pyvips", "numba", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def main() -> None:
    """The console script: runs a command and leaves with the exit code of contract 5."""
    # A file's name need not be valid UTF-8, and saying it must not fail.
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    sys.stderr.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    logging.basicConfig(format="photochrom: %(message)s")
    logging.getLogger().setLevel(logging.WARNING)
    # A service manager's way of saying Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        result = photochrom.main(prog_name="photochrom", standalone_mode=False)
        sys.exit(result if isinstance(result, int) else 0)
    except PhotochromError as error:
        logging.getLogger(__name__).debug("", exc_info=True)
        print(f"photochrom: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except ModuleNotFoundError as error:
        from core.installation import not_installed

        logging.getLogger(__name__).debug("", exc_info=True)
        said = not_installed(error)
        print(f"photochrom: {said or error}", file=sys.stderr)
        sys.exit(EXIT_MACHINE)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        print("photochrom: interrupted; run it again to go on", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:  # the reader of our output has gone, as `head` does
        sys.stderr.close()
        sys.exit(0)
    except Exception as defect:  # a full disk under a report, or our own fault: one line for each
        logging.getLogger(__name__).debug("", exc_info=True)
        hint = "" if logging.getLogger().isEnabledFor(logging.DEBUG) else "; --verbose tells where"
        print(f"photochrom: {printable(Failure.of(defect).message)}{hint}", file=sys.stderr)
        sys.exit(EXIT_SOME_FAILED)
