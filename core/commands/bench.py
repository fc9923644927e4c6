"""`photochrom bench`: the README's figures, measured on this machine.

Rooms above `core` add figures of their own through the entry points `photochrom.bench`: functions
without arguments that yield `core.bench.Row`s.
"""

from importlib.metadata import entry_points
from itertools import chain

import click

from core.commands.arguments import json_option_of
from core.errors import EXIT_DONE, EXIT_SOME_FAILED, ProviderError


@click.command(epilog="Example: photochrom bench --json > figures.jsonl")
@json_option_of("Print one JSON line a figure.")
@click.option("--quick", is_flag=True, help="Leave the 400-megapixel scan out.")
def bench(as_json: bool, quick: bool) -> int:
    """Measure speed and memory on generated pictures, as ratios in one run (minutes)."""
    try:
        from core.bench import rows
    except ImportError as error:
        raise ProviderError(
            f"{error.name} is missing", remedy="run it on Linux or macOS"
        ) from error
    of_other_rooms = (entry.load()() for entry in entry_points(group="photochrom.bench"))
    missed = False
    for row in chain(rows(quick), chain.from_iterable(of_other_rooms)):
        missed |= row.met is False
        click.echo(row.as_json() if as_json else str(row))
    return EXIT_SOME_FAILED if missed else EXIT_DONE
