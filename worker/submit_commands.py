"""The commands `photochrom batch submit` and `batch watch`: parse, call one function, print."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from core.commands.arguments import (
    ReadPath,
    WrittenPath,
    exclude_option,
    existing_option,
    max_pixels_option,
    options_of,
    picture_options,
    recolour_option,
)
from core.errors import printable
from worker import policy
from worker.command_options import (
    broker_option,
    json_option,
    max_attempts_option,
    time_limit_option,
)


def _submission_options(command: Callable) -> Callable:
    """Adds the options that `submit` and `watch` share to a command."""
    for option in (
        click.option(
            "-o",
            "--output",
            type=WrittenPath(readable=False),
            required=True,
            metavar="DEST",
            help="Folder or s3://bucket/prefix; the tree of SRC is mirrored in it.",
        ),
        click.option("--name", default="", help="A name for the batch.  [default: SRC's]"),
        click.option("--queue", default="scans", show_default=True, help="The queue to use."),
        click.option(
            "--priority",
            type=click.Choice(list(policy.WEIGHTS)),
            default="normal",
            show_default=True,
            help="While several batches wait, each priority gets four times as many scans as "
            "the one below. Submitting again changes it.",
        ),
        max_attempts_option,
        time_limit_option,
        click.option(
            "--volatile",
            is_flag=True,
            help="Accept a Redis that loses the batch when it crashes.",
        ),
        existing_option,
        recolour_option,
        exclude_option,
        max_pixels_option,
        broker_option,
        json_option,
    )[::-1]:
        command = option(command)
    return picture_options(command)


@click.command(epilog="Example: photochrom batch submit scans/ -o coloured/ --name glass-plates")
@click.argument("source", metavar="SRC", type=ReadPath(readable=False))
@click.option(
    "--tree",
    type=ReadPath(exists=True, file_okay=False),
    metavar="FOLDER",
    help="With a list or glob: mirror the tree below this folder.  [default: their common folder]",
)
@_submission_options
def submit(source: str, tree: str | None, broker: str | None, as_json: bool, **values) -> None:
    """Queue SRC: a folder, a list (@list.txt or -), a glob in quotes, or s3://bucket/prefix.

    The batch is stored when the command returns. The command may be repeated: no scan is done
    twice. Films among the scans are coloured in segments, on all workers.
    """
    from worker.broker import broker_url
    from worker.sources import sources_of
    from worker.submission import submit as submit_batch

    request = _submission(sources_of(source, tree), "submit", values)
    submitted = submit_batch(broker_url(broker), request)
    if as_json:
        summary = {"batch": submitted.batch, "scans": submitted.scans}
        if submitted.passed:
            summary["passed_over"] = submitted.passed.as_mapping()
        click.echo(json.dumps(summary))
        return
    click.echo(f"{submitted.batch}  {submitted.scans} scans, {submitted.new} of them new")
    if submitted.passed:
        click.echo(printable(f"passed over: {submitted.passed.in_words()}"))


@click.command(epilog="Example: photochrom batch watch scanner/ -o coloured/")
@click.argument("folder", type=ReadPath(exists=True, file_okay=False))
@_submission_options
@click.option(
    "--settle",
    type=click.FloatRange(0.1),
    default=5,
    show_default=True,
    metavar="SECONDS",
    help="A file is taken when it has not changed for this time.",
)
def watch(folder: str, broker: str | None, as_json: bool, settle: float, **values) -> None:
    """Queue new files in FOLDER until this is stopped; it may be restarted at any time."""
    from worker.broker import broker_url
    from worker.sources import sources_of
    from worker.watch import watch as watch_folder

    request = _submission(sources_of(folder), "watch", values)
    for event in watch_folder(broker_url(broker), request, settle):
        if as_json:
            click.echo(json.dumps(event.as_json()))
        else:
            click.echo(event.in_prose())
        sys.stdout.flush()


def _submission(sources, kind: str, values: dict[str, Any]):
    """Returns the submission of the sources with the values of `_submission_options`."""
    from core.job import Job
    from worker.submission import Submission

    hints = values["hints"]
    options = options_of(values)
    template = Job(
        Path(), Path(), options, values["existing"], values["max_pixels"], values["recolour"]
    )
    return Submission(
        sources,
        values["output"],
        template,
        values["name"],
        values["queue"],
        kind,
        hints,
        values["exclude"],
        values["priority"],
        values["volatile"],
        values["max_attempts"],
        values["time_limit"],
    )
