"""Recipes as files: where they lie, and how one takes over another (`extends = "other.toml"`).

`tables` answers with a recipe's tables, its own laid over those that it extends; `files` with every
file that was read for them; `standing_alone` with one TOML text that needs no other file.
"""

import json
import tomllib
from pathlib import Path
from typing import Any

from core.errors import OptionsError

RECIPES = Path(__file__).parent / "recipes"
#: The key of a recipe that names the one it takes over.
EXTENDS = "extends"


def recipe_file(name: str) -> Path:
    """The file of that name, or the recipe of that name that comes with the program."""
    given, own = Path(name), RECIPES / f"{name}.toml"
    return own if not given.suffix and own.is_file() else given


def files(path: Path) -> list[Path]:
    """The recipe in `path`, then that which it extends, and so on; raises OptionsError."""
    return [file for file, _ in _chain(path, read_text(path))]


def tables(text: str, path: Path) -> dict[str, Any]:
    """The tables of a recipe's text: its own over those of the file that it extends.

    Tables are merged key by key, everything else (lists too) is replaced. `path` is where the text
    comes from: a name in `extends` is of a file beside it, or of a recipe of the program.
    """
    merged: dict[str, Any] = {}
    for _, table in reversed(_chain(path, text)):
        merged = _over(merged, table)
    merged.pop(EXTENDS, None)
    return merged


def standing_alone(text: str, path: Path) -> str:
    """The recipe as a text that extends nothing: as it is, or its tables written out."""
    if EXTENDS not in _parsed(text, path):
        return text
    lines = (f"{json.dumps(key)} = {_toml(value)}" for key, value in tables(text, path).items())
    return f"# {path.name}, with all that it extends\n" + "\n".join(lines) + "\n"


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a file; raises OptionsError where it cannot be read or is not TOML."""
    return _parsed(read_text(path), path)


def _chain(path: Path, text: str) -> list[tuple[Path, dict[str, Any]]]:
    """Each file and its tables, from the recipe itself to the one that extends nothing."""
    chain = [(path, _parsed(text, path))]
    seen = [path.resolve()]
    while (base := chain[-1][1].get(EXTENDS)) is not None:
        here = chain[-1][0]
        if not isinstance(base, str):
            raise OptionsError(f"{EXTENDS} is {base!r}, wanted the name of a recipe", file=here)
        file = _base_of(here, base)
        if file.resolve() in seen:
            raise OptionsError(
                f"{EXTENDS} {base!r} leads back to it", file=here, remedy="end the circle"
            )
        seen.append(file.resolve())
        chain.append((file, _parsed(read_text(file), file)))
    return chain


def _base_of(path: Path, name: str) -> Path:
    beside = path.parent / name
    file = beside if beside.is_file() else recipe_file(name)
    if not file.is_file():
        raise OptionsError(
            f"{EXTENDS} {name!r}, which is neither a file beside it nor a recipe of the program",
            file=path,
            remedy="correct the name",
        )
    return file


def read_text(path: Path) -> str:
    """The text of a recipe; raises OptionsError where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise OptionsError(f"cannot be read ({error.strerror})", file=path) from error
    except UnicodeDecodeError as error:
        raise OptionsError("is no text", file=path, remedy="give a recipe in TOML") from error


def _parsed(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise OptionsError(f"is not TOML ({error})", file=path) from error


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        if isinstance(value, dict) and isinstance(under, dict):
            value = _over(under, value)
        merged[key] = value
    return merged


def _toml(value: Any) -> str:
    """A value as TOML has it: as JSON does, but for tables and numbers without end."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return repr(value) if isinstance(value, float) else json.dumps(value, default=str)
