"""Defines command-line options that several commands of the worker and of batches share."""

import click

from core.commands.arguments import json_option_of

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
json_option = json_option_of("Print JSON instead of prose.")
