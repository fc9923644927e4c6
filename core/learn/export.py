"""Exports a trained network to one model file of contract 1: graph, metadata, checks, storage.

`export` writes float32, `store_as_float16` halves the file (weights stored as float16, computed in
float32), `quantize` makes the convolutions int8. Each file is checked against the network on
random sizes before it is put in its place.
"""

import os
import tempfile
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.errors import ModelError
from core.model.contract import (
    CHROMA,
    DISTRIBUTION,
    HINTS,
    LIGHTNESS,
    ModelDescription,
    metadata_of,
)

OPSET = 18
#: Largest |difference| in a* or b* from the network, on any pixel of pictures of random sizes.
FLOAT32_TOLERANCE = 0.05
#: The same for weights rounded to float16: 11 bits of mantissa over a hundred layers.
FLOAT16_TOLERANCE = 1.0
#: Mean |difference| for int8 convolutions, on the calibration pictures.
INT8_MEAN_TOLERANCE = 2.5


#: Behind the name of a tensor that is stored as float16; its Cast has the name itself.
_HALVED = ".float16"


@dataclass(frozen=True, slots=True)
class About:
    """What the metadata say beyond the graph; see contract 1."""

    name: str
    version: str
    license: str
    side: int
    card: str
    training: str
    origin: str = ""
    cost: str = ""
    coherence: float = 0.0


class _Graph(nn.Module):
    """The network as contract 1 sees it: named tensors, probabilities instead of logits."""

    def __init__(self, net: Any) -> None:
        super().__init__()
        self.net = net

    def forward(self, lightness: Tensor, hints: Tensor | None = None):
        prediction = self.net(lightness, hints)
        if prediction.logits is None:
            return prediction.chroma
        # every second cell: the full grid's softmax would cost as much as the one behind the chroma
        logits = prediction.logits.permute(0, 2, 3, 1)[:, ::2, ::2]
        return prediction.chroma, logits.softmax(-1).permute(0, 3, 1, 2)


def export(
    net: Any,
    path: Path,
    about: About,
    *,
    float16: bool = False,
    calibration: Iterable[np.ndarray] | None = None,
) -> Path:
    """Write `net` as a model file; the file appears whole and checked, or not at all.

    `calibration`: lightness planes H,W (L* 0..100) for int8 convolutions. Raises ModelError when
    a weight is not finite, or when the file answers differently from the network.
    """
    import onnx

    net = net.eval()
    for name, tensor in net.state_dict().items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise ModelError(
                f"the network's {name} is not finite", remedy="train again from before"
            )
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".export-") as folder:
        plain = Path(folder) / "float32.onnx"
        trace(net, plain)
        check_against(net, plain, FLOAT32_TOLERANCE)
        model = onnx.load(plain)
        planes = list(calibration or ())
        if planes:
            model = quantize(plain, Path(folder) / "int8.onnx", planes, net)
        if float16:
            store_as_float16(model)
        describe(model, net, about)
        onnx.checker.check_model(model, full_check=True)
        finished = Path(folder) / "finished.onnx"
        onnx.save(model, finished)
        if planes:
            _check_mean(net, finished, planes)
        elif float16:
            check_against(net, finished, FLOAT16_TOLERANCE)
        with finished.open("rb") as file:
            os.fsync(file.fileno())
        finished.replace(path)
    return path


def trace(net: Any, path: Path, *, weights: bool = True) -> None:
    """Writes the network's graph; without `weights` they are inputs of it, by their own names."""
    multiple = net.multiple
    lightness = torch.rand(1, 1, 2 * multiple, 3 * multiple) * 100
    inputs: tuple[Tensor, ...] = (lightness,)
    names = [LIGHTNESS]
    if net.takes_hints:
        inputs, names = (lightness, torch.zeros(1, 3, *lightness.shape[2:])), [LIGHTNESS, HINTS]
    outputs = [CHROMA] if net.bins is None else [CHROMA, DISTRIBUTION]
    grid = {CHROMA: ("chroma_h", "chroma_w"), DISTRIBUTION: ("bins_h", "bins_w")}
    axes = {name: {0: "n", 2: "h", 3: "w"} for name in names}
    axes |= {name: {0: "n", 2: grid[name][0], 3: grid[name][1]} for name in outputs}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on the exporter's own age and on constants it folds
        # the tracing exporter: the same file as torch.export's in 0.7 s instead of 17 s
        torch.onnx.export(
            _Graph(net).eval(),
            inputs,
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=names,
            output_names=outputs,
            dynamic_axes=axes,
            # norms stay norms and tensors keep their names, so that training can go on from the
            # file (`weights_in`); ONNX Runtime folds them when it loads it, and is as fast
            training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=False,
            export_params=weights,
        )


def describe(model: Any, net: Any, about: About) -> None:
    """Write the contract's metadata into the model, replacing what was there."""
    bins = None if net.bins is None else tuple(map(tuple, net.bins.cpu().double().tolist()))
    description = ModelDescription(
        name=about.name,
        version=about.version,
        license=about.license,
        side=about.side,
        multiple=net.multiple,
        stride=net.stride,
        card=about.card,
        training=about.training,
        takes_hints=net.takes_hints,
        has_distribution=bins is not None,
        bins=bins,
        origin=about.origin,
        cost=about.cost,
        coherence=about.coherence,
    )
    del model.metadata_props[:]
    for key, value in metadata_of(description).items():
        model.metadata_props.add(key=key, value=value)
    model.producer_name = "photochrom"


def store_as_float16(model: Any) -> None:
    """Keep kernels and matrices as float16 with a Cast to float32 behind each, in place.

    ONNX Runtime folds the casts when it loads the file, so that it runs as fast as before. Vectors
    (norms, biases) stay float32: they are small, and variances leave float16's range.
    """
    from onnx import TensorProto, helper, numpy_helper

    graph = model.graph
    casts = []
    for index, tensor in enumerate(graph.initializer):
        if tensor.data_type != TensorProto.FLOAT or len(tensor.dims) < 2:
            continue
        name = tensor.name
        halved = numpy_helper.from_array(
            numpy_helper.to_array(tensor).astype(np.float16), name + _HALVED
        )
        graph.initializer[index].CopyFrom(halved)
        casts.append(helper.make_node("Cast", [halved.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def weights_in(path: Path) -> dict[str, Tensor]:
    """The network's tensors in a model file that `export` wrote, float32, by their own names."""
    import onnx
    from onnx import TensorProto, numpy_helper

    try:
        graph = onnx.load(path).graph
    except Exception as error:  # protobuf's own error types are not declared
        raise ModelError(f"no weights could be read ({error})", file=path) from error
    found = {}
    for tensor in graph.initializer:
        if tensor.data_type in (TensorProto.FLOAT, TensorProto.FLOAT16):
            name = tensor.name.removesuffix(_HALVED)
            found[name] = torch.from_numpy(numpy_helper.to_array(tensor).astype(np.float32))
    for node in graph.node:  # the exporter keeps one of several equal tensors
        if node.op_type == "Identity" and node.input[0] in found:
            found[node.output[0]] = found[node.input[0]]
    return {
        name.removeprefix("net."): tensor
        for name, tensor in found.items()
        if name.startswith("net.")
    }


def quantize(plain: Path, path: Path, planes: list[np.ndarray], net: Any) -> Any:
    """The model with int8 convolutions (QDQ, per channel), calibrated on lightness planes."""
    import onnx
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Planes(CalibrationDataReader):
        def __init__(self) -> None:
            self._feeds = iter([_feed(net, *_inputs(net, plane)) for plane in planes])

        def get_next(self) -> dict[str, np.ndarray]:
            return next(self._feeds, None)  # pyright: ignore[reportReturnType] -- None ends it

    prepared = path.with_name("prepared.onnx")
    quant_pre_process(plain, prepared, skip_symbolic_shape=True)
    quantize_static(
        prepared,
        path,
        Planes(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        op_types_to_quantize=["Conv"],
    )
    return onnx.load(path)


def check_against(net: Any, path: Path, tolerance: float, *, seed: int = 0) -> float:
    """Ask network and file for pictures of random sizes; answers with the largest difference.

    With and without a hint, where the network takes them; hints of zeros give the same bits as
    none. Raises ModelError beyond the tolerance (CIELAB units).
    """
    session = open_file(path)
    random = np.random.default_rng(seed)
    worst = 0.0
    for _ in range(3):
        height, width = random.integers(1, 5, 2) * net.multiple
        lightness = random_picture(random, int(height), int(width))
        none = np.zeros((1, 3, height, width), np.float32)
        hinted = none.copy()
        y, x = (int(random.integers(0, side - 8)) for side in (height, width))
        hinted[0, :, y : y + 8, x : x + 8] = np.array([30, -20, 1], np.float32)[:, None, None]
        for hints in (none, hinted) if net.takes_hints else (none,):
            answer = session.run([CHROMA], _feed(net, lightness, hints))[0]
            with torch.inference_mode():
                expected = net(torch.from_numpy(lightness), torch.from_numpy(hints)).chroma.numpy()
            worst = max(worst, float(np.abs(answer - expected).max()))
        with torch.inference_mode():
            zeros, nothing = (
                net(torch.from_numpy(lightness), given).chroma
                for given in (torch.from_numpy(none), None)
            )
        if not torch.equal(zeros, nothing):
            raise ModelError("hints of zeros change the network's answer", file=path)
    if not worst <= tolerance:  # nan is beyond every tolerance
        raise ModelError(
            f"answers up to {worst:.3g} away from the network, allowed {tolerance}", file=path
        )
    return worst


def _check_mean(net: Any, path: Path, planes: list[np.ndarray]) -> None:
    session = open_file(path)
    differences = []
    for plane in planes[:8]:
        lightness, hints = _inputs(net, plane)
        answer = session.run([CHROMA], _feed(net, lightness, hints))[0]
        with torch.inference_mode():
            expected = net(torch.from_numpy(lightness), torch.from_numpy(hints)).chroma.numpy()
        differences.append(np.abs(answer - expected).mean())
    mean = float(np.mean(differences))
    if not mean <= INT8_MEAN_TOLERANCE:
        raise ModelError(
            f"int8 answers {mean:.3g} away from the network in the mean, allowed "
            f"{INT8_MEAN_TOLERANCE}",
            file=path,
            remedy="export with --fp16 instead",
        )


def random_picture(random: np.random.Generator, height: int, width: int) -> np.ndarray:
    """1,1,H,W of L*: a coarse random picture with grain, nearer to photographs than white noise."""
    coarse = torch.from_numpy(random.uniform(0, 100, (1, 1, 5, 5)).astype(np.float32))
    smooth = nn.functional.interpolate(coarse, size=(height, width), mode="bilinear").numpy()
    return np.clip(smooth + random.normal(0, 4, smooth.shape), 0, 100).astype(np.float32)


def _inputs(net: Any, plane: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    height, width = (max(size // net.multiple, 1) * net.multiple for size in plane.shape)
    lightness = np.pad(
        plane[:height, :width],
        ((0, max(0, height - plane.shape[0])), (0, max(0, width - plane.shape[1]))),
        "symmetric",
    )
    return lightness[None, None].astype(np.float32), np.zeros((1, 3, height, width), np.float32)


def _feed(net: Any, lightness: np.ndarray, hints: np.ndarray) -> dict[str, np.ndarray]:
    return {LIGHTNESS: lightness, HINTS: hints} if net.takes_hints else {LIGHTNESS: lightness}


def open_file(path: Path, *, rewritten: bool = True):
    """A session of the file; not `rewritten`: its graph as it stands, which takes half the memory.

    What ONNX Runtime makes of a graph to be quicker has all weights once more.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    if not rewritten:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.add_session_config_entry("session.disable_prepacking", "1")
        options.enable_cpu_mem_arena = False
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
