"""Writes the report of `compare`: tables, learning curves, histograms, a contact sheet, and JSON.

It needs only results and model files, so that it can be written again, with other pictures on the
contact sheet, without any training.
"""

import io
import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from core.image.atomic import write_file
from core.paths import Kind
from train.compare import Conditions
from train.evaluate import EvaluatedModel, Photograph, photographs, rgb_of
from train.plots import curves, histograms
from train.report import drawing, page, picture, table

#: Number of pictures on the contact sheet.
SHEET_PICTURES = 6
#: Height of a picture on the sheet, in px.
SHEET_HEIGHT = 128

#: The kind of files that the JSON may replace: a list of objects that begin with "name", or [].
FIGURES = Kind("the JSON of a comparison", (b'[\n {\n  "name": ', b"[]"))

#: Heads of the columns by the keys of `scores`.
COLUMNS = {
    "ab_rmse": "ab RMSE",
    "ab_rmse_at_true_chroma": "at true chroma",
    "ab_absolute_error": "ab error",
    "share_within_10": "within 10",
    "psnr": "PSNR",
    "ssim": "SSIM",
    "ciede2000": "CIEDE2000",
    "auc": "AuC",
    "auc_rebalanced": "AuC rebalanced",
    "colourfulness_ratio": "colourfulness",
    "chroma_ratio": "chroma",
    "a_ratio": "a*",
    "b_ratio": "b*",
    "a_distance": "a* distance",
    "b_distance": "b* distance",
    "frechet_lite0": "Fréchet (Lite0)",
    "frechet_ratio": "Fréchet ratio",
    "semantic_agreement": "same class",
    "one_hue_share": "one hue",
    "own_psnr": "PSNR of its own picture",
    "own_lightness_error": "L* error of its own picture",
}


def write(
    path: Path, results: Sequence[Mapping[str, Any]], sheet: Path, *, findings: str = ""
) -> Path:
    """Writes the report to `path`, and the results as JSON beside it; returns `path`.

    `sheet` has the pictures for the contact sheet. `findings` is text for the top of the report,
    with a paragraph on each line.
    """
    done = [result for result in results if "error" not in result]
    parts = ["<h1>Networks compared</h1>", f"<p>{escape(conditions(done))}</p>"]
    parts += [f"<p>{escape(line)}</p>" for line in findings.splitlines() if line.strip()]
    parts += ["<h2>Figures</h2>", table(rows(done)), "<h2>What it took</h2>", table(costs(done))]
    for result in results:
        if "error" in result:
            parts.append(f"<p>{escape(result['name'])} failed: {escape(result['error'])}</p>")
    # Results without a curve are included, so that a name has the same colour in all plots.
    lines = {r["name"]: [(point[0], point[2]) for point in r["curve"]] for r in done}
    learning = curves(lines, x="minutes", y="ab RMSE at the true chroma")
    parts += ["<h2>Learning</h2>", drawing(learning, "ab RMSE while each network learns")]
    parts.append("<h2>How far the colours reach</h2>")
    for channel, name in enumerate(("a* (green to red)", "b* (blue to yellow)")):
        counts = {r["name"]: r["histograms"]["ours"][channel] for r in done}
        if done:
            counts["true"] = done[0]["histograms"]["truth"][channel]
        parts.append(drawing(histograms(counts, first=-128, x=name), f"Histogram of {name}"))
    parts += ["<h2>Pictures</h2>", contact_sheet(done, sheet)]
    write_file(path, page("Networks compared", "\n".join(parts)).encode())
    # The path of a model file means nothing on another machine.
    figures = [{k: v for k, v in result.items() if k != "model_file"} for result in results]
    text = json.dumps(figures, indent=1, ensure_ascii=False)
    write_file(path.with_suffix(".json"), f"{text}\n".encode())
    return path


def conditions(done: Sequence[Mapping[str, Any]]) -> str:
    """Returns a sentence with the budget, the seed and the pictures of the comparison."""
    if not done:
        return "Nothing was finished."
    scores = done[0]["scores"]
    budget = " or ".join(dict.fromkeys(_budget(result["terms"]) for result in done))
    seeds = " or ".join(dict.fromkeys(str(result["terms"]["seed"]) for result in done))
    short_side = short_side_of(done)
    if short_side:
        budget += f" from crops of {short_side // 2} px"
    size = f" at short side {short_side} px" if short_side else ""
    return (
        f"Each learnt for {budget} with seed {seeds}, and was judged on "
        f"{scores['pictures']} pictures{size} that it had not seen. "
        "Ratios are those of the predicted to the true colours."
    )


def _budget(terms: Mapping[str, Any]) -> str:
    if terms.get("pictures"):
        return f"{terms['pictures']:,} pictures"
    if terms["budget_seconds"]:
        return f"{terms['budget_seconds']:g} s" + " of CPU time" * terms["cpu_time"]
    return f"{terms['steps']} steps"


def short_side_of(done: Sequence[Mapping[str, Any]]) -> int | None:
    """Returns the short side of the pictures of the evaluation in px; None: as stored."""
    side = done[0]["terms"]["side"] if done else None
    return Conditions(None, None, side=side).short_side


def rows(done: Sequence[Mapping[str, Any]]) -> list[list[object]]:
    """Returns the table of scores, gray first; columns without any value are left out."""
    columns = [key for key in COLUMNS if any(key in result["scores"] for result in done)]
    lines: list[list[object]] = [["", *(COLUMNS[key] for key in columns)]]
    if done:
        gray = done[0]["scores"]["gray"]
        lines.append(["gray", *(shown(gray.get(key)) for key in columns)])
    lines += [
        [result["name"], *(shown(result["scores"].get(key)) for key in columns)] for result in done
    ]
    return lines


def costs(done: Sequence[Mapping[str, Any]]) -> list[list[object]]:
    """Returns the table of what the training of each recipe cost."""
    heads = ("", "parameters", "steps", "pictures", "minutes", "pictures/s", "memory, MB")
    lines: list[list[object]] = [list(heads)]
    keys = ("parameters", "steps", "pictures", "minutes", "pictures_per_second", "memory_mb")
    lines += [[result["name"], *(shown(result[key]) for key in keys)] for result in done]
    return lines


def shown(value: object) -> object:
    """Returns the value for a table: a dash for None."""
    return "–" if value is None else value


def contact_sheet(done: Sequence[Mapping[str, Any]], source: Path) -> str:
    """Returns an HTML table of pictures: gray, the truth, then the output of each network."""
    every = list(photographs(source, short_side_of(done)))
    chosen = every[:: max(1, len(every) // SHEET_PICTURES)][:SHEET_PICTURES]
    models = {result["name"]: EvaluatedModel(Path(result["model_file"])) for result in done}
    head = "".join(f"<th>{escape(name)}</th>" for name in ("gray", "truth", *models))
    lines = []
    for photograph in chosen:
        planes = [photograph.chroma * 0, photograph.chroma]
        planes += [model.colour(photograph) for model in models.values()]
        cells = [_small(photograph, chroma) for chroma in planes]
        lines.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return f'<div class="table"><table><tr>{head}</tr>{"".join(lines)}</table></div>'


def _small(photograph: Photograph, chroma: np.ndarray) -> str:
    """Returns the HTML of a picture with that a*, b* (2,H,W), reduced to `SHEET_HEIGHT`."""
    image = Image.fromarray(rgb_of(photograph.lightness, chroma))
    width = max(1, round(image.width * SHEET_HEIGHT / image.height))
    buffer = io.BytesIO()
    image.resize((width, SHEET_HEIGHT), Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=88)
    return picture(buffer.getvalue(), alt=photograph.name)
