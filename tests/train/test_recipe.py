"""Recipes: what is read, and that every mistake is one line that names the file and the key."""

from pathlib import Path

import pytest

from core.errors import OptionsError
from train.recipe import parse, read

RECIPES = sorted((Path(__file__).parents[2] / "train" / "recipes").rglob("*.toml"))
GOOD = """
[network]
name = "lite"
temperature = 0.5
[[loss]]
name = "smooth_l1"
weight = 2
beta = 3.0
[train]
sizes = [[64, 4]]
learning_rate = 1
"""


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_of_the_repository_is_read_and_its_network_built(path: Path):
    from core.learn.nets import build

    recipe = read(path)
    assert recipe.name == path.stem
    if recipe.network == "ensemble":  # its members are runs that are not here
        return
    assert recipe.loss
    build(recipe.network, **recipe.network_settings)


def test_a_recipe_says_what_it_says():
    recipe = parse(GOOD, Path("good.toml"))
    assert recipe.network == "lite" and recipe.network_settings == {"temperature": 0.5}
    (term,) = recipe.loss
    assert (term.name, term.weight, term.parameters) == ("smooth_l1", 2.0, {"beta": 3.0})
    assert recipe.train.sizes == ((64, 4),) and recipe.train.learning_rate == 1.0
    assert recipe.text == GOOD


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (GOOD + "stepz = 3", r"bad\.toml: \[train\] unknown key 'stepz'.*'steps'"),
        (GOOD + 'steps = "many"', r"train\.steps is 'many', wanted int"),
        (GOOD + "warm_up = 1.5", r"train\.warm_up is 1\.5, wanted int"),
        (GOOD + "learns = [1]", r"train\.learns is 1, wanted str"),
        (GOOD.replace("[[64, 4]]", "[[64, 4, 2]]"), r"train\.sizes is \[64, 4, 2\]"),
        (GOOD.replace("beta", "beat"), r"loss smooth_l1: unknown key 'beat'.*'beta'"),
        (GOOD.replace('"lite"', '"light"'), r"unknown network\.name 'light'.*'lite'"),
        (GOOD.replace('"smooth_l1"', '"smoothl1"'), r"unknown loss\.name.*'smooth_l1'"),
        ("[tarin]", r"unknown key 'tarin'.*'train'"),
        ("not toml", r"is not TOML"),
    ],
)
def test_every_mistake_is_one_line_with_the_remedy(wrong: str, said: str):
    with pytest.raises(OptionsError, match=said) as refused:
        parse(wrong, Path("bad.toml"))
    assert "\n" not in str(refused.value) and refused.value.exit_code == 2


def test_a_missing_recipe_and_a_binary_one_are_said_by_name(tmp_path: Path):
    with pytest.raises(OptionsError, match=r"absent\.toml: cannot be read"):
        read(tmp_path / "absent.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(OptionsError, match=r"binary\.toml: is not a text file"):
        read(tmp_path / "binary.toml")
