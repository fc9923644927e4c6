"""Files of published weights: every container that their authors use, read without trust.

`read` gives the state dict of a `.pth`, `.pt`, `.bin` or `.safetensors` file whatever it is
wrapped in, `put` loads it into a guest, strictly. Pickles are read with `weights_only`: what
wants more than tensors and plain containers is refused.
"""

import pickle
import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from core.errors import ModelError
from core.learn.guests.folding import broken, fold

#: Entries of a checkpoint under which authors keep the state dict.
WRAPPERS = ("params", "model", "state_dict")
#: Counters of batches may be absent, and indices that a network computes by itself may be there.
COUNTER = "num_batches_tracked"
COMPUTED = "relative_position_index"
GET_AGAIN = "get the authors' file again"
#: So many tensors are named in one error; the rest are counted.
NAMED = 4


def read(path: Path) -> dict[str, Tensor]:
    """The state dict in a file, told by its bytes and not by its name.

    Raises ModelError for what is damaged, no state dict, or wants to run code.
    """
    _refuse_foreign(path)
    state: Any
    try:
        if _begin(path)[:1] == b"\x80" or zipfile.is_zipfile(path):
            _refuse_changed_bytes(path)
            # a slice stands in the published file of DeOldify; it holds numbers and runs nothing
            with torch.serialization.safe_globals([slice]), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of pickles of other versions: they are read
                state = torch.load(path, map_location="cpu", weights_only=True)
        else:
            from safetensors.torch import load_file

            state = load_file(path)
    except MemoryError:
        raise
    except pickle.UnpicklingError as error:
        raise ModelError(_why_unpickled(error), file=path, remedy=GET_AGAIN) from error
    except OSError as error:
        raise ModelError(f"cannot be read ({error.strerror})", file=path) from error
    except Exception as error:  # both readers raise half a dozen types on damaged files
        raise ModelError(
            "is damaged, or no file of weights", file=path, remedy=GET_AGAIN
        ) from error
    state = _unwrapped(state)
    found = {str(name): value for name, value in state.items() if isinstance(value, Tensor)}
    odd = [name for name, tensor in found.items() if not _is_plain(tensor)]
    if odd:
        raise ModelError(
            f"has sparse, quantized or complex tensors: {listed(odd)}", file=path, remedy=GET_AGAIN
        )
    if not found:
        instead = " but an optimizer's" if "param_groups" in state else ""
        raise ModelError(
            f"holds no network's tensors{instead}",
            file=path,
            remedy="give the file with the network's weights",
        )
    return found


def _is_plain(tensor: Tensor) -> bool:
    """Whether it is an array of real numbers, as all published weights are."""
    is_dense = tensor.layout == torch.strided and not tensor.is_quantized
    return is_dense and not tensor.is_complex()


def _refuse_changed_bytes(path: Path) -> None:
    """Raises zipfile.BadZipFile where a part of a zip is not what was written: torch looks not.

    A checksum of 0 stands where the writer computed none.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as parts:
            for part in parts.infolist():
                with parts.open(part) as content:
                    while part.CRC and content.read(1 << 20):
                        pass


def _unwrapped(state: Any) -> dict[Any, Any]:
    for wrapper in WRAPPERS:
        if isinstance(state, dict) and isinstance(state.get(wrapper), dict):
            return state[wrapper]
    return state if isinstance(state, dict) else {}


def _refuse_foreign(path: Path) -> None:
    """Raises ModelError for files that are known, and are not read here."""
    begin = _begin(path)
    if path.suffix == ".caffemodel" or b"Caffe" in begin or _is_caffe(begin):
        raise ModelError(
            "is a Caffe model, which is not read here",
            file=path,
            remedy="get the authors' PyTorch file of the same network: see docs/guests.md",
        )
    if begin.startswith(b"version https://git-lfs"):
        raise ModelError(
            "is Git LFS's pointer to the weights, not the weights",
            file=path,
            remedy="run `git lfs pull` there, or download the file itself",
        )
    if begin.lstrip()[:1] == b"<":
        raise ModelError(
            "is a web page, not the weights", file=path, remedy="download the file itself"
        )
    if path.suffix == ".onnx":
        raise ModelError(
            "is an ONNX file already", file=path, remedy="use `photochrom models import`"
        )


def _is_caffe(begin: bytes) -> bool:
    """Whether a network's name (field 1) and its first layer (field 100) begin the file."""
    return begin[:1] == b"\n" and begin[2 + begin[1] :][:2] == b"\xa2\x06" if begin[1:] else False


def _begin(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(256)
    except OSError as error:
        raise ModelError(f"cannot be read ({error.strerror})", file=path) from error


def _why_unpickled(error: Exception) -> str:
    function = re.search(r"GLOBAL ([\w.]+)", str(error))
    if function:
        return f"wants to run code when it is opened ({function[1]}), which is not allowed"
    return "is damaged, or wants to run code when it is opened"


def put(net: nn.Module, state: dict[str, Tensor], file: object) -> None:
    """All tensors of the authors' state dict into `net`, which takes them over without a copy.

    Leaves `state` empty of what was folded. Raises ModelError that names what is missing,
    unexpected or misshapen, or holds no number.
    """
    fixed = {name: state.pop(name) for name in list(state) if name.endswith(COMPUTED)}
    given = {name: t for name, t in fold(state).items() if not name.endswith(COUNTER)}
    tensors = net.state_dict()
    own = {name: t for name, t in tensors.items() if not name.endswith(COUNTER)}
    lacking, part = broken(given)
    problems = {
        "lacks": [each for name in own if name not in given for each in lacking.get(name, [name])],
        "has unexpected": [name for name in given if name not in own and name not in part],
        "has misshapen": [
            f"{name} ({shape_text(t.shape)}, wanted {shape_text(own[name].shape)})"
            for name, t in given.items()
            if name in own and t.shape != own[name].shape
        ],
        "has another order of places in": [
            name
            for name, t in fixed.items()
            if not hasattr(net, COMPUTED) or not torch.equal(t, getattr(net, COMPUTED)())
        ],
    }
    sentences = [f"{word} {listed(names)}" for word, names in problems.items() if names]
    if sentences:
        raise ModelError(" and ".join(sentences), file=file, remedy=GET_AGAIN)
    endless = [name for name, tensor in given.items() if not bool(tensor.isfinite().all())]
    if endless:
        raise ModelError(
            f"has values that are no numbers in {listed(endless)}", file=file, remedy=GET_AGAIN
        )
    counters = {name: torch.tensor(0) for name in tensors if name.endswith(COUNTER)}
    net.load_state_dict({k: v.float() for k, v in given.items()} | counters, assign=True)


def listed(names: list[str]) -> str:
    """The first of `names`, and how many more there are."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def shape_text(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "a scalar"
