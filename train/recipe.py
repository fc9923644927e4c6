"""A run in one TOML file: `[model] [network] [data] [augment] [[loss]] [train]`.

`read` answers with a frozen `Recipe`, checked before anything starts; an unknown key, a wrong type
or a value that cannot be is an OptionsError that names the file, the key and the nearest known one.
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
    """The `[data]` table: which pictures, at which size, drawn how."""

    shards: str = "*.tar"
    sets: tuple[str, ...] = ()  # only these; empty: all
    short_side: int = 256  # px; larger pictures are reduced to it in the cache
    validation: int = 300  # pictures kept out by their names' hash, never trained on
    least_colour: float = 8.0  # pictures whose colours spread less (sepia, gray) are left out
    set_power: float = 0.65  # a set of n pictures is drawn with probability ~ n^power x its weight
    set_weights: dict[str, float] = field(default_factory=dict)
    count: int = 0  # train on so many pictures alone, drawn evenly from all by `seed`; 0: on all
    seed: int = 1  # of that draw


@dataclass(frozen=True, slots=True)
class ModelTable:
    """The `[model]` table: what the exported file says of itself."""

    name: str = ""  # default: photochrom- and the recipe's name
    version: str = "1"
    license: str = "Apache-2.0"
    side: int = 256  # px: the short side that suits it best
    coherence: float = 0.0  # how much its colours are drawn together within things, 0..1


@dataclass(frozen=True, slots=True)
class Recipe:
    """One run. `text` is the file as it was read, with all that it extends written out: it goes
    into every checkpoint."""

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
    """The recipe in a TOML file."""
    return parse(read_text(path), path)


def parse(text: str, path: Path) -> Recipe:
    """The recipe in a TOML text; `path` names it in errors, gives its name, and is where the
    recipes that it `extends` are looked for."""
    from core.learn.losses import LOSSES, Term
    from core.learn.nets import NETS, class_of
    from core.learn.starts import STARTS
    from core.learn.trainer import OPTIMIZERS, SCHEDULES, Training

    table = tables(text, path)
    _known(table, ("model", "network", "data", "augment", "loss", "train"), "", path)

    network = dict(table.get("network", {}))
    name = network.pop("name", None)
    _one_of(name, NETS, "network.name", path)
    network = _settings(class_of(name), network, path)
    loss = []
    for term in table.get("loss", []):
        parameters = dict(term)
        loss_name, weight = parameters.pop("name", None), parameters.pop("weight", 1.0)
        _one_of(loss_name, LOSSES, "loss.name", path)
        known = [
            p.name
            for p in inspect.signature(LOSSES[loss_name]).parameters.values()
            if p.kind is inspect.Parameter.KEYWORD_ONLY
        ]
        _known(parameters, known, f"loss {loss_name}: ", path)
        loss.append(Term(loss_name, float(weight), parameters))
    training = _table(Training, table.get("train", {}), "train", path)
    for key, known in (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES), ("start", STARTS)):
        _one_of(getattr(training, key), known, f"train.{key}", path)
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
    """The keys of `[network]`, checked against the constructor's arguments and their types."""
    hints = typing.get_type_hints(network.__init__)
    hints.pop("return", None)
    _known(table, list(hints), "[network] ", path)
    checked = {}
    for key, value in table.items():
        plain = hints[key] in (bool, int, float, str) or typing.get_origin(hints[key]) is tuple
        checked[key] = _typed(value, hints[key], f"network.{key}", path) if plain else value
    for key, parameter in inspect.signature(network.__init__).parameters.items():
        if key != "self" and parameter.default is parameter.empty and key not in table:
            raise OptionsError(f"[network] has no {key}", file=path, remedy=f"say its {key}")
    return checked


def _one_of(value: Any, known: typing.Iterable[str], key: str, path: Path) -> None:
    if value not in known:
        raise OptionsError(
            f"unknown {key} {value!r}", file=path, remedy=nearest(str(value), list(known))
        )


def _known(table: dict[str, Any], known: typing.Iterable[str], where: str, path: Path) -> None:
    for key in table:
        if key not in known:
            raise OptionsError(
                f"{where}unknown key {key!r}", file=path, remedy=nearest(key, list(known))
            )


def _table(kind: type[T], table: dict[str, Any], where: str, path: Path) -> T:
    hints = typing.get_type_hints(kind)
    _known(table, hints, f"[{where}] ", path)
    return kind(**{k: _typed(v, hints[k], f"{where}.{k}", path) for k, v in table.items()})


def _typed(value: Any, kind: Any, key: str, path: Path) -> Any:
    """A TOML value as the dataclass wants it; TOML has no tuples and writes 1 for 1.0."""
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
    return str(kind) if isinstance(kind, types.GenericAlias) else kind.__name__
