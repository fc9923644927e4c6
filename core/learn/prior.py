"""The prior of the colour bins: how often each is right in the training pictures, for rebalancing.

A network that classifies has a buffer `prior`, evenly filled until it is measured; it is saved with
the weights, so that a run goes on with the prior that it began with.
"""

from collections.abc import Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from core.learn.losses.classification import soft_encode

#: Chroma is averaged to this stride first, as the classifiers' grids are.
STRIDE = 4


def is_measured(net: Any) -> bool:
    """Whether the network's prior is more than the even filling that it starts with."""
    prior = getattr(net, "prior", None)
    return isinstance(prior, Tensor) and bool(prior.max() > prior.min())


@torch.no_grad()
def measure(net: Any, pictures: Iterable[Tensor]) -> None:
    """Fill the network's prior from chroma planes 2,H,W (a*, b*), softly encoded into its bins.

    Every picture weighs the same, whatever its size. The soft encoding spreads each colour over its
    neighbours, which is the smoothing that Zhang 2016 does afterwards.
    """
    bins, prior = net.bins.cpu(), net.prior
    total = torch.zeros(len(bins), dtype=torch.float64)
    for chroma in pictures:
        grid = F.avg_pool2d(chroma[None], STRIDE, ceil_mode=True)
        index, weight = soft_encode(grid, bins)
        counts = torch.zeros_like(total)
        counts.index_add_(0, index.flatten(), weight.double().flatten())
        total += counts / counts.sum()
    if total.sum() > 0:
        prior.copy_(total / total.sum())
