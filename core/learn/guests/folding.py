"""Spectral and weight norm folded into plain weights, once, by the vectors that the file has.

Networks that were trained under such a norm publish several tensors for one weight:

| norm | tensors | weight |
| --- | --- | --- |
| spectral | `X.weight_orig`, `X.weight_u`, `X.weight_v` | weight_orig / (u . W v), W as a matrix |
| spectral, re-saved | `X.parametrizations.weight.original`, `.0._u`, `.0._v` | the same |
| weight | `X.weight_g`, `X.weight_v` | g v / |v|, the norm over all but the first dimension |

The vectors are used as they are: a fresh power iteration, or an SVD, is not what the authors'
network computes in evaluation. Reckoned in float64, given back in float32.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

_SPECTRAL = ("weight_orig", "weight_u", "weight_v")
_RESAVED = (
    "parametrizations.weight.original",
    "parametrizations.weight.0._u",
    "parametrizations.weight.0._v",
)
_WEIGHT = ("weight_g", "weight_v")
#: Rows that are widened to float64 at a time: all of a layer with 75 million weights would not fit.
_ROWS = 64


def fold(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """`state` with one `X.weight` for each group of tensors that stands for one; the rest as is.

    A group that lacks a member stays as it is, so that what misses is named where it is loaded.
    The tensors leave `state` as they are folded: two copies of a large network would not fit
    where one does.
    """
    folded = {}
    for leaves, weight_of in ((_SPECTRAL, spectral), (_RESAVED, spectral), (_WEIGHT, weighted)):
        stems = [k.removesuffix(leaves[0]) for k in state if k.endswith("." + leaves[0])]
        for stem in stems:
            members = [stem + leaf for leaf in leaves]
            if all(name in state for name in members):
                folded[stem + "weight"] = weight_of(*(state.pop(name) for name in members))
    return {**state, **folded}


def folded_shapes(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Names and shapes as `fold` would leave them, without reckoning anything."""
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    for leaves in (_SPECTRAL, _RESAVED, _WEIGHT):
        for stem in [k.removesuffix(leaves[0]) for k in shapes if k.endswith("." + leaves[0])]:
            members = [stem + leaf for leaf in leaves]
            if all(name in shapes for name in members):
                # the direction tensor of weight norm has the weight's shape, as the free weight has
                shape = shapes[members[0] if len(members) > 2 else members[1]]
                for name in members:
                    del shapes[name]
                shapes[stem + "weight"] = shape
    return shapes


def broken(state: Mapping[str, Tensor]) -> tuple[dict[str, list[str]], set[str]]:
    """Groups of tensors that `fold` left because they lack a member.

    Returns `X.weight` -> the members that it lacks, and the members that are there.
    """
    lacking: dict[str, list[str]] = {}
    present: set[str] = set()
    for leaves in (_SPECTRAL, _RESAVED, _WEIGHT):
        for stem in [k.removesuffix(leaves[0]) for k in state if k.endswith("." + leaves[0])]:
            lacking[stem + "weight"] = [stem + leaf for leaf in leaves if stem + leaf not in state]
            present |= {stem + leaf for leaf in leaves}
    return lacking, present


def spectral(original: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """The weight under spectral norm; `u` has its first dimension, `v` the others' product."""
    v = v.double()
    sigma = sum(
        torch.dot(part.double(), rows.double() @ v)
        for rows, part in zip(original.flatten(1).split(_ROWS), u.split(_ROWS), strict=True)
    )
    weight = torch.empty(original.shape, dtype=torch.float32)
    for rows, to in zip(original.split(_ROWS), weight.split(_ROWS), strict=True):
        to.copy_(rows.double() / sigma)
    return weight


def weighted(g: Tensor, v: Tensor) -> Tensor:
    """The weight under weight norm; `g` is (out, 1, 1, 1)."""
    direction = v.double()
    norm = direction.flatten(1).norm(dim=1).view(-1, *[1] * (v.dim() - 1))
    return (direction * (g.double() / norm)).float()
