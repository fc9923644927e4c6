"""The losses of a* and b* themselves: squared and absolute differences, weighted or not."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from core.learn.batch import NetworkOutput, TrainingBatch, at_grid_of
from core.learn.losses.classification import non_gray_mask
from core.learn.measures.picture import is_skin_coloured


def hint_l1(prediction: NetworkOutput, batch: TrainingBatch, net: Any) -> Tensor:
    """Mean absolute difference to the hints' own colours, under the hints."""
    hints = at_grid_of(prediction.chroma, batch.hints)
    mask = hints[:, 2:]
    missed = (prediction.chroma * mask - hints[:, :2]).abs().sum()
    return missed / (2 * mask.sum()).clamp_min(1)


def mse(
    prediction: NetworkOutput, batch: TrainingBatch, net: Any, *, scale: float = 128.0
) -> Tensor:
    """Mean squared difference of a*, b* in units of `scale`: the studies train on ab/128."""
    truth = at_grid_of(prediction.chroma, batch.chroma)
    return F.mse_loss(prediction.chroma / scale, truth / scale)


def sse(
    prediction: NetworkOutput,
    batch: TrainingBatch,
    net: Any,
    *,
    scale: float = 110.0,
    subsampled: bool = False,
    non_gray: float = 0.0,
) -> Tensor:
    """Half the sum of squared differences of a picture (Zhang 2016, eq. 1), mean over pictures.

    `subsampled` and `non_gray` as in `soft_cross_entropy`.
    """
    truth = at_grid_of(prediction.chroma, batch.chroma, subsampled)
    squared = ((prediction.chroma - truth) / scale) ** 2 * non_gray_mask(truth, non_gray)
    return squared.sum((1, 2, 3)).mean() / 2


def l1(
    prediction: NetworkOutput, batch: TrainingBatch, net: Any, *, scale: float = 110.0
) -> Tensor:
    """Mean absolute difference of a*, b* in units of `scale`."""
    truth = at_grid_of(prediction.chroma, batch.chroma)
    return F.l1_loss(prediction.chroma / scale, truth / scale)


def chroma_weighted(
    prediction: NetworkOutput,
    batch: TrainingBatch,
    net: Any,
    *,
    strength: float = 1.0,
    reference: float = 30.0,
    scale: float = 128.0,
) -> Tensor:
    """MSE in which a pixel of true chroma C weighs 1 + `strength` C / `reference`."""
    truth = at_grid_of(prediction.chroma, batch.chroma)
    weight = 1 + strength * truth.square().sum(1, keepdim=True).sqrt() / reference
    return (weight * ((prediction.chroma - truth) / scale) ** 2).mean()


def skin_l1(
    prediction: NetworkOutput, batch: TrainingBatch, net: Any, *, beta: float = 5.0
) -> Tensor:
    """Smooth L1 where the truth is skin-coloured, summed over those pixels, per pixel of all.

    Rebalanced losses prefer rare, vivid colours, and skin is neither: a hand that could be a glove
    stays gray. This one adds the weight that skin is owed.
    """
    truth = at_grid_of(prediction.chroma, batch.chroma)
    hue = torch.atan2(truth[:, 1], truth[:, 0]).rad2deg()
    skin = is_skin_coloured(torch.hypot(*truth.unbind(1)), hue)
    loss = F.smooth_l1_loss(prediction.chroma, truth, beta=beta, reduction="none").mean(1)
    return (loss * skin).mean()


def unevenness(
    prediction: NetworkOutput,
    batch: TrainingBatch,
    net: Any,
    *,
    steps: Sequence[int] = (4, 12, 28),
    same: float = 5.0,
    beta: float = 5.0,
) -> Tensor:
    """Smooth L1 of how the error changes from place to place of one thing: blotches, not casts.

    Places lie `steps` cells of the answer apart, along rows and along columns. How much a pair
    counts falls with the distance of its true colours, whose scale is `same` CIELAB units.
    """
    truth = at_grid_of(prediction.chroma, batch.chroma)
    error = prediction.chroma - truth
    height, width = truth.shape[2:]
    parts = []
    for step in steps:
        for axis, length in ((2, height), (3, width)):
            if step >= length:
                continue
            true_change, change = (
                plane.narrow(axis, step, length - step) - plane.narrow(axis, 0, length - step)
                for plane in (truth, error)
            )
            counts = torch.exp(-true_change.square().sum(1) / same**2)
            uneven = F.smooth_l1_loss(change, change * 0, beta=beta, reduction="none").mean(1)
            parts.append((uneven * counts).mean())
    return torch.stack(parts).mean() if parts else error.sum() * 0


def neutral_penalty(
    prediction: NetworkOutput, batch: TrainingBatch, net: Any, *, width: float = 10.0
) -> Tensor:
    """How near to zero the answered a* and b* lie: the mean of exp(-(v / width)^2), 0..1.

    Added to an MSE it punishes timid colours; 1 for a gray answer. The formula is ours: "In Living
    Color", whose idea it is, has its own in a picture alone.
    """
    return torch.exp(-((prediction.chroma / width) ** 2)).mean()
