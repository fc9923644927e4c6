"""Defines a model file (contract 1) as data, and refuses files that do not keep the contract.

A model is one ONNX file: lightness (and hints) in, chroma (and a distribution) out, the rest in
metadata. `core.learn.export` writes such files by `metadata_of`, `core.model.session` reads them
by `ModelDescription.read`. Nothing here imports onnx or onnxruntime.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from core.errors import ModelError

CONTRACT_VERSION: Final = 1
PREFIX: Final = "photochrom."

LIGHTNESS: Final = "lightness"  # in, float32 N,1,H,W: CIE L*, 0..100
HINTS: Final = "hints"  # in, optional, float32 N,3,H,W: a*, b*, mask 0/1; all zero = no hint
CHROMA: Final = "chroma"  # out, float32 N,2,H/stride,W/stride: a*, b*
DISTRIBUTION: Final = "distribution"  # out, optional, float32 N,Q,h,w: probability of each bin

STRIDES: Final = (1, 2, 4)

_CHANNELS = {LIGHTNESS: 1, HINTS: 3, CHROMA: 2}
_REQUIRED_KEYS = ("name", "version", "license", "side", "multiple", "stride", "card", "training")


@dataclass(frozen=True, slots=True)
class Tensor:
    """A graph's input or output: element type ('float32') and shape (names where dynamic)."""

    dtype: str
    shape: tuple[int | str | None, ...]


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """A model's description of itself, from its metadata.

    `side` is the short side, in pixels, at which the model works best; H and W of its input are
    multiples of `multiple`; its chroma has 1/`stride` of their size.
    """

    name: str
    version: str
    license: str
    side: int
    multiple: int
    stride: int
    card: str
    training: str
    takes_hints: bool
    has_distribution: bool
    bins: tuple[tuple[float, float], ...] | None
    origin: str = ""  # of a guest: whose work and which of their files
    cost: str = ""  # of one look at a square picture of `side`
    coherence: float = 0.0  # how much its colours are drawn together within things, 0..1

    @classmethod
    def read(
        cls,
        inputs: Mapping[str, Tensor],
        outputs: Mapping[str, Tensor],
        metadata: Mapping[str, str],
        file: object,
    ) -> "ModelDescription":
        """Returns the description; raises `ModelError` that names the first breach of contract."""
        _check_version(metadata, file)
        text = _required_text(metadata, file)
        _check_tensors(inputs, {LIGHTNESS}, {LIGHTNESS, HINTS}, "input", file)
        _check_tensors(outputs, {CHROMA}, {CHROMA, DISTRIBUTION}, "output", file)
        return cls(
            name=text["name"],
            version=text["version"],
            license=text["license"],
            side=_whole(text["side"], "side", range(32, 4097), file),
            multiple=_whole(text["multiple"], "multiple", range(1, 257), file),
            stride=_whole(text["stride"], "stride", STRIDES, file),
            card=text["card"],
            training=text["training"],
            takes_hints=HINTS in inputs,
            has_distribution=DISTRIBUTION in outputs,
            bins=_bins(metadata, DISTRIBUTION in outputs, file),
            origin=metadata.get(PREFIX + "origin", ""),
            cost=metadata.get(PREFIX + "cost", ""),
            coherence=_share(metadata, "coherence", file),
        )


def metadata_of(description: ModelDescription) -> dict[str, str]:
    """Returns `description` as the `metadata_props` of an ONNX file; all values are text."""
    props = {PREFIX + "contract": str(CONTRACT_VERSION)}
    props |= {PREFIX + key: str(getattr(description, key)) for key in _REQUIRED_KEYS}
    props |= {
        PREFIX + key: value
        for key, value in (("origin", description.origin), ("cost", description.cost))
        if value
    }
    if description.coherence:
        props[PREFIX + "coherence"] = f"{description.coherence:g}"
    if description.bins is not None:
        props[PREFIX + "bins"] = json.dumps(description.bins)
    return props


def _check_version(metadata: Mapping[str, str], file: object) -> None:
    version = metadata.get(PREFIX + "contract")
    if version is None:
        raise ModelError(
            "not a photochrom model (its metadata lacks photochrom.contract)",
            file=file,
            remedy="import a file that `photochrom export` wrote",
        )
    if version != str(CONTRACT_VERSION):
        raise ModelError(
            f"written for model contract {version}, this program reads {CONTRACT_VERSION}",
            file=file,
            remedy="install a newer photochrom",
        )


def _required_text(metadata: Mapping[str, str], file: object) -> dict[str, str]:
    text = {key: metadata.get(PREFIX + key, "") for key in _REQUIRED_KEYS}
    missing = [PREFIX + key for key, value in text.items() if not value]
    if missing:
        raise ModelError(f"metadata lacks {', '.join(missing)}", file=file)
    return text


def _check_tensors(
    tensors: Mapping[str, Tensor], needed: set[str], known: set[str], role: str, file: object
) -> None:
    if missing := needed - tensors.keys():
        raise ModelError(f"has no {role} named {', '.join(sorted(missing))}", file=file)
    if foreign := tensors.keys() - known:
        raise ModelError(f"has an unknown {role} {', '.join(sorted(foreign))}", file=file)
    for name, tensor in tensors.items():
        channels = _CHANNELS.get(name)
        wrong_channels = channels and len(tensor.shape) == 4 and tensor.shape[1] != channels
        if tensor.dtype != "float32" or len(tensor.shape) != 4 or wrong_channels:
            shape = "x".join(str(size) for size in tensor.shape)
            raise ModelError(
                f"{role} {name} is {tensor.dtype} {shape}, not float32 Nx{channels or 'Q'}xHxW",
                file=file,
            )


def _whole(text: str, key: str, allowed: Sequence[int], file: object) -> int:
    value = int(text) if text.isascii() and text.isdigit() else -1
    if value not in allowed:
        raise ModelError(f"metadata {PREFIX}{key} is {text!r}", file=file)
    return value


def _share(metadata: Mapping[str, str], key: str, file: object) -> float:
    """Returns an optional number from 0 to 1; 0 where there is none."""
    text = metadata.get(PREFIX + key, "0")
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:  # nor is nan
        raise ModelError(f"metadata {PREFIX}{key} is {text!r}", file=file)
    return value


def _bins(metadata: Mapping[str, str], needed: bool, file: object):
    text = metadata.get(PREFIX + "bins")
    if text is None:
        if needed:
            raise ModelError(f"has a distribution but no {PREFIX}bins", file=file)
        return None
    try:
        pairs: Any = json.loads(text)
        return tuple((float(a), float(b)) for a, b in pairs)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise ModelError(f"metadata {PREFIX}bins is no list of a*, b* pairs", file=file) from error
