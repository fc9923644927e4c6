"""`photochrom compare`: many recipes with one budget and one seed, on the same pictures.

Each recipe leaves a folder with its run, its model file and `result.json`, which is there once it
is whole; a comparison that was interrupted finds them, trains no finished recipe again, and goes on
from the last checkpoint of the one that it was at. The report is written from those files alone.
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

#: How often each run is validated, for its curve; and on how many pictures.
CURVE_POINTS = 6
VALIDATION_PICTURES = 24


@dataclass(frozen=True, slots=True)
class Conditions:
    """What recipes have in common: `steps`, `budget_seconds` or `pictures` to learn, and the seed.

    `side` px: all learn from crops of this size, cut from pictures of twice that short side, and
    are judged on those; None leaves the sizes to each recipe and the pictures as they are stored.
    `crop` px: learn from crops of this size, whatever the side.
    `cpu_time`: the budget is of the process' own time, fair where the machine does other work too.
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
        """px, of the pictures that crops are cut from: things are as large as in judging."""
        return 2 * self.side if self.side else None


@dataclass(frozen=True, slots=True)
class ComparedRecipe:
    """A recipe on its terms; `name` tells it from the same recipe with another seed."""

    recipe: Recipe
    terms: Conditions
    name: str


@dataclass(frozen=True, slots=True)
class ComparisonSetup:
    """On which pictures, and where the runs are kept."""

    data: Path
    judge: Path
    folder: Path
    cache: Path
    realism: bool = False
    workers: int = 0

    def folder_of(self, compared: ComparedRecipe) -> Path:
        """A recipe's own folder: another one when its text or the terms change."""
        terms = asdict(compared.terms)
        for later in ("pictures", "crop"):  # without them a folder is called as it was before
            if terms[later] is None:
                del terms[later]
        known = json.dumps([compared.recipe.text, terms, str(self.data.resolve())])
        digest = hashlib.sha256(known.encode()).hexdigest()[:8]
        return self.folder / f"{compared.recipe.name}-{digest}"


def read_groups(groups: Sequence[RecipeGroup], common: Conditions) -> list[ComparedRecipe]:
    """The recipes of all groups on their terms: the group's own, else the `common` ones.

    Raises OptionsError where a recipe has no budget.
    """
    chosen: list[ComparedRecipe] = []
    for group in groups:
        terms = terms_of(group, common)
        for path in group.recipes:
            recipe = read(path)
            if not (terms.steps or terms.budget_seconds or terms.pictures):
                raise OptionsError(
                    f"recipe {recipe.name} has no budget",
                    remedy="give --budget, --steps or --pictures, for instance --budget 10m",
                )
            name = recipe.name
            for known in (known for known in chosen if known.recipe.name == name):
                for key in ("seed", "crop"):  # of two that are the same `check` says so
                    if (value := getattr(terms, key)) != getattr(known.terms, key):
                        name = f"{recipe.name}, {key} {value}"
            chosen.append(ComparedRecipe(recipe, terms, name))
    return chosen


def terms_of(group: RecipeGroup, common: Conditions) -> Conditions:
    """The terms of a group of a list."""
    own = {"pictures": group.pictures, "steps": group.steps, "budget_seconds": group.budget_seconds}
    terms = replace(common, **own) if any(own.values()) else common
    return replace(terms, seed=group.seed or terms.seed, crop=group.crop or terms.crop)


def compare(
    chosen: Sequence[ComparedRecipe],
    comparison: ComparisonSetup,
    *,
    begin: Callable[[], None] = lambda: None,
    say: Callable[[str], None] = print,
) -> list[dict[str, Any]]:
    """The results, one a recipe, in the order given; a recipe that fails has an `error` instead.

    `begin` is called once all can be compared, before anything is trained.
    Ensembles are built last, from the runs of the recipes that their members are named after.
    Raises InterruptedJob when asked to stop: the same call goes on where this one ended.
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
        except PhotochromError as error:  # the others are still worth comparing
            results[name] = {"name": name, "error": str(error)}
            say(f"{name}: {error}")
            continue
        say(f"{name}: ab RMSE {results[name]['scores']['ab_rmse']:.2f}")
    return [results[compared.name] for compared in chosen]


def check(chosen: Sequence[ComparedRecipe]) -> None:
    """Raises OptionsError where two recipes have one name, or an ensemble lacks a member."""
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
    """Names of the recipes whose runs an ensemble is made of."""
    if recipe.network != "ensemble":
        return []
    return [Path(member).name for member in recipe.network_settings["members"]]


def _result(
    compared: ComparedRecipe,
    chosen: Sequence[ComparedRecipe],
    comparison: ComparisonSetup,
    say: Callable[[str], None],
) -> dict[str, Any]:
    own, recipe, terms = comparison.folder_of(compared), compared.recipe, compared.terms
    members = [comparison.folder_of(other) for other in chosen if other.name in _members(recipe)]
    figures = _gathered(members) if members else _trained(recipe, terms, own, comparison, say)
    model = _exported(recipe, own, members)
    thorough = ExtendedMeasures(RequestedMeasures(realism=comparison.realism))
    scores = evaluate(
        EvaluatedModel(model),
        comparison.judge,
        short_side=terms.short_side,
        also=(thorough.add,),
    )
    painted = {} if members else own_picture(own, comparison.judge, terms.short_side)
    result = plain(
        {
            "name": compared.name,
            "network": recipe.network,
            "commit": commit(),
            "terms": asdict(terms),
            "model_file": str(model),
            **figures,
            "scores": {**scores, **thorough.result(), **painted},
            "histograms": thorough.histograms(),
        }
    )
    write_file(own / "result.json", json.dumps(result).encode())
    return result


def _trained(
    recipe: Recipe,
    terms: Conditions,
    own: Path,
    comparison: ComparisonSetup,
    say: Callable[[str], None],
) -> dict[str, Any]:
    fair = on_terms(recipe, terms)
    with PeakMemory() as peak:
        run(
            fair,
            comparison.data,
            own,
            cache=comparison.cache,
            steps=terms.steps,
            pictures=terms.pictures,
            budget_seconds=terms.budget_seconds,
            resume=(own / "last.pt").is_file(),
            workers=comparison.workers,
            say=say,
        )
    last = load_checkpoint(own / "last.pt")
    if last["progress"] < 1:  # SIGTERM saves and returns: this is not the run's end
        raise InterruptedJob("stopped and saved", file=own, remedy="give the same command again")
    net = network_of(checkpoint_of(own))
    return {
        "parameters": sum(tensor.numel() for tensor in net.parameters()),
        "steps": last["step"],
        "pictures": round(last["step"] * fair.train.pictures_a_step),
        "minutes": last["elapsed"] / 60,
        "memory_mb": peak.megabytes,
        **_course(own / "log.jsonl"),
    }


def on_terms(recipe: Recipe, terms: Conditions) -> Recipe:
    """The recipe with what is the same for all: seed, looks, pictures kept out, and the side."""
    clock = "cpu" if terms.cpu_time else "wall"
    train, data = replace(recipe.train, seed=terms.seed, clock=clock), recipe.data
    if terms.budget_seconds:
        train = replace(train, validate_minutes=terms.budget_seconds / 60 / CURVE_POINTS)
    if side := terms.crop or terms.side:
        train = replace(train, sizes=((side, max(count for _, count in train.sizes)),))
    if terms.short_side:
        data = replace(data, short_side=terms.short_side)
    steps = train.steps_for(terms.pictures) if terms.pictures else terms.steps
    if steps:
        train = replace(train, validate_steps=max(1, steps // CURVE_POINTS))
    # also those that keep none out for themselves: all are to learn from the same pictures
    return replace(recipe, train=train, data=replace(data, validation=VALIDATION_PICTURES))


def _course(log: Path) -> dict[str, Any]:
    """Of a log: each look as [minutes, step, ab RMSE at the true chroma], and the median speed."""
    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    # a run that was killed has done its last steps twice: the second time counts
    looks = {
        row["step"]: [row["minutes"], row["step"], row["score"]] for row in rows if "score" in row
    }
    speeds = sorted(row["pictures_per_second"] for row in rows if "pictures_per_second" in row)
    return {
        "curve": [looks[step] for step in sorted(looks)],
        "pictures_per_second": speeds[len(speeds) // 2] if speeds else None,
    }


def _gathered(members: Sequence[Path]) -> dict[str, Any]:
    """What an ensemble took to learn: what its members took together."""
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


def _exported(recipe: Recipe, own: Path, members: Sequence[Path]) -> Path:
    path = own / "model.onnx"
    if not members:
        return export_run(own, path)
    net = built("ensemble", {**recipe.network_settings, "members": list(members)})
    name = recipe.model.name or f"photochrom-{recipe.name}"
    history = f"ensemble of {', '.join(_members(recipe))}; commit {commit()}"
    about = About(
        name, recipe.model.version, recipe.model.license, recipe.model.side, f"# {name}", history
    )
    return export(net, path, about)
