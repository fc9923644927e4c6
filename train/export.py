"""A run's folder becomes a model file: which checkpoint, what its card and its history say."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from core.errors import PhotochromError
from core.learn.export import About, export
from core.learn.nets import build
from core.learn.trainer import load_checkpoint
from train.evaluate import photographs
from train.recipe import parse

#: So many pictures are enough to find the ranges of the activations.
CALIBRATION_PICTURES = 64


def export_run(
    run: Path,
    output: Path,
    *,
    float16: bool = False,
    calibration: Path | None = None,
    card: Path | None = None,
) -> Path:
    """Write the best checkpoint of `run` (a folder, or one checkpoint) as a model file."""
    checkpoint = run
    if run.is_dir():
        best = run / "best.pt"
        checkpoint = best if best.is_file() else run / "last.pt"
    saved = load_checkpoint(checkpoint)
    about = saved["about"]
    recipe = parse(about["recipe"], Path(about["name"] + ".toml"))
    net = build(recipe.network, **recipe.network_settings)
    try:
        net.load_state_dict(saved["average"])
    except RuntimeError as error:
        raise PhotochromError(
            f"does not fit the network {recipe.network} of its own recipe",
            file=checkpoint, remedy="export with the version that trained it",
        ) from error  # fmt: skip
    history = f"step {saved['step']}; commit {about['commit']}; `{about['command']}`; " + (
        f"sets: {', '.join(about['sets'])}"
    )
    if saved["progress"] < 1:
        history = f"half-trained ({saved['progress']:.0%} of its run); {history}"
    model = recipe.model
    text = card.read_text(encoding="utf-8") if card else f"# {model.name}\n\n{history}\n"
    return export(
        net, output,
        About(model.name or f"photochrom-{recipe.name}", model.version, model.license, model.side,
              text, history),
        float16=float16,
        calibration=None if calibration is None else _planes(calibration, model.side),
    )  # fmt: skip


def _planes(data: Path, side: int) -> Iterator[np.ndarray]:
    """Lightness planes of the first pictures of `data`, at the model's preferred side."""
    for index, photograph in enumerate(photographs(data)):
        if index == CALIBRATION_PICTURES:
            return
        height, width = photograph.lightness.shape
        scale = side / min(height, width)
        image = Image.fromarray(photograph.lightness)
        yield np.asarray(image.resize((round(width * scale), round(height * scale))))
