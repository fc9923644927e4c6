"""Distillation: a network learns what another answers to the same pictures seen otherwise.

The teacher sees each picture larger or smaller, cropped and mirrored (Radosavovic et al. 2018,
"Data distillation"): what it answers by chance cancels out, and colours come to depend less on the
size and the crop. Asking a network to agree with itself instead teaches it gray.
"""

import functools
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from core.learn.batch import NetworkOutput, TrainingBatch


def distillation(
    prediction: NetworkOutput,
    batch: TrainingBatch,
    net: Any,
    *,
    teacher: str,
    views: int = 2,
    scale: tuple[float, float] = (0.7, 1.4),
    crop: float = 0.15,
    beta: float = 5.0,
) -> Tensor:
    """Smooth L1, quadratic below `beta`, to the chroma that the `teacher` (a checkpoint) answers.

    It is asked for `views` of each picture: `scale` times as large, without up to `crop` of its
    sides, every other one mirrored. Pictures with hints are left out: 0 where all have some.
    """
    automatic = batch.hints[:, 2].amax((1, 2)) == 0
    if not automatic.any():
        return prediction.chroma.new_zeros(())
    lightness, ours = batch.lightness[automatic], prediction.chroma[automatic]
    knowing = teacher_of(teacher, lightness.device)
    stride = lightness.shape[-1] // ours.shape[-1]
    total = ours.new_zeros(())
    for number in range(views):
        box = _box(ours.shape[-2], crop), _box(ours.shape[-1], crop)
        seen = lightness[..., *(slice(s.start * stride, s.stop * stride) for s in box)]
        larger, multiple = _uniform(*scale), knowing.multiple
        size = [max(1, round(n * larger / multiple)) * multiple for n in seen.shape[-2:]]
        view = F.interpolate(seen, size=size, mode="bicubic", antialias=True)
        flip = (-1,) if number % 2 else ()
        with torch.no_grad():
            answer = knowing(view.flip(flip), None).chroma.flip(flip)
        here = ours[..., *box]
        theirs = F.interpolate(answer, size=here.shape[-2:], mode="bilinear", antialias=True)
        total = total + F.smooth_l1_loss(here, theirs, beta=beta)
    return total / views


@functools.cache
def teacher_of(checkpoint: str, device: torch.device) -> Any:
    """The averaged network of a checkpoint, which learns nothing more."""
    from core.learn.checkpoint import network_of  # the trainer's: it imports the losses

    net = network_of(Path(checkpoint)).to(device).requires_grad_(False)
    return net.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def _box(length: int, crop: float) -> slice:
    kept = round(length * (1 - crop * _uniform(0, 1)))
    start = int(_uniform(0, 1) * (length - kept + 1))
    return slice(start, start + kept)


def _uniform(low: float, high: float) -> float:
    return float(torch.empty(()).uniform_(low, high))
