"""The losses of networks that classify: colours as bins, rebalanced by how rare they are.

After Zhang, Isola, Efros 2016, sections 2.1 and 2.2. Bins are a*, b* in CIELAB units.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from core.learn.batch import NetworkOutput, TrainingBatch, at_grid_of


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


def non_gray_mask(truth: Tensor, limit: float) -> Tensor:
    """N,1,1,1 of 0 and 1: whether any |a*| or |b*| of a picture of `truth` N,2,h,w is above it."""
    if not limit:
        return truth.new_ones(len(truth), 1, 1, 1)
    return (truth.abs().amax((1, 2, 3), keepdim=True) > limit).to(truth.dtype)


def rebalancing(prior: Tensor, mix: float) -> Tensor:
    """Q: the weight of each bin, 1 / ((1 - mix) prior + mix / Q), of mean 1 under the prior.

    `mix` is Zhang's lambda: 1 weighs all bins alike, less favours rare, vivid colours.
    """
    weight = 1 / ((1 - mix) * prior + mix / len(prior))
    return weight / (weight * prior).sum()


def soft_cross_entropy(
    prediction: NetworkOutput,
    batch: TrainingBatch,
    net: Any,
    *,
    mix: float = 1.0,
    neighbours: int = 5,
    sigma: float = 5.0,
    subsampled: bool = False,
    non_gray: float = 0.0,
) -> Tensor:
    """Cross entropy against softly encoded bins, rebalanced by the network's prior with `mix`.

    `subsampled`: the truth is every fourth pixel's colour (at stride 4), as in Zhang's training,
    and not the cell's mean. `non_gray`: pictures none of whose true a*, b* lies beyond it weigh
    nothing, the NonGrayMask of that training, whose threshold is 5.
    """
    assert prediction.logits is not None
    truth = at_grid_of(prediction.logits, batch.chroma, subsampled)
    index, weight = soft_encode(truth, net.bins, neighbours, sigma)
    # bins last, where a channels_last network has them: over axis 1 this cost 8% of a step
    logs = prediction.logits.movedim(1, -1).log_softmax(-1)
    entropy = -(logs.gather(-1, index.movedim(1, -1)) * weight.movedim(1, -1)).sum(-1)
    weighed = entropy * rebalancing(net.prior, mix)[index[:, 0]]
    return (weighed * non_gray_mask(truth, non_gray)[:, 0]).mean()


def smooth_l1(
    prediction: NetworkOutput,
    batch: TrainingBatch,
    net: Any,
    *,
    beta: float = 5.0,
    mix: float = 1.0,
) -> Tensor:
    """Smooth L1 of the chroma, quadratic below `beta`; rebalanced like the cross entropy."""
    truth = at_grid_of(prediction.chroma, batch.chroma)
    loss = F.smooth_l1_loss(prediction.chroma, truth, beta=beta, reduction="none").mean(1)
    if mix < 1:
        index, _ = soft_encode(truth, net.bins, neighbours=1)
        loss = loss * rebalancing(net.prior, mix)[index[:, 0]]
    return loss.mean()
