"""compare: what was asked is kept, what is done stays, what was interrupted goes on."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from core.errors import InterruptedJob, OptionsError
from core.learn.checkpoint import load_checkpoint
from tests.train.pictures import shard
from train import commands
from train.comparison_list import LISTS, read_list
from train.recipe import read

RECIPE = """
data = {validation = 2}
augment = {hints = 0.0, old_film = 0.0}
network = {name = "compact_cnn"}
loss = [{name = "mse"}]
train = {sizes = [[32, 2]], log_every = 1, warm_up = 1, save_minutes = 0.0001}
"""


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("resumed")
    shard(folder / "data.tar", {"cats": 6, "dogs": 4})
    shard(folder / "judge.tar", {"people": 2}, first_seed=50)
    for name in ("small", "second"):
        (folder / f"{name}.toml").write_text(RECIPE)
    (folder / "twice.toml").write_text('extends = "small.toml"\ntrain = {sizes = [[32, 4]]}')
    return folder


def words(work: Path, *more: object, output: str = "report.html", data: bool = True) -> list[str]:
    given: list[object] = ["-o", work / output, "--cache", work / "cache"]
    given += ["--data", work / "data.tar", "--eval", work / "judge.tar"] if data else []
    return list(map(str, [*given, *more]))


def call(given: list[str]) -> Result:
    result = CliRunner().invoke(commands.compare, given, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def figures(work: Path, output: str) -> list[dict]:
    return json.loads((work / output).with_suffix(".json").read_text())


def test_resume_needs_no_more_than_the_reports_name_and_repeats_nothing(work: Path):
    recipes = (work / "small.toml", work / "second.toml")
    call(words(work, *recipes, "--steps", 2, "--seed", 3))
    before = figures(work, "report.html")
    again = call(["--resume", "-o", str(work / "report.html")])
    assert again.output.count("done before") == 2
    assert figures(work, "report.html") == before
    assert [result["terms"]["seed"] for result in before] == [3, 3]
    # what is said now takes the place of what was said then
    more = call(["--resume", "-o", str(work / "report.html"), "--pictures", "6"])
    assert more.output.count("begins") == 2
    assert {r["terms"]["steps"] for r in figures(work, "report.html")} == {None}


def test_a_comparison_killed_in_the_middle_of_a_recipe_goes_on_from_its_checkpoint(work: Path):
    given = words(work, work / "small.toml", "--steps", 100_000, output="killed.html")
    code = "import sys; from train.commands import compare; compare(sys.argv[1:])"
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    running = subprocess.Popen([sys.executable, "-c", code, *given], env=environment)
    (folder,) = wait_for(lambda: list((work / "killed.runs").glob("small-*/last.pt")))
    wait_for(lambda: load_checkpoint(folder)["step"] > 3)
    running.send_signal(signal.SIGKILL)
    assert running.wait(30) == -signal.SIGKILL
    assert not (work / "killed.html").exists()
    done = load_checkpoint(folder)["step"]
    assert done < 100_000
    kept = json.loads((work / "killed.runs" / "comparison.json").read_text())
    assert kept["steps"] == 100_000 and kept["recipes"] == [str(work / "small.toml")]

    def interrupt() -> None:
        wait_for(lambda: load_checkpoint(folder)["step"] > done + 3)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(InterruptedJob):
        call(["--resume", "-o", str(work / "killed.html")])
    rows = [json.loads(row) for row in (folder.parent / "log.jsonl").read_text().splitlines()]
    # what the killed one had not brought to the disk is missing; the next row is the checkpoint's
    steps = [row["step"] for row in rows if "loss" in row]
    assert steps.count(1) <= 1 and done + 1 in steps and steps[-1] > done + 3


def wait_for(found, seconds: float = 60.0):
    """What `found` answers with, once that is something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := found():
            return answer
        time.sleep(0.05)
    raise AssertionError("waited in vain")


def test_pictures_are_a_budget_in_which_batches_of_any_size_see_as_many(work: Path):
    recipes = (work / "small.toml", work / "twice.toml")
    call(words(work, *recipes, "--pictures", 8, output="pictures.html"))
    small, twice = figures(work, "pictures.html")
    assert (small["steps"], twice["steps"]) == (4, 2)
    assert small["pictures"] == twice["pictures"] == 8
    assert "Each learnt for 8 pictures with seed 1" in (work / "pictures.html").read_text()


def test_a_list_has_groups_with_budgets_seeds_and_crops_of_their_own(work: Path):
    (work / "list.toml").write_text(
        '[[group]]\nrecipes = ["small.toml"]\npictures = 4\n'
        '[[group]]\nrecipes = ["small.toml"]\npictures = 4\nseed = 2\n'
        '[[group]]\nrecipes = ["small.toml"]\npictures = 4\ncrop = 48\n'
        '[[group]]\nrecipes = ["second.toml"]\n'
    )
    call(words(work, "--list", work / "list.toml", "--pictures", 2, output="list.html"))
    results = figures(work, "list.html")
    assert [result["name"] for result in results] == [
        "small",
        "small, seed 2",
        "small, crop 48",
        "second",
    ]
    assert [result["pictures"] for result in results] == [4, 4, 4, 2]
    assert len({result["scores"]["ab_rmse"] for result in results[:3]}) == 3
    text = (work / "list.html").read_text()
    assert "Each learnt for 4 pictures or 2 pictures with seed 1 or 2" in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"list\.toml: has no \[\[group\]\]"),
        ("[[group]]\npictures = 3", r"list\.toml: recipes is None"),
        ('[[group]]\nrecipes = ["small.toml"]\npicture = 3', r"unknown key 'picture'.*'pictures'"),
        ('[[group]]\nrecipes = ["small.toml"]\nseed = "x"', r"seed is 'x'"),
        ('[[group]]\nrecipes = ["small.toml"]\nsteps = 1\npictures = 1', r"more than one of"),
        ('[[group]]\nrecipes = ["small.toml"]', r"recipe small has no budget"),
    ],
)
def test_every_mistake_in_a_list_is_one_line(work: Path, text: str, said: str):
    (work / "list.toml").write_text(text)
    given = words(work, "--list", work / "list.toml", output="bad.html")
    with pytest.raises(OptionsError, match=said) as refused:
        call(given)
    assert "\n" not in str(refused.value) and not (work / "bad.runs").exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--resume"], "there is no comparison to resume; name recipes to compare"),
        (["small.toml", "--steps", "1"], "--data is missing"),
    ],
)
def test_what_cannot_be_resumed_or_begun_is_said(work: Path, more: list[str], said: str):
    with pytest.raises(OptionsError, match=said):
        call(words(work, *more, output="nothing.html", data=False))


def test_all_that_is_said_may_be_said_with_resume_too(work: Path):
    given = words(work, work / "small.toml", "--steps", 1, "--resume", output="first.html")
    assert "begins" in call(given).output and "done before" in call(given).output


def test_a_kept_command_that_is_damaged_is_said(work: Path):
    (work / "odd.runs").mkdir()
    (work / "odd.runs/comparison.json").write_text("{")
    with pytest.raises(
        OptionsError, match=r"comparison\.json: does not have the arguments of a comparison"
    ):
        call(["--resume", "-o", str(work / "odd.html")])


def test_the_programs_lists_name_recipes_that_are_there():
    lists = sorted(LISTS.glob("*.toml"))
    assert lists
    for path in lists:
        names = [read(file).name for group in read_list(path) for file in group.recipes]
        assert names
