"""A trained network from the checkpoint that a run left."""

import tomllib
from pathlib import Path
from typing import Any

from torch import nn

from core.errors import PhotochromError
from core.learn.nets import NETS, build
from core.learn.trainer import load_checkpoint


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
            f"made with a network {name!r} that this program lacks", file=path,
            remedy="use the program that wrote it",
        )  # fmt: skip
    net = build(name, **settings)
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
