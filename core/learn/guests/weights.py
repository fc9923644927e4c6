"""Files of published weights: every container that their authors use, read without trust.

`read` gives the state dict of a `.pth`, `.pt`, `.bin` or `.safetensors` file whatever it is
wrapped in, `put` loads it into a guest, strictly. Pickles are read with `weights_only`: what
wants more than tensors and plain containers is refused.
"""

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from core.errors import ModelError
from core.learn.guests.folding import fold

#: Entries of a checkpoint under which authors keep the state dict.
WRAPPERS = ("params", "model", "state_dict")
#: Counters of batches may be absent, and indices that a network computes by itself may be there.
COUNTER = "num_batches_tracked"
COMPUTED = "relative_position_index"
#: So many tensors are named in one error; the rest are counted.
NAMED = 4


def put(net: nn.Module, state: Mapping[str, Tensor], file: object) -> None:
    """All tensors of the authors' state dict into `net`, which takes them over without a copy.

    Raises ModelError that names what is missing, unexpected or misshapen, or holds no number.
    """
    given = {
        name: tensor
        for name, tensor in fold(dict(state)).items()
        if not name.endswith((COUNTER, COMPUTED))
    }
    own = {k: v for k, v in net.state_dict().items() if not k.endswith(COUNTER)}
    problems = [
        ("lacks", [name for name in own if name not in given]),
        ("has unexpected", [name for name in given if name not in own]),
        (
            "has misshapen",
            [
                f"{name} ({shape_text(tensor.shape)}, wanted {shape_text(own[name].shape)})"
                for name, tensor in given.items()
                if name in own and tensor.shape != own[name].shape
            ],
        ),
    ]
    said = [f"{word} {listed(names)}" for word, names in problems if names]
    if said:
        raise ModelError(" and ".join(said), file=file, remedy="get the authors' file again")
    endless = [name for name, tensor in given.items() if not bool(tensor.isfinite().all())]
    if endless:
        raise ModelError(
            f"has values that are no numbers in {listed(endless)}",
            file=file, remedy="get the authors' file again",
        )  # fmt: skip
    net.load_state_dict({k: v.float() for k, v in given.items()}, strict=False, assign=True)


def listed(names: list[str]) -> str:
    """The first of `names`, and how many more there are."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def shape_text(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "a scalar"
