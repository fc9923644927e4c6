"""Converts a file of published weights to one model file of contract 1.

`convert` is the way in. The graph is traced without its weights, which are then laid into the file
as they are: `core.learn.export`, made for networks that were trained here, holds several copies at
once, and these networks have up to 900 MB. Nothing is left behind where it fails.
"""

import contextlib
import copy
import ctypes
import gc
import math
import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor, nn

from core.errors import DestinationError, ModelError, PhotochromError
from core.learn import export
from core.learn.guests import GUESTS, build
from core.learn.guests.catalogue import COST, Published, family_of
from core.learn.guests.recognition import published, recognise
from core.learn.guests.squash import Squashed
from core.learn.guests.weights import put, read
from core.model.contract import CHROMA
from core.system import available_memory

#: Peak memory of a conversion as a multiple of the weights in float32, and what comes on top.
MEMORY_FACTOR, MEMORY_BASE = 2.5, 0.5e9
#: Sizes, in multiples of what the network takes, at which the file must answer as the network.
TRIED = ((2, 3), (4, 1))
_HALVED = ".float16"
#: What stands before a graph in a model, and before a tensor in a graph: field 7, field 5, and that
#: a length follows.
_MODEL_GRAPH, _GRAPH_INITIALIZER = b"\x3a", b"\x2a"


@dataclass(frozen=True, slots=True)
class ConversionOptions:
    """What may be chosen: `float32` storage, `squash` as the authors show pictures, DeOldify's
    `look`, `centred` masks of SIGGRAPH17, `guest` where the tensors leave it open."""

    float32: bool = False
    squash: bool = False
    look: str = ""
    centred: bool = False
    guest: str = ""


@dataclass(frozen=True, slots=True)
class Converted:
    """A finished file: the model's name, whose weights it has, what was seen on the way."""

    name: str
    sha256: str
    known: Published | None
    float16: bool
    rounding: float  # largest |change| of a* or b* by float16 storage, at the tried sizes


def convert(
    source: Path, folder: Path, choices: ConversionOptions, say: Callable[[str], None]
) -> tuple[Path, Converted]:
    """Writes the model file of a published file of weights into `folder`, under its own name.

    `say` hears what was recognised before the work begins. Raises ModelError for the source,
    DestinationError where there is no room.
    """
    digest, known = published(source)
    _refuse_without_room(source, folder)
    name = _chosen(recognise(read(source), known, source), choices, source)
    say(recognised(name, known, digest))
    net = build(name, **_settings(name, choices))
    graph = Squashed(net, GUESTS[name].side) if choices.squash else net
    # before the weights are read again: the exporter needs as much memory for itself
    model = traced(graph, folder)
    put(net, read(source), source)
    exact = answers(graph)
    rounding = math.nan
    if not choices.float32:
        rounding = _round(net, graph, exact)
    float16 = rounding <= export.FLOAT16_TOLERANCE
    if not (float16 or choices.float32):  # nan too: a weight beyond float16's range
        would = f"would move its colours by {rounding:.2g}"
        if not math.isfinite(rounding):
            would = "cannot hold its weights"
        say(f"{name}: stored as float32, since float16 {would}")
        put(net, read(source), source)
    about = _about(name, digest, known, choices)
    path = folder / f"{name}.onnx"
    try:
        write(model, graph, path, about, float16=float16)
    except OSError as error:
        raise DestinationError(f"cannot be written ({error.strerror})", file=path) from error
    kept = answers(graph) if float16 else exact
    # the file's session needs the room that the network has
    del net, graph, model
    _give_back_memory()
    compare(path, kept)
    _give_back_memory()  # whoever opens the file next needs it
    return path, Converted(name, digest, known, float16, rounding)


def recognised(name: str, known: Published | None, digest: str) -> str:
    """One line: which network, whose file, under which licence."""
    family = family_of(name)
    whose = f"the published {known.file}" if known else "a file that is not known here"
    return (
        f"{name}: {family.title}; {whose}, sha256 {digest}; "
        f"licence {family.licence} ({family.weights})"
    )


def _chosen(name: str, choices: ConversionOptions, source: Path) -> str:
    guest = choices.guest or name
    if GUESTS[guest].settings != GUESTS[name].settings or family_of(guest) != family_of(name):
        raise ModelError(f"is {name}, not {guest}", file=source, remedy="leave out --as")
    return guest


def _settings(name: str, choices: ConversionOptions) -> dict[str, object]:
    settings: dict[str, object] = {}
    if choices.look and name.startswith("deoldify"):
        settings["look"] = choices.look
    if choices.centred and name == "siggraph17":
        settings["centred"] = True
    return settings


def _refuse_without_room(source: Path, folder: Path) -> None:
    """Raises before the work begins where the disk or the memory will not hold it."""
    size = source.stat().st_size
    free = shutil.disk_usage(folder).free
    if free < 2 * size:  # the file, and the copy that is imported
        raise DestinationError(
            f"needs {2 * size / 1e9:.1f} GB of disk to be converted, and {folder.parent} has "
            f"{free / 1e9:.1f} free",
            file=source,
            remedy="make room, or give another folder with --output",
        )
    needed, available = MEMORY_FACTOR * size + MEMORY_BASE, available_memory()
    if available is not None and available < needed:
        raise PhotochromError(
            f"needs {needed / 1e9:.1f} GB of memory to be converted and this machine has "
            f"{available / 1e9:.1f} free",
            file=source,
            kind="out-of-memory",
            remedy="close other programs, or convert it on a larger machine",
        )


def _give_back_memory() -> None:
    """Hands freed memory back to the system: glibc keeps a whole network here."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError, TypeError):  # another libc, another system
        ctypes.CDLL(None).malloc_trim(0)


def _round(net: nn.Module, graph: nn.Module, exact: list["Answer"]) -> float:
    """Rounds the weights to what float16 holds, in place; how far that moves the answers."""
    with torch.no_grad():
        for _, tensor in _halved(net):
            tensor.copy_(tensor.half().float())
    moved = [
        np.abs(before.chroma - after.chroma).max()
        for before, after in zip(exact, answers(graph), strict=True)
    ]
    return float(np.max(moved))


def _halved(net: nn.Module) -> list[tuple[str, Tensor]]:
    """The tensors that are stored as float16: kernels and matrices, not vectors."""
    return [(k, t) for k, t in net.state_dict().items() if t.dim() > 1 and t.is_floating_point()]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a network said of one picture: planes N,C,H,W."""

    lightness: np.ndarray
    hints: np.ndarray | None
    chroma: np.ndarray


def answers(net: Any) -> list[Answer]:
    """The network's answers at the tried sizes, without a hint and, where it takes them, with."""
    random = np.random.default_rng(0)
    found = []
    for rows, columns in TRIED:
        shape = rows * max(net.multiple, 32), columns * max(net.multiple, 32)
        lightness = export.random_picture(random, *shape)
        planes: list[np.ndarray | None] = [None]
        if net.takes_hints:
            hinted = np.zeros((1, 3, *shape), np.float32)
            hinted[0, :, 8:14, 10:16] = np.array([30, -20, 1], np.float32)[:, None, None]
            planes = [np.zeros_like(hinted), hinted]
        for hints in planes:
            with torch.inference_mode():
                given = None if hints is None else torch.from_numpy(hints)
                chroma = net(torch.from_numpy(lightness), given).chroma.numpy()
            found.append(Answer(lightness, hints, chroma))
    return found


def compare(path: Path, expected: list[Answer]) -> None:
    """Raises ModelError where the file does not answer as the network did."""
    session = export.open_file(path, rewritten=False)
    for answer in expected:
        feed = {"lightness": answer.lightness}
        if answer.hints is not None:
            feed["hints"] = answer.hints
        worst = float(np.abs(session.run([CHROMA], feed)[0] - answer.chroma).max())
        if not worst <= export.FLOAT32_TOLERANCE:
            raise ModelError(
                f"answers up to {worst:.3g} away from the network, allowed "
                f"{export.FLOAT32_TOLERANCE}",
                file=path,
            )


def traced(net: Any, folder: Path) -> Any:
    """The network's graph as an onnx.ModelProto, in which its tensors are inputs by their names.

    The network may have no values yet. `folder` is for the exporter's own file.
    """
    import onnx

    plain = folder / "graph.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        export.trace(_hollow(net), plain, weights=False)
    model = onnx.load(plain)
    plain.unlink()
    _give_back_memory()
    return model


def _hollow(net: nn.Module) -> nn.Module:
    """The same network with tensors of one value each.

    Each has another one, since the exporter takes equal tensors for one.
    """
    own = (*net.parameters(), *net.buffers())
    hollow = {
        id(tensor): torch.full((), index + 1, dtype=tensor.dtype).expand(tensor.shape)
        for index, tensor in enumerate(own)
    }
    parameters = {id(tensor) for tensor in net.parameters()}
    return copy.deepcopy(
        net, {k: nn.Parameter(t, False) if k in parameters else t for k, t in hollow.items()}
    )


def write(model: Any, net: Any, path: Path, about: export.About, *, float16: bool) -> None:
    """The model file: the graph `model` that `traced` gave, then the weights, one after the other.

    Takes `model` apart.
    """
    from onnx import TensorProto, helper

    graph = model.graph
    inputs = {node.name for node in graph.input}
    # without counters, and layers that say nothing about the answer
    tensors = {f"net.{k}": t for k, t in net.state_dict().items() if f"net.{k}" in inputs}
    halved = [name for name, tensor in tensors.items() if float16 and tensor.dim() > 1]
    casts = [
        helper.make_node("Cast", [name + _HALVED], [name], to=TensorProto.FLOAT) for name in halved
    ]
    own = [node for node in graph.input if node.name in ("lightness", "hints")]
    del graph.input[:]
    graph.input.extend(own)
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    export.describe(model, net, about)
    weights = [(name, tensor, name in halved) for name, tensor in tensors.items()]
    with path.open("wb") as file:
        _save(model, weights, file)


def _save(model: Any, weights: list[tuple[str, Tensor, bool]], file: BinaryIO) -> None:
    """The model, its graph last, and of that the weights last: one is in memory at a time.

    Each with its name and whether it is stored as float16. `onnx.save` holds all of them twice.
    """
    graph = model.graph.SerializeToString(deterministic=True)
    model.ClearField("graph")
    file.write(model.SerializeToString(deterministic=True))
    sizes = [_initializer(*weight).ByteSize() for weight in weights]
    heads = [_GRAPH_INITIALIZER + _whole(size) for size in sizes]
    file.write(_MODEL_GRAPH + _whole(len(graph) + sum(map(len, heads)) + sum(sizes)) + graph)
    for head, weight in zip(heads, weights, strict=True):
        file.write(head + _initializer(*weight).SerializeToString(deterministic=True))


def _initializer(name: str, tensor: Tensor, halved: bool) -> Any:
    from onnx import numpy_helper

    array = tensor.numpy()
    if halved:
        return numpy_helper.from_array(array.astype(np.float16), name + _HALVED)
    return numpy_helper.from_array(array, name)


def _whole(number: int) -> bytes:
    """A length in protobuf's form: seven bits a byte, the least first."""
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


def _about(
    name: str, digest: str, known: Published | None, choices: ConversionOptions
) -> export.About:
    family = family_of(name)
    shown = "squashed to a square, as its authors do" if choices.squash else "in their own shape"
    if name.startswith("icolorit"):
        shown = "squashed to squares of 224 pixels, which is all that it takes"
    # nothing that differs from one conversion to the next: a model's identity is its file's bytes
    origin = known.file if known else "a file that is not known to this program"
    card = "\n".join(
        (
            f"# {name}",
            "",
            f"A guest: {family.title}, {family.repository}.",
            f"Weights from {origin}, sha256 {digest}.",
            f"Licence of its code: {family.licence}; of its weights: {family.weights}.",
            f"Cost: {COST[name]:g} G multiplications for a square picture of "
            f"{GUESTS[name].side} pixels. It is shown pictures {shown}.",
            "",
            "What it gets wrong, by its own users' reports:",
            family.faults,
            "",
        )
    )
    history = f"converted by photochrom from {origin}, sha256 {digest}"
    return export.About(
        name,
        digest[:12],
        family.licence,
        GUESTS[name].side,
        card,
        history,
        origin=f"{family.title}, {origin}",
        cost=f"{COST[name]:g} G multiplications",
    )
