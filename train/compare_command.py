"""`photochrom compare`: parse, remember what was asked for, call, print.

What a comparison was asked for is kept beside its runs (`KEPT`), so that `--resume` needs no more
than the report's name. torch is imported when the command is called.
"""

import json
from pathlib import Path
from typing import Any

import click
import platformdirs
from click.core import ParameterSource

from core.errors import EXIT_SOME_FAILED, OptionsError
from core.paths import Paths
from train.command_options import (
    EXISTING,
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
from train.comparison_list import RecipeGroup, list_file, read_list
from train.recipe_files import files as recipe_files
from train.recipe_files import recipe_file

#: In the folder of the runs: what the comparison was asked for.
KEPT = "comparison.json"
#: What of it `--resume` takes over where the command line does not say it; those that are paths.
RESUMED = ("recipes", "listed", "data", "judge", "budget", "steps", "pictures", "cpu_time")
RESUMED += ("seed", "side", "realism", "show", "findings", "cache")
PATHS = ("listed", "data", "judge", "show", "findings", "cache")
#: One of these says how long; a new one takes the place of the kept one.
BUDGETS = ("budget", "steps", "pictures")


@click.command(
    epilog="Example: photochrom compare resnet18 zhang_ce --budget 10m --data photographs/ "
    "--eval judge.tar -o report.html"
)
@click.argument("recipes", nargs=-1, metavar="[RECIPE]...")
@click.option(
    "--list",
    "listed",
    metavar="LIST",
    help="A list of recipes with budgets of their own: a TOML file, or the program's `studies`.",
)
@click.option("--data", type=EXISTING, help="Tar shards or a folder of pictures.")
@click.option("--eval", "judge", type=EXISTING, help="Other pictures to judge by.")
@click.option(
    "-o", "--output", type=NEW_FILE, required=True, help="The report to write (HTML, JSON)."
)
@budget_option
@steps_option
@pictures_option
@click.option(
    "--cpu-time",
    is_flag=True,
    help="Count time as CPU time: fair on a machine that does other work too.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="The same for all.")
@click.option(
    "--side",
    type=click.IntRange(32),
    metavar="PX",
    help="Crops of this size for all, judged at twice it; default: each recipe's own sizes.",
)
@realism_option
@click.option("--show", type=EXISTING, help="Pictures for the report's sheet, instead of --eval's.")
@click.option("--findings", type=FILE, help="Text for the top of the report.")
@click.option("--runs", type=NEW_FOLDER, help="Where runs are kept; default: beside the report.")
@click.option(
    "--resume", is_flag=True, help="Go on where this report's comparison stopped, as it was asked."
)
@cache_option
@threads_option
@workers_option
@click.pass_context
def compare(
    context: click.Context,
    output: Path,
    runs: Path | None,
    resume: bool,
    threads: int | None,
    workers: int | None,
    **asked: Any,
) -> None:
    """Train recipes on the same pictures for the same time, and report how they compare.

    RECIPE is a TOML file, or the name of one that comes with the program. Each recipe's result is
    kept as it is made: after any interruption --resume goes on, also in the middle of a recipe;
    what is not said then is as it was asked before.
    """
    import torch

    from train.compare import ComparisonSetup, Conditions, read_groups
    from train.compare import compare as compare_all
    from train.comparison_report import FIGURES, write
    from train.report import PAGE

    runs = runs or output.with_suffix(".runs")
    if resume:
        asked |= _kept(runs / KEPT, context)
    _check(asked)
    if threads:
        torch.set_num_threads(threads)
    data, judge, show, findings = (asked[name] for name in ("data", "judge", "show", "findings"))
    cache = asked["cache"] or platformdirs.user_cache_path("photochrom") / "pictures"
    groups = [RecipeGroup(tuple(map(recipe_file, asked["recipes"])))] if asked["recipes"] else []
    listed = list_file(str(asked["listed"])) if asked["listed"] else None
    groups += read_list(listed) if listed else []
    asked["listed"] = listed
    paths = Paths()
    for file in (f for group in groups for recipe in group.recipes for f in recipe_files(recipe)):
        paths.read(file, "RECIPE")
    paths.read(listed, "--list")
    for pictures, option in ((data, "--data"), (judge, "--eval"), (show, "--show")):
        paths.read_tree(pictures, option)
    paths.read(findings, "--findings")
    paths.write(cache, "--cache")
    paths.write(runs, "--runs")
    paths.write(runs / KEPT, "--runs")
    paths.replace(output, "-o", PAGE)
    paths.replace(output.with_suffix(".json"), "-o", FIGURES)
    text = findings.read_text(encoding="utf-8") if findings else ""
    seconds = None if asked["budget"] is None else parse_time(asked["budget"])
    common = Conditions(
        asked["steps"],
        seconds,
        asked["seed"],
        asked["side"],
        asked["cpu_time"],
        asked["pictures"],
    )
    chosen = read_groups(groups, common)
    processes = default_workers() if workers is None else workers
    comparison = ComparisonSetup(data, judge, runs, cache, asked["realism"], processes)
    results = compare_all(
        chosen, comparison, say=click.echo, begin=lambda: _keep(runs / KEPT, asked)
    )
    click.echo(f"{write(output, results, show or judge, findings=text)}: the report")
    if any("error" in result for result in results):
        raise click.exceptions.Exit(EXIT_SOME_FAILED)


def _check(asked: dict[str, Any]) -> None:
    """Raises OptionsError where something is missing, or said twice."""
    if not asked["recipes"] and not asked["listed"]:
        raise OptionsError("no recipe is named", remedy="name some, or give --list")
    for name, option in (("data", "--data"), ("judge", "--eval")):
        if asked[name] is None:
            raise OptionsError(f"{option} is missing", remedy=f"give pictures with {option}")
    given = [f"--{name}" for name in BUDGETS if asked[name]]
    if len(given) > 1:
        raise OptionsError(f"{' and '.join(given)} contradict each other", remedy="give one")
    if not given and not asked["listed"]:
        raise OptionsError(
            "no budget is given", remedy="give --budget, --steps or --pictures: --budget 10m"
        )


def _keep(path: Path, asked: dict[str, Any]) -> None:
    """Write down what was asked for, its paths absolute."""
    from core.image.atomic import write_file

    kept = {name: asked[name] for name in RESUMED}
    kept |= {name: str(kept[name].resolve()) for name in PATHS if kept[name] is not None}
    kept["recipes"] = [
        str(Path(recipe).resolve()) if Path(recipe).suffix else recipe
        for recipe in asked["recipes"]
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, json.dumps(kept, indent=1).encode())


def _kept(path: Path, context: click.Context) -> dict[str, Any]:
    """What was asked for before and is not said now; {} where nothing was, but all is said now."""
    said = {
        name
        for name in RESUMED
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }
    if not path.is_file():
        if (said & {"recipes", "listed"}) and {"data", "judge"} <= said:
            return {}
        raise OptionsError(
            "there is no comparison to resume", file=path.parent, remedy="say what to compare"
        )
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        before = {name: kept[name] for name in RESUMED}
    except (OSError, ValueError, KeyError) as error:
        raise OptionsError(
            "no longer says what was compared", file=path, remedy="say it again, without --resume"
        ) from error
    for together in (BUDGETS, ("recipes", "listed")):
        if said & set(together):
            said |= set(together)
    for name in PATHS:
        if before[name] is not None:
            before[name] = Path(before[name])
    return {name: value for name, value in before.items() if name not in said}
