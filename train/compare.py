"""Trains and evaluates recipes under equal conditions, for `photochrom compare`.

Each recipe has a folder with its run, its model file and `result.json`, which is written last. When
an interrupted comparison is repeated, it skips the recipes that have a result, and goes on from the
last checkpoint of the recipe that was being trained. The report needs only those files.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from core.errors import InterruptedJob, OptionsError, PhotochromError
from core.image.atomic import write_file
from core.learn.checkpoint import built, checkpoint_of, load_checkpoint, network_of
from core.learn.export import About, export
from train.comparison_list import RecipeGroup
from train.evaluate import EvaluatedModel, evaluate
from train.export import export_run
from train.extended_measures import ExtendedMeasures, RequestedMeasures
from train.own_picture import own_picture
from train.peak_memory import PeakMemory
from train.recipe import Recipe, read
from train.report import plain
from train.run import commit, run

#: Number of validations of each run, which give its curve, and of the pictures for them.
CURVE_POINTS = 6
VALIDATION_PICTURES = 24


@dataclass(frozen=True, slots=True)
class Conditions:
    """The conditions of a training: its length (one of three), its seed and its sizes.

    The length is a number of `steps`, of seconds (`budget_seconds`) or of `pictures`. `side`: the
    size of crops in px; they are cut from pictures whose short side is twice that, and the network
    is evaluated on such pictures. None: the sizes of the recipe, and the stored pictures. `crop`:
    the size of crops in px, in place of `side` and of the recipe's sizes. `cpu_time`: the budget is
    CPU time of the process, so that other work of the machine does not count.
    """

    steps: int | None
    budget_seconds: float | None
    seed: int = 1
    side: int | None = None
    cpu_time: bool = False
    pictures: int | None = None
    crop: int | None = None

    @property
    def short_side(self) -> int | None:
        """The short side of the pictures for training and evaluation in px; None: as stored."""
        return 2 * self.side if self.side else None


@dataclass(frozen=True, slots=True)
class ComparedRecipe:
    """A recipe and its conditions; `name` differs where only the seed or the crops do."""

    recipe: Recipe
    conditions: Conditions
    name: str


@dataclass(frozen=True, slots=True)
class ComparisonSetup:
    """The pictures of a comparison and the folder of its runs.

    `data` are the pictures to learn from, `judge` those to evaluate on, `cache` is the folder of
    the decoded pictures, `workers` the number of processes that cut crops.
    """

    data: Path
    judge: Path
    folder: Path
    cache: Path
    realism: bool = False
    workers: int = 0

    def folder_of(self, compared: ComparedRecipe) -> Path:
        """Returns the folder of a recipe; its name changes with text, conditions and data."""
        conditions = asdict(compared.conditions)
        for name in ("pictures", "crop"):  # newer fields, which older folders' names do not have
            if conditions[name] is None:
                del conditions[name]
        identity = json.dumps([compared.recipe.text, conditions, str(self.data.resolve())])
        digest = hashlib.sha256(identity.encode()).hexdigest()[:8]
        return self.folder / f"{compared.recipe.name}-{digest}"


def read_groups(groups: Sequence[RecipeGroup], common: Conditions) -> list[ComparedRecipe]:
    """Returns the recipes of all groups with the conditions of the group, else the `common` ones.

    Raises `OptionsError` where a recipe has no budget.
    """
    chosen: list[ComparedRecipe] = []
    for group in groups:
        conditions = conditions_of(group, common)
        for path in group.recipes:
            recipe = read(path)
            if not (conditions.steps or conditions.budget_seconds or conditions.pictures):
                raise OptionsError(
                    f"recipe {recipe.name} has no budget",
                    remedy="give --budget, --steps or --pictures, for instance --budget 10m",
                )
            name = recipe.name
            for known in (known for known in chosen if known.recipe.name == name):
                for key in ("seed", "crop"):  # `check` refuses two that differ in neither
                    if (value := getattr(conditions, key)) != getattr(known.conditions, key):
                        name = f"{recipe.name}, {key} {value}"
            chosen.append(ComparedRecipe(recipe, conditions, name))
    return chosen


def conditions_of(group: RecipeGroup, common: Conditions) -> Conditions:
    """Returns the conditions of a group: its own values, else the `common` ones."""
    length = {
        "pictures": group.pictures,
        "steps": group.steps,
        "budget_seconds": group.budget_seconds,
    }
    conditions = replace(common, **length) if any(length.values()) else common
    return replace(
        conditions, seed=group.seed or conditions.seed, crop=group.crop or conditions.crop
    )


def compare(
    chosen: Sequence[ComparedRecipe],
    comparison: ComparisonSetup,
    *,
    begin: Callable[[], None] = lambda: None,
    say: Callable[[str], None] = print,
) -> list[dict[str, Any]]:
    """Trains and evaluates recipes; returns a result for each, in their order.

    A recipe that fails has an `error` in its result. `begin` is called when all recipes have been
    checked, before the first is trained. Ensembles are built last, from the runs of the recipes
    that their members name. Raises `OptionsError`, and `InterruptedJob` when the process is told
    to stop: the same call then goes on where this one ended.
    """
    check(chosen)
    begin()
    results: dict[str, dict[str, Any]] = {}
    for compared in sorted(chosen, key=lambda one: one.recipe.network == "ensemble"):
        name, kept = compared.name, comparison.folder_of(compared) / "result.json"
        if kept.is_file():
            results[name] = json.loads(kept.read_text(encoding="utf-8"))
            say(f"{name}: done before")
            continue
        goes_on = (comparison.folder_of(compared) / "last.pt").is_file()
        say(f"{name}: {'goes on' if goes_on else 'begins'}")
        try:
            results[name] = _result(compared, chosen, comparison, say)
        except (InterruptedJob, OptionsError):
            raise
        except PhotochromError as error:  # the other recipes can still be compared
            results[name] = {"name": name, "error": str(error)}
            say(f"{name}: {error}")
            continue
        say(f"{name}: ab RMSE {results[name]['scores']['ab_rmse']:.2f}")
    return [results[compared.name] for compared in chosen]


def check(chosen: Sequence[ComparedRecipe]) -> None:
    """Raises `OptionsError` where two recipes have one name, or an ensemble lacks a member."""
    names = [compared.name for compared in chosen]
    for name in names:
        if names.count(name) > 1:
            raise OptionsError(f"two recipes are called {name}", remedy="rename one of them")
    for recipe in (compared.recipe for compared in chosen):
        for member in _members(recipe):
            if member not in names:
                raise OptionsError(
                    f"its member {member} is not compared",
                    file=recipe.name,
                    remedy=f"name the recipe {member} too",
                )


def _members(recipe: Recipe) -> list[str]:
    """Returns the names of an ensemble's members, which are recipes; [] for other networks."""
    if recipe.network != "ensemble":
        return []
    return [Path(member).name for member in recipe.network_settings["members"]]


def _result(
    compared: ComparedRecipe,
    chosen: Sequence[ComparedRecipe],
    comparison: ComparisonSetup,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Trains, exports and evaluates one recipe; writes its result and returns it."""
    recipe, conditions = compared.recipe, compared.conditions
    folder = comparison.folder_of(compared)
    members = [comparison.folder_of(other) for other in chosen if other.name in _members(recipe)]
    if members:
        costs = _costs_of_members(members)
    else:
        costs = _train(recipe, conditions, folder, comparison, say)
    model = _export(recipe, folder, members)
    extended = ExtendedMeasures(RequestedMeasures(realism=comparison.realism))
    scores = evaluate(
        EvaluatedModel(model),
        comparison.judge,
        short_side=conditions.short_side,
        measures=(extended.add,),
    )
    own = {} if members else own_picture(folder, comparison.judge, conditions.short_side)
    result = plain(
        {
            "name": compared.name,
            "network": recipe.network,
            "commit": commit(),
            "terms": asdict(conditions),
            "model_file": str(model),
            **costs,
            "scores": {**scores, **extended.result(), **own},
            "histograms": extended.histograms(),
        }
    )
    write_file(folder / "result.json", json.dumps(result).encode())
    return result


def _train(
    recipe: Recipe,
    conditions: Conditions,
    folder: Path,
    comparison: ComparisonSetup,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Trains a recipe, or goes on with its training; returns what it cost, and its curve.

    Raises `InterruptedJob` where the training was stopped and saved.
    """
    adapted = under_conditions(recipe, conditions)
    with PeakMemory() as peak:
        run(
            adapted,
            comparison.data,
            folder,
            cache=comparison.cache,
            steps=conditions.steps,
            pictures=conditions.pictures,
            budget_seconds=conditions.budget_seconds,
            resume=(folder / "last.pt").is_file(),
            workers=comparison.workers,
            say=say,
        )
    last = load_checkpoint(folder / "last.pt")
    if last["progress"] < 1:  # at SIGTERM the trainer saves and returns before the end
        raise InterruptedJob("stopped and saved", file=folder, remedy="give the same command again")
    net = network_of(checkpoint_of(folder))
    return {
        "parameters": sum(tensor.numel() for tensor in net.parameters()),
        "steps": last["step"],
        "pictures": round(last["step"] * adapted.train.pictures_a_step),
        "minutes": last["elapsed"] / 60,
        "memory_mb": peak.megabytes,
        **_curve(folder / "log.jsonl"),
    }


def under_conditions(recipe: Recipe, conditions: Conditions) -> Recipe:
    """Returns the recipe with the conditions: seed, clock, validations, side and crops."""
    clock = "cpu" if conditions.cpu_time else "wall"
    train, data = replace(recipe.train, seed=conditions.seed, clock=clock), recipe.data
    if conditions.budget_seconds:
        train = replace(train, validate_minutes=conditions.budget_seconds / 60 / CURVE_POINTS)
    if side := conditions.crop or conditions.side:
        train = replace(train, sizes=((side, max(count for _, count in train.sizes)),))
    if conditions.short_side:
        data = replace(data, short_side=conditions.short_side)
    steps = train.steps_for(conditions.pictures) if conditions.pictures else conditions.steps
    if steps:
        train = replace(train, validate_steps=max(1, steps // CURVE_POINTS))
    # Recipes without validation get it too, so that all learn from the same pictures.
    return replace(recipe, train=train, data=replace(data, validation=VALIDATION_PICTURES))


def _curve(log: Path) -> dict[str, Any]:
    """Returns, from a log, the validations as [minutes, step, score], and the median speed.

    The score is the ab RMSE at the true chroma; the speed is in pictures a second.
    """
    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    # A run that was killed and resumed has its last steps twice: the later row replaces the first.
    validations = {
        row["step"]: [row["minutes"], row["step"], row["score"]] for row in rows if "score" in row
    }
    speeds = sorted(row["pictures_per_second"] for row in rows if "pictures_per_second" in row)
    return {
        "curve": [validations[step] for step in sorted(validations)],
        "pictures_per_second": speeds[len(speeds) // 2] if speeds else None,
    }


def _costs_of_members(members: Sequence[Path]) -> dict[str, Any]:
    """Returns the cost of an ensemble: the sums of those of its members.

    Raises `PhotochromError` where a member has no result.
    """
    results = []
    for member in members:
        path = member / "result.json"
        if not path.is_file():
            raise PhotochromError("this member of the ensemble has no result", file=member.name)
        results.append(json.loads(path.read_text(encoding="utf-8")))
    total = {
        key: sum(r[key] for r in results) for key in ("parameters", "steps", "pictures", "minutes")
    }
    return {**total, "memory_mb": None, "curve": [], "pictures_per_second": None}


def _export(recipe: Recipe, folder: Path, members: Sequence[Path]) -> Path:
    """Writes the model file of a run, or of an ensemble of the runs `members`."""
    path = folder / "model.onnx"
    if not members:
        return export_run(folder, path)
    net = built("ensemble", {**recipe.network_settings, "members": list(members)})
    name = recipe.model.name or f"photochrom-{recipe.name}"
    history = f"ensemble of {', '.join(_members(recipe))}; commit {commit()}"
    about = About(
        name, recipe.model.version, recipe.model.license, recipe.model.side, f"# {name}", history
    )
    return export(net, path, about)
