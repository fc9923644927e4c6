"""Votes on the rows of a comparison, as its page saves them, and who won.

A file of votes is one JSON object: `{"photochrom_votes": 1, "comparison", "question", "votes"}`,
each vote `{"photograph", "sources": [left, right], "preferred": name or null, "faults": {name:
[...]}}`. `comparison` tells which page it was, so that nobody's votes are counted twice as two
people's only because a file was copied.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb, sqrt
from pathlib import Path
from typing import Any, Final

from core.errors import OptionsError

#: What a viewer can find wrong with a picture.
FAULTS: Final = (
    "brown or yellow all over",
    "gray skin",
    "gray patches",
    "blotches",
    "colours run over edges",
    "wrong tint on cloth",
    "coloured specks",
    "too strong",
    "too pale",
)

#: Standard normal quantile of a two-sided interval of 95%.
_NORMAL_95: Final = 1.96


@dataclass(frozen=True, slots=True)
class Tally:
    """How often each of two sources was preferred to the other; `ties` were not decided."""

    sources: tuple[str, str]
    preferred: tuple[int, int]
    ties: int
    faults: tuple[Counter[str], Counter[str]]

    @property
    def decided(self) -> int:
        """Number of rows with a preference."""
        return sum(self.preferred)

    @property
    def share(self) -> float:
        """The first source's share of the decided rows, 0 to 1; 0.5 where there is none."""
        return self.preferred[0] / self.decided if self.decided else 0.5

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval of 95% around `share`."""
        n, z = self.decided, _NORMAL_95
        if not n:
            return 0.0, 1.0
        middle = (self.share + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * sqrt(self.share * (1 - self.share) / n + (z / (2 * n)) ** 2)
        return max(0.0, middle - half), min(1.0, middle + half)

    @property
    def chance(self) -> float:
        """Probability of a result at least as uneven if nobody could tell: the sign test."""
        n, most = self.decided, max(self.preferred)
        return min(1.0, 2 * sum(comb(n, k) for k in range(most, n + 1)) / 2**n)


def tally(votes: Iterable[dict[str, Any]]) -> list[Tally]:
    """The tally of each pair of sources that was voted on, of all viewers together."""
    wins: Counter[tuple[str, str]] = Counter()
    ties: Counter[frozenset[str]] = Counter()
    faults: dict[tuple[str, str], Counter[str]] = {}
    names: list[str] = []
    for vote in votes:
        left, right = vote["sources"]
        names += [name for name in sorted((left, right)) if name not in names]
        for source, other in ((left, right), (right, left)):
            found = vote.get("faults", {}).get(source, ())
            faults.setdefault((source, other), Counter()).update(found)
            wins[source, other] += vote["preferred"] == source
        ties[frozenset((left, right))] += vote["preferred"] is None
    return [
        Tally(
            (first, second),
            (wins[first, second], wins[second, first]),
            ties[frozenset((first, second))],
            (faults[first, second], faults[second, first]),
        )
        for first, second in combinations(names, 2)
        if (first, second) in faults
    ]


def votes_in(value: Any) -> list[dict[str, Any]]:
    """The votes of a JSON value as a page saves it; raises `ValueError` where it is none."""
    try:
        entries = value["votes"]
        if value["photochrom_votes"] != 1 or not all(map(_is_vote, entries)):
            raise ValueError("this is no file of votes")
    except (KeyError, TypeError, AttributeError):
        raise ValueError("this is no file of votes") from None
    return entries


def read_votes(files: Sequence[Path]) -> list[dict[str, Any]]:
    """The votes of several files; raises `OptionsError` for a file that is none, or a copy."""
    votes: list[dict[str, Any]] = []
    former_files: dict[str, Path] = {}
    for file in files:
        try:
            value = json.loads(file.read_text("utf-8"))
            entries = votes_in(value)
        except OSError as error:
            raise OptionsError(f"{file} cannot be read: {error.strerror}") from None
        except (ValueError, RecursionError):
            raise OptionsError(
                f"{file} is no file of votes", remedy="give what the page of a comparison saved"
            ) from None
        same = former_files.setdefault(json.dumps(value, sort_keys=True), file)
        if same is not file:
            raise OptionsError(f"{file} has the same votes as {same}", remedy="leave one out")
        votes += entries
    return votes


def _is_vote(entry: Any) -> bool:
    sources, preferred, faults = entry["sources"], entry["preferred"], entry.get("faults", {})
    return (
        len(sources) == 2
        and all(isinstance(name, str) for name in sources)
        and sources[0] != sources[1]
        and preferred in (*sources, None)
        and all(isinstance(fault, str) for name in sources for fault in faults.get(name, ()))
    )
