"""Reads recipes: TOML files with the tables `[model] [network] [data] [augment] [[loss]] [train]`.

`read` returns a frozen `Recipe`, in which names, keys and types are checked. An unknown key or name
or a wrong type is an `OptionsError` that names the file, the key and the nearest known one.
"""

import inspect
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import OptionsError, nearest
from train.data.augment_settings import Augment
from train.recipe_files import read_text, standing_alone, tables

T = typing.TypeVar("T")

if typing.TYPE_CHECKING:
    from core.learn.losses import Term
    from core.learn.trainer import Training


@dataclass(frozen=True, slots=True)
class DataTable:
    """The `[data]` table: which pictures are used, at which size, and how they are sampled."""

    shards: str = "*.tar"  # a glob of the tars in the data folder that are used
    sets: tuple[str, ...] = ()  # train on these sets alone; empty: on all
    short_side: int = 256  # px; larger pictures are reduced to it in the cache
    validation: int = 300  # number of pictures that are never trained on, chosen by name
    least_colour: float = 8.0  # pictures with less (sepia, gray) are left out: see `has_colour`
    set_power: float = 0.65  # a set of n pictures is drawn with probability ~ n^power x its weight
    set_weights: dict[str, float] = field(default_factory=dict)
    count: int = 0  # train on this many pictures, drawn evenly from all by `seed`; 0: on all
    seed: int = 1  # of the draw of `count` pictures


@dataclass(frozen=True, slots=True)
class ModelTable:
    """The `[model]` table: the description of the model in the exported file."""

    name: str = ""  # default: photochrom- and the recipe's name
    version: str = "1"
    license: str = "Apache-2.0"
    side: int = 256  # px: the short side at which the model works best
    coherence: float = 0.0  # how much its colours are drawn together within things, 0..1


@dataclass(frozen=True, slots=True)
class Recipe:
    """A checked recipe. `text` is the file, with all that it extends written out.

    Every checkpoint holds the text.
    """

    name: str
    text: str
    network: str
    network_settings: dict[str, Any]
    data: DataTable
    augment: Augment
    loss: "tuple[Term, ...]"
    train: "Training"
    model: ModelTable


def read(path: Path) -> Recipe:
    """Returns the recipe in a TOML file; raises `OptionsError`."""
    return parse(read_text(path), path)


def parse(text: str, path: Path) -> Recipe:
    """Returns the recipe in a TOML text; raises `OptionsError`.

    `path` is the file that errors name and after which the recipe is named; recipes in `extends`
    are searched for in its folder.
    """
    from core.learn.losses import LOSSES, Term
    from core.learn.nets import NETS, class_of
    from core.learn.starts import STARTS
    from core.learn.trainer import OPTIMIZERS, SCHEDULES, Training

    table = tables(text, path)
    _check_keys(table, ("model", "network", "data", "augment", "loss", "train"), "", path)

    network = dict(table.get("network", {}))
    name = network.pop("name", None)
    _check_name(name, NETS, "network.name", path)
    network = _settings(class_of(name), network, path)
    loss = []
    for term in table.get("loss", []):
        parameters = dict(term)
        loss_name, weight = parameters.pop("name", None), parameters.pop("weight", 1.0)
        _check_name(loss_name, LOSSES, "loss.name", path)
        keys = [
            p.name
            for p in inspect.signature(LOSSES[loss_name]).parameters.values()
            if p.kind is inspect.Parameter.KEYWORD_ONLY
        ]
        _check_keys(parameters, keys, f"loss {loss_name}: ", path)
        loss.append(Term(loss_name, float(weight), parameters))
    training = _table(Training, table.get("train", {}), "train", path)
    for key, names in (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES), ("start", STARTS)):
        _check_name(getattr(training, key), names, f"train.{key}", path)
    return Recipe(
        path.stem,
        standing_alone(text, path),
        name,
        network,
        _table(DataTable, table.get("data", {}), "data", path),
        _table(Augment, table.get("augment", {}), "augment", path),
        tuple(loss),
        training,
        _table(ModelTable, table.get("model", {}), "model", path),
    )


def _settings(network: type, table: dict[str, Any], path: Path) -> dict[str, Any]:
    """Returns the keys of `[network]`, checked against the types of the constructor's arguments."""
    hints = typing.get_type_hints(network.__init__)
    hints.pop("return", None)
    _check_keys(table, list(hints), "[network] ", path)
    checked = {}
    for key, value in table.items():
        is_plain = hints[key] in (bool, int, float, str) or typing.get_origin(hints[key]) is tuple
        checked[key] = _typed(value, hints[key], f"network.{key}", path) if is_plain else value
    for key, parameter in inspect.signature(network.__init__).parameters.items():
        if key != "self" and parameter.default is parameter.empty and key not in table:
            raise OptionsError(f"[network] has no {key}", file=path, remedy=f"give its {key}")
    return checked


def _check_name(value: Any, known: typing.Iterable[str], key: str, path: Path) -> None:
    """Raises `OptionsError` where the value of a key is not one of the known names."""
    if value not in known:
        raise OptionsError(
            f"unknown {key} {value!r}", file=path, remedy=nearest(str(value), list(known))
        )


def _check_keys(table: dict[str, Any], known: typing.Iterable[str], where: str, path: Path) -> None:
    """Raises `OptionsError` for an unknown key; `where` is the beginning of its message."""
    for key in table:
        if key not in known:
            raise OptionsError(
                f"{where}unknown key {key!r}", file=path, remedy=nearest(key, list(known))
            )


def _table(kind: type[T], table: dict[str, Any], where: str, path: Path) -> T:
    """Returns a table as an instance of the dataclass `kind`."""
    hints = typing.get_type_hints(kind)
    _check_keys(table, hints, f"[{where}] ", path)
    return kind(**{k: _typed(v, hints[k], f"{where}.{k}", path) for k, v in table.items()})


def _typed(value: Any, kind: Any, key: str, path: Path) -> Any:
    """Returns a TOML value as an instance of `kind`; lists become tuples, and integers floats.

    Raises `OptionsError` for a value of another type.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple and isinstance(value, list):
        if arguments[-1] is Ellipsis:
            return tuple(_typed(item, arguments[0], key, path) for item in value)
        if len(value) == len(arguments):
            pairs = zip(value, arguments, strict=True)
            return tuple(_typed(item, argument, key, path) for item, argument in pairs)
    elif origin is dict and isinstance(value, dict):
        return {k: _typed(v, arguments[1], f"{key}.{k}", path) for k, v in value.items()}
    elif kind is float and type(value) in (int, float):
        return float(value)
    elif isinstance(kind, type) and type(value) is kind:
        return value
    raise OptionsError(f"{key} is {value!r}, wanted {_name(kind)}", file=path)


def _name(kind: Any) -> str:
    """Returns the name of a type for messages."""
    return str(kind) if isinstance(kind, types.GenericAlias) else kind.__name__
