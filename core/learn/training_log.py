"""Logs a training run while it goes on: lines, `log.jsonl`, TensorBoard."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import torch
import torch.nn.functional as F

from core.learn.batch import NetworkOutput, TrainingBatch
from core.learn.lab_torch import lab_to_srgb


def open_board(out: Path) -> Any:
    """TensorBoard's writer for the run in this folder."""
    from torch.utils.tensorboard import SummaryWriter  # imports for a second: not for every user

    return SummaryWriter(str(out))


def report(row: dict[str, float], log: IO[str], board: Any, say: Callable[[str], None]) -> None:
    """Write a row to the log, to TensorBoard and to `say`; it has its `step` in it."""
    if board is None:  # another process reports
        return
    log.write(json.dumps(row) + "\n")
    log.flush()
    for name, value in row.items():
        if name != "step":
            board.add_scalar(name, value, row["step"])
    say("  ".join(f"{name} {value:.4g}" for name, value in row.items()))


@torch.no_grad()
def show_pictures(
    board: Any, step: int, prediction: NetworkOutput, batch: TrainingBatch, most: int = 4
) -> None:
    """A few pictures of the last batch (gray, ours, truth) and histograms of a* and b*."""
    answer, size = prediction.chroma.detach().float(), batch.chroma.shape[-2:]
    predicted = F.interpolate(answer, size=size, mode="bicubic")
    for name, planes in (("ours", predicted), ("truth", batch.chroma)):
        board.add_histogram(f"a/{name}", planes[:, 0], step)
        board.add_histogram(f"b/{name}", planes[:, 1], step)
    columns = [
        lab_to_srgb(torch.cat((batch.lightness, chroma), 1)[:most]).clamp(0, 1)
        for chroma in (predicted * 0, predicted, batch.chroma)
    ]
    board.add_images("gray, ours, truth", torch.cat(columns, 3), step)
