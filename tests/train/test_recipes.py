"""Every recipe that comes with the program: a few steps, a model file, an answer.

A model file is made once for the recipes whose networks are built alike.

Networks are narrowed where they have a key for it; everything else is the recipe's own.
"""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.learn.nets import NETS
from tests.model_files import write_model
from tests.train.pictures import picture, shard
from train.dry_run import estimated
from train.evaluate import EvaluatedModel, Photograph
from train.export import export_run
from train.recipe import Recipe, parse, read
from train.recipe_files import RECIPES
from train.run import run

NAMES = sorted(path.stem for path in RECIPES.glob("*.toml"))
TRAINED = [name for name in NAMES if name != "ensemble"]
#: Network -> the lines that stand in its [network] here, in place of the recipe's own.
NARROW = {
    "zhang": ("width = 4",),
    "fusion": ("side = 75", "repeats = [1, 1, 1]"),
    "unet_gan": ("width = 4",),
}
#: Keys of [network] that say what it begins with, and not how it is built.
STARTS = ("pretrained", "freeze", "random")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recipes")
    shard(folder / "data.tar", {"cats": 6, "dogs": 4})
    return folder


def narrowed(name: str) -> str:
    """A recipe that extends it, with the lines of `NARROW`."""
    lines = NARROW.get(read(RECIPES / f"{name}.toml").network, ())
    return "\n".join([f'extends = "{RECIPES / name}.toml"', "[network]", *lines])


def test_there_is_a_recipe_for_every_network():
    assert {read(RECIPES / f"{name}.toml").network for name in NAMES} == set(NETS)


def tried(name: str) -> Recipe:
    """The recipe, narrowed, on a few small pictures."""
    recipe = parse(narrowed(name), Path(f"{name}.toml"))
    small = replace(recipe.train, sizes=((32, 2),), accumulate=1)
    return replace(recipe, train=small, data=replace(recipe.data, count=0, validation=0))


def distinct() -> list[str]:
    """Of the recipes whose networks are built alike, whatever they begin with, the first."""
    first: dict[str, str] = {}
    for name in TRAINED:
        recipe = tried(name)
        settings = {k: v for k, v in recipe.network_settings.items() if k not in STARTS}
        key = repr((recipe.network, sorted(settings.items())))
        first.setdefault(re.sub(r"efficientnet_lite\d", "lite", key), name)
    return list(first.values())


def model_of(folder: Path, name: str) -> Path:
    """The model file after one step of the recipe; made once."""
    path = folder / name / "model.onnx"
    if not path.is_file():
        run(
            tried(name),
            folder / "data.tar",
            folder / name,
            cache=folder / "cache",
            steps=1,
            say=lambda _: None,
        )
        if tried(name).network == "restore":  # it colours nothing by itself
            tiny = write_model(folder / "tiny.onnx")
            export_run(tiny, path, restore=folder / name)
        else:
            export_run(folder / name, path)
    return path


def answer(path: Path) -> np.ndarray:
    return EvaluatedModel(path).colour(Photograph.of("a.png", "a", picture(99, 50, 70)))


@pytest.mark.parametrize("name", sorted({*TRAINED} - {*distinct()}))
def test_it_learns_a_little(folder: Path, name: str):
    cost = estimated(tried(name), folder / "data.tar", steps=1)
    assert cost.parameters >= cost.learning > 0 and cost.seconds > 0


@pytest.mark.parametrize("name", distinct())
def test_the_model_file_of_every_kind_of_network_answers(folder: Path, name: str):
    path = model_of(folder, name)
    chroma = answer(path)
    assert chroma.shape == (2, 50, 70) and np.isfinite(chroma).all()
    training = EvaluatedModel(path).description.training
    assert "step 1" in training and "half" not in training


def test_the_ensemble_is_exported_from_its_recipe(folder: Path):
    text = (RECIPES / "ensemble.toml").read_text(encoding="utf-8")
    members = ("cnn_3p9m", "resnet18")
    answers = [answer(model_of(folder, member)) for member in members]
    for member in members:
        text = text.replace(f"runs/{member}", str(folder / member))
    (folder / "ensemble.toml").write_text(text)
    ours = answer(export_run(folder / "ensemble.toml", folder / "ensemble.onnx"))
    np.testing.assert_allclose(ours, np.mean(answers, 0), atol=0.1)
