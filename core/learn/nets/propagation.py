"""How far a hint's colour reaches: attention from every cell of the picture to the hinted ones.

Convolutions carry a hint a few cells far. Here every cell is a query, and every hinted cell a key
(after the propagation of iColoriT, Yun et al. 2023). The logits fall with the distance between the
two and with their difference in lightness (Levin, Lischinski, Weiss 2004):

    w = softmax([q n / sqrt(d) + b, q k / sqrt(d) - far r^2 - unlike (l - l')^2])
    added = sum over heads of share (missing + colour (hint_colour - weight_sum answer - missing))

where `n` is the key of "no hint" with its bias `b`, `missing` = sum of w (hint - answer under the
hint), `hint_colour` = sum of w hint, `weight_sum` = sum of w, all over the hints.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: So many hinted cells are asked at most, evenly chosen, whatever is painted: memory has its end.
#: In training so many a picture, so that the hints of a batch do not displace each other.
MOST_CELLS = 256


class Propagation(nn.Module):
    """What hints add to an answer: N,h,w,2 from `features` N,h,w,C, `gray` N,h,w,1, `answer`
    N,h,w,2 and `hints` N,3,kh,kw, the sought colour in the answer's unit and their mask.

    Hints are gathered in cells of 2 x 2 of the answer's. Only cells that have one are asked: no
    hints cost next to nothing, and add zeros. A place takes up the colours of those to which it
    listens, or what they miss in the network's own answer; it may also listen to nobody.

    Ones are written `x * 0 + 1`: of `ones_like` the exporter makes constants of the traced size.
    """

    def __init__(self, channels: int, heads: int = 4, width: int = 16) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(channels, heads * width)
        self.key = nn.Linear(channels, heads * width)
        self.nobody = nn.Parameter(torch.zeros(1, heads * width))
        self.bias = nn.Parameter(torch.full((heads,), -1.0))  # of listening to nobody
        # per head, as logarithms: what a distance of the short side costs, and one of lightness
        self.far = nn.Parameter(torch.linspace(4.5, 1.5, heads))
        self.unlike = nn.Parameter(torch.linspace(2.0, 3.5, heads))
        self.colour = nn.Parameter(torch.zeros(heads))  # the colour, not what is missing: a logit
        self.share = nn.Parameter(torch.zeros(heads))  # logits

    def forward(self, features: Tensor, gray: Tensor, answer: Tensor, hints: Tensor) -> Tensor:
        stride = hints.shape[2] // answer.shape[1]
        hinted = F.avg_pool2d(torch.cat((hints[:, :2] * hints[:, 2:], hints[:, 2:]), 1), stride)
        cells = F.avg_pool2d(hinted[:, 2:], 2)[:, 0]
        most = MOST_CELLS * (len(cells) if self.training else 1)
        picture, row, column = _evenly_chosen((cells > 0).nonzero(), most).unbind(1)  # K each
        # what lies under the hints of a cell, weighed by how much of it they cover
        hinted = hinted.permute(0, 2, 3, 1)
        four = [(picture, 2 * row + y, 2 * column + x) for y in (0, 1) for x in (0, 1)]
        sought, weight = torch.stack([hinted[at] for at in four]).split((2, 1), 2)  # 4,K,..
        covered = weight.sum(0)
        sought = sought.sum(0) / covered
        hinted_features, lightness, given = (
            (torch.stack([plane[at] for at in four]) * weight).sum(0) / covered
            for plane in (features, gray, answer)
        )
        values = torch.cat((sought - given, sought, lightness * 0 + 1), 1)
        values = torch.cat((values.new_zeros(1, 5), values))  # 1+K,5

        # places: all, or none where there is no hint
        end = (picture * 0 + 1).sum().clamp(max=1) * gray.flatten(1).shape[1]
        dull, own = gray.flatten(1, 2)[:, :end], answer.flatten(1, 2)[:, :end]  # N,hw,..
        queries = self.query(features.flatten(1, 2)[:, :end]).chunk(self.heads, 2)  # N,hw,D each
        keys = torch.cat((self.nobody, self.key(hinted_features)))  # 1+K,heads D
        keys = keys.chunk(self.heads, 1)
        scale = (self.nobody.shape[1] // self.heads) ** -0.5

        rows, columns = ((answer[0, :, :, 0] * 0 + 1).cumsum(axis) - 0.5 for axis in (0, 1))
        squared = (rows.flatten()[:end, None] - (2 * row + 1)) ** 2
        squared = squared + (columns.flatten()[:end, None] - (2 * column + 1)) ** 2
        squared = squared / torch.minimum(rows.max(), columns.max()) ** 2  # hw,K
        differ = (dull - lightness[:, 0]) ** 2  # N,hw,K
        # another picture's hints are none of ours
        pictures = (answer[:, 0, 0, 0] * 0 + 1).cumsum(0) - 1
        other = (picture != pictures[:, None]).to(answer.dtype)[:, None] * 1e4  # N,1,K

        share, colour = self.share.softmax(0), self.colour.sigmoid()
        added = []
        for head in range(self.heads):  # one after the other: the memory of one
            scores = queries[head] @ keys[head].T * scale  # N,hw,1+K
            cost = self.far[head].exp() * squared + self.unlike[head].exp() * differ + other
            logits = torch.cat((scores[..., :1] + self.bias[head], scores[..., 1:] - cost), 2)
            attended = logits.softmax(2) @ values  # N,hw,5
            missing, hint_colour, weight_sum = attended.split((2, 2, 1), 2)
            more = hint_colour - weight_sum * own - missing
            added.append(share[head] * (missing + colour[head] * more))
        zeros = answer.flatten(1, 2)[:, end:] * 0
        return torch.cat((sum(added[1:], added[0]), zeros), 1).reshape_as(answer)


def _evenly_chosen(places: Tensor, most: int) -> Tensor:
    """At most so many of the rows, evenly chosen."""
    count = (places[:, :1] * 0 + 1).sum()
    order = (places[:most, 0] * 0 + 1).cumsum(0) - 1
    return places[order * count // count.clamp(1, most)]
