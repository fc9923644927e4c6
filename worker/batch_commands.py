"""`photochrom batch`: parse, call one function, print. `submit` and `watch` have their own file."""

import json
import shlex
from pathlib import Path

import click

from core.commands.arguments import WrittenPath
from core.errors import EXIT_DONE, EXIT_SOME_FAILED, printable
from worker.command_options import (
    broker_option,
    json_option,
    max_attempts_option,
    time_limit_option,
)
from worker.submit_commands import submit, watch


@click.group(epilog="Example: photochrom batch submit scans/ -o coloured/")
def batch() -> None:
    """Colour tens of thousands of scans by workers: submit, look on, report."""


batch.add_command(submit)
batch.add_command(watch)


@batch.command(epilog="Example: photochrom batch status --follow")
@click.argument("id", required=False)
@click.option("--follow", is_flag=True, help="Go on until the batch is over.")
@json_option
@broker_option
def status(id: str | None, follow: bool, as_json: bool, broker: str | None) -> int:
    """How a batch stands: the latest, or the one that ID means: the beginning of its id, its name,
    or the folder of its results."""
    from worker import status as batch_status

    ledger = _ledger(broker)
    name = batch_status.resolve(ledger, id)
    latest = None
    for latest, alive in (
        batch_status.follow(ledger, name) if follow else [batch_status.current(ledger, name)]
    ):
        if as_json:
            click.echo(json.dumps(latest.as_json()))
            continue
        lines = batch_status.in_prose(latest, ledger.batch(name), alive)
        click.echo("\n".join(printable(line) for line in lines))
    is_bad = latest and latest.is_over and (latest.failed or latest.state == "half submitted")
    return EXIT_SOME_FAILED if is_bad else EXIT_DONE


@batch.command("list", epilog="Example: photochrom batch list")
@json_option
@broker_option
def list_(as_json: bool, broker: str | None) -> None:
    """All batches, the newest first."""
    from worker import status as batch_status

    ledger = _ledger(broker)
    for name in ledger.batches():
        one = batch_status.status_of(ledger, name)
        if as_json:
            click.echo(json.dumps(one.as_json()))
        else:
            over = one.done + one.skipped + one.failed
            failed = f", {one.failed} failed" if one.failed else ""
            click.echo(
                f"{name}  {one.state:<10}  {over} of {one.scans}{failed}  {printable(one.name)}"
            )


@batch.command(epilog="Example: photochrom batch cancel 20261121-7f3a9c")
@click.argument("id")
@broker_option
def cancel(id: str, broker: str | None) -> None:
    """Begin no more scans of a batch; those at work are finished."""
    from worker.status import resolve

    ledger = _ledger(broker)
    name = resolve(ledger, id)
    click.echo(f"{name} is cancelled; {ledger.cancel(name)} scans will not be begun")


@batch.command(epilog="Example: photochrom batch pause 20261121-7f3a9c")
@click.argument("id")
@broker_option
def pause(id: str, broker: str | None) -> None:
    """Begin no more scans of a batch until `batch resume`; those at work are finished."""
    from worker.status import resolve

    ledger = _ledger(broker)
    name = resolve(ledger, id)
    ledger.pause(name, True)
    click.echo(f"{name} is paused; go on with: photochrom batch resume {name}")


@batch.command(epilog="Example: photochrom batch resume 20261121-7f3a9c")
@click.argument("id")
@broker_option
def resume(id: str, broker: str | None) -> None:
    """Let a paused batch go on."""
    from worker.status import resolve

    ledger = _ledger(broker)
    name = resolve(ledger, id)
    ledger.pause(name, False)
    click.echo(f"{name} goes on")


@batch.command(epilog="Example: photochrom batch check 20261121-7f3a9c")
@click.argument("id")
@click.option("--heal", is_flag=True, help="Put back what stands nowhere; workers do it too.")
@broker_option
def check(id: str, heal: bool, broker: str | None) -> int:
    """Check that no scan of a batch is forgotten: each waits, is at work, or is finished."""
    from worker.invariant import check as check_batch
    from worker.invariant import heal as heal_batch
    from worker.status import resolve

    ledger = _ledger(broker)
    name = resolve(ledger, id)
    if heal and (count := heal_batch(ledger, name)):
        click.echo(f"{count} scans are put back")
    faults = check_batch(ledger, name)
    for fault in faults[:20]:
        click.echo(printable(f"{fault.source or fault.scan}: {fault.what}"))
    click.echo(f"{ledger.numbers(name)['scans']:.0f} scans, {len(faults)} of them misplaced")
    return EXIT_SOME_FAILED if faults else EXIT_DONE


@batch.command(epilog="Example: photochrom batch retry 20261121-7f3a9c --failed")
@click.argument("id")
@click.option("--failed", is_flag=True, help="Also what failed for a reason that stays, as damage.")
@max_attempts_option
@time_limit_option
@broker_option
def retry(
    id: str, failed: bool, max_attempts: int | None, time_limit: int | None, broker: str | None
) -> None:
    """Go on with a batch: what was cancelled, and what failed for a reason that may have passed."""
    from worker.retry import retry as retry_batch
    from worker.status import resolve

    ledger = _ledger(broker)
    name = resolve(ledger, id)
    count = retry_batch(
        ledger, name, also_permanent=failed, max_attempts=max_attempts, time_limit=time_limit
    )
    click.echo(f"{name}: {count} scans are queued again")


@batch.command(epilog="Example: photochrom batch report 20261121-7f3a9c -o night.html")
@click.argument("id")
@click.option(
    "-o",
    "--output",
    required=True,
    type=WrittenPath(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A name that ends in .html, .jsonl or .csv; or in .txt: a list of "
    "what failed, for `submit @FILE`.",
)
@broker_option
def report(id: str, output: Path, broker: str | None) -> None:
    """Write what became of every scan: result, key, seconds, worker, attempts, error."""
    from worker.report import write_report
    from worker.status import resolve

    ledger = _ledger(broker)
    count = write_report(ledger, resolve(ledger, id), output)
    click.echo(f"{output}: {count} scans")
    if output.suffix.lower() == ".txt" and count:
        about = ledger.batch(resolve(ledger, id))
        words = [
            "photochrom",
            "batch",
            "submit",
            f"@{output}",
            "--tree",
            about.source,
            "-o",
            about.destination,
        ]
        click.echo(printable(shlex.join(words)))


@batch.command(epilog="Example: photochrom batch bag 20261121-7f3a9c -o glass-plates-bag/")
@click.argument("id")
@click.option(
    "-o",
    "--output",
    required=True,
    type=WrittenPath(file_okay=False, path_type=Path),
    metavar="BAG",
    help="A new folder. Where it holds the results already, as BAG/data, the bag is "
    "made around them; else they are linked, or copied, into it.",
)
@broker_option
def bag(id: str, output: Path, broker: str | None) -> None:
    """Make a BagIt bag of the results: checksums, the report, a summary by folder."""
    from worker.bag import make_bag
    from worker.status import resolve

    ledger = _ledger(broker)
    click.echo(f"{output}: {make_bag(ledger, resolve(ledger, id), output)} files")


@batch.command(epilog="Example: photochrom batch verify 20261121-7f3a9c --sample 200")
@click.argument("id")
@click.option("--sample", type=click.IntRange(1), help="So many, taken at random.  [default: all]")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@broker_option
def verify(id: str, sample: int | None, jobs: int, broker: str | None) -> int:
    """Check the results of a batch: they are there, carry their key, keep the lightness."""
    from worker.status import resolve
    from worker.verification import verify_batch

    ledger = _ledger(broker)
    checked = broken = 0
    for path, faults in verify_batch(ledger, resolve(ledger, id), sample, jobs):
        checked += 1
        if faults:
            broken += 1
            click.echo(f"{printable(path)}: {'; '.join(faults)}")
    click.echo(f"{checked} checked, {broken} broken")
    return EXIT_SOME_FAILED if broken else EXIT_DONE


def _ledger(broker: str | None):
    from worker.broker import broker_url, connect
    from worker.ledger import Ledger

    url = broker_url(broker)
    return Ledger(url, connect(url))
