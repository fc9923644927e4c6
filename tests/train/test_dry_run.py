"""What a training would cost, said before it begins; nothing is written."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from core.errors import OptionsError, PhotochromError
from core.learn.nets import build
from tests.train.pictures import encoded, picture, shard, write_tar
from train import commands
from train.dry_run import estimated
from train.recipe import parse

RECIPE = """
[network]
name = "compact_cnn"
[[loss]]
name = "mse"
[train]
sizes = [[32, 4], [64, 2]]
accumulate = 2
steps = 70
"""


@pytest.fixture
def work(tmp_path: Path) -> Path:
    shard(tmp_path / "data.tar", {"cats": 6, "dogs": 4})
    (tmp_path / "recipe.toml").write_text(RECIPE)
    return tmp_path


def dry_run(work: Path, *words: str) -> str:
    given = [work / "recipe.toml", "--data", work / "data.tar", "--out", work / "run"]
    given += ["--cache", work / "cache", "--dry-run", *words]
    before = sorted(work.rglob("*"))
    result = CliRunner().invoke(commands.train, list(map(str, given)), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert sorted(work.rglob("*")) == before
    return result.output


def test_it_says_what_it_would_cost_and_writes_nothing(work: Path):
    said = dry_run(work)
    assert re.search(r"^parameters +32,202, of which 32,202 learn$", said, re.MULTILINE)
    assert re.search(r"^steps +70, which see 420 pictures$", said, re.MULTILINE)
    for name in ("GMAC a picture", "pictures a second", "memory", "hours"):
        found = re.search(rf"^{name} +([\d.e,-]+)", said, re.MULTILINE)
        assert found and float(found[1].replace(",", "").rstrip(".")) >= 0, said


def test_a_budget_is_of_steps_pictures_or_time(work: Path):
    assert "7, which see 42 pictures" in dry_run(work, "--steps", "7")
    assert "3, which see 18 pictures" in dry_run(work, "--pictures", "13")
    recipe = parse(RECIPE, Path("recipe.toml"))
    cost = estimated(recipe, work / "data.tar", budget_seconds=60)
    assert cost.seconds == pytest.approx(60, rel=0.1)
    assert cost.pictures == pytest.approx(60 * cost.pictures_per_second, rel=0.1)


def test_the_multiplications_are_those_of_the_layers(work: Path):
    """By hand: each convolution's kernel, inputs and outputs, on its own grid."""
    recipe = parse(RECIPE, Path("recipe.toml"))
    recipe = replace(recipe, train=replace(recipe.train, sizes=((64, 2),), learns=("layers.0.",)))
    cost = estimated(recipe, work / "data.tar")
    by_hand = 0
    for (name, weight), stride in zip(
        [(n, w) for n, w in build("compact_cnn").named_parameters() if w.ndim == 4],
        (2, 2, 2, 4, 4, 8, 4, 2, 1),
        strict=True,
    ):
        assert name.endswith("weight")
        by_hand += weight.numel() * (64 // stride) ** 2
    assert cost.gmac == pytest.approx(by_hand / 1e9)
    assert cost.learning == 8 * 9 + 8


def test_what_cannot_be_trained_cannot_be_tried(work: Path):
    gray = picture(1)[..., :1].repeat(3, axis=2)
    write_tar(work / "gray.tar", {f"x/{n}.png": encoded(gray) for n in range(4)})
    recipe = parse(RECIPE, Path("recipe.toml"))
    with pytest.raises(PhotochromError, match=r"gray\.tar: none of its pictures has colours"):
        estimated(recipe, work / "gray.tar")
    with pytest.raises(OptionsError, match=r"has no \[\[loss\]\]"):
        estimated(replace(recipe, loss=()), work / "data.tar")
