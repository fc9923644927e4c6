"""Hint propagation: attention from every cell of the picture to the hinted cells.

Every cell is a query, and every hinted cell a key (after the propagation of iColoriT, Yun et al.
2023). The logits fall with the distance between the two, with their difference in lightness (Levin,
Lischinski, Weiss 2004), and with the highest border on the straight line from one to the other (the
intervening contour of Leung and Malik 1998), so that a hint colours its thing up to its edges:

    w = softmax([q n / sqrt(d) + b, q k / sqrt(d) - far r^2 - unlike (l - l')^2 - crossing c])
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
#: Borders are looked for at so many points of the line from a cell to a hint.
POINTS = 10


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
        # logarithms per head: what a distance in short sides costs, one of lightness, a border
        self.far = nn.Parameter(torch.linspace(4.5, 1.5, heads))
        self.unlike = nn.Parameter(torch.linspace(2.0, 3.5, heads))
        self.crossing = nn.Parameter(torch.linspace(2.0, 0.5, heads))
        self.border = nn.Linear(channels, 1)
        nn.init.constant_(self.border.bias, -4.0)
        self.steep = nn.Parameter(torch.tensor(1.0))  # a step of lightness as a border: a logarithm
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
        borders = self._borders(features, gray)
        crossed = _highest_on_the_way(borders, picture, 2 * row + 0.5, 2 * column + 0.5, end)
        # another picture's hints are none of ours
        pictures = (answer[:, 0, 0, 0] * 0 + 1).cumsum(0) - 1
        other = (picture != pictures[:, None]).to(answer.dtype)[:, None] * 1e4  # N,1,K

        share, colour = self.share.softmax(0), self.colour.sigmoid()
        added = []
        for head in range(self.heads):  # one after the other: the memory of one
            scores = queries[head] @ keys[head].T * scale  # N,hw,1+K
            cost = self.far[head].exp() * squared + self.unlike[head].exp() * differ + other
            cost = cost + self.crossing[head].exp() * crossed
            logits = torch.cat((scores[..., :1] + self.bias[head], scores[..., 1:] - cost), 2)
            attended = logits.softmax(2) @ values  # N,hw,5
            missing, hint_colour, weight_sum = attended.split((2, 2, 1), 2)
            more = hint_colour - weight_sum * own - missing
            added.append(share[head] * (missing + colour[head] * more))
        zeros = answer.flatten(1, 2)[:, end:] * 0
        return torch.cat((sum(added[1:], added[0]), zeros), 1).reshape_as(answer)

    def _borders(self, features: Tensor, gray: Tensor) -> Tensor:
        """How much of a border each place is: N,h,w, from 0, of what is seen and of lightness."""
        down = F.pad((gray[:, 1:] - gray[:, :-1]).abs(), (0, 0, 0, 0, 0, 1))
        right = F.pad((gray[:, :, 1:] - gray[:, :, :-1]).abs(), (0, 0, 0, 1))
        return F.softplus(self.border(features) + self.steep.exp() * (down + right))[..., 0]


def _highest_on_the_way(
    borders: Tensor, picture: Tensor, row: Tensor, column: Tensor, end: Tensor
) -> Tensor:
    """The highest of `borders` N,h,w on the lines from the first `end` places to K hints: end,K.

    The hints' `picture`, `row` and `column` are K each; the ends of a line are left out.
    """
    height, width = borders.shape[1:]
    ones = borders[0] * 0 + 1
    rows, columns = ((ones.cumsum(axis) - 1).flatten()[:end, None] for axis in (0, 1))
    flat, start = borders.flatten(), picture * (height * width)
    highest = rows * row * 0
    for part in range(1, POINTS + 1):
        share = part / (POINTS + 1)
        y = (rows + (row - rows) * share).round().long().clamp(0, height - 1)
        x = (columns + (column - columns) * share).round().long().clamp(0, width - 1)
        highest = torch.maximum(highest, flat[start + y * width + x])
    return highest


def _evenly_chosen(places: Tensor, most: int) -> Tensor:
    """At most so many of the rows, evenly chosen."""
    count = (places[:, :1] * 0 + 1).sum()
    order = (places[:most, 0] * 0 + 1).cumsum(0) - 1
    return places[order * count // count.clamp(1, most)]
