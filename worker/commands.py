"""The command `photochrom worker`, and the group `photochrom batch` for its entry point.

Importing this module is quick: the command imports what it needs when it runs.
"""

import logging

import click

from core.commands.arguments import ReadPath, device_option
from core.options import DEFAULT_MODEL
from worker import policy
from worker.batch_commands import batch
from worker.command_options import broker_option

__all__ = ["batch", "worker"]

_PORT = click.IntRange(0, 65535)


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
    "-c",
    "--concurrency",
    type=click.IntRange(1),
    metavar="N",
    help="Number of processes.  [default: one for each processor]",
)
@device_option
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help="The model to warm up.")
@click.option(
    "--queues",
    default="scans",
    show_default=True,
    metavar="NAMES",
    help="Queues to serve, separated by commas.",
)
@click.option(
    "--time-limit",
    type=click.IntRange(1),
    default=policy.TIME_LIMIT,
    show_default=True,
    metavar="SECONDS",
    help="Kill the process of a scan that takes longer.",
)
@click.option(
    "--visibility-timeout",
    type=click.IntRange(1),
    metavar="SECONDS",
    help="Redis delivers a message again when its scan is not finished after this time.  "
    f"[default: the time limit + {policy.VISIBILITY_MARGIN}]",
)
@click.option(
    "--memory-limit",
    type=click.IntRange(128),
    default=policy.MEMORY_A_PROCESS,
    show_default=True,
    metavar="MIB",
    help="Replace a process after a scan for which it took more memory.",
)
@click.option(
    "--scan-limit",
    type=click.IntRange(1),
    default=policy.SCANS_A_PROCESS,
    show_default=True,
    metavar="N",
    help="Replace a process after this many messages.",
)
@click.option(
    "--metrics-port",
    type=_PORT,
    default=0,
    metavar="PORT",
    help="Serve /metrics for Prometheus, /live and /ready on this port, and at / a page that shows "
    "the progress of the batches.  [default: none]",
)
@click.option(
    "--metrics-host",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="Address of the metrics port; 0.0.0.0 in a container.",
)
@click.option(
    "--watchable",
    is_flag=True,
    help="Let Flower monitor this worker. Anyone who can reach Redis can then stop it.",
)
@click.option(
    "--on-end",
    default="",
    metavar="COMMAND",
    help="Run this command, without a shell, when a batch has ended; it gets the status as JSON on "
    "standard input and the id in PHOTOCHROM_BATCH.",
)
@click.option(
    "--webhook",
    default="",
    metavar="URL",
    help="Send the status of each batch that has ended to this URL, as JSON by POST; it is signed "
    "(HMAC-SHA256, X-Photochrom-Signature) where PHOTOCHROM_WEBHOOK_SECRET is set.",
)
@click.option(
    "--failure-share",
    type=click.FloatRange(0, 1),
    default=0.1,
    show_default=True,
    metavar="SHARE",
    help="Call the webhook when a larger share of a batch's scans has failed.",
)
@click.option(
    "--stall",
    type=click.FloatRange(min=1),
    default=900,
    show_default=True,
    metavar="SECONDS",
    help="Call the webhook when a batch has had no result for this time.",
)
@click.option(
    "--hours",
    metavar="FROM-TO",
    help="Begin scans only between these times, such as 20:00-06:00, in the time zone of this "
    "machine; scans at work are finished.  [default: always]",
)
@click.option(
    "--rate",
    metavar="N/UNIT",
    help="Begin at most this many scans in the long run: 2/s, 30/m or 1000/h.  [default: no limit]",
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
    """Colour the scans of batches until it is stopped; SIGTERM finishes the scans at work first."""
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
    for library in ("kombu", "celery.worker.strategy", "celery.app.trace", "botocore", "s3fs"):
        logging.getLogger(library).setLevel(logging.WARNING)
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
