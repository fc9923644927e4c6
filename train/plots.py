"""Draws curves and histograms of reports as SVG text, by matplotlib.

Each drawing is a whole SVG document without external references; equal values give equal text.
"""

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Width and height of a drawing in inches, at matplotlib's 72 points an inch in SVG.
SIZE: Final = (7.0, 4.0)
#: Colours that colour-blind readers can tell apart (Okabe & Ito 2008), then the same dashed.
COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
DASHES: Final = ("solid", "dashed", "dotted")
#: Text is written as text, and every point of a line is kept; the salt makes ids equal in all runs.
STYLE: Final[Any] = {
    "font.size": 9,
    "path.simplify": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "photochrom",
}

Points = Sequence[tuple[float, float]]


def curves(lines: Mapping[str, Points], *, x: str, y: str) -> str:
    """Draws a line for each name; `x`, `y` name the axes. Returns "" where there are no points."""
    return _drawing(lines, x, y, marker="o") if any(lines.values()) else ""


def histograms(counts: Mapping[str, Sequence[float]], *, first: int, x: str) -> str:
    """Draws outlines of histograms with cells of width 1 from `first` on, as shares of their sums.

    Heights are square roots, so that rare colours can be seen; empty cells at both ends are left
    out.
    """
    occupied = [i for cells in counts.values() for i, count in enumerate(cells) if count]
    low, high = (min(occupied), max(occupied)) if occupied else (0, 0)
    lines = {}
    for name, cells in counts.items():
        total = sum(cells) or 1
        shares = [(100 * count / total) ** 0.5 for count in cells]
        lines[name] = [(first + i, shares[i]) for i in range(low, min(high + 1, len(shares)))]
    return _drawing(lines, x, "√ % of pixels", bottom=0.0)


def _drawing(
    lines: Mapping[str, Points], x: str, y: str, *, marker: str = "", bottom: float | None = None
) -> str:
    from matplotlib import rc_context  # half a second, which commands without drawings do not need
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        figure = Figure(SIZE, layout="constrained")
        axes = figure.add_subplot(xlabel=x, ylabel=y)
        axes.grid(color="#dddddd", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        handles = [_line(axes, index, line, marker) for index, line in enumerate(lines.values())]
        axes.set_ylim(bottom=bottom)
        _legend(figure, handles, list(lines))
        file = io.StringIO()
        # Without metadata: a date would make equal reports differ.
        nothing: Any = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(file, format="svg", metadata=nothing)
    return file.getvalue()


def _line(axes: "Axes", index: int, points: Points, marker: str) -> Any:
    lap, place = divmod(index, len(COLOURS))
    (handle,) = axes.plot(
        [across for across, _ in points],
        [up for _, up in points],
        color=COLOURS[place],
        linestyle=DASHES[lap % len(DASHES)],
        linewidth=1.5,
        marker=marker,
        markersize=4,
    )
    return handle


def _legend(figure: "Figure", handles: list[Any], names: list[str]) -> None:
    """Draws the legend below the axes, with names as they are: `$` and `_` have no meaning."""
    legend = figure.legend(
        handles, ["name"] * len(names), loc="outside lower center", ncols=3, frameon=False
    )
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set_parse_math(False)
        text.set_text(name)
