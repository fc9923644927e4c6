"""The loss that keeps a hint at its own thing: elsewhere the answer stays as it is without it."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from core.learn.batch import NetworkOutput, TrainingBatch, at_grid_of

#: Colours of a* b* are told apart by cells of so many units, from `-_SPAN` to `_SPAN`.
_CELL, _SPAN = 10.0, 120.0


def stray(
    prediction: NetworkOutput,
    batch: TrainingBatch,
    net: Any,
    *,
    other: float = 20.0,
    leeway: float = 1.0,
) -> Tensor:
    """How far the answer moves by hints of other colours, in a* b* units beyond `leeway`.

    Mean over the pixels whose true colour is further than about `other` units (whole cells of 10)
    from that of every hint. The network is asked a second time, without hints and gradients.
    """
    with torch.no_grad():
        automatic = net(batch.lightness, None).chroma
    truth, hints = at_grid_of(automatic, batch.chroma), at_grid_of(automatic, batch.hints)
    has_hint = (hints[:, 2] > 0).flatten(1)
    hinted = _cell_of(hints[:, :2] / hints[:, 2:].clamp_min(1e-6))
    side = int(2 * _SPAN / _CELL)
    near = automatic.new_zeros(len(has_hint), side * side)
    near.scatter_reduce_(1, hinted, has_hint.to(near.dtype), "amax")
    reach = round(other / _CELL)
    near = F.max_pool2d(near.unflatten(1, (1, side, side)), 2 * reach + 1, 1, reach).flatten(1)
    is_other = near.gather(1, _cell_of(truth)).unflatten(1, truth.shape[-2:]) == 0
    is_other &= has_hint.any(1)[:, None, None]  # without hints nothing can move
    moved = (prediction.chroma - automatic).square().sum(1).add(1e-6).sqrt()
    return ((moved - leeway).clamp_min(0) * is_other).sum() / is_other.sum().clamp_min(1)


def _cell_of(chroma: Tensor) -> Tensor:
    """N,2,h,w of a*, b* to the number of their cell, N,hw."""
    cells = ((chroma + _SPAN) / _CELL).floor().clamp(0, 2 * _SPAN / _CELL - 1).long()
    return (cells[:, 0] * int(2 * _SPAN / _CELL) + cells[:, 1]).flatten(1)
