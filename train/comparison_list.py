"""A list of recipes to compare, as a TOML file: groups with budgets of their own.

A small network sees sixty thousand pictures in the time in which a large one sees ten: a list says
so in one place, and one command trains all of them.

    [[group]]
    recipes = ["compact_cnn", "own/recipe.toml"]
    pictures = 60_000

Other keys of a group are `steps`, `budget` ("20m"), `seed`, and `crop`, the side in px of the crops
that it learns from; what it does not say is the command's. Raises OptionsError.
"""

from dataclasses import dataclass
from pathlib import Path

from core.errors import OptionsError, nearest
from train.command_options import parse_time
from train.recipe_files import read_toml, recipe_file

#: Lists that come with the program.
LISTS = Path(__file__).parent / "comparisons"
_KINDS = {"pictures": int, "steps": int, "budget": str, "seed": int, "crop": int}
BUDGETS = ("pictures", "steps", "budget")


@dataclass(frozen=True, slots=True)
class RecipeGroup:
    """Recipes with the same terms; None where the list says nothing."""

    recipes: tuple[Path, ...]
    pictures: int | None = None
    steps: int | None = None
    budget_seconds: float | None = None
    seed: int | None = None
    crop: int | None = None


def list_file(name: str) -> Path:
    """The file of that name, or the list of that name that comes with the program."""
    own = LISTS / f"{name}.toml"
    return own if not Path(name).suffix and own.is_file() else Path(name)


def read_list(path: Path) -> list[RecipeGroup]:
    """The groups of the list in a file; recipes are files beside it, or the program's by name."""
    table = read_toml(path)
    _known(table, ("group",), path)
    groups = table.get("group")
    if not isinstance(groups, list) or not groups:
        raise OptionsError("has no [[group]]", file=path, remedy='write one with recipes = ["..."]')
    return [_group(group, path) for group in groups]


def _group(table: dict, path: Path) -> RecipeGroup:
    _known(table, ("recipes", *_KINDS), path)
    names = table.pop("recipes", None)
    if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
        raise OptionsError(
            f"recipes is {names!r}", file=path, remedy='name some: recipes = ["compact_cnn"]'
        )
    for key, value in table.items():
        if type(value) is not _KINDS[key] or (_KINDS[key] is int and value < 1):
            raise OptionsError(f"{key} is {value!r}", file=path, remedy="give 1 or more, or a time")
    if sum(key in table for key in BUDGETS) > 1:
        raise OptionsError(
            f"a group has more than one of {', '.join(BUDGETS)}", file=path, remedy="keep one"
        )
    budget = table.pop("budget", None)
    seconds = None if budget is None else parse_time(budget)
    files = tuple(_file(name, path) for name in names)
    return RecipeGroup(files, budget_seconds=seconds, **table)


def _file(name: str, path: Path) -> Path:
    beside = path.parent / name
    return beside if beside.is_file() else recipe_file(name)


def _known(table: dict, known: tuple[str, ...], path: Path) -> None:
    for key in table:
        if key not in known:
            raise OptionsError(f"unknown key {key!r}", file=path, remedy=nearest(key, list(known)))
