"""Learns how far hints reach: the small network of `core.reach`.

    python -m train.learn_reach model.onnx --data photographs.tar -o core/reach.npz

Each picture gets hints as in `train.hint_reach`, and once a grid of hints. The network learns to
bring the hinted things to the asked colours without changing other colours: `--stray` is the weight
of the latter, and a larger one keeps hints nearer. A quarter of the pictures are held out to judge
the result. The network serves every model that takes hints, so that it need not be trained for
each.
"""

from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from pathlib import Path

import click
import numpy as np
import torch
from torch import Tensor, nn

from core.image.atomic import write_file
from core.learn.predict import chroma_for
from core.reach import described
from train.evaluate import EvaluatedModel, Photograph, grid_hints, photographs
from train.hint_reach import MOVED, RADII, Case, cases

WIDTH = 24
EPOCHS = 20
CASES_A_STEP = 16
LEARNING_RATE = 3e-3
#: Share of each picture's pixels that is used.
SHARE_OF_PIXELS = 0.1
#: CIELAB units over which a pixel passes from unchanged to changed, so that the loss has a slope.
SOFTNESS = 1.5


@dataclass(frozen=True, slots=True)
class Sample:
    """Pixels of a case: `features` F,P, then a*, b* 2,P each, then masks P."""

    kind: str
    features: Tensor
    automatic: Tensor
    change: Tensor
    own: Tensor
    wanted: Tensor
    inside: Tensor
    is_other: Tensor


def samples(model: EvaluatedModel, data: Path, most: int) -> list[list[Sample]]:
    """Returns all cases of each of the first `most` pictures."""
    random = np.random.default_rng(0)
    by_picture = []
    for number, photograph in enumerate(islice(photographs(data), most)):
        lightness, multiple = photograph.lightness, model.description.multiple
        automatic = chroma_for(model.predict, lightness, multiple=multiple)
        by_picture.append([])
        radius = RADII[number % len(RADII)]
        for case in (*cases(photograph, radius), _everywhere(photograph)):
            answer = chroma_for(model.predict, lightness, case.hints, multiple=multiple)
            features, own = described(lightness, automatic, case.hints)
            kept = random.random(lightness.shape) < SHARE_OF_PIXELS
            planes = (features, automatic, answer - automatic, own, case.wanted)
            masks = (case.inside, case.is_other)
            tensors = [torch.from_numpy(plane[:, kept].astype(np.float32)) for plane in planes]
            tensors += [torch.from_numpy(mask[kept].astype(np.float32)) for mask in masks]
            by_picture[-1].append(Sample(case.kind, *tensors))
    return by_picture


def _everywhere(photograph: Photograph) -> Case:
    """Returns a case with hints all over the picture, all of which shall take its true colours."""
    everything = np.ones(photograph.lightness.shape, bool)
    hints = grid_hints(photograph.chroma)
    return Case("grid", hints, everything, ~everything, photograph.chroma, photograph.chroma)


def coloured(net: nn.Module, sample: Sample) -> Tensor:
    """Returns a*, b* (2, P) as `core.reach.limited` computes them."""
    of_answer, of_own = net(sample.features.T).sigmoid().T
    answer = sample.automatic + of_answer * sample.change
    return answer + of_own * (sample.own - answer)


def squares(chroma: Tensor, sample: Sample) -> Tensor:
    """Returns the sum of squared errors inside the hinted things."""
    return (((chroma - sample.wanted) ** 2) * sample.inside).sum()


def moved(chroma: Tensor, sample: Sample) -> Tensor:
    """Returns by how many CIELAB units each pixel changed: (P,)."""
    return (chroma - sample.automatic).norm(dim=0)


def learn(net: nn.Module, pixels: list[Sample], stray: float) -> None:
    """Minimises both losses with Adam.

    Squared errors are relative to those without hints, strayed pixels to the number of pixels that
    should keep their colours.
    """
    error = sum(squares(sample.automatic, sample).item() for sample in pixels) / len(pixels)
    others = sum(sample.is_other.sum().item() for sample in pixels) / len(pixels)
    optimizer = torch.optim.Adam(net.parameters(), LEARNING_RATE)
    random = np.random.default_rng(0)
    for epoch in range(EPOCHS):
        optimizer.param_groups[0]["lr"] = LEARNING_RATE * (1 - epoch / EPOCHS)
        order = random.permutation(len(pixels))
        for start in range(0, len(pixels), CASES_A_STEP):
            loss = torch.zeros(())
            for sample in (pixels[at] for at in order[start : start + CASES_A_STEP]):
                chroma = coloured(net, sample)
                strayed = torch.sigmoid((moved(chroma, sample) - MOVED) / SOFTNESS)
                loss = loss + squares(chroma, sample) / error
                loss = loss + stray * (strayed * sample.is_other).sum() / others
            optimizer.zero_grad()
            (loss / CASES_A_STEP).backward()
            optimizer.step()


@torch.no_grad()
def judged(net: nn.Module, pixels: list[Sample]) -> tuple[float, float]:
    """Returns (inside, stray) as `train.hint_reach` defines them, over all samples."""
    before = after = strayed = others = 0.0
    for sample in pixels:
        chroma = coloured(net, sample)
        before += squares(sample.automatic, sample).item()
        after += squares(chroma, sample).item()
        strayed += ((moved(chroma, sample) > MOVED) * sample.is_other).sum().item()
        others += sample.is_other.sum().item()
    return 1 - (after / before) ** 0.5, strayed / max(others, 1)


@click.command()
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--data", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option("--pictures", type=click.IntRange(4), default=200, show_default=True)
@click.option("--stray", type=click.FloatRange(0), default=2.0, show_default=True)
def main(model: Path, data: Path, output: Path, pictures: int, stray: float) -> None:
    """Learns how far hints reach."""
    torch.manual_seed(0)
    by_picture = samples(EvaluatedModel(model), data, pictures)
    kept = [sample for picture in by_picture[::4] for sample in picture]
    learnt = [sample for at, picture in enumerate(by_picture) if at % 4 for sample in picture]
    features = len(learnt[0].features)
    net = nn.Sequential(
        *(nn.Linear(features, WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH), nn.SiLU()),
        nn.Linear(WIDTH, 2),
    )
    learn(net, learnt, stray)
    for name, part in (("learnt", learnt), ("kept", kept)):
        for kind in ("", "_free", "grid"):
            inside, strayed = judged(net, [sample for sample in part if sample.kind == kind])
            click.echo(f"{name} {kind:5}: inside {inside:.3f}, stray {strayed:.3f}")
    layers = {}
    for number, layer in enumerate(part for part in net if isinstance(part, nn.Linear)):
        layers[f"weight{number}"] = layer.weight.detach().numpy()
        layers[f"bias{number}"] = layer.bias.detach().numpy()
    stored = BytesIO()
    np.savez(stored, **layers)
    write_file(output, stored.getvalue())


if __name__ == "__main__":
    main()
