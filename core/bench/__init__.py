"""The bench measures what the program costs, as ratios in one run, fair on a noisy machine too.

`rows` yields a `Row` for each figure that the README states. CPU seconds of this process, the
least of a few repeats, base and ours in turns. Pictures are generated: one smooth, one grainy.
"""

from core.bench.rows import Row, rows

__all__ = ["Row", "rows"]
