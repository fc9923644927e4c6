"""Puts the network `restore` before another model's eyes: one file of contract 1 out of two.

The thumbnail's lightness is cleaned inside the graph before the network looks; all else, the
written lightness above all, is as without it.
"""

import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.errors import ModelError
from core.learn.export import FLOAT32_TOLERANCE, open_file, random_picture
from core.model.contract import CHROMA, HINTS, LIGHTNESS, PREFIX

_RESTORED = "restored"
_PREFIX = "restore."


def put_before(net: Any, path: Path, history: str) -> Path:
    """Lay the trained `net` before the model file in `path`, in place, checked.

    `history` says in the file how it was trained. Raises ModelError where both together answer
    otherwise than one after the other.
    """
    import onnx
    from onnx import compose

    model = onnx.load(path)
    said = {prop.key: prop.value for prop in model.metadata_props}
    if int(said[PREFIX + "multiple"]) % net.multiple:
        raise ModelError(
            f"its multiple {said[PREFIX + 'multiple']} is none of {net.multiple}", file=path
        )
    opset = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".export-") as folder:
        alone, together = Path(folder) / "restore.onnx", Path(folder) / "together.onnx"
        _trace(net, alone, opset)
        restorer = onnx.load(alone)
        restorer.ir_version = model.ir_version
        merged = compose.merge_models(
            restorer, model, io_map=[(_RESTORED, LIGHTNESS)], prefix1=_PREFIX
        )
        _rename_input(merged.graph, _PREFIX + LIGHTNESS, LIGHTNESS)
        said[PREFIX + "name"] += "-restoring"
        said[PREFIX + "card"] += f"\n\nIts eyes are cleaned by the network `restore`: {history}\n"
        said[PREFIX + "training"] += f"; restore: {history}"
        del merged.metadata_props[:]
        for key, value in said.items():
            merged.metadata_props.add(key=key, value=value)
        merged.producer_name = "photochrom"
        onnx.checker.check_model(merged, full_check=True)
        onnx.save(merged, together)
        _check(net, path, together, int(said[PREFIX + "multiple"]))
        together.replace(path)
    return path


class _Graph(nn.Module):
    def __init__(self, net: Any) -> None:
        super().__init__()
        self.net = net

    def forward(self, lightness: Tensor) -> Tensor:
        return self.net(lightness).native


def _trace(net: Any, path: Path, opset: int) -> None:
    lightness = torch.rand(1, 1, 2 * net.multiple, 3 * net.multiple) * 100
    axes = {name: {0: "n", 2: "h", 3: "w"} for name in (LIGHTNESS, _RESTORED)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on the exporter's own age
        torch.onnx.export(
            _Graph(net).eval(),
            (lightness,),
            str(path),
            dynamo=False,
            opset_version=opset,
            input_names=[LIGHTNESS],
            output_names=[_RESTORED],
            dynamic_axes=axes,
        )


def _rename_input(graph: Any, old: str, new: str) -> None:
    for tensor in graph.input:
        if tensor.name == old:
            tensor.name = new
    for node in graph.node:
        for index, name in enumerate(node.input):
            if name == old:
                node.input[index] = new


def _check(net: Any, before: Path, after: Path, multiple: int) -> None:
    """Both together answer as one after the other; hints, where it takes them, are none."""
    model, together = open_file(before), open_file(after)
    takes_hints = HINTS in {tensor.name for tensor in model.get_inputs()}
    random = np.random.default_rng(0)
    for height, width in ((multiple, 2 * multiple), (3 * multiple, multiple)):
        lightness = random_picture(random, height, width)
        with torch.inference_mode():
            cleaned = net(torch.from_numpy(lightness)).native.numpy()
        hints = np.zeros((1, 3, height, width), np.float32)
        given = {HINTS: hints} if takes_hints else {}
        apart = np.asarray(model.run([CHROMA], {LIGHTNESS: cleaned} | given)[0])
        at_once = np.asarray(together.run([CHROMA], {LIGHTNESS: lightness} | given)[0])
        worst = float(np.abs(apart - at_once).max())
        if not worst <= FLOAT32_TOLERANCE:
            raise ModelError(
                f"answers up to {worst:.3g} away from its two parts, allowed {FLOAT32_TOLERANCE}",
                file=before,
            )
