"""Reads lists of recipes to compare: TOML files with groups that have budgets.

In the time in which a large network learns from ten thousand pictures, a small one learns from
sixty thousand. With a list, one command trains both for as long as each needs.

    [[group]]
    recipes = ["compact_cnn", "own/recipe.toml"]
    pictures = 60_000

The other keys of a group are `steps`, `budget` ("20m"), `seed`, and `crop`, the side of the crops
in px. For keys that a group does not have, the options of the command are used.
"""

from dataclasses import dataclass
from pathlib import Path

from core.errors import OptionsError, nearest
from train.command_options import parse_time
from train.recipe_files import read_toml, recipe_file

#: Folder of the lists that come with the program.
LISTS = Path(__file__).parent / "comparisons"
#: Types of the keys of a group, besides `recipes`.
_KINDS = {"pictures": int, "steps": int, "budget": str, "seed": int, "crop": int}
#: Keys for the length of the training, of which a group has at most one.
BUDGETS = ("pictures", "steps", "budget")


@dataclass(frozen=True, slots=True)
class RecipeGroup:
    """Recipes with the same conditions; None for keys that the list does not have."""

    recipes: tuple[Path, ...]
    pictures: int | None = None
    steps: int | None = None
    budget_seconds: float | None = None
    seed: int | None = None
    crop: int | None = None


def list_file(name: str) -> Path:
    """Returns the path of a list: the program's list of that name, else the file of that name."""
    file = LISTS / f"{name}.toml"
    return file if not Path(name).suffix and file.is_file() else Path(name)


def read_list(path: Path) -> list[RecipeGroup]:
    """Returns the groups of the list in a file; raises `OptionsError`.

    Recipes are files in the folder of the list, or names of the program's recipes.
    """
    table = read_toml(path)
    _check_keys(table, ("group",), path)
    groups = table.get("group")
    if not isinstance(groups, list) or not groups:
        raise OptionsError("has no [[group]]", file=path, remedy='write one with recipes = ["..."]')
    return [_group(group, path) for group in groups]


def _group(table: dict, path: Path) -> RecipeGroup:
    """Returns the group of a `[[group]]` table."""
    _check_keys(table, ("recipes", *_KINDS), path)
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
    """Returns the file of a recipe: in the folder of the list, else as `recipe_file` finds it."""
    sibling = path.parent / name
    return sibling if sibling.is_file() else recipe_file(name)


def _check_keys(table: dict, known: tuple[str, ...], path: Path) -> None:
    for key in table:
        if key not in known:
            raise OptionsError(f"unknown key {key!r}", file=path, remedy=nearest(key, list(known)))
