"""Endless batches for the trainer, in the order that the seed gives, from any position."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from core.learn.lab_torch import srgb_to_lab
from core.learn.losses import Batch
from train.data.augment import Augment, crop, draw_hints, old_film
from train.data.cache import Pictures
from train.data.draw import Draw
from train.data.workers import made_ahead


def sample(pictures: Pictures, draw: Draw, position: int, size: int, settings: Augment):
    """lightness 1,S,S, chroma 2,S,S, hints 3,S,S of the sample at this position."""
    index, random = draw(position)
    pixels = crop(pictures.picture(index), size, settings, random)
    rgb = torch.from_numpy(pixels).permute(2, 0, 1).float() / 255
    lab = srgb_to_lab(rgb[None])[0]
    lightness, chroma = lab[:1], lab[1:]
    hints = draw_hints(chroma, settings, random)
    if random.random() < settings.old_film:
        lightness = old_film(rgb, lightness, settings, random)
    return lightness, chroma, hints


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a batch depends on beside its number. Can be sent to another process.

    `sizes` are (side, pictures a batch); each step draws one of them. `part` (number, of how many):
    every so manyth picture of each batch, for one of several processes.
    """

    pictures: Pictures
    draw: Draw
    sizes: Sequence[tuple[int, int]]
    settings: Augment
    seed: int
    part: tuple[int, int] = (0, 1)

    def batch(self, step: int) -> Batch:
        """The batch of this step: the same whoever asks, and whenever."""
        number, parts = self.part
        largest = max(count for _, count in self.sizes)
        drawn = np.random.default_rng([self.seed, step, 1]).integers(len(self.sizes))
        size, count = self.sizes[int(drawn)]
        rows = [
            sample(self.pictures, self.draw, step * largest + i, size, self.settings)
            for i in range(number, count, parts)
        ]
        lightness, chroma, hints = (torch.stack(planes) for planes in zip(*rows, strict=True))
        return Batch(lightness, chroma, hints)


def batches(
    pictures: Pictures,
    draw: Draw,
    sizes: Sequence[tuple[int, int]],
    settings: Augment,
    *,
    seed: int,
    step: int = 0,
    part: tuple[int, int] = (0, 1),
    workers: int = 0,
) -> Iterator[Batch]:
    """Batches from `step` on, as `Plan` has them; made here, or ahead by `workers` processes."""
    plan = Plan(pictures, draw, sizes, settings, seed, part)
    if workers:
        yield from made_ahead(plan.batch, step, workers)
    while True:
        yield plan.batch(step)
        step += 1
