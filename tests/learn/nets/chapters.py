"""What is asked of every network: `test_every_network.py` has the table of networks.

Each function proves one sentence of a given network, on small random pictures.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from core.learn.batch import TrainingBatch
from core.learn.checkpoint import load_checkpoint
from core.learn.export import About, export
from core.learn.losses import Term
from core.learn.trainer import Training, train
from core.model.session import open_session

ABOUT = About("tried", "0.0.1", "Apache-2.0", 64, "# A network on trial", "a few steps of a test")
#: Plain SGD keeps nothing beside the weights: the largest networks' checkpoints stay small.
SETTINGS = Training(
    optimizer="sgd",
    momentum=0.0,
    learning_rate=1e-3,
    schedule="constant",
    warm_up=1,
    log_every=1000,
)


def batch(height: int, width: int, count: int = 2, seed: int = 1) -> TrainingBatch:
    """Random smooth pictures without hints."""
    random = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 4, 4, generator=random)
    planes = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bilinear")
    chroma = (planes[:, 1:] - 0.5) * 80
    return TrainingBatch(10 + planes[:, :1] * 80, chroma, torch.zeros(count, 3, height, width))


def parameters(net: torch.nn.Module) -> int:
    return sum(tensor.numel() for tensor in net.parameters())


def answers_at_its_stride(net: Any) -> None:
    """Chroma N,2,H/s,W/s for three shapes of picture; hints of zeros are none."""
    net.eval()
    for height, width in ((1, 1), (2, 3), (3, 1)):
        given = batch(height * net.multiple, width * net.multiple)
        with torch.no_grad():
            answer = net(given.lightness)
            again = net(given.lightness, given.hints)
        grid = (height * net.multiple // net.stride, width * net.multiple // net.stride)
        assert answer.chroma.shape == (2, 2, *grid)
        assert answer.chroma.isfinite().all() and answer.chroma.abs().max() < 1000
        assert torch.equal(answer.chroma, again.chroma)
        assert (answer.logits is None) == (net.bins is None)
        if answer.logits is not None:
            assert answer.logits.shape[:2] == (2, len(net.bins))


def every_weight_learns(
    net: Any, *losses: str, without: str | tuple[str, ...] = "\0", sides: int = 3
) -> None:
    """Each loss' gradient reaches each parameter (but those `without`) and is finite."""
    from core.learn.losses import objective

    net.train()
    given = batch(sides * net.multiple, sides * net.multiple)
    total, _ = objective(
        [Term(name, 1.0, {}) for name in losses], net(given.lightness, given.hints), given, net
    )
    total.backward()
    for name, tensor in net.named_parameters():
        if not name.startswith(without):
            assert tensor.grad is not None, f"{name} has no gradient"
            assert tensor.grad.isfinite().all(), f"{name}'s gradient is not finite"
            assert tensor.grad.abs().max() > 0, f"{name}'s gradient is zero"


def its_file_answers_as_it_does(net: Any, folder: Path) -> None:
    """Exported to contract 1 and opened as the runtime does: within 0.05, at sizes never traced."""
    path = export(net, folder / "model.onnx", ABOUT)
    session = open_session(path, "cpu")
    assert session.description.stride == net.stride
    assert session.description.has_distribution == (net.bins is not None)
    for height, width in ((1, 4), (3, 2)):
        given = batch(height * net.multiple, width * net.multiple, count=1, seed=height)
        with torch.no_grad():
            ours = net(given.lightness).chroma[0].numpy()
        theirs = session.predict(given.lightness[0, 0].numpy(), distribution=net.bins is not None)
        assert np.abs(theirs.chroma - ours).max() < 0.05
        if theirs.distribution is not None:
            np.testing.assert_allclose(theirs.distribution.sum(0), 1, atol=1e-4)


def goes_on_to_the_same_bits(make: Callable[[], Any], folder: Path, *losses: str) -> None:
    """Three steps at once, and one step, a stop, two steps, end in equal weights."""

    def run(steps: int, out: str, resume: bool = False) -> dict[str, Any]:
        torch.manual_seed(3)
        train(
            make(),
            _batches,
            [Term(name, 1.0, {}) for name in losses],
            replace(SETTINGS, steps=steps),
            folder / out,
            about={"recipe": "a test's"},
            resume=resume,
            say=lambda _: None,
        )
        return load_checkpoint(folder / out / "last.pt")

    whole = run(3, "whole")
    run(1, "parts")
    parts = run(3, "parts", resume=True)
    assert whole["step"] == parts["step"] == 3
    started = make().state_dict()
    for name, tensor in whole["net"].items():
        assert torch.equal(tensor, parts["net"][name]), name
    moved = [n for n, t in whole["net"].items() if n in started and not torch.equal(t, started[n])]
    assert moved, "nothing was learnt in three steps"


def _batches(step: int) -> Iterator[TrainingBatch]:
    while True:
        yield batch(32, 32, seed=step)
        step += 1
