"""`ensemble`: two or more trained networks asked at once, answering with their mean.

What "Old photos with CNNs" wished for. The mean of the chroma always exists and is paler than its
members where they disagree; the mean of the distributions, where all have the same bins, keeps
both opinions until the annealed mean decides. One graph, one exported file.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.errors import OptionsError
from core.learn.batch import NetworkOutput
from core.learn.nets.layers import upscaled


class Ensemble(nn.Module):
    """`members` are trained networks: in a recipe checkpoints or folders of runs, which
    `core.learn.checkpoint.built` reads. `mean` is "chroma" or "distribution"; `temperature` is that
    of the latter's annealed mean.
    """

    bins: Tensor | None

    def __init__(
        self,
        members: Sequence[nn.Module],
        mean: str = "chroma",
        temperature: float = 0.38,
    ) -> None:
        super().__init__()
        if len(members) < 2:
            raise OptionsError("network.members has fewer than two", remedy="name two runs or more")
        if mean not in ("chroma", "distribution"):
            raise OptionsError(f"network.mean is {mean!r}", remedy="give chroma or distribution")
        nets: list[Any] = list(members)
        self.members = nn.ModuleList(nets)
        self.stride = min(net.stride for net in nets)
        self.multiple = math.lcm(*(net.multiple for net in nets))
        self.takes_hints = any(net.takes_hints for net in nets)
        self.temperature = temperature
        bins = None
        if mean == "distribution":
            bins = _common_bins(nets)
            # probabilities are met on the coarsest grid of distributions: no member is sharpened
            self.cells = [_distribution_stride(net) for net in nets]
            self.stride = max(self.cells)
        self.register_buffer("bins", bins)

    def forward(self, lightness: Tensor, hints: Tensor | None = None) -> NetworkOutput:
        answers = [net(lightness, hints) for net in self.members]
        if self.bins is None:
            return NetworkOutput(_mean(answers, self.members, self.stride))
        probability = torch.zeros(())
        for cell, answer in zip(self.cells, answers, strict=True):
            probability = probability + _coarsened(answer.logits.softmax(1), self.stride // cell)
        logits = (probability / len(answers)).clamp_min(1e-12).log()
        sharpened = (logits / self.temperature).softmax(1)
        return NetworkOutput(torch.einsum("nqhw,qc->nchw", sharpened, self.bins), logits)


def _mean(answers: Sequence[NetworkOutput], nets: Any, stride: int) -> Tensor:
    total = torch.zeros(())
    for net, answer in zip(nets, answers, strict=True):
        total = total + upscaled(answer.chroma, net.stride // stride)
    return total / len(answers)


def _coarsened(x: Tensor, scale: int) -> Tensor:
    return x if scale == 1 else F.avg_pool2d(x, scale)


def _common_bins(nets: Sequence[Any]) -> Tensor:
    first = nets[0].bins
    if first is None or any(net.bins is None or not torch.equal(net.bins, first) for net in nets):
        raise OptionsError(
            "network.mean is distribution, but its members do not all classify into the same bins",
            remedy="give chroma",
        )
    return first.clone()


def _distribution_stride(net: Any) -> int:
    """Pixels per cell of a network's logits, which may be coarser than its chroma: tried out."""
    side = net.multiple
    weight = next(net.parameters())
    with torch.no_grad():
        logits = net.eval()(weight.new_zeros(1, 1, side, side)).logits
    return side // logits.shape[-1]
