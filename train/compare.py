"""`photochrom compare`: many recipes with one budget and one seed, on the same pictures.

Each recipe leaves a folder with its run, its model file and `result.json`; a comparison that was
interrupted finds them and goes on. The report is written from those files alone.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from core.errors import InterruptedJob, OptionsError, PhotochromError
from core.learn.checkpoint import built, checkpoint_of, load_checkpoint, network_of
from core.learn.export import About, export
from core.learn.trainer import Training
from train.evaluate import EvaluatedModel, evaluate
from train.export import export_run
from train.extended_measures import ExtendedMeasures, RequestedMeasures
from train.peak_memory import PeakMemory
from train.recipe import Recipe, read
from train.report import plain
from train.run import commit, run

#: How often each run is validated, for its curve; and on how many pictures.
CURVE_POINTS = 6
VALIDATION_PICTURES = 24


@dataclass(frozen=True, slots=True)
class Conditions:
    """What all recipes have in common: `steps` or `budget_seconds` to learn, and the seed.

    `side` px: all learn from crops of this size, cut from pictures of twice that short side, and
    are judged on those; None leaves the sizes to each recipe and the pictures as they are stored.
    `cpu_time`: the budget is of the process' own time, fair where the machine does other work too.
    """

    steps: int | None
    budget_seconds: float | None
    seed: int = 1
    side: int | None = None
    cpu_time: bool = False

    @property
    def short_side(self) -> int | None:
        """px, of the pictures that crops are cut from: things are as large as in judging."""
        return 2 * self.side if self.side else None


@dataclass(frozen=True, slots=True)
class ComparisonSetup:
    """On which pictures, on which terms, and where the runs are kept."""

    data: Path
    judge: Path
    folder: Path
    cache: Path
    terms: Conditions
    realism: bool = False
    workers: int = 0

    def folder_of(self, recipe: Recipe) -> Path:
        """A recipe's own folder: another one when its text or the terms change."""
        known = json.dumps([recipe.text, asdict(self.terms), str(self.data.resolve())])
        return self.folder / f"{recipe.name}-{hashlib.sha256(known.encode()).hexdigest()[:8]}"


def compare(
    recipes: Sequence[Path], comparison: ComparisonSetup, *, say: Callable[[str], None] = print
) -> list[dict[str, Any]]:
    """The results, one a recipe, in the order given; a recipe that fails has an `error` instead.

    Ensembles are built last, from the runs of the recipes that their members are named after.
    Raises InterruptedJob when asked to stop: the same call goes on where this one ended.
    """
    chosen = [read(path) for path in recipes]
    check(chosen)
    results: dict[str, dict[str, Any]] = {}
    for recipe in sorted(chosen, key=lambda recipe: recipe.network == "ensemble"):
        kept = comparison.folder_of(recipe) / "result.json"
        if kept.is_file():
            results[recipe.name] = json.loads(kept.read_text(encoding="utf-8"))
            say(f"{recipe.name}: done before")
            continue
        say(f"{recipe.name}: begins")
        try:
            results[recipe.name] = _result(recipe, chosen, comparison, say)
        except (InterruptedJob, OptionsError):
            raise
        except PhotochromError as error:  # the others are still worth comparing
            results[recipe.name] = {"name": recipe.name, "error": str(error)}
            say(f"{recipe.name}: {error}")
            continue
        say(f"{recipe.name}: ab RMSE {results[recipe.name]['scores']['ab_rmse']:.2f}")
    return [results[recipe.name] for recipe in chosen]


def check(recipes: Sequence[Recipe]) -> None:
    """Raises OptionsError where two recipes have one name, or an ensemble lacks a member."""
    names = [recipe.name for recipe in recipes]
    for name in names:
        if names.count(name) > 1:
            raise OptionsError(f"two recipes are called {name}", remedy="rename one of them")
    for recipe in recipes:
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
    recipe: Recipe,
    chosen: Sequence[Recipe],
    comparison: ComparisonSetup,
    say: Callable[[str], None],
) -> dict[str, Any]:
    own = comparison.folder_of(recipe)
    members = [comparison.folder_of(r) for r in chosen if r.name in _members(recipe)]
    figures = _gathered(members) if members else _trained(recipe, own, comparison, say)
    model = _exported(recipe, own, members)
    thorough = ExtendedMeasures(RequestedMeasures(realism=comparison.realism))
    scores = evaluate(
        EvaluatedModel(model),
        comparison.judge,
        short_side=comparison.terms.short_side,
        also=(thorough.add,),
    )
    result = plain(
        {
            "name": recipe.name,
            "network": recipe.network,
            "commit": commit(),
            "terms": asdict(comparison.terms),
            "model_file": str(model),
            **figures,
            "scores": {**scores, **thorough.result()},
            "histograms": thorough.histograms(),
        }
    )
    temporary = own / "result.json.tmp"
    temporary.write_text(json.dumps(result), encoding="utf-8")
    temporary.replace(own / "result.json")
    return result


def _trained(
    recipe: Recipe, own: Path, comparison: ComparisonSetup, say: Callable[[str], None]
) -> dict[str, Any]:
    terms = comparison.terms
    fair = on_terms(recipe, terms)
    with PeakMemory() as peak:
        run(
            fair,
            comparison.data,
            own,
            cache=comparison.cache,
            steps=terms.steps,
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
        "pictures": round(last["step"] * pictures_a_step(fair.train)),
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
    if terms.steps:
        train = replace(train, validate_steps=max(1, terms.steps // CURVE_POINTS))
    if terms.short_side:
        largest = max(count for _, count in train.sizes)
        train = replace(train, sizes=((terms.short_side // 2, largest),))
        data = replace(data, short_side=terms.short_side)
    # also those that keep none out for themselves: all are to learn from the same pictures
    return replace(recipe, train=train, data=replace(data, validation=VALIDATION_PICTURES))


def pictures_a_step(train: Training) -> float:
    """How many pictures a step learns from, on average over the sizes that it may draw."""
    counts = [count for _, count in train.sizes]
    return train.accumulate * sum(counts) / len(counts)


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
