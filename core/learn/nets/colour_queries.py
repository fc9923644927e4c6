"""Colour queries: a few learnt questions to the whole picture, whose answers colour its objects.

After Kang et al. 2023, "DDColor", at a tenth of its size: each query attends to the decoder's
features at strides 32, 16 and 8 and to the other queries; a place takes up each answer by how well
its own features match it. What is one thing then has one colour, also where it is large and flat.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ColourQueries(nn.Module):
    """Adds to the logits of the bins, nothing at the start.

    Parameters: `scales` are the channels of the features that are attended to, one layer each;
    `cells` those of the places that are coloured; `bins` the logits; `queries` how many questions;
    `width` their channels, a multiple of `heads`.
    """

    def __init__(
        self,
        scales: Sequence[int],
        cells: int,
        bins: int,
        queries: int,
        width: int = 128,
        heads: int = 4,
    ) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.randn(1, queries, width) * width**-0.5)
        self.inward = nn.ModuleList(nn.Linear(channels, width) for channels in scales)
        self.layers = nn.ModuleList(_Layer(width, heads) for _ in scales)
        self.norm = nn.LayerNorm(width)
        self.match = nn.Linear(cells, width)
        self.colour = nn.Linear(queries, bins)
        nn.init.zeros_(self.colour.weight)
        nn.init.zeros_(self.colour.bias)

    def forward(self, scales: Sequence[Tensor], cells: Tensor) -> Tensor:
        """N,h,w,bins, of features N,C,H,W at each scale and of the places N,h,w,C."""
        queries = self.queries.expand(len(cells), -1, -1)
        for scale, inward, layer in zip(scales, self.inward, self.layers, strict=True):
            queries = layer(queries, inward(scale.flatten(2).transpose(1, 2)))
        answers = self.norm(queries).transpose(1, 2)
        matches = self.match(cells).flatten(1, 2) @ answers * answers.shape[1] ** -0.5
        return self.colour(matches).unflatten(1, cells.shape[1:3])


class _Layer(nn.Module):
    """Attention to the picture, attention among the queries, two linear layers; all added."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.picture, self.others = _Attention(width, heads), _Attention(width, heads)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(4))
        self.inner = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, queries: Tensor, picture: Tensor) -> Tensor:
        queries = queries + self.picture(self.norms[0](queries), self.norms[1](picture))
        normed = self.norms[2](queries)
        queries = queries + self.others(normed, normed)
        return queries + self.inner(self.norms[3](queries))


class _Attention(nn.Module):
    """softmax(Q K' / sqrt(d)) V over `heads` parts of the channels (Vaswani et al. 2017)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key_value = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, queries: Tensor, tokens: Tensor) -> Tensor:
        query = self.query(queries).unflatten(2, (self.heads, -1)).transpose(1, 2)
        pairs = self.key_value(tokens).unflatten(2, (2, self.heads, -1))
        key, value = pairs.permute(2, 0, 3, 1, 4).unbind(0)
        attended = F.scaled_dot_product_attention(query, key, value)
        return self.out(attended.transpose(1, 2).flatten(2))
