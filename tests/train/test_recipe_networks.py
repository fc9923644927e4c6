"""The keys of a recipe's [network] are its network's own; mistakes are told before it is built."""

from pathlib import Path

import pytest

from core.errors import OptionsError, PhotochromError
from tests.train.pictures import shard
from train.recipe import parse
from train.run import run

LOSS = '[[loss]]\nname = "mse"\n'


def test_keys_reach_the_network_with_their_types():
    recipe = parse('[network]\nname = "zhang"\ntemperature = 1\ndepth = 6\n' + LOSS, Path("r.toml"))
    assert recipe.network_settings == {"temperature": 1.0, "depth": 6}
    assert isinstance(recipe.network_settings["temperature"], float)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (
            'name = "zhang"\ndilaton = true',
            r"r\.toml: \[network\] unknown key 'dilaton'.*'dilation'",
        ),
        ('name = "zhang"\ndepth = "eight"', r"r\.toml: network\.depth is 'eight', wanted int"),
        ('name = "zhang"\nbatch_norm = 1', r"network\.batch_norm is 1, wanted bool"),
        (
            'name = "zhang"\n[train]\nschedule = "step"',
            r"unknown train\.schedule 'step'.*'steps'",
        ),
        ('name = "zhang"\n[train]\noptimizer = "lion"', r"unknown train\.optimizer 'lion'"),
        ('name = "zhang"\n[train]\nstart = "he"', r"unknown train\.start 'he'"),
        ('name = "compact_cnn"\nwidth = 3', r"\[network\] unknown key 'width'"),
        ('name = "ensemble"', r"\[network\] has no members"),
    ],
)
def test_every_mistake_names_the_file_and_the_key(keys: str, said: str):
    with pytest.raises(OptionsError, match=said) as refused:
        parse(f"[network]\n{keys}\n{LOSS}", Path("r.toml"))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("loss", ['name = "soft_cross_entropy"', 'name = "smooth_l1"\nmix = 0.5'])
def test_a_loss_over_bins_is_refused_for_a_network_without_them(tmp_path: Path, loss: str):
    recipe = parse(f'[network]\nname = "compact_cnn"\n[[loss]]\n{loss}', Path("r.toml"))
    data = shard(tmp_path / "data.tar", {"some": 2})
    with pytest.raises(OptionsError, match="weighs colour bins, and the network compact_cnn has"):
        run(recipe, data, tmp_path / "run", cache=tmp_path / "cache")
    assert not (tmp_path / "run").exists()


def test_a_recipe_trains_on_a_random_part_of_the_pictures(tmp_path: Path):
    data, said = shard(tmp_path / "data.tar", {"some": 9}), list[str]()
    text = 'network = {name = "compact_cnn"}\nloss = [{name = "mse"}]\n'
    text += "train = {sizes = [[32, 2]], steps = 1}\n"
    for count in (4, 99):
        own = f"data = {{count = {count}, seed = 5, validation = 2}}"
        recipe = parse(text + own, Path("r.toml"))
        if count == 99:
            with pytest.raises(PhotochromError, match=r"data.count is 99, and .*data.tar has 7"):
                run(recipe, data, tmp_path / "none", cache=tmp_path / "cache", say=said.append)
            continue
        run(recipe, data, tmp_path / "run", cache=tmp_path / "cache", say=said.append)
    assert said[0].startswith("4 pictures to train on")


def test_a_recipe_chooses_shards_and_another_size_is_another_cache(tmp_path: Path):
    (tmp_path / "data").mkdir()
    shard(tmp_path / "data" / "photos-1.tar", {"kept": 3})
    shard(tmp_path / "data" / "judge.tar", {"secret": 2})
    said: list[str] = []
    for side in (32, 48):
        recipe = parse(
            f'network = {{name = "compact_cnn"}}\nloss = [{{name = "mse"}}]\n'
            f'data = {{shards = "photos-*.tar", short_side = {side}, validation = 0}}\n'
            "train = {sizes = [[32, 2]], steps = 1}",
            Path("r.toml"),
        )
        out = tmp_path / f"run-{side}"
        run(recipe, tmp_path / "data", out, cache=tmp_path / "cache", say=said.append)
    assert said[0].startswith("3 pictures to train on")
    assert len(list((tmp_path / "cache").iterdir())) == 2
