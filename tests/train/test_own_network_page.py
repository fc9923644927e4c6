"""docs/own_network.md: its code is loaded, its commands are run, in the order of the page."""

import importlib.util
import re
import shlex
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

import core.learn.nets
from core.commands.main import photochrom
from core.model.session import open_session
from tests.learn.nets import chapters, test_every_network
from tests.train.pictures import picture
from train import recipe_files

PAGE = Path(__file__).parents[2] / "docs" / "own_network.md"
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
MODULE, LINE, ROW = (text for kind, text in BLOCKS if kind == "python")
(RECIPE,) = (text for kind, text in BLOCKS if kind == "toml")
COMMANDS = [line for kind, text in BLOCKS if not kind for line in text.splitlines()]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folders that the page names, with its network and its recipe in their places."""
    file = tmp_path / "two_scales.py"
    file.write_text(MODULE, encoding="utf-8")
    ((name, where),) = eval("{" + LINE + "}").items()
    spec = importlib.util.spec_from_file_location(where.split(":")[0], file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(core.learn.nets.NETS, name, where)
    recipes = tmp_path / "train" / "recipes"
    recipes.mkdir(parents=True)
    for known in recipe_files.RECIPES.glob("*.toml"):
        (recipes / known.name).symlink_to(known)
    (recipes / "two_scales.toml").write_text(RECIPE, encoding="utf-8")
    monkeypatch.setattr(recipe_files, "RECIPES", recipes)
    Image.fromarray(picture(1, 96, 128)).convert("L").save(tmp_path / "grandmother.png")
    for folder, numbers in {"photographs": range(12), "held-out": range(12, 14)}.items():
        (tmp_path / folder).mkdir()
        for number in numbers:
            Image.fromarray(picture(number, 96, 128)).save(tmp_path / folder / f"{number}.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def test_the_pages_commands_run_one_after_another(desk: Path):
    assert len(COMMANDS) == 7 and all(line.startswith("photochrom ") for line in COMMANDS)
    said = []
    for line in COMMANDS:
        before = sorted(desk.rglob("*"))
        result = CliRunner().invoke(photochrom, shlex.split(line)[1:], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        said.append(result.output)
        if "--dry-run" in line:
            assert sorted(desk.rglob("*")) == before
    assert "which see 60,000 pictures" in said[0]
    assert open_session(desk / "two_scales.onnx", "cpu").description.name == "two-scales"
    (made,) = (desk / "coloured").iterdir()
    with Image.open(made) as coloured:
        assert coloured.mode == "RGB" and coloured.size == (128, 96)
    assert said[-1].count("done before") == 2
    assert "two_scales" in (desk / "report.html").read_text()


def test_the_pages_row_asks_of_it_what_is_asked_of_all(desk: Path, tmp_path: Path):
    ((name, case),) = eval("{" + ROW + "}", dict(vars(test_every_network))).items()
    assert name == "two_scales"
    make = test_every_network.seeded(case)
    chapters.answers_at_its_stride(make())
    chapters.every_weight_learns(make(), *case.losses)
    chapters.its_file_answers_as_it_does(make().eval(), tmp_path)
    chapters.goes_on_to_the_same_bits(make, tmp_path, *case.losses)
