"""Recognises a published network by the names and shapes of its tensors, never by a file's name."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from core.errors import ModelError
from core.learn.guests import GUESTS, build
from core.learn.guests.catalogue import FILES, Published
from core.learn.guests.folding import folded_shapes
from core.learn.guests.weights import COMPUTED, COUNTER

#: A file belongs to the network that it shares most tensors with, at least this part of them.
LEAST_SHARE = 0.5


def recognise(state: Mapping[str, Tensor], known: Published | None, file: object) -> str:
    """The guest's name; `known` decides between two of the same shape. Raises ModelError."""
    shapes = {
        name: shape
        for name, shape in folded_shapes(state).items()
        if not name.endswith((COUNTER, COMPUTED))
    }
    best, most = "", 0.0
    for name in GUESTS:
        own = own_shapes(name)
        share = sum(shapes.get(key) == shape for key, shape in own.items()) / len(own)
        if share > most or (known and name == known.guest and share == most > 0):
            best, most = name, share
    if most < LEAST_SHARE:
        raise ModelError(
            f"holds {len(state)} tensors of no network that is known here",
            file=file,
            remedy=f"known are {', '.join(GUESTS)}",
        )
    return best


def own_shapes(name: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a guest's own tensors, counters left out."""
    return {
        key: tuple(tensor.shape)
        for key, tensor in build(name).state_dict().items()
        if not key.endswith(COUNTER)
    }


def published(path: Path) -> tuple[str, Published | None]:
    """SHA-256 of a file, and the published file that has it, if it is one of them."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return digest, FILES.get(digest)
