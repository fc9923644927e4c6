"""The data that pass between loader, network and losses: a batch, a network's output."""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor


@dataclass(slots=True)
class TrainingBatch:
    """`lightness` N,1,H,W as the network sees it, the true `chroma` N,2,H,W, `hints` N,3,H,W.

    `clean` N,1,H,W is the lightness before it was made to look old, where it was.
    """

    lightness: Tensor
    chroma: Tensor
    hints: Tensor
    clean: Tensor | None = None

    def __len__(self) -> int:
        return len(self.lightness)

    def first(self, count: int) -> "TrainingBatch":
        """So many of its pictures."""
        clean = None if self.clean is None else self.clean[:count]
        return TrainingBatch(self.lightness[:count], self.chroma[:count], self.hints[:count], clean)


@dataclass(slots=True)
class NetworkOutput:
    """What a network answers to a batch.

    `chroma` N,2,H/s,W/s in CIELAB units; `logits` N,Q,h,w of a classifier, or None; `native` what
    the network predicts in a colour space of its own before `chroma` was derived from it, for
    losses that live in that space, or None.
    """

    chroma: Tensor
    logits: Tensor | None = None
    native: Tensor | None = None


def at_grid_of(output: Tensor, truth: Tensor, subsampled: bool = False) -> Tensor:
    """`truth` N,C,H,W averaged down to the grid of `output`: N,C,h,w.

    `subsampled`: instead the first pixel of each of its cells, as Zhang 2016 trains.
    """
    if output.shape[-2:] == truth.shape[-2:]:
        return truth
    if subsampled:
        down, right = (t // o for t, o in zip(truth.shape[-2:], output.shape[-2:], strict=True))
        return truth[..., ::down, ::right]
    return F.adaptive_avg_pool2d(truth, (output.shape[-2], output.shape[-1]))
