"""A run's folder becomes a model file: which checkpoint, what its card and its history say."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from core.errors import OptionsError
from core.learn.checkpoint import built, checkpoint_of, load_checkpoint, network_of
from core.learn.export import About, export
from core.learn.restoring import put_before
from core.model.session import open_session
from core.paths import Kind
from train.evaluate import photographs
from train.recipe import parse, read
from train.run import commit, weights_of

#: What a model file may replace: contract 1's, told by its metadata; it begins with its version.
MODEL_FILE = Kind("a model file", (b"\x08",), b"photochrom.contract")
#: So many pictures are enough to find the ranges of the activations.
CALIBRATION_PICTURES = 64


def export_run(
    run: Path,
    output: Path,
    *,
    float16: bool = False,
    calibration: Path | None = None,
    card: Path | None = None,
    blends: Sequence[tuple[Path, float]] = (),
    gain: tuple[float, float] | None = None,
    dials: Mapping[str, float] | None = None,
    restore: Path | None = None,
) -> Path:
    """Write a run as a model file: the best checkpoint of its folder, or one checkpoint.

    `restore`: a run of the network `restore`, which is put before this one's eyes in the file. Then
    `run` may also be a model file.

    `blends`: other weights and their shares in the mean of all, such as those that the run began
    with: often better than any of them (Wortsman et al. 2022, "Model soups").
    `dials`: settings of the network that can be turned after training (`lite`: temperature ...).
    `gain`: factors on a* and b*, put into the graph of a network that has them (`lite`).
    A recipe (.toml) is exported as it is built: an ensemble, whose members are trained.
    """
    if run.suffix == ".onnx":
        if restore is None or float16 or calibration or card or blends or gain or dials:
            raise OptionsError("a model file can be given --restore, and nothing else", file=run)
        open_session(run, "cpu")  # raises where it is no model file
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=output.parent, prefix=".export-") as folder:
            copied = Path(shutil.copyfile(run, Path(folder) / "model.onnx"))
            _restoring(copied, restore).replace(output)
        return output
    if run.suffix == ".toml":
        recipe = read(run)
        net = built(recipe.network, recipe.network_settings)
        history = f"built from {run.name}; commit {commit()}"
    else:
        checkpoint = checkpoint_of(run)
        saved = load_checkpoint(checkpoint)
        of_run = saved["about"]
        recipe = parse(of_run["recipe"], Path(of_run["name"] + ".toml"))
        net = network_of(checkpoint)
        history = _history(saved)
    if getattr(net, "restores", False):
        raise OptionsError(
            "the network restore colours nothing",
            file=run,
            remedy="give it to the export of a model that does: --restore RUN",
        )
    for path, share in blends:
        history += f"; {share:g} of it {path.name}"
    blend_in(net, blends)
    for dial, value in (dials or {}).items():
        if not isinstance(getattr(net, dial, None), float):
            raise OptionsError(f"the network {recipe.network} has no dial {dial!r}", file=run)
        setattr(net, dial, value)
        history += f"; {dial} {value:g}"
    if gain:
        if not isinstance(getattr(net, "gain", None), Tensor):
            raise OptionsError(f"the network {recipe.network} has no gain", file=run)
        net.get_buffer("gain").copy_(torch.tensor(gain))
        history += f"; gain {gain[0]:g}, {gain[1]:g}"
    model = recipe.model
    name = model.name or f"photochrom-{recipe.name}"
    text = card.read_text(encoding="utf-8") if card else f"# {name}\n\n{history}\n"
    about = About(
        name,
        model.version,
        model.license,
        model.side,
        text,
        history,
        coherence=model.coherence,
    )
    planes = None if calibration is None else _planes(calibration, model.side)
    if restore is None:
        return export(net, output, about, float16=float16, calibration=planes)
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".export-") as folder:
        alone = export(net, Path(folder) / "model.onnx", about, float16=float16, calibration=planes)
        _restoring(alone, restore).replace(output)
    return output


def _restoring(model: Path, restore: Path) -> Path:
    """The model file in place, with the network of the run `restore` before its eyes."""
    checkpoint = checkpoint_of(restore)
    net = network_of(checkpoint)
    if not getattr(net, "restores", False):
        raise OptionsError("is no run of the network restore", file=restore)
    return put_before(net, model, _history(load_checkpoint(checkpoint)))


def blend_in(net: nn.Module, blends: Sequence[tuple[Path, float]]) -> None:
    """Mix shares of the weights in files into the network's, by name; the rest is its own share.

    Tensors that a file lacks stay the network's in its share.
    """
    own = net.state_dict()
    if sum(share for _, share in blends) > 1 + 1e-6:
        raise OptionsError("the blended shares are more than 1", remedy="give smaller ones")
    before = {name: tensor.clone() for name, tensor in own.items()}
    for path, share in blends:
        given = weights_of(path)
        fits = [
            name
            for name, tensor in own.items()
            if tensor.is_floating_point() and name in given and given[name].shape == tensor.shape
        ]
        if not fits:
            raise OptionsError("no tensor in it has a name and shape of this network", file=path)
        for name in fits:
            own[name] += share * (given[name].to(own[name].dtype) - before[name])


def _history(saved: dict[str, Any]) -> str:
    about = saved["about"]
    sets = ", ".join(about["sets"])
    history = f"step {saved['step']}; commit {about['commit']}; `{about['command']}`; sets: {sets}"
    if saved["progress"] < 1:
        return f"half-trained ({saved['progress']:.0%} of its run); {history}"
    return history


def _planes(data: Path, side: int) -> Iterator[np.ndarray]:
    """Lightness planes of the first pictures of `data`, at the model's preferred side."""
    for index, photograph in enumerate(photographs(data)):
        if index == CALIBRATION_PICTURES:
            return
        height, width = photograph.lightness.shape
        scale = side / min(height, width)
        image = Image.fromarray(photograph.lightness)
        yield np.asarray(image.resize((round(width * scale), round(height * scale))))
