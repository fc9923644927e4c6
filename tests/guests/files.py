"""Files of weights as their authors publish them, with tensors that a rule fills."""

import json
from functools import cache
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
    return {k: torch.from_numpy(v) for k, v in fill.fill_state(network, shapes(network)).items()}


def empty(network: str) -> dict[str, Tensor]:
    """Tensors of the authors' names and shapes that take no memory and hold nothing."""
    return {k: torch.empty(shape, device="meta") for k, shape in shapes(network).items()}
