"""`photochrom`: the group of commands, found through the entry points `photochrom.commands`.

A command is imported when it is called, and heavy libraries when there is a picture to colour, so
that `--help` answers at once. Errors leave as one line and the exit code of contract 5.
"""

import logging
import signal
import sys

import click

from core.commands.arguments import verbose_option
from core.commands.groups import EntryPointGroup
from core.errors import (
    EXIT_INTERRUPTED,
    EXIT_MACHINE,
    EXIT_SOME_FAILED,
    Failure,
    PhotochromError,
    printable,
)


@click.command(
    cls=EntryPointGroup,
    entries="photochrom.commands",
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
        sentence = not_installed(error)
        print(f"photochrom: {sentence or error}", file=sys.stderr)
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
