"""A recipe that takes over another: tables key by key, lists whole, and nothing left to look up."""

from pathlib import Path

import pytest

from core.errors import OptionsError
from core.learn.checkpoint import network_of
from tests.train.pictures import shard
from train.recipe import parse, read
from train.recipe_files import RECIPES, files
from train.run import run

BASE = """
[network]
name = "zhang"
width = 8
[[loss]]
name = "sse"
weight = 0.001
[[loss]]
name = "l1"
[data]
validation = 2
[data.set_weights]
cats = 2.0
[train]
sizes = [[32, 2], [64, 1]]
steps = 1
rates = {"model1." = 0.5}
"""
OWN = """
extends = "base.toml"
[network]
depth = 6
head = "regression"
[[loss]]
name = "mse"
[data.set_weights]
dogs = 3
[train]
sizes = [[32, 1]]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "base.toml").write_text(BASE)
    (tmp_path / "own.toml").write_text(OWN)
    return tmp_path


def test_tables_are_merged_key_by_key_and_lists_replaced(folder: Path):
    recipe = read(folder / "own.toml")
    assert recipe.network_settings == {"width": 8, "depth": 6, "head": "regression"}
    assert [term.name for term in recipe.loss] == ["mse"]
    assert recipe.data.set_weights == {"cats": 2.0, "dogs": 3.0}
    assert recipe.train.sizes == ((32, 1),) and recipe.train.steps == 1
    assert recipe.train.rates == {"model1.": 0.5}
    assert files(folder / "own.toml") == [folder / "own.toml", folder / "base.toml"]


def test_its_text_needs_no_other_file_and_says_the_same(folder: Path):
    recipe = read(folder / "own.toml")
    (folder / "base.toml").unlink()
    again = parse(recipe.text, Path("own.toml"))
    assert (again.network_settings, again.train, again.loss, again.data) == (
        recipe.network_settings,
        recipe.train,
        recipe.loss,
        recipe.data,
    )


def test_a_checkpoint_of_it_is_read_when_the_base_is_gone(folder: Path):
    data = shard(folder / "data.tar", {"cats": 3, "dogs": 2})
    recipe = read(folder / "own.toml")
    best = run(recipe, data, folder / "run", cache=folder / "cache", say=lambda _: None)
    (folder / "base.toml").unlink()
    assert "model6.0.weight" not in network_of(best).state_dict()
    assert network_of(best).get_parameter("model1.0.weight").shape[0] == 8


def test_a_chain_ends_in_a_recipe_of_the_program(tmp_path: Path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "middle.toml").write_text('extends = "resnet18"\n[train]\nclip = 1.0\n')
    (tmp_path / "sub/own.toml").write_text('extends = "../middle.toml"\n[train]\nema = 0.9\n')
    recipe, base = read(tmp_path / "sub/own.toml"), read(RECIPES / "resnet18.toml")
    assert (recipe.network, recipe.loss) == (base.network, base.loss)
    assert (recipe.train.clip, recipe.train.ema) == (1.0, 0.9)
    assert recipe.train.sizes == base.train.sizes


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"own": 'extends = "gone.toml"'}, r"own\.toml: extends 'gone\.toml', which is neither"),
        ({"own": "extends = 3"}, r"own\.toml: extends is 3, wanted the name"),
        ({"own": 'extends = "own.toml"'}, r"own\.toml: extends 'own\.toml' leads back to it"),
        (
            {"own": 'extends = "b.toml"', "b": 'extends = "c.toml"', "c": 'extends = "b.toml"'},
            r"c\.toml: extends 'b\.toml' leads back to it",
        ),
        ({"own": 'extends = "b.toml"', "b": "no toml"}, r"b\.toml: is not TOML"),
        (
            {"own": 'extends = "resnet18"\n[train]\nstepz = 1'},
            r"own\.toml: \[train\] unknown key 'stepz'.*'steps'",
        ),
    ],
)
def test_every_mistake_is_one_line_that_names_the_file(tmp_path: Path, files: dict, said: str):
    for name, text in files.items():
        (tmp_path / f"{name}.toml").write_text(text)
    with pytest.raises(OptionsError, match=said) as refused:
        read(tmp_path / "own.toml")
    assert "\n" not in str(refused.value) and refused.value.exit_code == 2
