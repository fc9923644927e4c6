"""Makes batches for the trainer without end, in the order that the seed gives, from any step on.

Crops are cut on the CPU, where `workers` processes can cut them ahead, or on a GPU that holds all
pictures (`gpu_pictures`). The rest of the augmentation is computed for a whole batch on the device
(`augment.training_batch`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.learn.batch import TrainingBatch
from train.data.augment import box_in, crop, training_batch
from train.data.augment_settings import Augment
from train.data.cache import Pictures
from train.data.gpu_pictures import GpuPictures
from train.data.prefetch import prefetched
from train.data.sampling import PictureSampler


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """Everything that determines a batch besides its step; it can be sent to another process.

    `sizes` are (side in px, pictures a batch); each step draws one of them. `part` (k, n): process
    k of n takes every n-th picture of each batch from the k-th on.
    """

    pictures: Pictures
    sampler: PictureSampler
    sizes: Sequence[tuple[int, int]]
    settings: Augment
    seed: int
    part: tuple[int, int] = (0, 1)

    def size(self, step: int) -> tuple[int, int]:
        """Returns the side, in px, and the number of the pictures of this step."""
        place = np.random.default_rng([self.seed, step, 1]).integers(len(self.sizes))
        return self.sizes[int(place)]

    def crops(self, step: int) -> Tensor:
        """Returns the crops of a step, uint8 N,S,S,3 of sRGB, equal in every process."""
        side, samples = self._samples(step)
        rows = [
            crop(self.pictures.picture(i), side, self.settings, random) for i, random in samples
        ]
        return torch.from_numpy(np.stack(rows))

    def gpu_crops(self, step: int, gpu_pictures: GpuPictures) -> Tensor:
        """Returns the crops of a step, of the same boxes, cut on the GPU."""
        side, samples = self._samples(step)
        entries = self.pictures.entries
        boxes = [
            box_in(entries[i].height, entries[i].width, self.settings, random)
            for i, random in samples
        ]
        return gpu_pictures.crops([i for i, _ in samples], boxes, side)

    def _samples(self, step: int) -> tuple[int, list[tuple[int, np.random.Generator]]]:
        """Returns this step's side, and its pictures with the random generator of each."""
        number, parts = self.part
        largest = max(count for _, count in self.sizes)
        side, count = self.size(step)
        return side, [self.sampler(step * largest + i) for i in range(number, count, parts)]

    def augmentation_seed(self, step: int) -> int:
        """Returns the seed of the changes to this step's crops (`augment.training_batch`)."""
        return int(np.random.default_rng([self.seed, step, 2, *self.part]).integers(2**62))


def batches(
    plan: BatchPlan,
    *,
    step: int = 0,
    workers: int = 0,
    gpu_pictures: GpuPictures | None = None,
    device: torch.device | str = "cpu",
) -> Iterator[TrainingBatch]:
    """Yields batches from `step` on.

    Crops are cut in this process, by `workers` processes ahead, or on the GPU.
    """
    ahead = prefetched(plan.crops, step, workers) if workers and not gpu_pictures else None
    while True:
        if gpu_pictures:
            crops = plan.gpu_crops(step, gpu_pictures)
        else:
            crops = next(ahead) if ahead else plan.crops(step)
        yield training_batch(
            crops.to(device, non_blocking=True), plan.settings, plan.augmentation_seed(step)
        )
        step += 1
