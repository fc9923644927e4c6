"""Defines command-line options that several commands for training share, and parses values."""

import os
import re
from pathlib import Path

import click

from core.commands.arguments import ReadPath, WrittenPath
from core.errors import OptionsError

FILE = ReadPath(dir_okay=False, path_type=Path)
EXISTING = ReadPath(exists=True, path_type=Path)
EXISTING_FILE = ReadPath(exists=True, dir_okay=False, path_type=Path)
NEW_FILE = WrittenPath(dir_okay=False, readable=False, path_type=Path)
NEW_FOLDER = WrittenPath(file_okay=False, path_type=Path)

budget_option = click.option(
    "--budget", metavar="TIME", help="Train for this time: 90s, 20m, 1.5h."
)
steps_option = click.option("--steps", type=click.IntRange(1), help="Train for this many steps.")
pictures_option = click.option(
    "--pictures", type=click.IntRange(1), help="Train on this many pictures, with repetitions."
)
cache_option = click.option(
    "--cache", type=NEW_FOLDER, help="Folder of the decoded pictures (several GB)."
)
threads_option = click.option(
    "--threads", type=click.IntRange(1), help="CPU threads; default: all cores."
)
workers_option = click.option(
    "--workers",
    type=click.IntRange(0),
    help="Processes that make batches; default: none on a CPU, up to 8 with a GPU.",
)
realism_option = click.option(
    "--realism", is_flag=True, help="Also measure with a classifier whether the colours look real."
)


def default_workers() -> int:
    """Returns the number of processes that make batches: up to 8 with a GPU, else 0."""
    import torch

    return min(8, (os.cpu_count() or 2) - 1) if torch.cuda.is_available() else 0


def parse_time(text: str) -> float:
    """Returns the seconds of 90s, 20m or 1.5h; raises `OptionsError` for other text."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text)
    if not match or float(match[1]) == 0:
        raise OptionsError(f"--budget {text} is not a time", remedy="write 90s, 20m or 1.5h")
    return float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]
