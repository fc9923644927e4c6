"""Exports a run as a model file, with its card and its history, for `photochrom export`."""

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
from train.recipe import Recipe, parse, read
from train.run import commit, weights_of

#: The kind of files that a model file may replace: ONNX files with the metadata of contract 1.
MODEL_FILE = Kind("a model file", (b"\x08",), b"photochrom.contract")
#: Number of pictures from which the ranges of the activations are taken, for int8.
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
    settings: Mapping[str, float] | None = None,
    restore: Path | None = None,
) -> Path:
    """Writes a run as a model file, and returns `output`.

    `run` is a folder, of which the best checkpoint is taken, a checkpoint, or the recipe (.toml) of
    an ensemble, whose members are trained. `float16`: store the weights in half precision.
    `calibration`: pictures for int8 convolutions. `card`: a model card in Markdown. `blends`: files
    of other weights with their shares in the mean of all, which is often better than each (Wortsman
    et al. 2022, "Model soups"). `settings`: numbers of the network that can be changed after
    training (`lite`: temperature). `gain`: factors on a* and b*, for networks that have them
    (`lite`). `restore`: a run of the network `restore`, which the file applies to the input first;
    with it, `run` may also be a model file. Raises `OptionsError` where these do not fit.
    """
    if run.suffix == ".onnx":
        if restore is None or float16 or calibration or card or blends or gain or settings:
            raise OptionsError("a model file can be given --restore, and nothing else", file=run)
        return _restoring_copy(run, output, restore)
    net, recipe, history = _read_run(run)
    if getattr(net, "restores", False):
        raise OptionsError(
            "the network restore does not colour",
            file=run,
            remedy="export a model that does, with --restore RUN",
        )
    blend_in(net, blends)
    history += "".join(f"; {share:g} of it {path.name}" for path, share in blends)
    for name, value in (settings or {}).items():
        if not isinstance(getattr(net, name, None), float):
            raise OptionsError(f"the network {recipe.network} has no setting {name!r}", file=run)
        setattr(net, name, value)
        history += f"; {name} {value:g}"
    if gain:
        if not isinstance(getattr(net, "gain", None), Tensor):
            raise OptionsError(f"the network {recipe.network} has no gain", file=run)
        net.get_buffer("gain").copy_(torch.tensor(gain))
        history += f"; gain {gain[0]:g}, {gain[1]:g}"
    model = recipe.model
    name = model.name or f"photochrom-{recipe.name}"
    text = card.read_text(encoding="utf-8") if card else f"# {name}\n\n{history}\n"
    about = About(
        name, model.version, model.license, model.side, text, history, coherence=model.coherence
    )
    planes = None if calibration is None else _planes(calibration, model.side)
    if restore is None:
        return export(net, output, about, float16=float16, calibration=planes)
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".export-") as folder:
        colouring = Path(folder) / "model.onnx"
        export(net, colouring, about, float16=float16, calibration=planes)
        _with_restoration(colouring, restore).replace(output)
    return output


def _read_run(run: Path) -> tuple[nn.Module, Recipe, str]:
    """Returns the network, the recipe and the history of a run, or of an ensemble's recipe."""
    if run.suffix == ".toml":
        recipe = read(run)
        net = built(recipe.network, recipe.network_settings)
        return net, recipe, f"built from {run.name}; commit {commit()}"
    checkpoint = checkpoint_of(run)
    saved = load_checkpoint(checkpoint)
    trained = saved["about"]
    recipe = parse(trained["recipe"], Path(trained["name"] + ".toml"))
    return network_of(checkpoint), recipe, _history(saved)


def _restoring_copy(model: Path, output: Path, restore: Path) -> Path:
    """Writes a model file with the network of the run `restore` before its own."""
    open_session(model, "cpu")  # raises `ModelError` where it is not a model file
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".export-") as folder:
        copied = Path(shutil.copyfile(model, Path(folder) / "model.onnx"))
        _with_restoration(copied, restore).replace(output)
    return output


def _with_restoration(model: Path, restore: Path) -> Path:
    """Puts the network of the run `restore` before the network of a model file, in place.

    Returns `model`. Raises `OptionsError` where the run is of another network.
    """
    checkpoint = checkpoint_of(restore)
    net = network_of(checkpoint)
    if not getattr(net, "restores", False):
        raise OptionsError("is not a run of the network restore", file=restore)
    return put_before(net, model, _history(load_checkpoint(checkpoint)))


def blend_in(net: nn.Module, blends: Sequence[tuple[Path, float]]) -> None:
    """Mixes shares of the weights in files into those of the network, in place and by name.

    The network's weights have the share that is left, and the share of a file for tensors that the
    file does not have. Raises `OptionsError` where shares add up to more than 1, or where no tensor
    of a file fits.
    """
    state = net.state_dict()
    if sum(share for _, share in blends) > 1 + 1e-6:
        raise OptionsError("the blended shares are more than 1", remedy="give smaller ones")
    before = {name: tensor.clone() for name, tensor in state.items()}
    for path, share in blends:
        weights = weights_of(path)
        fitting = [
            name
            for name, tensor in state.items()
            if tensor.is_floating_point()
            and name in weights
            and weights[name].shape == tensor.shape
        ]
        if not fitting:
            raise OptionsError("no tensor in it has a name and shape of this network", file=path)
        for name in fitting:
            state[name] += share * (weights[name].to(state[name].dtype) - before[name])


def _history(saved: dict[str, Any]) -> str:
    """Returns a line on how a checkpoint was trained, for the metadata of the model file."""
    about = saved["about"]
    sets = ", ".join(about["sets"])
    history = f"step {saved['step']}; commit {about['commit']}; `{about['command']}`; sets: {sets}"
    if saved["progress"] < 1:
        return f"half-trained ({saved['progress']:.0%} of its run); {history}"
    return history


def _planes(data: Path, side: int) -> Iterator[np.ndarray]:
    """Yields L* (H,W) of the first pictures of `data`, with a short side of `side` px."""
    for index, photograph in enumerate(photographs(data)):
        if index == CALIBRATION_PICTURES:
            return
        height, width = photograph.lightness.shape
        scale = side / min(height, width)
        image = Image.fromarray(photograph.lightness)
        yield np.asarray(image.resize((round(width * scale), round(height * scale))))
