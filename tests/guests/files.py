"""Files of weights as their authors publish them, with tensors that a rule fills."""

import json
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tests.guests import fill

RECORDS = Path(__file__).parent / "records"


def record(network: str) -> dict[str, Any]:
    """The recorded answer of the published network of that name."""
    with np.load(RECORDS / f"parity-{network}-case1.npz") as file:
        return dict(file)


@cache
def shapes(network: str) -> dict[str, list[int]]:
    """Name -> shape of each tensor in the authors' file."""
    return json.loads(str(record(network)["shapes"]))


def filled(network: str) -> dict[str, Tensor]:
    """The authors' state dict; what networks compute by themselves is left out."""
    return {name: torch.from_numpy(array.copy()) for name, array in _arrays(network).items()}


@lru_cache(maxsize=1)
def _arrays(network: str) -> dict[str, np.ndarray]:
    return fill.fill_state(network, shapes(network))


def empty(network: str) -> dict[str, Tensor]:
    """Tensors of the authors' names and shapes that take no memory and hold nothing."""
    return {k: torch.empty(shape, device="meta") for k, shape in shapes(network).items()}
