"""`photochrom train`, `evaluate`, `export`: parse, call, print.

torch is imported when one of them is called.
"""

import json
import re
from pathlib import Path

import click
import platformdirs

from core.errors import OptionsError

_FOLDER = click.Path(file_okay=False, path_type=Path)
_FILE = click.Path(dir_okay=False, path_type=Path)
_EXISTING = click.Path(exists=True, path_type=Path)


@click.command(
    epilog="Example: photochrom train train/recipes/lite.toml --data photographs/ --out runs/1"
)
@click.argument("recipe", type=_FILE)
@click.option("--data", type=_EXISTING, required=True, help="Tar shards or a folder of pictures.")
@click.option("--out", type=_FOLDER, required=True, help="Folder of this run.")
@click.option("--steps", type=click.IntRange(1), help="Steps instead of the recipe's.")
@click.option("--budget", metavar="TIME", help="Train for so long: 90s, 20m, 1.5h.")
@click.option("--resume", is_flag=True, help="Go on where this run stopped.")
@click.option("--init", type=_FILE, help="Weights to begin with, .safetensors, matched by name.")
@click.option("--cache", type=_FOLDER, help="Where decoded pictures are kept (several GB).")
@click.option("--threads", type=click.IntRange(1), help="CPU threads; default: all cores.")
def train(
    recipe: Path,
    data: Path,
    out: Path,
    steps: int | None,
    budget: str | None,
    resume: bool,
    init: Path | None,
    cache: Path | None,
    threads: int | None,
) -> None:
    """Train the network of a recipe on photographs.

    SIGTERM and Ctrl-C save first; --resume goes on. With --steps (or the recipe's steps) a
    resumed run gives the same bits as one that was never stopped.
    """
    import torch

    from train.recipe import read
    from train.run import run

    if steps and budget:
        raise OptionsError("--steps and --budget contradict each other", remedy="give one of them")
    if threads:
        torch.set_num_threads(threads)
    seconds = None if budget is None else parse_time(budget)
    best = run(
        read(recipe), data, out,
        cache=cache or platformdirs.user_cache_path("photochrom") / "pictures",
        initial=init, steps=steps, budget_seconds=seconds, resume=resume, say=click.echo,
    )  # fmt: skip
    click.echo(f"{best}: export it with `photochrom export {out} -o model.onnx`")


@click.command(epilog="Example: photochrom export runs/1 -o model.onnx --fp16")
@click.argument("run", type=click.Path(exists=True, path_type=Path))
@click.option("-o", "--output", type=_FILE, required=True, help="The model file to write.")
@click.option("--fp16", is_flag=True, help="Store weights as float16: half the file.")
@click.option("--int8", type=_EXISTING, help="int8 convolutions, calibrated on these pictures.")
@click.option("--card", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Model card in Markdown for the metadata.")  # fmt: skip
@click.option("--gain", metavar="A,B", help="Factors on a* and b*, found on validation pictures.")
def export(
    run: Path, output: Path, fp16: bool, int8: Path | None, card: Path | None, gain: str | None
) -> None:
    """Write a trained run as one model file that `colorize --model` takes."""
    from train.export import export_run

    factors = parse_gain(gain) if gain else None
    path = export_run(run, output, float16=fp16, calibration=int8, card=card, gain=factors)
    click.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


@click.command(epilog="Example: photochrom evaluate model.onnx --data eval.tar --sheet sheet.png")
@click.argument("model", type=_FILE)
@click.option("--data", type=_EXISTING, required=True, help="A tar or folder of colour pictures.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON object.")
@click.option("--hints", type=click.Choice(["grid", "worst"]), help="Also judge with hints.")
@click.option("--sides", metavar="A,B", help="Also: how far colours move between two short sides.")
@click.option("--crop", type=click.FloatRange(0, 0.5), help="Also: how far they move under a crop.")
@click.option("--sheet", type=_FILE, help="Write a contact sheet (PNG): gray, ours, truth.")
def evaluate(
    model: Path,
    data: Path,
    as_json: bool,
    hints: str | None,
    sides: str | None,
    crop: float | None,
    sheet: Path | None,
) -> None:
    """Judge a model file on pictures whose colours are known, at their stored size."""
    from train.evaluate import Model, stability
    from train.evaluate import evaluate as judge_all
    from train.evaluate import sheet as draw_sheet

    pair = parse_sides(sides) if sides else ()
    judged = Model(model)
    result = judge_all(judged, data, hints=hints or "")
    if pair or crop:
        result |= stability(judged, data, sides=pair, crop=crop or 0.0)
    if sheet:
        result["sheet"] = str(draw_sheet(judged, data, sheet))
    click.echo(json.dumps(result) if as_json else table(result))


def table(result: dict) -> str:
    """The result as lines: this model, gray, with hints, each set, then single figures."""
    columns = ("ab_rmse", "psnr", "auc", "colourfulness_ratio", "chroma_ratio", "a_ratio")
    rows = {f"{result['model']} {result['version']}": result, "gray": result["gray"]}
    if "hints_grid" in result:
        rows["with a grid of hints"] = result["hints_grid"]
    rows |= {f"  {name}": row for name, row in result["sets"].items()}
    lines = [f"{'':24}pictures" + "".join(f"{column:>20}" for column in columns)]
    for name, row in rows.items():
        figures = "".join(f"{row[column]:20.2f}" for column in columns)
        lines.append(f"{name:24}{row['pictures']:8}{figures}")
    lines += [f"{key} {result[key]:.2f}" for key in result if key.startswith("moved_")]
    if cell := result.get("hints_worst"):
        before, after = cell["cell_rmse"], cell["cell_rmse_hinted"]
        lines.append(f"worst cell: ab RMSE {before:.2f}, {after:.2f} with one hint in it")
    return "\n".join(lines)


def parse_time(text: str) -> float:
    """Seconds of 90s, 20m or 1.5h."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text)
    if not match or float(match[1]) == 0:
        raise OptionsError(f"--budget {text} is no time", remedy="write 90s, 20m or 1.5h")
    return float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]


def parse_gain(text: str) -> tuple[float, float]:
    """Two factors of A,B, each above 0 and at most 3."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?),(\d+(?:\.\d+)?)", text)
    if not match or not all(0 < float(factor) <= 3 for factor in match.groups()):
        raise OptionsError(f"--gain {text} is no pair of factors", remedy="write 0.95,0.9")
    return float(match[1]), float(match[2])


def parse_sides(text: str) -> tuple[int, int]:
    """Two short sides of A,B, in pixels."""
    match = re.fullmatch(r"(\d{2,4}),(\d{2,4})", text)
    if not match:
        raise OptionsError(f"--sides {text} is no pair", remedy="write 256,384")
    return int(match[1]), int(match[2])
