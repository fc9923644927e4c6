"""A run that rebalances measures its prior first, and saves it with the weights."""

from pathlib import Path

import pytest
import torch

from core.learn.checkpoint import load_checkpoint
from tests.train.pictures import shard
from train.recipe import parse
from train.run import run

RECIPE = """
network = {{name = "zhang", width = 2}}
data = {{validation = 0}}
augment = {{hints = 0.0, old_film = 0.0}}
loss = [{{name = "soft_cross_entropy", mix = {mix}}}]
train = {{sizes = [[32, 2]], steps = {steps}}}
"""


def trained(folder: Path, mix: float, steps: int = 1, resume: bool = False) -> torch.Tensor:
    recipe = parse(RECIPE.format(mix=mix, steps=1), folder / "r.toml")
    run(
        recipe,
        folder / "data.tar",
        folder / str(mix),
        cache=folder / "cache",
        steps=steps,
        resume=resume,
        say=lambda _: None,
    )
    return load_checkpoint(folder / str(mix) / "last.pt")["net"]["prior"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prior")
    shard(folder / "data.tar", {"some": 6})
    return folder


def test_it_is_measured_where_a_loss_weighs_by_it_and_kept_when_the_run_goes_on(folder: Path):
    prior = trained(folder, 0.5)
    assert prior.max() > 3 * prior.mean() and prior.sum().item() == pytest.approx(1)
    assert torch.equal(trained(folder, 0.5, steps=2, resume=True), prior)


def test_it_stays_even_where_no_loss_asks(folder: Path):
    assert trained(folder, 1.0).unique().numel() == 1
