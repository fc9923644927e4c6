"""The losses of a* and b* themselves: squared and absolute differences, weighted or not."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from core.learn.batch import NetworkOutput, TrainingBatch, at_grid_of
from core.learn.losses.classification import non_gray_mask


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


def neutral_penalty(
    prediction: NetworkOutput, batch: TrainingBatch, net: Any, *, width: float = 10.0
) -> Tensor:
    """How near to zero the answered a* and b* lie: the mean of exp(-(v / width)^2), 0..1.

    Added to an MSE it punishes timid colours; 1 for a gray answer. The formula is ours: "In Living
    Color", whose idea it is, has its own in a picture alone.
    """
    return torch.exp(-((prediction.chroma / width) ** 2)).mean()
