"""Every recipe that comes with the program: a few steps, a model file, an answer.

Networks are narrowed where they have a key for it; everything else is the recipe's own.
"""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.learn.nets import NETS
from tests.train.pictures import picture, shard
from train.evaluate import EvaluatedModel, Photograph
from train.export import export_run
from train.recipe import parse, read
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


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recipes")
    shard(folder / "data.tar", {"cats": 6, "dogs": 4})
    return folder


def narrowed(name: str) -> str:
    text = (RECIPES / f"{name}.toml").read_text(encoding="utf-8")
    for line in NARROW.get(read(RECIPES / f"{name}.toml").network, ()):
        key = line.split(" = ")[0]
        text = re.sub(rf"^{key} = .*\n", "", text, flags=re.MULTILINE)
        text = text.replace("[network]\n", f"[network]\n{line}\n")
    return text


def test_there_is_a_recipe_for_every_network():
    assert {read(RECIPES / f"{name}.toml").network for name in NAMES} == set(NETS)


def model_of(folder: Path, name: str) -> Path:
    """The model file after two steps of the recipe; made once."""
    path = folder / name / "model.onnx"
    if not path.is_file():
        recipe = parse(narrowed(name), Path(f"{name}.toml"))
        tried = replace(recipe, train=replace(recipe.train, sizes=((32, 2),)))
        run(
            tried,
            folder / "data.tar",
            folder / name,
            cache=folder / "cache",
            steps=2,
            say=lambda _: None,
        )
        export_run(folder / name, path)
    return path


def answer(path: Path) -> np.ndarray:
    return EvaluatedModel(path).colour(Photograph.of("a.png", "a", picture(99, 50, 70)))


@pytest.mark.parametrize("name", TRAINED)
def test_it_learns_a_little_and_its_model_file_answers(folder: Path, name: str):
    path = model_of(folder, name)
    chroma = answer(path)
    assert chroma.shape == (2, 50, 70) and np.isfinite(chroma).all()
    training = EvaluatedModel(path).description.training
    assert "step 2" in training and "half" not in training


def test_the_ensemble_is_exported_from_its_recipe(folder: Path):
    text = (RECIPES / "ensemble.toml").read_text(encoding="utf-8")
    members = ("cnn_3p9m", "resnet18")
    answers = [answer(model_of(folder, member)) for member in members]
    for member in members:
        text = text.replace(f"runs/{member}", str(folder / member))
    (folder / "ensemble.toml").write_text(text)
    ours = answer(export_run(folder / "ensemble.toml", folder / "ensemble.onnx"))
    np.testing.assert_allclose(ours, np.mean(answers, 0), atol=0.1)
