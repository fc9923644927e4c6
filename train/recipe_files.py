"""Reads the files of recipes, and merges a recipe with the one that it `extends`.

`tables` returns the merged tables, `files` the files that they come from, and `standing_alone` one
TOML text with all of them, which needs no other file.
"""

import json
import tomllib
from pathlib import Path
from typing import Any

from core.errors import OptionsError

#: Folder of the recipes that come with the program.
RECIPES = Path(__file__).parent / "recipes"
#: The key of a recipe that names the recipe with which it is merged.
EXTENDS = "extends"


def recipe_file(name: str) -> Path:
    """Returns the path of the program's recipe of that name, else of the file of that name."""
    file = RECIPES / f"{name}.toml"
    return file if not Path(name).suffix and file.is_file() else Path(name)


def files(path: Path) -> list[Path]:
    """Returns `path`, the file that its recipe extends, and so on; raises `OptionsError`."""
    return [file for file, _ in _chain(path, read_text(path))]


def tables(text: str, path: Path) -> dict[str, Any]:
    """Returns the tables of the text of a recipe, merged with those of the file that it extends.

    Tables are merged key by key; other values, and lists, are replaced. `path` is the file of the
    text: a name in `extends` is that of a file in its folder, or of a recipe of the program. Raises
    `OptionsError`.
    """
    merged: dict[str, Any] = {}
    for _, table in reversed(_chain(path, text)):
        merged = _merged(merged, table)
    merged.pop(EXTENDS, None)
    return merged


def standing_alone(text: str, path: Path) -> str:
    """Returns a TOML text with the same tables that extends nothing: `text`, if it does not."""
    if EXTENDS not in _parsed(text, path):
        return text
    lines = (f"{json.dumps(key)} = {_toml(value)}" for key, value in tables(text, path).items())
    return f"# {path.name}, with all that it extends\n" + "\n".join(lines) + "\n"


def read_toml(path: Path) -> dict[str, Any]:
    """Returns the tables of a TOML file; raises `OptionsError` where it cannot be read."""
    return _parsed(read_text(path), path)


def _chain(path: Path, text: str) -> list[tuple[Path, dict[str, Any]]]:
    """Returns each file with its tables, from the recipe to the last one, which extends nothing."""
    chain = [(path, _parsed(text, path))]
    resolved = [path.resolve()]
    while (base := chain[-1][1].get(EXTENDS)) is not None:
        extending = chain[-1][0]
        if not isinstance(base, str):
            raise OptionsError(
                f"{EXTENDS} is {base!r}, wanted the name of a recipe", file=extending
            )
        file = _base_of(extending, base)
        if file.resolve() in resolved:
            raise OptionsError(
                f"{EXTENDS} {base!r} leads back to it", file=extending, remedy="end the circle"
            )
        resolved.append(file.resolve())
        chain.append((file, _parsed(read_text(file), file)))
    return chain


def _base_of(path: Path, name: str) -> Path:
    """Returns the file that the recipe in `path` extends; raises `OptionsError`."""
    sibling = path.parent / name
    file = sibling if sibling.is_file() else recipe_file(name)
    if not file.is_file():
        raise OptionsError(
            f"{EXTENDS} {name!r}, which is neither a file beside it nor a recipe of the program",
            file=path,
            remedy="correct the name",
        )
    return file


def read_text(path: Path) -> str:
    """Returns the text of a recipe; raises `OptionsError` where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise OptionsError(f"cannot be read ({error.strerror})", file=path) from error
    except UnicodeDecodeError as error:
        raise OptionsError(
            "is not a text file", file=path, remedy="give a recipe in TOML"
        ) from error


def _parsed(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise OptionsError(f"is not TOML ({error})", file=path) from error


def _merged(base: dict[str, Any], table: dict[str, Any]) -> dict[str, Any]:
    """Returns `base` with the values of `table`; tables in both are merged the same way."""
    merged = dict(base)
    for key, value in table.items():
        base_value = base.get(key)
        if isinstance(value, dict) and isinstance(base_value, dict):
            value = _merged(base_value, value)
        merged[key] = value
    return merged


def _toml(value: Any) -> str:
    """Returns a value in TOML, which differs from JSON in tables and in infinite numbers."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return repr(value) if isinstance(value, float) else json.dumps(value, default=str)
