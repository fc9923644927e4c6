"""Losses: pure functions from a network's output and a batch to one number, and their sum.

A loss is `loss(prediction, batch, net, **parameters) -> scalar tensor`, one line in `LOSSES`, and
usable by its name in a recipe's `[[loss]]` tables. Chroma is in CIELAB units everywhere.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from core.learn.batch import NetworkOutput, TrainingBatch
from core.learn.losses.classification import smooth_l1, soft_cross_entropy
from core.learn.losses.gan import adversarial
from core.learn.losses.hint_reach import stray
from core.learn.losses.projected_gan import projected
from core.learn.losses.regression import (
    chroma_weighted,
    hint_l1,
    l1,
    mse,
    neutral_penalty,
    skin_l1,
    sse,
    unevenness,
)
from core.learn.losses.restoration import restored
from core.learn.losses.rgb import rgb_mse
from core.learn.losses.teacher import distillation
from core.learn.losses.uv import blurred_uv

#: name in a recipe -> function. One line a loss.
LOSSES: dict[str, Callable[..., Tensor]] = {
    "soft_cross_entropy": soft_cross_entropy,
    "smooth_l1": smooth_l1,
    "hint_l1": hint_l1,
    "stray": stray,
    "mse": mse,
    "sse": sse,
    "l1": l1,
    "chroma_weighted": chroma_weighted,
    "neutral_penalty": neutral_penalty,
    "skin_l1": skin_l1,
    "unevenness": unevenness,
    "blurred_uv": blurred_uv,
    "rgb_mse": rgb_mse,
    "restored": restored,
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
    terms: Sequence[Term], prediction: NetworkOutput, batch: TrainingBatch, net: nn.Module
) -> tuple[Tensor, dict[str, Tensor]]:
    """The weighted sum of the terms, and each term unweighted by its name (detached)."""
    total = batch.chroma.new_zeros(())
    parts = {}
    for term in terms:
        value = LOSSES[term.name](prediction, batch, net, **term.parameters)
        total = total + term.weight * value
        parts[term.name] = value.detach()
    return total, parts
