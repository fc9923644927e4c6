"""The hint editor: a picture to paint hints on, as a component of Gradio's.

Its value, from the server to the browser: `{id, image, width, height, strokes, takes_hints,
can_ask, alternatives}`. Its events, the other way: `paint` with all strokes in pixels of the full
picture, `ask` with one point. The browser's half is `assets/hint_editor.js`.
"""

import json
import math
from collections.abc import Sequence
from itertools import islice
from typing import Any, Final

import gradio as gr

from core.errors import HintsError
from core.hints import points
from core.options import canonical_json
from gradio_app.page.assets import text_of

SWATCHES: Final = (
    {"name": "Skin", "colour": "#d9a282"},
    {"name": "Dark skin", "colour": "#8a5a3c"},
    {"name": "Grass", "colour": "#5f8a3a"},
    {"name": "Sky", "colour": "#6fa3d8"},
    {"name": "Wood", "colour": "#96683f"},
    {"name": "Brick", "colour": "#a5513d"},
    {"name": "Neutral", "colour": "#808080"},
)
#: Strokes and points that a browser may send; a hand paints hundreds at most.
MOST_POINTS: Final = 20_000
#: Discs along a stroke are this share of their radius apart.
_DISC_STEP: Final = 0.7

_SCRIPT: Final = "\n".join(text_of(name) for name in ("strokes.js", "zoom.js", "hint_editor.js"))


def hint_editor() -> gr.HTML:
    """The component."""
    return gr.HTML(
        value=None,
        html_template=text_of("hint_editor.html"),
        js_on_load=f"const SWATCHES = {json.dumps(SWATCHES)};\n{_SCRIPT}",
        css_template=text_of("hint_editor.css"),
        apply_default_css=False,
        elem_id="hint-editor",
    )


def document_of_strokes(strokes: Any, width: int, height: int) -> str:
    """The hint document that stands for strokes painted in a browser; raises `HintsError`.

    Each stroke is `{"colour": "#rrggbb", "radius", "points": [[x, y], ...]}`.
    """
    try:
        every_disc = (
            {"x": x, "y": y, "radius": float(stroke["radius"]), "colour": str(stroke["colour"])}
            for stroke in strokes
            for x, y in _along(stroke["points"], float(stroke["radius"]), width, height)
        )
        discs = list(islice(every_disc, MOST_POINTS + 1))
    except (TypeError, ValueError, KeyError) as error:
        raise HintsError("these are no strokes") from error
    if len(discs) > MOST_POINTS:
        raise HintsError("too many strokes", remedy="undo some, or use a larger brush")
    points({"points": discs})  # refused before a caller keeps them
    return canonical_json({"points": discs}) if discs else ""


def _along(points: Sequence, radius: float, width: int, height: int):
    """Points along a line, close enough that discs on them make a stroke."""
    step = max(radius * _DISC_STEP, 0.5)
    last: tuple[float, float] | None = None
    for pair in points:
        x, y = (float(part) for part in pair)
        if not (math.isfinite(x) and math.isfinite(y)):
            raise ValueError("a point is no number")
        x, y = min(max(x, 0.0), width - 1.0), min(max(y, 0.0), height - 1.0)
        if last is None:
            yield round(x, 1), round(y, 1)
        else:
            count = min(math.ceil(math.dist(last, (x, y)) / step), MOST_POINTS)
            for i in range(1, count + 1):
                t = i / count
                yield (
                    round(last[0] + t * (x - last[0]), 1),
                    round(last[1] + t * (y - last[1]), 1),
                )
        last = x, y
