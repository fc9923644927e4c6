"""The commands `photochrom train`, `evaluate`, `compare` and `export`: parse, call, print.

torch is imported when one of them is called.
"""

import json
import re
from pathlib import Path

import click
import platformdirs

from core.commands.arguments import json_option_of
from core.errors import OptionsError
from core.paths import SHEET, Paths
from train.command_options import (
    EXISTING,
    EXISTING_FILE,
    FILE,
    NEW_FILE,
    NEW_FOLDER,
    budget_option,
    cache_option,
    default_workers,
    parse_time,
    pictures_option,
    realism_option,
    steps_option,
    threads_option,
    workers_option,
)
from train.compare_command import compare
from train.recipe_files import files as recipe_files
from train.recipe_files import recipe_file

__all__ = ["compare", "evaluate", "export", "train"]


@click.command(
    epilog="Example: photochrom train train/recipes/lite.toml --data photographs/ --out runs/1"
)
@click.argument("recipe")
@click.option("--data", type=EXISTING, required=True, help="Tar shards or a folder of pictures.")
@click.option("--out", type=NEW_FOLDER, required=True, help="Folder of the run.")
@steps_option
@pictures_option
@budget_option
@click.option(
    "--dry-run",
    is_flag=True,
    help="Print what it would cost (parameters, pictures a second, memory, hours); write nothing.",
)
@click.option("--resume", is_flag=True, help="Continue this run where it stopped.")
@click.option(
    "--init", type=FILE, help="Initial weights (.safetensors, .pt, .onnx), matched by name."
)
@cache_option
@threads_option
@workers_option
def train(
    recipe: str,
    data: Path,
    out: Path,
    steps: int | None,
    pictures: int | None,
    budget: str | None,
    dry_run: bool,
    resume: bool,
    init: Path | None,
    cache: Path | None,
    threads: int | None,
    workers: int | None,
) -> None:
    """Train the network of a recipe on photographs.

    RECIPE is a TOML file, or the name of one that comes with the program.
    SIGTERM and Ctrl-C save the run before it ends; --resume continues it. On a CPU and with --steps
    (or the recipe's steps) a resumed run gives the same bits as one that was never stopped. For
    several GPUs, each with a part of every batch: `torchrun --nproc-per-node 2 --no-python
    photochrom train ...`.
    """
    import torch

    from core.learn import parallel
    from core.learn.trainer import RUN_FILES
    from train.recipe import read
    from train.run import run

    lengths = {"--steps": steps, "--pictures": pictures, "--budget": budget}
    given = [option for option, value in lengths.items() if value is not None]
    if len(given) > 1:
        raise OptionsError(
            f"{' and '.join(given)} contradict each other", remedy="give one of them"
        )
    if threads:
        torch.set_num_threads(threads)
    seconds = None if budget is None else parse_time(budget)
    cache = cache or platformdirs.user_cache_path("photochrom") / "pictures"
    paths = Paths()
    file_of_recipe = recipe_file(recipe)
    for file in recipe_files(file_of_recipe):
        paths.read(file, "RECIPE")
    paths.read_tree(data, "--data")
    if not resume:
        paths.read(init, "--init")
    paths.write(cache, "--cache")
    paths.write(out, "--out")
    for name in RUN_FILES:
        paths.write(out / name, "--out")
    if dry_run:
        from train.dry_run import estimated

        cost = estimated(
            read(file_of_recipe), data, steps=steps, pictures=pictures, budget_seconds=seconds
        )
        click.echo(str(cost))
        return
    with parallel.group() as (number, _):
        best = run(
            read(file_of_recipe),
            data,
            out,
            cache=cache,
            initial=init,
            steps=steps,
            pictures=pictures,
            budget_seconds=seconds,
            resume=resume,
            workers=default_workers() if workers is None else workers,
            say=click.echo if number == 0 else lambda _: None,
        )
        if number == 0:
            click.echo(f"{best}: export it with `photochrom export {out} -o model.onnx`")


@click.command(epilog="Example: photochrom export runs/1 -o model.onnx --fp16")
@click.argument("run", type=EXISTING)
@click.option("-o", "--output", type=NEW_FILE, required=True, help="The model file to write.")
@click.option("--fp16", is_flag=True, help="Store weights as float16, for half the size.")
@click.option("--int8", type=EXISTING, help="Use int8 convolutions, calibrated on these pictures.")
@click.option("--card", type=EXISTING_FILE, help="Model card in Markdown for the metadata.")
@click.option(
    "--blend",
    type=(EXISTING_FILE, click.FloatRange(0, 1)),
    multiple=True,
    metavar="FILE SHARE",
    help="Mix in a share of other weights, such as the initial ones of the run.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="Change a number of the network, such as temperature.",
)
@click.option("--gain", metavar="A,B", help="Factors on a* and b*, found on validation pictures.")
@click.option(
    "--restore",
    type=EXISTING,
    metavar="RUN",
    help="Restore the lightness first, with this run of `restore`; RUN may then be a model file.",
)
def export(
    run: Path,
    output: Path,
    fp16: bool,
    int8: Path | None,
    card: Path | None,
    blend: tuple[tuple[Path, float], ...],
    settings: tuple[str, ...],
    gain: str | None,
    restore: Path | None,
) -> None:
    """Write a trained run as one model file that `colorize --model` takes."""
    from core.learn.checkpoint import checkpoint_of
    from train.export import MODEL_FILE, export_run

    factors = parse_gain(gain) if gain else None
    paths = Paths()
    paths.read(run, "RUN")
    paths.read(checkpoint_of(run), "RUN")
    if restore is not None:
        paths.read(checkpoint_of(restore), "--restore")
    paths.read_tree(int8, "--int8")
    paths.read(card, "--card")
    for weights, _ in blend:
        paths.read(weights, "--blend")
    paths.replace(output, "-o", MODEL_FILE)
    path = export_run(
        run,
        output,
        float16=fp16,
        calibration=int8,
        card=card,
        blends=blend,
        gain=factors,
        settings=dict(map(parse_setting, settings)),
        restore=restore,
    )
    click.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


@click.command(epilog="Example: photochrom evaluate model.onnx --data eval.tar --sheet sheet.png")
@click.argument("model", type=FILE)
@click.option("--data", type=EXISTING, required=True, help="A tar or folder of colour pictures.")
@json_option_of("Print everything as one JSON object.")
@click.option(
    "--hints",
    type=click.Choice(["grid", "worst", "stray"]),
    help="Also measure with hints.",
)
@click.option(
    "--sides", metavar="A,B", help="Also measure how far colours move between two sides (px)."
)
@click.option(
    "--crop",
    type=click.FloatRange(0, 0.5),
    help="Also measure how far colours move when this share of the sides is cut off.",
)
@click.option("--sheet", type=NEW_FILE, help="Write a contact sheet (PNG): gray, predicted, true.")
@click.option(
    "--html", type=NEW_FILE, help="Write a report with histograms, the worst and best pictures."
)
@click.option(
    "--masks",
    type=EXISTING,
    help="Score objects: a folder of label pictures (PNG), or a segmenter (.onnx).",
)
@click.option(
    "--segments", is_flag=True, help="Score patches of similar colour where there is no mask."
)
@realism_option
@click.option(
    "--old-look",
    type=int,
    metavar="SEED",
    help="Give the model the pictures as old photographs, with damage drawn from this seed.",
)
@click.option(
    "--no-truth",
    is_flag=True,
    help="The pictures have no true colours: measure only how the predicted ones spread.",
)
@click.option("--inception", type=FILE, help="Measure FID, with this weight file of Inception v3.")
@click.option(
    "--lpips",
    type=FILE,
    nargs=2,
    help="Measure LPIPS, with these weight files of VGG-16 and of LPIPS.",
)
def evaluate(
    model: Path,
    data: Path,
    as_json: bool,
    hints: str | None,
    sides: str | None,
    crop: float | None,
    sheet: Path | None,
    html: Path | None,
    masks: Path | None,
    segments: bool,
    realism: bool,
    old_look: int | None,
    no_truth: bool,
    inception: Path | None,
    lpips: tuple[Path, Path] | None,
) -> None:
    """Measure a model file on colour pictures, at their stored size."""
    from train.evaluate import EvaluatedModel, draw_sheet, stability, without_truth
    from train.evaluate import evaluate as evaluate_model
    from train.extended_measures import ExtendedMeasures, RequestedMeasures
    from train.hint_reach import HintReach
    from train.report import PAGE, WorstAndBest, plain, write

    pair = parse_sides(sides) if sides else ()
    if sheet and sheet.suffix.lower() != ".png":
        raise OptionsError(f"--sheet {sheet}: the name of a sheet ends in .png")
    paths = Paths()
    paths.read(model, "MODEL")
    paths.read_tree(data, "--data")
    paths.read_tree(masks, "--masks")
    paths.read(inception, "--inception")
    for weights in lpips or ():
        paths.read(weights, "--lpips")
    paths.replace(sheet, "--sheet", SHEET)
    paths.replace(html, "--html", PAGE)
    evaluated = EvaluatedModel(model)
    if no_truth:
        need_truth = (hints, sides, crop, html, masks, segments, realism, inception, lpips)
        if any(need_truth) or old_look is not None:
            raise OptionsError(
                "--no-truth and the other measures contradict each other",
                remedy="give it alone, or with --sheet",
            )
        result = without_truth(evaluated, data)
        if sheet:
            result["sheet"] = str(draw_sheet(evaluated, data, sheet))
        click.echo(json.dumps(plain(result)) if as_json else spread_table(result))
        return
    requested = RequestedMeasures(masks, segments, realism, inception, lpips or None)
    extended, extremes = ExtendedMeasures(requested), WorstAndBest()
    reach = HintReach(evaluated.colour)
    measures = [extended.add]
    measures += [extremes.add] if html else []
    measures += [reach.add] if hints == "stray" else []
    result = evaluate_model(
        evaluated, data, hints=hints or "", old_look=old_look, measures=measures
    )
    result |= extended.result()
    if hints == "stray":
        result["hints_stray"] = reach.result()
    if pair or crop:
        result |= stability(evaluated, data, sides=pair, crop=crop or 0.0)
    if sheet:
        result["sheet"] = str(draw_sheet(evaluated, data, sheet))
    if html:
        result["html"] = str(write(html, result, extended.histograms(), extremes))
    click.echo(json.dumps(plain(result)) if as_json else table(result))


def table(result: dict) -> str:
    """Returns the result as text: the model, gray, hints, each set, then single figures."""
    columns = ("ab_rmse", "psnr", "auc", "colourfulness_ratio", "chroma_ratio", "a_ratio")
    rows = {f"{result['model']} {result['version']}": result, "gray": result["gray"]}
    if "hints_grid" in result:
        rows["with a grid of hints"] = result["hints_grid"]
    rows |= {f"  {name}": row for name, row in result["sets"].items()}
    lines = [f"{'':24}pictures" + "".join(f"{column:>20}" for column in columns)]
    for name, row in rows.items():
        figures = "".join(f"{row[column]:20.2f}" for column in columns)
        lines.append(f"{name:24}{row['pictures']:8}{figures}")
    lines += [
        f"{key} {value:.4g}"
        for key, value in result.items()
        if isinstance(value, int | float) and key not in (*columns, "pictures")
    ]
    if cell := result.get("hints_worst"):
        before, after = cell["cell_rmse"], cell["cell_rmse_hinted"]
        lines.append(f"worst cell: ab RMSE {before:.2f}, {after:.2f} with one hint in it")
    if shares := result.get("hints_stray"):
        lines += [f"hints: {name.replace('_', ', ')} {share:.1%}" for name, share in shares.items()]
    return "\n".join(lines)


def spread_table(result: dict) -> str:
    """Returns the result of `without_truth` as text."""
    name = f"{result['model']} {result['version']}, {result['pictures']} pictures"
    figures = ("a", "b", "one_hue_share", "colourfulness", "pictures_of_one_hue")
    return "\n".join([name, *(f"{key} {result[key]:.4g}" for key in figures)])


def parse_gain(text: str) -> tuple[float, float]:
    """Returns the two factors of A,B, each above 0 and at most 3; raises `OptionsError`."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?),(\d+(?:\.\d+)?)", text)
    if not match or not all(0 < float(factor) <= 3 for factor in match.groups()):
        raise OptionsError(f"--gain {text} is not a pair of factors", remedy="write 0.95,0.9")
    return float(match[1]), float(match[2])


def parse_setting(text: str) -> tuple[str, float]:
    """Returns the name and the value of NAME=VALUE; raises `OptionsError`."""
    match = re.fullmatch(r"([a-z]+)=(\d+(?:\.\d+)?)", text)
    if not match:
        raise OptionsError(f"--set {text} is not NAME=VALUE", remedy="write temperature=0.38")
    return match[1], float(match[2])


def parse_sides(text: str) -> tuple[int, int]:
    """Returns the two short sides of A,B, in pixels; raises `OptionsError`."""
    match = re.fullmatch(r"(\d{2,4}),(\d{2,4})", text)
    if not match:
        raise OptionsError(f"--sides {text} is not a pair", remedy="write 256,384")
    return int(match[1]), int(match[2])
