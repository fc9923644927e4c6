"""A quarter of an hour on a GPU, rehearsed on a CPU with a small network and a few pictures."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from safetensors.torch import load_file

from core.errors import OptionsError
from core.learn.nets import build
from tests.train.pictures import shard
from train.quarter_hour import RECIPES, STAGES, Stage, main, portions, quarter_hour

RECIPE = """
[network]
name = "compact_cnn"
[data]
validation = 4
[augment]
hints = {hints}
border = 0.5
halation = 0.5
damage = 0.5
[[loss]]
name = "mse"
[train]
sizes = [[32, 4]]
log_every = 1
"""


@pytest.fixture
def recipes(tmp_path: Path) -> Path:
    folder = tmp_path / "recipes"
    folder.mkdir()
    for name, hints in (("first", 0.0), ("second", 0.5)):
        (folder / f"{name}.toml").write_text(RECIPE.format(hints=hints))
    return folder


def test_stage_follows_stage_by_the_clock_and_each_leaves_its_weights(tmp_path, recipes):
    data = tmp_path / "data"
    data.mkdir()
    shard(data / "a.tar", {"things": 12, "people": 12})
    stages = (Stage("first", 0.5), Stage("second", 0.5))
    settings = {"initial": None, "cache": tmp_path / "cache", "recipes": recipes, "stages": stages}
    out = tmp_path / "out"
    said: list[str] = []
    last = quarter_hour(data, out, seconds=6, say=said.append, **settings)
    assert last == out / "second.safetensors"
    first, second = (load_file(out / f"{name}.safetensors") for name in ("first", "second"))
    assert first.keys() == second.keys() and set(first) == set(build("compact_cnn").state_dict())
    assert any(line.startswith(f"{len(first)} of {len(first)} tensors") for line in said)
    for name in ("first", "second"):
        rows = [json.loads(line) for line in (out / f"{name}.jsonl").read_text().splitlines()]
        assert rows[-1]["step"] >= 1

    said.clear()
    assert quarter_hour(data, out, seconds=6, say=said.append, **settings) == last
    assert said == []  # all is done


def test_its_recipes_follow_each_other_and_share_the_whole_time():
    assert sum(stage.share for stage in STAGES) == pytest.approx(1)
    assert {stage.recipe for stage in STAGES} == {path.stem for path in RECIPES.glob("*.toml")}


def test_shards_are_packed_into_parts_that_are_small_enough(tmp_path):
    files = []
    for number, size in enumerate((30, 25, 40, 60, 1)):
        files.append(tmp_path / f"{number}.tar")
        files[-1].write_bytes(bytes(size))
    packed = [[int(file.stem) for file in part] for part in portions(files, 60)]
    assert packed == [[0, 1], [2], [3], [4]]
    with pytest.raises(OptionsError, match="more than a part"):
        portions(files, 50)
    answer = CliRunner().invoke(main, ["pack", str(tmp_path), str(tmp_path / "parts")])
    assert answer.exit_code == 0 and len(list((tmp_path / "parts/00").iterdir())) == 5
