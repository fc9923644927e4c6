"""`photochrom worker` and `photochrom batch`: parse, call one function, print.

Imports of this module are quick; what a command needs is imported when it runs.
"""

import json
import logging
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from core.commands.arguments import (
    ReadPath,
    WrittenPath,
    device_option,
    exclude_option,
    existing_option,
    max_pixels_option,
    options_of,
    picture_options,
    recolour_option,
)
from core.errors import EXIT_DONE, EXIT_SOME_FAILED, printable
from core.options import DEFAULT_MODEL
from worker import policy

_PORT = click.IntRange(0, 65535)

broker_option = click.option(
    "--broker",
    metavar="URL",
    help="Redis: redis://HOST:6379/0, rediss:// for TLS.  "
    "[default: PHOTOCHROM_BROKER, the configuration file, redis://localhost:6379/0]",
)
max_attempts_option = click.option(
    "--max-attempts",
    type=click.IntRange(1),
    metavar="N",
    help="Give a scan up after so many attempts.  [default: 3 where its process dies, 8 to 15 "
    "where the fault may pass]",
)
time_limit_option = click.option(
    "--time-limit",
    type=click.IntRange(1),
    metavar="SECONDS",
    help="One scan may take so long before its process is killed, and no longer than the worker's "
    "own --time-limit.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of prose.")


@click.command(epilog="Example: photochrom worker --root /srv/scans --concurrency 4")
@broker_option
@click.option(
    "--root",
    "roots",
    multiple=True,
    metavar="FOLDER",
    type=ReadPath(readable=False),
    help="A folder, or s3://bucket/prefix, in which this worker may read and write; may be given "
    "several times.  [default: PHOTOCHROM_ROOTS, the configuration file]",
)
@click.option(
    "--concurrency",
    type=click.IntRange(1),
    metavar="N",
    help="Processes at work.  [default: processors]",
)
@device_option
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help="The model to warm up.")
@click.option(
    "--queues",
    default="scans",
    show_default=True,
    metavar="NAMES",
    help="Queues to serve, parted by commas.",
)
@click.option(
    "--time-limit",
    type=click.IntRange(1),
    default=policy.TIME_LIMIT,
    show_default=True,
    metavar="SECONDS",
    help="One scan may take so long before its process is killed.",
)
@click.option(
    "--visibility-timeout",
    type=click.IntRange(1),
    metavar="SECONDS",
    help="After so long Redis delivers again what was not finished.  "
    f"[default: the time limit + {policy.VISIBILITY_MARGIN}]",
)
@click.option(
    "--memory-limit",
    type=click.IntRange(128),
    default=policy.MEMORY_A_PROCESS,
    show_default=True,
    metavar="MIB",
    help="A process is replaced after a scan that took more.",
)
@click.option(
    "--scan-limit",
    type=click.IntRange(1),
    default=policy.SCANS_A_PROCESS,
    show_default=True,
    metavar="N",
    help="A process is replaced after so many messages.",
)
@click.option(
    "--metrics-port",
    type=_PORT,
    default=0,
    metavar="PORT",
    help="Serve /metrics for Prometheus, /live and /ready on this port, and at / a page with the "
    "batches' progress for people.  [default: none]",
)
@click.option(
    "--metrics-host",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="Where the metrics listen; 0.0.0.0 in a container.",
)
@click.option(
    "--watchable",
    is_flag=True,
    help="Let Flower look on. Whoever reaches Redis can then stop this worker.",
)
@click.option(
    "--on-end",
    default="",
    metavar="COMMAND",
    help="Run this when a batch has ended: its status as JSON on standard input, its id in "
    "PHOTOCHROM_BATCH; no shell.",
)
@click.option(
    "--webhook",
    default="",
    metavar="URL",
    help="Send the status of a batch that has ended there, as JSON by POST; signed (HMAC-SHA256, "
    "X-Photochrom-Signature) where PHOTOCHROM_WEBHOOK_SECRET is set.",
)
@click.option(
    "--failure-share",
    type=click.FloatRange(0, 1),
    default=0.1,
    show_default=True,
    metavar="SHARE",
    help="Tell the webhook when more of a batch's scans have failed.",
)
@click.option(
    "--stall",
    type=click.FloatRange(min=1),
    default=900,
    show_default=True,
    metavar="SECONDS",
    help="Tell the webhook when a batch has had no result for so long.",
)
@click.option(
    "--hours",
    metavar="FROM-TO",
    help="Begin scans only then, as 20:00-06:00 in this machine's time; what is at work is "
    "finished.  [default: always]",
)
@click.option(
    "--rate",
    metavar="N/UNIT",
    help="Begin no more scans than 2/s, 30/m or 1000/h in the long run.  [default: no limit]",
)
@click.option("--log-json", is_flag=True, help="Log one JSON object a line instead of text.")
@click.pass_context
def worker(
    ctx: click.Context,
    broker: str | None,
    roots: tuple[str, ...],
    concurrency: int | None,
    device: str,
    model: str,
    queues: str,
    time_limit: int,
    visibility_timeout: int | None,
    memory_limit: int,
    scan_limit: int,
    metrics_port: int,
    metrics_host: str,
    watchable: bool,
    on_end: str,
    webhook: str,
    failure_share: float,
    stall: float,
    hours: str | None,
    rate: str | None,
    log_json: bool,
) -> int:
    """Colour what batches ask for, until told to stop; SIGTERM finishes what is at work first."""
    from core.system import available_processors
    from worker import logs
    from worker.application import Limits
    from worker.broker import broker_url
    from worker.hooks import Hooks
    from worker.roots import Roots
    from worker.schedule import WorkHours, rate_of
    from worker.service import Service, serve
    from worker.settings import settings

    logs.set_up(as_json=log_json)
    logging.getLogger("worker").setLevel(logging.DEBUG if ctx.obj else logging.INFO)
    for chatty in ("kombu", "celery.worker.strategy", "celery.app.trace", "botocore", "s3fs"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    return serve(
        Service(
            url=broker_url(broker),
            roots=Roots(roots or settings().roots),
            queues=[name.strip() for name in queues.split(",") if name.strip()],
            concurrency=concurrency or available_processors(),
            model=model,
            device=device,
            limits=Limits(
                time=time_limit,
                visibility=visibility_timeout or time_limit + policy.VISIBILITY_MARGIN,
                memory=memory_limit,
                scans=scan_limit,
            ),
            metrics=(metrics_host, metrics_port) if metrics_port else None,
            watchable=watchable,
            hooks=Hooks(webhook, on_end, failure_share, stall),
            hours=WorkHours.of(hours) if hours else None,
            rate=rate_of(rate) if rate else None,
        )
    )


@click.group(epilog="Example: photochrom batch submit scans/ -o coloured/")
def batch() -> None:
    """Colour tens of thousands of scans by workers: submit, look on, report."""


def _submission_options(command: Callable) -> Callable:
    """Options of what is asked for, shared by `submit` and `watch`."""
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
            help="While several batches wait, each step is served four times as often as "
            "the one below. Submitting again changes it.",
        ),
        max_attempts_option,
        time_limit_option,
        click.option(
            "--volatile",
            is_flag=True,
            help="Accept a Redis that forgets the batch when it crashes.",
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


@batch.command(epilog="Example: photochrom batch submit scans/ -o coloured/ --name glass-plates")
@click.argument("source", metavar="SRC", type=ReadPath(readable=False))
@click.option(
    "--tree",
    type=ReadPath(exists=True, file_okay=False),
    metavar="FOLDER",
    help="Of a list or glob: mirror the tree below this folder.  [default: their common folder]",
)
@_submission_options
def submit(source: str, tree: str | None, broker: str | None, as_json: bool, **values) -> None:
    """Queue SRC: a folder, a list (@list.txt or -), a glob in quotes, or s3://bucket/prefix.

    The batch is safe when the command returns. It may be run again: nothing is done twice.
    """
    from worker.broker import broker_url
    from worker.sources import sources_of
    from worker.submission import submit as submit_batch

    request = _submission(sources_of(source, tree), "submit", values)
    answer = submit_batch(broker_url(broker), request)
    if as_json:
        summary = {"batch": answer.batch, "scans": answer.scans}
        if answer.passed:
            summary["passed_over"] = answer.passed.as_mapping()
        click.echo(json.dumps(summary))
        return
    click.echo(f"{answer.batch}  {answer.scans} scans, {answer.new} of them new")
    if answer.passed:
        click.echo(printable(f"passed over: {answer.passed.in_words()}"))


@batch.command(epilog="Example: photochrom batch watch scanner/ -o coloured/")
@click.argument("folder", type=ReadPath(exists=True, file_okay=False))
@_submission_options
@click.option(
    "--settle",
    type=click.FloatRange(0.1),
    default=5,
    show_default=True,
    metavar="SECONDS",
    help="A file is taken when it has not grown for so long.",
)
def watch(folder: str, broker: str | None, as_json: bool, settle: float, **values) -> None:
    """Queue what comes into FOLDER, for as long as this runs; it may be restarted at any time."""
    from worker.broker import broker_url
    from worker.sources import sources_of
    from worker.watch import watch as watch_folder

    request = _submission(sources_of(folder), "watch", values)
    for item in watch_folder(broker_url(broker), request, settle):
        if as_json:
            click.echo(json.dumps(item.as_json()))
        else:
            click.echo(item.in_prose())
        sys.stdout.flush()


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


def _submission(sources, kind: str, values: dict[str, Any]):
    """The options of `_submission_options` as a submission of those sources."""
    from core.job import Job
    from worker.submission import Submission

    hints = values["hints"]
    options = options_of(values)
    like = Job(
        Path(), Path(), options, values["existing"], values["max_pixels"], values["recolour"]
    )
    return Submission(
        sources,
        values["output"],
        like,
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


def _ledger(broker: str | None):
    from worker.broker import broker_url, connect
    from worker.ledger import Ledger

    url = broker_url(broker)
    return Ledger(url, connect(url))
