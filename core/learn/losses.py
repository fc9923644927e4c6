"""Losses: pure functions from a prediction and a batch to one number, and their weighted sum.

A loss is `loss(prediction, batch, net, **parameters) -> scalar tensor`, one line in `LOSSES`, and
usable by its name in a recipe's `[[loss]]` tables. Chroma is in CIELAB units everywhere.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.learn.losses_adversarial import adversarial
from core.learn.losses_distillation import distillation
from core.learn.losses_projected import projected
from core.learn.losses_uv import blurred_uv
from core.learn.nets import Prediction


@dataclass(slots=True)
class Batch:
    """`lightness` N,1,H,W as the network sees it, the true `chroma` N,2,H,W, `hints` N,3,H,W."""

    lightness: Tensor
    chroma: Tensor
    hints: Tensor

    def __len__(self) -> int:
        return len(self.lightness)


def soft_encode(
    chroma: Tensor, bins: Tensor, neighbours: int = 5, sigma: float = 5.0
) -> tuple[Tensor, Tensor]:
    """Each colour as a few bins: indices and weights (summing to 1), both N,K,h,w, nearest first.

    `chroma` N,2,h,w; `bins` Q,2. Gaussian weights of width `sigma` over the `neighbours` nearest
    bins (Zhang, Isola, Efros 2016, section 2.2).
    """
    index = _nearest(bins, neighbours)[_cell(chroma)].movedim(-1, 1)
    squared = ((chroma.movedim(1, -1).unsqueeze(1) - bins[index]) ** 2).sum(-1)
    # relative to the nearest one: far outside the gamut all weights would else be 0 / 0
    weight = torch.exp((squared.amin(1, keepdim=True) - squared) / (2 * sigma**2))
    return index, weight / weight.sum(1, keepdim=True)


#: The look-up's cells: from one whole unit of a* and b* to the next, -128..128.
_CELLS = 256


def _cell(chroma: Tensor) -> Tensor:
    """N,h,w: the look-up's row for each colour."""
    a, b = (chroma.floor().long() + _CELLS // 2).clamp(0, _CELLS - 1).unbind(1)
    return a * _CELLS + b


_tables: dict[tuple[bytes, int, torch.device], Tensor] = {}


def _nearest(bins: Tensor, neighbours: int) -> Tensor:
    """65536,K: the bins nearest to the middle of each cell, nearest first.

    A sort of 260 distances per pixel took a third of a training step on a CPU; looked up it is
    2%. Bins lie at multiples of ten, so that borders between them lie between cells, not in them.
    """
    key = (bins.detach().cpu().numpy().tobytes(), neighbours, bins.device)
    if key not in _tables:
        axis = torch.arange(_CELLS, device=bins.device, dtype=bins.dtype) - _CELLS // 2 + 0.5
        middles = torch.cartesian_prod(axis, axis)
        _tables[key] = torch.cdist(middles, bins).topk(neighbours, largest=False).indices
    return _tables[key]


def rebalancing(prior: Tensor, mix: float) -> Tensor:
    """Q: the weight of each bin, 1 / ((1 - mix) prior + mix / Q), of mean 1 under the prior.

    `mix` is Zhang's lambda: 1 weighs all bins alike, less favours rare, vivid colours.
    """
    weight = 1 / ((1 - mix) * prior + mix / len(prior))
    return weight / (weight * prior).sum()


def at_grid_of(answer: Tensor, truth: Tensor) -> Tensor:
    """The truth averaged down to the answer's grid, N,C,h,w."""
    if answer.shape[-2:] == truth.shape[-2:]:
        return truth
    return F.adaptive_avg_pool2d(truth, (answer.shape[-2], answer.shape[-1]))


def soft_cross_entropy(
    prediction: Prediction,
    batch: Batch,
    net: Any,
    *,
    mix: float = 1.0,
    neighbours: int = 5,
    sigma: float = 5.0,
) -> Tensor:
    """Cross entropy against softly encoded bins, rebalanced by the network's prior with `mix`."""
    assert prediction.logits is not None
    truth = at_grid_of(prediction.logits, batch.chroma)
    index, weight = soft_encode(truth, net.bins, neighbours, sigma)
    # bins last, where a channels_last network has them: over axis 1 this cost 8% of a step
    logs = prediction.logits.movedim(1, -1).log_softmax(-1)
    entropy = -(logs.gather(-1, index.movedim(1, -1)) * weight.movedim(1, -1)).sum(-1)
    return (entropy * rebalancing(net.prior, mix)[index[:, 0]]).mean()


def smooth_l1(
    prediction: Prediction, batch: Batch, net: Any, *, beta: float = 5.0, mix: float = 1.0
) -> Tensor:
    """Smooth L1 of the chroma, quadratic below `beta`; rebalanced like the cross entropy."""
    truth = at_grid_of(prediction.chroma, batch.chroma)
    loss = F.smooth_l1_loss(prediction.chroma, truth, beta=beta, reduction="none").mean(1)
    if mix < 1:
        index, _ = soft_encode(truth, net.bins, neighbours=1)
        loss = loss * rebalancing(net.prior, mix)[index[:, 0]]
    return loss.mean()


def hint_l1(prediction: Prediction, batch: Batch, net: Any) -> Tensor:
    """Mean absolute difference to the hints' own colours, under the hints."""
    hints = at_grid_of(prediction.chroma, batch.hints)
    mask = hints[:, 2:]
    missed = (prediction.chroma * mask - hints[:, :2]).abs().sum()
    return missed / (2 * mask.sum()).clamp_min(1)


def mse(prediction: Prediction, batch: Batch, net: Any, *, scale: float = 128.0) -> Tensor:
    """Mean squared difference of a*, b* in units of `scale`: the studies train on ab/128."""
    truth = at_grid_of(prediction.chroma, batch.chroma)
    return F.mse_loss(prediction.chroma / scale, truth / scale)


def sse(prediction: Prediction, batch: Batch, net: Any, *, scale: float = 110.0) -> Tensor:
    """Half the sum of squared differences of a picture (Zhang 2016, eq. 1), mean over pictures."""
    truth = at_grid_of(prediction.chroma, batch.chroma)
    squared = ((prediction.chroma - truth) / scale) ** 2
    return squared.sum((1, 2, 3)).mean() / 2


def l1(prediction: Prediction, batch: Batch, net: Any, *, scale: float = 110.0) -> Tensor:
    """Mean absolute difference of a*, b* in units of `scale`."""
    truth = at_grid_of(prediction.chroma, batch.chroma)
    return F.l1_loss(prediction.chroma / scale, truth / scale)


def chroma_weighted(
    prediction: Prediction,
    batch: Batch,
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
    prediction: Prediction, batch: Batch, net: Any, *, width: float = 10.0
) -> Tensor:
    """How near to zero the answered a* and b* lie: the mean of exp(-(v / width)^2), 0..1.

    Added to an MSE it punishes timid colours ("In Living Color"); 1 for a gray answer.
    """
    return torch.exp(-((prediction.chroma / width) ** 2)).mean()


#: name in a recipe -> function. One line a loss.
LOSSES: dict[str, Callable[..., Tensor]] = {
    "soft_cross_entropy": soft_cross_entropy,
    "smooth_l1": smooth_l1,
    "hint_l1": hint_l1,
    "mse": mse,
    "sse": sse,
    "l1": l1,
    "chroma_weighted": chroma_weighted,
    "neutral_penalty": neutral_penalty,
    "blurred_uv": blurred_uv,
    "adversarial": adversarial,
    "distillation": distillation,
    "projected": projected,
}


@dataclass(frozen=True)
class Term:
    """One summand of the objective: a loss by name, its weight, its parameters."""

    name: str
    weight: float
    parameters: dict[str, Any]


def objective(
    terms: Sequence[Term], prediction: Prediction, batch: Batch, net: nn.Module
) -> tuple[Tensor, dict[str, Tensor]]:
    """The weighted sum of the terms, and each term unweighted by its name (detached)."""
    total = batch.chroma.new_zeros(())
    parts = {}
    for term in terms:
        value = LOSSES[term.name](prediction, batch, net, **term.parameters)
        total = total + term.weight * value
        parts[term.name] = value.detach()
    return total, parts
