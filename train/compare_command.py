"""The command `photochrom compare`: parse, store the arguments, call, print.

The arguments of a comparison are stored beside its runs (`ARGUMENTS_FILE`), so that `--resume`
needs only the name of the report. torch is imported when the command is called.
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

#: Name of the file, in the folder of the runs, with the arguments of the comparison.
ARGUMENTS_FILE = "comparison.json"
#: Arguments that `--resume` takes from the file where the command line has none; those of them that
#: are paths.
RESUMED = ("recipes", "listed", "data", "judge", "budget", "steps", "pictures", "cpu_time")
RESUMED += ("seed", "side", "realism", "show", "findings", "cache")
PATHS = ("listed", "data", "judge", "show", "findings", "cache")
#: Arguments for the length of the training: one of them is given, and replaces the stored one.
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
    help="A list of recipes with budgets: a TOML file, or `studies`, which comes with the program.",
)
@click.option("--data", type=EXISTING, help="Tar shards or a folder of pictures.")
@click.option("--eval", "judge", type=EXISTING, help="Other pictures, on which to evaluate.")
@click.option(
    "-o", "--output", type=NEW_FILE, required=True, help="The report to write (HTML, JSON)."
)
@budget_option
@steps_option
@pictures_option
@click.option(
    "--cpu-time",
    is_flag=True,
    help="Measure the budget in CPU time, so that other work of the machine does not count.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="The seed of every recipe.")
@click.option(
    "--side",
    type=click.IntRange(32),
    metavar="PX",
    help="Train all on crops of this size, evaluate at twice it; default: each recipe's sizes.",
)
@realism_option
@click.option(
    "--show", type=EXISTING, help="Pictures for the report's contact sheet.  [default: --eval]"
)
@click.option("--findings", type=FILE, help="Text for the top of the report.")
@click.option("--runs", type=NEW_FOLDER, help="Folder of the runs; default: beside the report.")
@click.option(
    "--resume",
    is_flag=True,
    help="Continue the comparison of this report where it stopped, with the same arguments.",
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
    **arguments: Any,
) -> None:
    """Train recipes on the same pictures for the same time, and report how they compare.

    RECIPE is a TOML file, or the name of one that comes with the program. Results are stored as
    they are made: after an interruption --resume continues, also in the middle of a recipe, with
    the arguments of the first call where no others are given.
    """
    import torch

    from train.compare import ComparisonSetup, Conditions, read_groups
    from train.compare import compare as compare_all
    from train.comparison_report import FIGURES, write
    from train.report import PAGE

    runs = runs or output.with_suffix(".runs")
    if resume:
        arguments |= _stored_arguments(runs / ARGUMENTS_FILE, context)
    _check(arguments)
    if threads:
        torch.set_num_threads(threads)
    data, judge, show, findings = (
        arguments[name] for name in ("data", "judge", "show", "findings")
    )
    cache = arguments["cache"] or platformdirs.user_cache_path("photochrom") / "pictures"
    named = tuple(map(recipe_file, arguments["recipes"]))
    groups = [RecipeGroup(named)] if named else []
    listed = list_file(str(arguments["listed"])) if arguments["listed"] else None
    groups += read_list(listed) if listed else []
    arguments["listed"] = listed
    paths = Paths()
    for file in (f for group in groups for recipe in group.recipes for f in recipe_files(recipe)):
        paths.read(file, "RECIPE")
    paths.read(listed, "--list")
    for pictures, option in ((data, "--data"), (judge, "--eval"), (show, "--show")):
        paths.read_tree(pictures, option)
    paths.read(findings, "--findings")
    paths.write(cache, "--cache")
    paths.write(runs, "--runs")
    paths.write(runs / ARGUMENTS_FILE, "--runs")
    paths.replace(output, "-o", PAGE)
    paths.replace(output.with_suffix(".json"), "-o", FIGURES)
    text = findings.read_text(encoding="utf-8") if findings else ""
    seconds = None if arguments["budget"] is None else parse_time(arguments["budget"])
    common = Conditions(
        arguments["steps"],
        seconds,
        arguments["seed"],
        arguments["side"],
        arguments["cpu_time"],
        arguments["pictures"],
    )
    chosen = read_groups(groups, common)
    processes = default_workers() if workers is None else workers
    comparison = ComparisonSetup(data, judge, runs, cache, arguments["realism"], processes)
    results = compare_all(
        chosen,
        comparison,
        say=click.echo,
        begin=lambda: _store_arguments(runs / ARGUMENTS_FILE, arguments),
    )
    click.echo(f"{write(output, results, show or judge, findings=text)}: the report")
    if any("error" in result for result in results):
        raise click.exceptions.Exit(EXIT_SOME_FAILED)


def _check(arguments: dict[str, Any]) -> None:
    """Raises `OptionsError` where an argument is missing, or where two contradict each other."""
    if not arguments["recipes"] and not arguments["listed"]:
        raise OptionsError("no recipe is named", remedy="name some, or give --list")
    for name, option in (("data", "--data"), ("judge", "--eval")):
        if arguments[name] is None:
            raise OptionsError(f"{option} is missing", remedy=f"give pictures with {option}")
    given = [f"--{name}" for name in BUDGETS if arguments[name]]
    if len(given) > 1:
        raise OptionsError(f"{' and '.join(given)} contradict each other", remedy="give one")
    if not given and not arguments["listed"]:
        raise OptionsError(
            "no budget is given", remedy="give --budget, --steps or --pictures: --budget 10m"
        )


def _store_arguments(path: Path, arguments: dict[str, Any]) -> None:
    """Writes the arguments of a comparison, with absolute paths."""
    from core.image.atomic import write_file

    stored = {name: arguments[name] for name in RESUMED}
    stored |= {name: str(stored[name].resolve()) for name in PATHS if stored[name] is not None}
    stored["recipes"] = [
        str(Path(recipe).resolve()) if Path(recipe).suffix else recipe
        for recipe in arguments["recipes"]
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, json.dumps(stored, indent=1).encode())


def _stored_arguments(path: Path, context: click.Context) -> dict[str, Any]:
    """Returns the stored arguments that the command line does not replace.

    Returns {} where none are stored and the command line has all that is needed; raises
    `OptionsError` where it has not, or where the file cannot be read.
    """
    given = {
        name
        for name in RESUMED
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }
    if not path.is_file():
        if (given & {"recipes", "listed"}) and {"data", "judge"} <= given:
            return {}
        raise OptionsError(
            "there is no comparison to resume", file=path.parent, remedy="name recipes to compare"
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        stored = {name: content[name] for name in RESUMED}
    except (OSError, ValueError, KeyError) as error:
        raise OptionsError(
            "does not have the arguments of a comparison",
            file=path,
            remedy="give them again, without --resume",
        ) from error
    for alternatives in (BUDGETS, ("recipes", "listed")):
        if given & set(alternatives):
            given |= set(alternatives)
    for name in PATHS:
        if stored[name] is not None:
            stored[name] = Path(stored[name])
    return {name: value for name, value in stored.items() if name not in given}
