"""Small drawings as SVG text, for reports that stand in one file: curves and histograms."""

from collections.abc import Mapping, Sequence
from html import escape

#: px, of a drawing and of the room for its axes.
WIDTH, HEIGHT = 640, 320
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 12, 36
#: Colours that colour-blind readers can tell apart (Okabe & Ito 2008), then the same dashed.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")

Points = Sequence[tuple[float, float]]


def curves(lines: Mapping[str, Points], *, x: str, y: str, level: float | None = None) -> str:
    """One line a name through its points; `x`, `y` name the axes; `level` is drawn across."""
    points = [point for line in lines.values() for point in line]
    if not points:
        return ""
    heights = [height for _, height in points] + ([] if level is None else [level])
    across, up = _axis([place for place, _ in points]), _axis(heights)
    parts = [_frame(across, up, x, y)]
    if level is not None:
        height = _y(level, up)
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{height:.1f}" y2="{height:.1f}"'
            ' stroke="#888" stroke-dasharray="2 3"/>'
        )
    for index, line in enumerate(lines.values()):
        parts.append(_line(index, line, across, up))
        parts += [
            f'<circle cx="{_x(place, across):.1f}" cy="{_y(height, up):.1f}" r="2.5"'
            f' fill="{COLOURS[index % len(COLOURS)]}"/>'
            for place, height in line
        ]
    return _svg(parts) + _legend(list(lines))


def histograms(counts: Mapping[str, Sequence[float]], *, first: int, x: str) -> str:
    """Outlines of histograms with whole cells from `first` on, each as shares of its own sum.

    Heights are square roots, so that rare colours can be seen.
    """
    lines = {}
    for name, cells in counts.items():
        total = sum(cells) or 1
        lines[name] = [(first + i, (100 * count / total) ** 0.5) for i, count in enumerate(cells)]
    most = [i for cells in counts.values() for i, count in enumerate(cells) if count]
    low, high = (min(most), max(most)) if most else (0, 0)
    shown = {name: line[low : high + 1] for name, line in lines.items()}
    across = _axis([place for line in shown.values() for place, _ in line])
    up = _axis([0.0, *(height for line in shown.values() for _, height in line)])
    parts = [_frame(across, up, x, "√ % of pixels")]
    parts += [_line(index, line, across, up) for index, line in enumerate(shown.values())]
    return _svg(parts) + _legend(list(shown))


def _line(index: int, line: Points, across: tuple[float, float], up: tuple[float, float]) -> str:
    path = " ".join(f"{_x(place, across):.1f},{_y(height, up):.1f}" for place, height in line)
    style = f'stroke="{COLOURS[index % len(COLOURS)]}"{_dashes(index)}'
    return f'<polyline points="{path}" fill="none" stroke-width="1.5" {style}/>'


def _axis(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _x(value: float, axis: tuple[float, float]) -> float:
    return LEFT + (value - axis[0]) / (axis[1] - axis[0]) * (WIDTH - LEFT - RIGHT)


def _y(value: float, axis: tuple[float, float]) -> float:
    return HEIGHT - BOTTOM - (value - axis[0]) / (axis[1] - axis[0]) * (HEIGHT - TOP - BOTTOM)


def _frame(across: tuple[float, float], up: tuple[float, float], x: str, y: str) -> str:
    parts = []
    for step in range(5):
        share = step / 4
        place, height = (low + share * (high - low) for low, high in (across, up))
        left, top = _x(place, across), _y(height, up)
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{top:.1f}" y2="{top:.1f}" stroke="#ddd"/>'
            f'<text x="{LEFT - 6}" y="{top + 4:.1f}" text-anchor="end">{height:.3g}</text>'
            f'<text x="{left:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">'
            f"{place:.3g}</text>"
        )
    parts.append(f'<text x="{WIDTH / 2}" y="{HEIGHT - 4}" text-anchor="middle">{escape(x)}</text>')
    parts.append(
        f'<text x="12" y="{HEIGHT / 2}" text-anchor="middle"'
        f' transform="rotate(-90 12 {HEIGHT / 2})">{escape(y)}</text>'
    )
    return "".join(parts)


def _svg(parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}"'
        f' font-family="sans-serif" font-size="11">{"".join(parts)}</svg>'
    )


def _legend(names: Sequence[str]) -> str:
    items = []
    for index, name in enumerate(names):
        colour = COLOURS[index % len(COLOURS)]
        items.append(
            f'<span style="margin-right:1em"><svg width="24" height="8"><line x1="0" x2="24" y1="4"'
            f' y2="4" stroke="{colour}" stroke-width="2"{_dashes(index)}/></svg>'
            f" {escape(name)}</span>"
        )
    return f'<div class="legend">{"".join(items)}</div>'


def _dashes(index: int) -> str:
    """Which lap through the colours it is, told by the line's dashes."""
    return ("", ' stroke-dasharray="6 3"', ' stroke-dasharray="2 2"')[index // len(COLOURS) % 3]
