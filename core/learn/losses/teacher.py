"""Distillation: a student network learns what a teacher answers to other views of a picture.

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
from core.learn.checkpoint import network_of


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
    lightness, student = batch.lightness[automatic], prediction.chroma[automatic]
    teacher_net = teacher_of(teacher, lightness.device)
    stride = lightness.shape[-1] // student.shape[-1]
    total = student.new_zeros(())
    for number in range(views):
        box = _box(student.shape[-2], crop), _box(student.shape[-1], crop)
        cropped = lightness[..., *(slice(s.start * stride, s.stop * stride) for s in box)]
        factor, multiple = _uniform(*scale), teacher_net.multiple
        size = [max(1, round(n * factor / multiple)) * multiple for n in cropped.shape[-2:]]
        view = F.interpolate(cropped, size=size, mode="bicubic", antialias=True)
        flip = (-1,) if number % 2 else ()
        with torch.no_grad():
            chroma = teacher_net(view.flip(flip), None).chroma.flip(flip)
        student_view = student[..., *box]
        target = F.interpolate(
            chroma, size=student_view.shape[-2:], mode="bilinear", antialias=True
        )
        total = total + F.smooth_l1_loss(student_view, target, beta=beta)
    return total / views


@functools.cache
def teacher_of(checkpoint: str, device: torch.device) -> Any:
    """The averaged network of a checkpoint, which learns nothing more."""
    net = network_of(Path(checkpoint)).to(device).requires_grad_(False)
    return net.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def _box(length: int, crop: float) -> slice:
    kept = round(length * (1 - crop * _uniform(0, 1)))
    start = int(_uniform(0, 1) * (length - kept + 1))
    return slice(start, start + kept)


def _uniform(low: float, high: float) -> float:
    return float(torch.empty(()).uniform_(low, high))
