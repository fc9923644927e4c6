"""Weights from a file that somebody else published, under the names that they published.

`load` puts a torchvision or timm state dict (`.pth`, `.pt`, `.bin` or `.safetensors`) into a module
with the same names. Every missing or misshapen tensor is named; tensors of the file that the
module has no place for (a classifier's last layer) are left aside.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from core.errors import PhotochromError

#: So many tensors are named in one error; the rest are counted.
NAMED = 4


def load(module: nn.Module, path: str | Path) -> None:
    """Every tensor of `module` from the state dict in `path`, which must have all of them.

    Counters of batches (`num_batches_tracked`) may be absent: old files lack them, and nothing
    that is computed depends on them. Raises PhotochromError.
    """
    put(module, read(path), path)


def put(module: nn.Module, given: Mapping[str, Tensor], file: object) -> None:
    """As `load`, from tensors at hand; `file` names their origin in errors."""
    own = module.state_dict()
    needed = {name for name in own if not name.endswith("num_batches_tracked")}
    missing = [name for name in own if name in needed and name not in given]
    misshapen = [
        f"{name} ({_shape(given[name])}, wanted {_shape(own[name])})"
        for name in own
        if name in given and given[name].shape != own[name].shape
    ]
    problems = [
        f"{word} {_listed(names)}"
        for word, names in (("lacks", missing), ("has misshapen", misshapen))
        if names
    ]
    if problems:
        raise PhotochromError(
            " and ".join(problems),
            file=file,
            remedy=f"give a state dict of {type(module).__name__} as torchvision or timm name it",
        )
    module.load_state_dict({k: given.get(k, v) for k, v in own.items()})


def read(path: str | Path) -> dict[str, Tensor]:
    """The state dict in a file; also one that is wrapped as `state_dict` in a larger checkpoint."""
    path = Path(path)
    if not path.is_file():
        raise PhotochromError(
            "no such file of weights", file=path, remedy="correct `pretrained`, or leave it out"
        )
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # both readers raise half a dozen types on damaged files
        raise PhotochromError(f"no weights could be read ({error})", file=path) from error
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict):
        raise PhotochromError("holds no state dict", file=path)
    return {str(name): value for name, value in state.items() if isinstance(value, Tensor)}


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a scalar"
