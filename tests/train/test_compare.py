"""compare, through the front door: recipes in, one report out, and on again after a stop."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import train.compare
from core.errors import InterruptedJob, OptionsError
from tests.train.pictures import shard
from train import commands
from train.evaluate import photographs
from train.recipe_files import RECIPES, recipe_file

HEAD = """
data = {validation = 2}
augment = {hints = 0.0, old_film = 0.0}
"""
SMALL = (
    HEAD
    + """
network = {name = "compact_cnn"}
loss = [{name = "mse"}]
train = {sizes = [[32, 2]], log_every = 1, warm_up = 1}
"""
)
CLASSES = (
    HEAD
    + """
network = {name = "zhang", width = 2}
loss = [{name = "soft_cross_entropy", mix = 0.5}]
train = {sizes = [[32, 2]], log_every = 1, warm_up = 1}
"""
)
BOTH = """
network = {name = "ensemble", members = ["runs/small", "runs/classes"]}
"""
BROKEN = SMALL.replace(
    "warm_up = 1", 'warm_up = 1, clip = 0.0, optimizer = "sgd", learning_rate = 1e36'
)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compare")
    shard(folder / "data.tar", {"cats": 6, "dogs": 4})
    shard(folder / "judge.tar", {"people": 3}, first_seed=50)
    for name, text in {"small": SMALL, "classes": CLASSES, "both": BOTH, "broken": BROKEN}.items():
        (folder / f"{name}.toml").write_text(text)
    return folder


def call(work: Path, *words: object, output: str = "report.html", code: int = 0) -> Result:
    given = [
        "--data",
        work / "data.tar",
        "--eval",
        work / "judge.tar",
        "-o",
        work / output,
        "--cache",
        work / "cache",
        *words,
    ]
    result = CliRunner().invoke(commands.compare, list(map(str, given)), catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def recipes(work: Path, *names: str) -> list[Path]:
    return [work / f"{name}.toml" for name in names]


@pytest.fixture(scope="module")
def results(work: Path) -> list[dict]:
    call(work, *recipes(work, "both", "small", "classes"), "--steps", 2)
    return json.loads((work / "report.json").read_text())


def test_each_recipe_has_its_row_in_the_order_given(work: Path, results: list[dict]):
    assert [result["name"] for result in results] == ["both", "small", "classes"]
    text = (work / "report.html").read_text()
    head, *rows = text.split("<h2>Figures</h2>")[1].split("</table>")[0].split("<tr>")[1:]
    assert "AuC rebalanced" in head
    names = [row.split("</td>")[0].removeprefix("<td>") for row in rows]
    assert names == ["gray", "both", "small", "classes"]
    small = results[1]
    assert small["steps"] == 2 and small["parameters"] == 32_202
    assert small["scores"]["pictures"] == 3
    assert f"{small['scores']['ab_rmse']:.4g}" in rows[2]


def test_an_ensemble_is_made_of_the_runs_compared(results: list[dict]):
    both, small, classes = results
    assert both["parameters"] == small["parameters"] + classes["parameters"]
    assert both["steps"] == 4
    assert both["scores"]["ab_rmse"] <= max(r["scores"]["ab_rmse"] for r in (small, classes))


def test_the_report_stands_alone_with_curves_and_pictures(work: Path, results: list[dict]):
    text = (work / "report.html").read_text()
    assert text.count("data:image/jpeg;base64,") == 3 * (2 + len(results))
    assert text.count("data:image/svg+xml;base64,") == 3 and "http-equiv" not in text
    assert "Each learnt for 2 steps with seed 1" in text


def test_the_same_command_again_trains_nothing(work: Path, results: list[dict]):
    again = call(work, *recipes(work, "both", "small", "classes"), "--steps", 2)
    assert again.output.count("done before") == 3 and "begins" not in again.output
    assert json.loads((work / "report.json").read_text()) == results


def test_a_fresh_comparison_gives_the_same_scores(work: Path, results: list[dict]):
    call(work, *recipes(work, "small", "classes"), "--steps", 2, output="fresh.html")
    fresh = json.loads((work / "fresh.json").read_text())
    for before, now in zip(results[1:], fresh, strict=True):
        assert now["scores"]["ab_rmse"] == pytest.approx(before["scores"]["ab_rmse"], rel=1e-4)


def test_other_terms_are_another_run(work: Path, results: list[dict]):
    again = call(work, *recipes(work, "small"), "--steps", 3)
    assert "begins" in again.output
    again = call(work, *recipes(work, "small"), "--steps", 2, "--seed", 7)
    assert "begins" in again.output


def test_a_budget_in_time_is_the_same_for_all(work: Path):
    call(work, *recipes(work, "small"), "--budget", "1s", output="timed.html")
    (result,) = json.loads((work / "timed.json").read_text())
    assert result["minutes"] * 60 >= 1 and result["pictures_per_second"] > 0
    assert result["steps"] > 0 and len(result["curve"]) > 0
    assert "Each learnt for 1 s with seed 1" in (work / "timed.html").read_text()


def test_one_side_for_all_is_learnt_from_and_judged_at_twice_it(work: Path):
    """Also for a recipe that keeps out no pictures of its own, and one of several sizes."""
    several = SMALL.replace("[[32, 2]]", "[[48, 2], [40, 4]]").replace("= 2}", "= 0}", 1)
    (work / "several.toml").write_text(several)
    words = ("--steps", 6, "--side", 32)
    call(work, *recipes(work, "small", "several"), *words, output="side.html")
    small, several = json.loads((work / "side.json").read_text())
    assert (small["pictures"], several["pictures"]) == (12, 24)
    assert len(small["curve"]) == len(several["curve"]) == 6
    assert "from crops of 32 px" in (work / "side.html").read_text()
    truth = sum(small["histograms"]["truth"][0])
    assert truth == sum(w * h for w, h in sizes_at_short_side(work / "judge.tar", 64))


def sizes_at_short_side(tar: Path, side: int) -> list[tuple[int, int]]:
    """Sizes of its pictures, none with a longer short side."""
    return [photograph.lightness.shape for photograph in photographs(tar, side)]


def test_a_budget_can_be_of_cpu_time(work: Path):
    words = ("--budget", "1s", "--cpu-time")
    call(work, *recipes(work, "small"), *words, output="cpu.html")
    (result,) = json.loads((work / "cpu.json").read_text())
    assert result["minutes"] * 60 >= 1
    assert "Each learnt for 1 s of CPU time with seed 1" in (work / "cpu.html").read_text()


def test_the_figures_name_no_place_on_this_machine(work: Path, results: list[dict]):
    assert str(work) not in (work / "report.json").read_text()


def test_an_interrupted_comparison_goes_on(work: Path, monkeypatch: pytest.MonkeyPatch):
    run, begun = train.compare.run, []

    def interrupted(recipe, *rest, **settings):
        begun.append(recipe.name)
        if begun == ["small", "classes"]:
            raise InterruptedJob("stopped and saved")
        return run(recipe, *rest, **settings)

    monkeypatch.setattr(train.compare, "run", interrupted)
    words = (*recipes(work, "small", "classes"), "--steps", 2)
    with pytest.raises(InterruptedJob):
        call(work, *words, output="stopped.html")
    assert not (work / "stopped.html").exists()
    call(work, *words, output="stopped.html")
    assert begun == ["small", "classes", "classes"]


def test_a_recipe_that_fails_is_told_and_the_others_go_on(work: Path):
    call(work, *recipes(work, "broken", "small"), "--steps", 3, output="failed.html", code=1)
    broken, small = json.loads((work / "failed.json").read_text())
    assert "not finite" in broken["error"] and small["steps"] == 3
    assert "broken failed:" in (work / "failed.html").read_text()


@pytest.mark.parametrize(
    ("names", "words", "says"),
    [
        (["both", "small"], ["--steps", "2"], "its member classes is not compared"),
        (["small", "small"], ["--steps", "2"], "two recipes are called small"),
        (["small"], [], "no budget is given"),
        (["small"], ["--steps", "2", "--budget", "1s"], "--budget and --steps contradict"),
        (["small"], ["--pictures", "2", "--steps", "1"], "--steps and --pictures contradict"),
        ([], ["--steps", "2"], "no recipe is named"),
        (["gone"], ["--steps", "2"], "cannot be read"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_anything_is_trained(work, names, words, says):
    with pytest.raises(OptionsError, match=says):
        call(work, *recipes(work, *names), *words, output="none.html")
    assert not (work / "none.runs").exists()


def test_a_recipe_that_comes_with_the_program_goes_by_its_name():
    assert recipe_file("resnet18") == RECIPES / "resnet18.toml"
    assert recipe_file("my/own.toml") == Path("my/own.toml")


def test_a_network_that_paints_rgb_is_also_judged_by_its_own_picture(work: Path):
    (work / "rgb.toml").write_text(
        'extends = "in_living_color_rgb"\n[data]\nvalidation = 2\n'
        "[train]\nsizes = [[32, 2]]\nlog_every = 1\n"
    )
    call(work, *recipes(work, "rgb", "small"), "--steps", 2, output="rgb.html")
    rgb, small = (r["scores"] for r in json.loads((work / "rgb.json").read_text()))
    # with the true lightness put back it is nearer to the truth than with its own
    assert rgb["own_psnr"] < rgb["psnr"] and rgb["own_lightness_error"] > 1
    assert rgb["own_ciede2000"] > rgb["ciede2000"]
    assert not any(name.startswith("own_") for name in small)
    assert "PSNR of its own picture" in (work / "rgb.html").read_text()
    assert rgb["ab_absolute_error"] > 0 and 0 <= rgb["share_within_10"] <= 1
