"""Runs models by ONNX Runtime, with the execution provider that the user chose.

Call `open_session`. A session has one thread and does not spin: pictures are independent, a
thumbnail is too small to be worth splitting, and results must not depend on the number of threads.
onnxruntime is imported when the first session opens.
"""

import hashlib
import logging
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from core.errors import ModelError, OptionsError, ProviderError, nearest
from core.installation import how_to_install, how_to_install_runtime
from core.model.contract import CHROMA, DISTRIBUTION, HINTS, LIGHTNESS, ModelDescription, Tensor

if TYPE_CHECKING:
    import onnxruntime

log = logging.getLogger(__name__)

#: device -> ONNX Runtime's name of the execution provider
PROVIDERS: Final = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
}
DEVICES: Final = ("auto", *PROVIDERS)

#: The devices that `auto` tries, best first; without TensorRT, which takes minutes to begin.
AUTO_ORDER: Final = ("cuda", "coreml", "directml", "cpu")


@dataclass(frozen=True)
class Prediction:
    """A model's output: `chroma`, float32 (2, h, w) a*, b*; `distribution`, float32 (Q, h', w'),
    the probability of each of the Q bins, or None.
    """

    chroma: np.ndarray
    distribution: np.ndarray | None = None


def remedy_for(device: str) -> str:
    """Returns a sentence that says what to install so that `device` loads."""
    match device:
        case "cuda":
            return f"{how_to_install('gpu')} (with NVIDIA's driver and CUDA 12)"
        case "tensorrt":
            return f"{how_to_install('gpu')} (with TensorRT 10)"
        case "directml":
            return f"{how_to_install_runtime('onnxruntime-directml')} (on Windows)"
        case "coreml":
            return f"{how_to_install_runtime('onnxruntime')} (on macOS)"
    return how_to_install("cpu")


class Session:
    """A model with its execution provider. `provider` names the one that it really runs on."""

    def __init__(self, path: Path, native: "onnxruntime.InferenceSession") -> None:
        self.path = path
        self.sha256 = sha256_of(path)
        self.description = describe(native, path)
        self.provider = native.get_providers()[0].removesuffix("ExecutionProvider")
        self._native = native

    def predict(
        self, lightness: np.ndarray, hints: np.ndarray | None = None, *, distribution: bool = False
    ) -> Prediction:
        """Returns chroma for one picture, and with `distribution` the probabilities of the bins.

        Parameters: `lightness` float32 (H, W), L* 0..100, H and W multiples of the model's
        `multiple`; `hints` float32 (3, H, W): a*, b*, mask. Raises `ModelError` where the model
        fails, or its output has another shape or is not finite.
        """
        feed = {LIGHTNESS: lightness[None, None]}
        if self.description.takes_hints:
            feed[HINTS] = (np.zeros((3, *lightness.shape), np.float32) if hints is None else hints)[
                None
            ]
        outputs = [CHROMA, DISTRIBUTION] if distribution else [CHROMA]
        try:
            answer = self._native.run(outputs, feed)
        except Exception as error:  # ONNX Runtime's own errors share no other root
            raise ModelError(f"the model failed: {_first_line(error)}", file=self.path) from error
        chroma = np.asarray(answer[0])[0]
        stride = self.description.stride
        expected = (2, lightness.shape[0] // stride, lightness.shape[1] // stride)
        if chroma.shape != expected:
            raise ModelError(f"the model answered {chroma.shape}, not {expected}", file=self.path)
        if not np.isfinite(chroma).all():
            raise ModelError("the model answered with values that are no numbers", file=self.path)
        return Prediction(chroma, np.asarray(answer[1])[0] if distribution else None)


def open_session(path: Path, device: str = "auto") -> Session:
    """Opens the model at `path` on `device`, one of `DEVICES`.

    `auto` tries the next device where one does not load, and logs that once. Raises `ModelError`
    for a file that breaks contract 1, `OptionsError` for an unknown device, `ProviderError` where
    the chosen device, or with `auto` none, loads.
    """
    if device not in DEVICES:
        raise OptionsError(f"unknown device {device!r}", remedy=nearest(device, list(DEVICES)))
    runtime = _runtime()
    available = runtime.get_available_providers()
    for candidate in AUTO_ORDER if device == "auto" else (device,):
        name = PROVIDERS[candidate]
        native = _native_session(path, name) if name in available else None
        # A provider that is listed may fail to load, and the session then silently runs on the
        # CPU: only the session's own list tells.
        if native and native.get_providers()[0] == name:
            return Session(path, native)
        if device != "auto":
            raise ProviderError(
                f"{device} does not load on this machine", remedy=remedy_for(device)
            )
        if name in available:
            _say_once(f"{candidate} is installed but does not load; trying the next device")
    raise ProviderError("no execution provider loads", remedy=remedy_for("cpu"))


def describe(native: "onnxruntime.InferenceSession", file: object) -> ModelDescription:
    """Returns the open model's description; raises `ModelError` where it breaks contract 1."""
    return ModelDescription.read(
        {node.name: _tensor(node) for node in native.get_inputs()},
        {node.name: _tensor(node) for node in native.get_outputs()},
        native.get_modelmeta().custom_metadata_map,
        file,
    )


def sha256_of(path: Path) -> str:
    """Returns the SHA-256 of the file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _native_session(path: Path, provider: str) -> "onnxruntime.InferenceSession":
    runtime = _runtime()
    settings = runtime.SessionOptions()
    settings.intra_op_num_threads = 1
    settings.inter_op_num_threads = 1
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    settings.log_severity_level = 4  # fatal only: errors are raised, and reported by this program
    # Every picture has its own shape: an arena would grow with each (onnxruntime#11118).
    settings.enable_mem_pattern = False
    providers = list(dict.fromkeys([provider, "CPUExecutionProvider"]))
    try:
        return runtime.InferenceSession(str(path), settings, providers=providers)
    except Exception as error:  # ONNX Runtime's own errors share no other root
        raise ModelError(
            f"cannot be loaded as a model: {_first_line(error)}",
            file=path,
            remedy="copy or export the file again",
        ) from error


def _runtime():
    try:
        import onnxruntime
    except ImportError as error:
        raise ProviderError("ONNX Runtime is not installed", remedy=remedy_for("cpu")) from error
    return onnxruntime


def _tensor(node: Any) -> Tensor:
    names = {"tensor(float)": "float32", "tensor(float16)": "float16"}
    return Tensor(str(names.get(node.type, node.type)), tuple(node.shape))


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


@cache
def _say_once(text: str) -> None:
    log.warning(text)
