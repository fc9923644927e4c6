"""Checkpoints: written whole, read with care, and turned back into the network that they hold.

A checkpoint is a dictionary: `version`, `about` (the recipe's text, commit, command), `step`,
`elapsed`, `progress`, `best`, the tensors `net` and `average`, `optimizer`, `random`.
"""

import contextlib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from core.errors import PhotochromError
from core.learn.nets import NETS, build

#: One written by a newer program is refused.
CHECKPOINT_VERSION = 1


def save_atomically(state: dict[str, Any], path: Path) -> None:
    """A checkpoint is either the old one or the new one, whole: also on a full disk."""
    temporary = path.with_suffix(".tmp")
    try:
        with temporary.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()


def load_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint's contents; raises PhotochromError when it is missing, damaged or too new."""
    if not path.is_file():
        raise PhotochromError("no checkpoint here", file=path, remedy="train first")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        version = int(state["version"])
    except Exception as error:  # torch.load raises half a dozen types on damaged files
        raise PhotochromError(f"not a whole checkpoint ({error})", file=path) from error
    if version > CHECKPOINT_VERSION:
        raise PhotochromError(
            f"checkpoint of version {version}, this program reads {CHECKPOINT_VERSION}",
            file=path,
            remedy="use the program that wrote it",
        )
    return state


def same_recipe(saved: dict[str, Any], about: dict[str, Any], path: Path) -> None:
    """Raises PhotochromError when a checkpoint was made from another recipe."""
    if saved["about"]["recipe"] != about["recipe"]:
        raise PhotochromError(
            "was made from another recipe", file=path, remedy="use that recipe, or another --out"
        )


def random_state() -> dict[str, list[Tensor]]:
    """The states of torch's generators by kind of device: of dropout, above all."""
    state = {"cpu": [torch.get_rng_state()]}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state_all()
    return state


def set_random_state(state: dict[str, list[Tensor]] | Tensor) -> None:
    """Sets the generators as they were; GPUs that are not here any more are passed over."""
    if isinstance(state, Tensor):  # as checkpoints before photochrom 0.2 have it
        state = {"cpu": [state]}
    torch.set_rng_state(state["cpu"][0])
    if torch.cuda.is_available():
        for device, saved in enumerate(state.get("cuda", ())[: torch.cuda.device_count()]):
            torch.cuda.set_rng_state(saved, device)


def network_of(run: Path) -> nn.Module:
    """The averaged network of a checkpoint, or of a run's folder (its best, else its last).

    The checkpoint carries its recipe, and with it the network's settings; `pretrained` is not
    loaded again, since the checkpoint has every tensor. Raises PhotochromError.
    """
    path = checkpoint_of(run)
    saved = load_checkpoint(path)
    settings: dict[str, Any] = tomllib.loads(saved["about"]["recipe"])["network"]
    name = settings.pop("name")
    settings.pop("pretrained", None)
    if name not in NETS:
        raise PhotochromError(
            f"made with a network {name!r} that this program lacks",
            file=path,
            remedy="use the program that wrote it",
        )
    net = built(name, settings)
    try:
        net.load_state_dict(saved["average"])
    except RuntimeError as error:
        raise PhotochromError(f"does not fit its own recipe ({error})", file=path) from error
    return net.eval()


def checkpoint_of(run: Path) -> Path:
    """The file itself, or a folder's `best.pt`, or its `last.pt`."""
    if run.is_dir():
        best = run / "best.pt"
        return best if best.is_file() else run / "last.pt"
    return run


def built(name: str, settings: Mapping[str, Any]) -> nn.Module:
    """The network of that name with a recipe's settings, whose `members` are runs (an ensemble's).

    Raises TypeError where the settings are not the network's, PhotochromError for the members.
    """
    settings = dict(settings)
    if members := settings.get("members"):
        settings["members"] = [network_of(Path(member)) for member in members]
    return build(name, **settings)
