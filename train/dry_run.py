"""Estimates the cost of a training from a few steps, for `photochrom train --dry-run`.

The steps are done with the first pictures of the data, which are decoded into memory. No file is
written.
"""

import copy
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from core.errors import PhotochromError
from core.learn.losses import objective
from core.learn.throughput import flops_of
from core.learn.trainer import hold_still, learning_device, optimizer_of
from train.data.batches import BatchPlan, batches
from train.data.cache import CachedPicture, Pictures, decode
from train.data.sampling import PictureSampler, has_colour
from train.data.shards import Member, members, sources
from train.peak_memory import PeakMemory
from train.recipe import DataTable, Recipe
from train.run import network_to_train

#: Number of pictures that are decoded.
PICTURES = 32
#: Largest number of timed steps for each size of crops, and seconds after which no step begins.
STEPS, SECONDS = 3, 8.0


@dataclass(frozen=True, slots=True)
class TrainingCost:
    """The cost of a whole training.

    `learning` is the number of parameters that are trained, `gmac` that of billions of
    multiplications in a forward pass of a picture, as the mean over the recipe's sizes; `memory` is
    the peak in MB, `seconds` the time without decoding and validation.
    """

    parameters: int
    learning: int
    gmac: float
    pictures_per_second: float
    memory: float
    steps: int
    pictures: int
    seconds: float
    device: str

    def __str__(self) -> str:
        hours = self.seconds / 3600
        lines = {
            "parameters": f"{self.parameters:,}, of which {self.learning:,} learn",
            "GMAC a picture": f"{self.gmac:.3g}",
            "pictures a second": f"{self.pictures_per_second:.3g} (here, {self.device})",
            "memory": f"{self.memory:,.0f} MB",
            "steps": f"{self.steps:,}, which see {self.pictures:,} pictures",
            "hours": f"{hours:.2g}, without decoding the pictures and validating",
        }
        return "\n".join(f"{name:18}{value}" for name, value in lines.items())


def estimated(
    recipe: Recipe,
    data: Path,
    *,
    steps: int | None = None,
    pictures: int | None = None,
    budget_seconds: float | None = None,
) -> TrainingCost:
    """Returns the cost of a recipe for that length, or for the steps of the recipe.

    Raises `OptionsError` as `train.run.run` does for the recipe, and `PhotochromError` where no
    picture has colours.
    """
    device = learning_device()
    with PeakMemory() as peak:
        net = network_to_train(recipe)
        first_pictures = FirstPictures(data, recipe.data)
        by_size = [
            _seconds_a_step(net, recipe, first_pictures, size) for size in recipe.train.sizes
        ]
        gmac = sum(_gmac(net, side) for side, _ in recipe.train.sizes) / len(recipe.train.sizes)
    a_step = recipe.train.accumulate * sum(by_size) / len(by_size)
    if budget_seconds is not None:
        steps = max(1, int(budget_seconds / a_step))
    elif pictures is not None:
        steps = recipe.train.steps_for(pictures)
    steps = steps or recipe.train.steps
    threads = torch.get_num_threads()
    return TrainingCost(
        parameters=sum(tensor.numel() for tensor in net.parameters()),
        learning=sum(tensor.numel() for tensor in net.parameters() if tensor.requires_grad),
        gmac=gmac,
        pictures_per_second=recipe.train.pictures_a_step / a_step,
        memory=peak.megabytes,
        steps=steps,
        pictures=round(steps * recipe.train.pictures_a_step),
        seconds=steps * a_step,
        device="GPU" if device.type == "cuda" else f"CPU, {threads} threads",
    )


class FirstPictures(Pictures):
    """The first pictures of the data that have colours, in memory instead of a cache."""

    def __init__(self, data: Path, table: DataTable) -> None:
        self._pictures = []
        self.entries = []
        for member in _all(data, table.shards):
            try:
                picture = decode(member.data, table.short_side)
            except (OSError, ValueError, SyntaxError):  # Pillow's exceptions for damaged data
                continue
            if has_colour(picture, table.least_colour):
                height, width = picture.shape[:2]
                self._pictures.append(picture)
                self.entries.append(CachedPicture(member.name, member.set_name, 0, height, width))
            if len(self.entries) == PICTURES:
                break
        if not self.entries:
            raise PhotochromError(
                "none of its pictures has colours", file=data, remedy="give colour photographs"
            )

    def picture(self, index: int):
        return self._pictures[index]


def _all(data: Path, shards: str) -> Iterator[Member]:
    for source in sources(data, shards):
        yield from members(source)


def _seconds_a_step(
    net: nn.Module, recipe: Recipe, pictures: Pictures, size: tuple[int, int]
) -> float:
    """Returns the mean seconds of a step: making the batch, forward, backward, optimizer."""
    settings = replace(recipe.train, sizes=(size,))
    device = learning_device()
    sampler = PictureSampler(pictures, range(len(pictures.entries)), seed=settings.seed)
    plan = BatchPlan(pictures, sampler, settings.sizes, recipe.augment, settings.seed)
    net = net.to(device).to(memory_format=torch.channels_last).train()  # pyright: ignore[reportCallIssue]
    hold_still(net, settings.learns)
    optimizer = optimizer_of(net, settings)
    average = copy.deepcopy(net)  # for its memory: a training has one too
    data = batches(plan, device=device)
    durations: list[float] = []
    while len(durations) < 2 or (len(durations) <= STEPS and sum(durations) < SECONDS):
        start = time.perf_counter()
        batch = next(data)
        with torch.autocast(device.type, torch.bfloat16, settings.precision == "bfloat16"):
            prediction = net(batch.lightness, batch.hints)
            loss, _ = objective(recipe.loss, prediction, batch, net)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        loss.item()  # waits for a GPU
        durations.append(time.perf_counter() - start)
    del average
    return sum(durations[1:]) / len(durations[1:])  # the first step also allocates memory


def _gmac(net: nn.Module, side: int) -> float:
    """Returns the billions of multiplications in a forward pass of a square of `side` px."""
    multiple: int = getattr(net, "multiple", 1)
    whole = max(multiple, side // multiple * multiple)
    return flops_of(net, torch.Size((1, 1, whole, whole)), learning_device()) / 2 / 1e9
