"""What a training would cost, measured in a few steps: `photochrom train --dry-run`.

The network learns from the first pictures of the data, decoded into memory: no cache, no run, no
file is made, and what it has learnt is forgotten.
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

#: So many pictures are decoded to learn from.
PICTURES = 32
#: Timed steps for each size of crops, at most, and no new one after so many seconds.
STEPS, SECONDS = 3, 8.0


@dataclass(frozen=True, slots=True)
class TrainingCost:
    """Of a whole training. `gmac`: billions of multiplications a picture, forward, at the mean of
    the recipe's sizes; `memory` in MB at its peak; `seconds` without decoding and validating."""

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
    """What the recipe costs for so many steps, pictures or seconds, else for its own steps.

    Raises what `train.run.run` raises for the recipe, and where no picture has colours.
    """
    device = learning_device()
    with PeakMemory() as peak:
        net = network_to_train(recipe)
        shown = FirstPictures(data, recipe.data)
        by_size = [_seconds_a_step(net, recipe, shown, size) for size in recipe.train.sizes]
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
    """The first pictures of the data that have colours, decoded, as `Pictures` has them."""

    def __init__(self, data: Path, how: DataTable) -> None:
        self._pictures = []
        self.entries = []
        for member in _all(data, how.shards):
            try:
                picture = decode(member.data, how.short_side)
            except (OSError, ValueError, SyntaxError):  # Pillow's, on damaged data
                continue
            if has_colour(picture, how.least_colour):
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
    """Seconds of one batch of this size: making it, forward, backward, optimizer; the mean."""
    settings = replace(recipe.train, sizes=(size,))
    device = learning_device()
    sampler = PictureSampler(pictures, range(len(pictures.entries)), seed=settings.seed)
    plan = BatchPlan(pictures, sampler, settings.sizes, recipe.augment, settings.seed)
    net = net.to(device).to(memory_format=torch.channels_last).train()  # pyright: ignore[reportCallIssue]
    hold_still(net, settings.learns)
    optimizer = optimizer_of(net, settings)
    average = copy.deepcopy(net)  # a training keeps one, too
    data = batches(plan, device=device)
    taken: list[float] = []
    while len(taken) < 2 or (len(taken) <= STEPS and sum(taken) < SECONDS):
        began = time.perf_counter()
        batch = next(data)
        with torch.autocast(device.type, torch.bfloat16, settings.precision == "bfloat16"):
            prediction = net(batch.lightness, batch.hints)
            loss, _ = objective(recipe.loss, prediction, batch, net)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        loss.item()  # waits for a GPU
        taken.append(time.perf_counter() - began)
    del average
    return sum(taken[1:]) / len(taken[1:])  # the first step also plans its memory


def _gmac(net: nn.Module, side: int) -> float:
    multiple: int = getattr(net, "multiple", 1)
    whole = max(multiple, side // multiple * multiple)
    return flops_of(net, torch.Size((1, 1, whole, whole)), learning_device()) / 2 / 1e9
