"""`photochrom bench`: the README's figures, measured on this machine."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from core.errors import EXIT_DONE, EXIT_SOME_FAILED, ProviderError

if TYPE_CHECKING:
    from core.bench import Row


@click.command(epilog="Example: photochrom bench --json > figures.jsonl")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line a figure.")
@click.option("--quick", is_flag=True, help="Leave the 400-megapixel scan out.")
def bench(as_json: bool, quick: bool) -> int:
    """Measure speed and memory on generated pictures, as ratios in one run (minutes)."""
    try:
        from core.bench import rows
    except ImportError as error:
        raise ProviderError(
            f"{error.name} is missing", remedy="run it on Linux or macOS"
        ) from error
    missed = False
    for row in rows(quick):
        missed |= row.met is False
        if as_json:
            click.echo(json.dumps(asdict(row) | {"met": row.met}))
        else:
            click.echo(_line(row))
    return EXIT_SOME_FAILED if missed else EXIT_DONE


def _line(row: "Row") -> str:
    """One figure as a line of a table: verdict, value, bound, what it is."""
    verdict = {True: "ok  ", False: "MISS", None: "-   "}[row.met]
    value = "      " if row.value is None else f"{row.value:6.2f}"
    sign = ">=" if row.at_least else "<="
    note = f"  ({row.note})" if row.note else ""
    return f"{verdict} {value} {row.unit:<2} {sign} {row.must:<4g} {row.what}{note}"
