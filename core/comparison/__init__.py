"""Two ways of colouring the same photographs, judged by people who do not know which is which.

`gather` makes the rows of a comparison, `written_page` makes a page of them that needs nothing but
a browser, and `tally` counts the votes that such pages saved.
"""

from core.comparison.rows import (
    ComparedFolder,
    ComparedModel,
    ComparedSource,
    ComparisonRow,
    PairedComparison,
    gather,
)
from core.comparison.sheet import PAGE, written_page
from core.comparison.votes import FAULTS, Tally, read_votes, tally, votes_in

__all__ = [
    "FAULTS",
    "PAGE",
    "ComparedFolder",
    "ComparedModel",
    "ComparedSource",
    "ComparisonRow",
    "PairedComparison",
    "Tally",
    "gather",
    "read_votes",
    "tally",
    "votes_in",
    "written_page",
]
