"""Tiny model files for tests: contract 1 in a graph of a few nodes, so that no training is needed.

`write_model` makes one whose chroma follows lightness and hints; keywords break the contract in
one place each. Deterministic: the same arguments give the same bytes.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CARD = "# Test model\n\nPaints bright things warm and dark things cool. Gets everything else wrong."


def metadata(name: str = "tiny", stride: int = 4, **changes: str) -> dict[str, str]:
    """Complete contract metadata; `changes` override, a value of '' removes the key."""
    values = {
        "contract": "1",
        "name": name,
        "version": "1",
        "license": "Apache-2.0",
        "side": "64",
        "multiple": "32",
        "stride": str(stride),
        "card": CARD,
        "training": "none: written by hand",
    } | changes
    return {f"photochrom.{key}": value for key, value in values.items() if value != ""}


def write_model(
    path: Path,
    *,
    name: str = "tiny",
    hints: bool = True,
    stride: int = 4,
    gain: tuple[float, float] = (0.6, 0.8),
    constant: float | None = None,
    distribution: bool = False,
    **changes: str,
) -> Path:
    """Writes a model whose a*, b* are `gain` times (mean L* of a cell - 50), plus the hints' own.

    `constant` (NaN too) replaces the chroma by one value; `changes` override metadata.
    """
    average: dict[str, Any] = {"kernel_shape": [stride, stride], "strides": [stride, stride]}
    nodes = [
        helper.make_node("Sub", ["lightness", "fifty"], ["centred"]),
        helper.make_node("AveragePool", ["centred"], ["cells"], **average),
        helper.make_node("Mul", ["cells", "gain"], ["plain"]),
    ]
    inputs = [_tensor("lightness", ["n", 1, "h", "w"])]
    outputs = [_tensor("chroma", ["n", 2, "ch", "cw"])]
    constants = {"fifty": [[[[50.0]]]], "gain": np.reshape(gain, (1, 2, 1, 1))}
    last = "plain"
    if hints:
        inputs.append(_tensor("hints", ["n", 3, "h", "w"]))
        constants |= {"ab": [0], "ab_end": [2], "mask": [2], "mask_end": [3], "axis": [1]}
        nodes += [
            helper.make_node("MaxPool", ["hints"], ["hint_max"], **average),
            helper.make_node("Slice", ["hint_max", "mask", "mask_end", "axis"], ["hinted"]),
            helper.make_node("AveragePool", ["hints"], ["hint_mean"], **average),
            helper.make_node("Slice", ["hint_mean", "ab", "ab_end", "axis"], ["hint_ab"]),
            helper.make_node("Slice", ["hint_mean", "mask", "mask_end", "axis"], ["share"]),
            helper.make_node("Max", ["share", "tiny_share"], ["some"]),
            helper.make_node("Div", ["hint_ab", "some"], ["wished"]),
            helper.make_node("Sub", ["wished", "plain"], ["change"]),
            helper.make_node("Mul", ["change", "hinted"], ["masked"]),
            helper.make_node("Add", ["plain", "masked"], ["with_hints"]),
        ]
        constants["tiny_share"] = [[[[1e-6]]]]
        last = "with_hints"
    if constant is not None:
        constants |= {"zero": [[[[0.0]]]], "constant": np.full((1, 2, 1, 1), constant)}
        nodes += [
            helper.make_node("Mul", [last, "zero"], ["nothing"]),
            helper.make_node("Add", ["nothing", "constant"], ["chroma"]),
        ]
    else:
        nodes.append(helper.make_node("Identity", [last], ["chroma"]))
    if distribution:
        outputs.append(_tensor("distribution", ["n", 2, "ch", "cw"]))
        nodes.append(helper.make_node("Softmax", [last], ["distribution"], axis=1))
        changes.setdefault("bins", "[[0, 0], [20, 30]]")
    initializers = [
        numpy_helper.from_array(
            np.asarray(value, np.int64 if key in _INTEGERS else np.float32), key
        )
        for key, value in constants.items()
    ]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, metadata(name, stride, **changes))
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))
    return path


_INTEGERS = ("ab", "ab_end", "mask", "mask_end", "axis")


def _tensor(name: str, shape: list) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
