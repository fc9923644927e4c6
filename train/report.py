"""Writes the HTML report of `evaluate`: figures, histograms, the worst and best pictures.

Styles, drawings and pictures (as data URIs) are all in the one file, which loads nothing and runs
no script.
"""

import base64
import heapq
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from core.image.atomic import write_file
from core.learn.measures.picture import ab_rmse
from core.paths import Kind
from train.evaluate import Photograph, rgb_of
from train.plots import histograms

#: Number of the worst pictures that are shown, and of the best.
EXTREMES = 20
#: Pixels; taller pictures are reduced in the report.
SHOWN_HEIGHT = 160

#: Stands in every page's head, so that the next report may replace the file.
GENERATOR = '<meta name="generator" content="photochrom">'
PAGE = Kind("a report of photochrom", (b"<!doctype html>",), GENERATOR.encode())

STYLE = """
body { font: 15px/1.5 sans-serif; margin: 2em auto; max-width: 70em; padding: 0 1em; color: #222 }
table { border-collapse: collapse; margin: 1em 0 } td, th { padding: .2em .8em; text-align: right }
th { border-bottom: 1px solid #999 } td:first-child, th:first-child { text-align: left }
tr:nth-child(even) td { background: #f4f4f4 } .table { overflow-x: auto }
figure { display: inline-block; margin: 0 1em 1em 0 } figcaption { font-size: 12px; color: #555 }
figure img { display: block } img { max-width: 100% }
"""


@dataclass(order=True, slots=True)
class RankedPicture:
    """A picture of the gallery: `strip` is a JPEG, gray, predicted and true side by side."""

    rank: float
    number: int
    name: str = field(compare=False)
    error: float = field(compare=False)
    strip: bytes = field(compare=False)


class WorstAndBest:
    """Keeps the worst and the best pictures, by ab RMSE, of all that are added."""

    def __init__(self, most: int = EXTREMES) -> None:
        self._most, self._count = most, 0
        self._worst: list[RankedPicture] = []
        self._best: list[RankedPicture] = []

    def add(self, photograph: Photograph, predicted: np.ndarray) -> None:
        """Adds a picture; `predicted` is the model's a*, b* (2,H,W)."""
        error = ab_rmse(predicted, photograph.chroma)
        self._count += 1
        strip: bytes | None = None
        for heap, rank in ((self._worst, error), (self._best, -error)):
            if len(heap) == self._most and heap[0].rank >= rank:
                continue
            strip = strip or _strip(photograph, predicted)
            shown = RankedPicture(rank, self._count, photograph.name, error, strip)
            if len(heap) == self._most:
                heapq.heapreplace(heap, shown)
            else:
                heapq.heappush(heap, shown)

    @property
    def worst(self) -> list[RankedPicture]:
        """The worst pictures, worst first."""
        return sorted(self._worst, reverse=True)

    @property
    def best(self) -> list[RankedPicture]:
        """The best pictures, best first."""
        return sorted(self._best, reverse=True)


def write(
    path: Path, result: Mapping[str, Any], reach: Mapping[str, Any], gallery: WorstAndBest
) -> Path:
    """Writes the report of one model to `path`, and returns it.

    `result` is that of `evaluate`, `reach` the histograms of a* and b*, 'ours' and 'truth'.
    """
    title = f"{result['model']} {result['version']}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{result['pictures']} pictures, judged on their true lightness at stored size.</p>",
        "<h2>Figures</h2>",
        table(_rows(result)),
        "<h2>All measures</h2>",
        table([["measure", "value"], *_single(result)]),
        "<h2>How far the colours reach</h2>",
    ]
    for channel, name in enumerate(("a* (green to red)", "b* (blue to yellow)")):
        counts = {"ours": reach["ours"][channel], "true": reach["truth"][channel]}
        parts.append(drawing(histograms(counts, first=-128, x=name), f"Histogram of {name}"))
    parts += ["<h2>Worst</h2>", _figures(gallery.worst), "<h2>Best</h2>", _figures(gallery.best)]
    write_file(path, page(title, "\n".join(parts)).encode())
    return path


def page(title: str, body: str) -> str:
    """Returns a whole HTML document around `body`."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"{GENERATOR}<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def table(rows: Sequence[Sequence[object]]) -> str:
    """Returns an HTML table; the first row is its head, numbers are rounded."""
    head, *others = rows
    cells = "".join(f"<th>{escape(str(cell))}</th>" for cell in head)
    lines = "".join(
        "<tr>" + "".join(f"<td>{escape(figure(cell))}</td>" for cell in row) + "</tr>"
        for row in others
    )
    return f'<div class="table"><table><tr>{cells}</tr>{lines}</table></div>'


def figure(value: object) -> str:
    """Returns a number as text for a table: four significant figures, "0" below 5e-5."""
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) >= 5e-5 else "0"
    return str(value)


def picture(data: bytes, kind: str = "jpeg", alt: str = "") -> str:
    """Returns an HTML image element that holds the picture's bytes."""
    encoded = base64.b64encode(data).decode()
    return f'<img alt="{escape(alt)}" src="data:image/{kind};base64,{encoded}">'


def drawing(svg: str, alt: str) -> str:
    """Returns an image element that holds a drawing of `train.plots`; "" without a drawing."""
    return f"<p>{picture(svg.encode(), 'svg+xml', alt)}</p>" if svg else ""


def plain(value: Any) -> Any:
    """Returns the value with None in place of nan and infinities, which JSON does not have."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


COLUMNS = ("pictures", "ab_rmse", "psnr", "auc", "colourfulness_ratio", "chroma_ratio", "a_ratio")


def _rows(result: Mapping[str, Any]) -> list[list[object]]:
    rows = {"all": result, "gray, for comparison": result["gray"]}
    rows |= {f"set {name}": row for name, row in result["sets"].items()}
    return [["", *COLUMNS], *([name, *(row[c] for c in COLUMNS)] for name, row in rows.items())]


def _single(result: Mapping[str, Any]) -> list[list[object]]:
    return [[name, value] for name, value in result.items() if isinstance(value, int | float)]


def _figures(shown: Sequence[RankedPicture]) -> str:
    return "".join(
        f"<figure>{picture(item.strip, alt=f'gray, ours, truth of {item.name}')}"
        f"<figcaption>{escape(item.name)}: ab RMSE {item.error:.1f}. Gray, ours, truth."
        "</figcaption></figure>"
        for item in shown
    )


def _strip(photograph: Photograph, predicted: np.ndarray) -> bytes:
    panels = [
        rgb_of(photograph.lightness, chroma)
        for chroma in (predicted * 0, predicted, photograph.chroma)
    ]
    image = Image.fromarray(np.concatenate(panels, axis=1))
    if image.height > SHOWN_HEIGHT:
        width = round(image.width * SHOWN_HEIGHT / image.height)
        image = image.resize((width, SHOWN_HEIGHT), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=88, subsampling=0)
    return buffer.getvalue()
