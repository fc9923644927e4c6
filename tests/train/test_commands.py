"""train, export, evaluate, through the front door: from pictures to a judged model file."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image
from safetensors.torch import save_file

from core.errors import OptionsError, PhotochromError
from core.learn.checkpoint import load_checkpoint, network_of, save_atomically
from core.model.session import open_session
from tests.train.pictures import encoded, picture, shard, write_tar
from train import commands
from train.export import blend_in

RECIPE = """
[model]
name = "trial"
side = 64
[network]
name = "lite"
[data]
validation = 2
[[loss]]
name = "soft_cross_entropy"
[[loss]]
name = "smooth_l1"
weight = 0.03
[train]
sizes = [[64, 2]]
warm_up = 1
steps = 2
"""


def call(command, *words: object) -> Result:
    return CliRunner().invoke(command, [str(word) for word in words], catch_exceptions=False)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, a recipe, a finished run and its model file."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "data").mkdir()
    shard(folder / "data" / "a.tar", {"cats": 8, "dogs": 4})
    shard(folder / "judge.tar", {"people": 2, "houses": 1}, first_seed=50)
    (folder / "recipe.toml").write_text(RECIPE)
    result = _train(folder, "run")
    assert result.exit_code == 0 and "10 pictures to train on" in result.output
    result = call(commands.export, folder / "run", "-o", folder / "model.onnx", "--fp16")
    assert "12.0 MB" in result.output
    return folder


def _train(folder: Path, out: str, *words: object) -> Result:
    return call(
        commands.train,
        folder / "recipe.toml",
        "--data",
        folder / "data",
        "--out",
        folder / out,
        "--cache",
        folder / "cache",
        *words,
    )


def test_the_exported_file_says_how_it_was_trained(work: Path):
    description = open_session(work / "model.onnx", "cpu").description
    assert (description.name, description.side) == ("trial", 64)
    assert "step 2" in description.training and "sets: cats, dogs" in description.training
    assert "half-trained" not in description.training
    assert description.takes_hints and description.bins is not None


def test_evaluate_prints_a_table_and_the_same_as_json(work: Path):
    table = call(commands.evaluate, work / "model.onnx", "--data", work / "judge.tar").output
    assert table.splitlines()[1].startswith("trial 1") and "gray" in table
    result = json.loads(
        call(
            commands.evaluate,
            work / "model.onnx",
            "--data",
            work / "judge.tar",
            "--json",
            "--hints",
            "grid",
            "--sides",
            "48,64",
            "--crop",
            "0.1",
        ).output
    )
    assert result["pictures"] == 3 and result["sets"]["people"]["pictures"] == 2
    assert result["gray"]["chroma_ratio"] == 0
    assert result["hints_grid"]["pictures"] == 3
    assert result["moved_between_sides"] > 0 and result["moved_under_crop"] > 0
    assert f"{result['ab_rmse']:.2f}" in table


def test_the_old_look_is_seen_by_the_model_alone_and_drawn_by_its_seed(work: Path):
    def judged(*words: object) -> dict:
        given = (work / "model.onnx", "--data", work / "judge.tar", "--json", *words)
        return json.loads(call(commands.evaluate, *given).output)

    plain, old, again, other = (
        judged(*words) for words in ((), ("--old-look", 1), ("--old-look", 1), ("--old-look", 2))
    )
    assert old == again and len({plain["psnr"], old["psnr"], other["psnr"]}) == 3
    assert old["gray"] == plain["gray"]  # judged on the same lightness
    assert old["colourfulness_ratio"] > 0


def test_without_a_truth_it_says_how_the_colours_spread(work: Path):
    given = (work / "model.onnx", "--data", work / "judge.tar", "--no-truth")
    result = json.loads(call(commands.evaluate, *given, "--json").output)
    assert result["pictures"] == 3 and result["a"] > 0 and 0 < result["one_hue_share"] <= 1
    assert set(result) >= {"b", "colourfulness", "pictures_of_one_hue"}
    assert f"one_hue_share {result['one_hue_share']:.4g}" in call(commands.evaluate, *given).output
    with pytest.raises(OptionsError, match="contradict each other"):
        call(commands.evaluate, *given, "--hints", "grid")


def test_a_single_hint_is_judged_in_the_worst_cell(work: Path):
    result = call(
        commands.evaluate, work / "model.onnx", "--data", work / "judge.tar", "--hints", "worst"
    )
    assert "with one hint in it" in result.output


def test_a_contact_sheet_shows_every_picture_three_times(work: Path, tmp_path: Path):
    call(
        commands.evaluate,
        work / "model.onnx",
        "--data",
        work / "judge.tar",
        "--sheet",
        tmp_path / "sheet.png",
    )
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (3 * (3 * 64 * 192 // 48 + 8), 192 + 8)


def test_a_run_goes_on_with_resume_and_refuses_another_recipe(work: Path):
    assert _train(work, "gone-on", "--steps", 1).exit_code == 0
    assert load_checkpoint(work / "gone-on" / "last.pt")["step"] == 1
    assert _train(work, "gone-on", "--steps", 2, "--resume").exit_code == 0
    assert load_checkpoint(work / "gone-on" / "last.pt")["step"] == 2
    (work / "other.toml").write_text(RECIPE.replace("0.03", "0.04"))
    with pytest.raises(PhotochromError, match="another recipe"):
        call(
            commands.train,
            work / "other.toml",
            "--data",
            work / "data",
            "--out",
            work / "gone-on",
            "--cache",
            work / "cache",
            "--resume",
        )


def test_a_half_trained_run_can_be_exported_and_is_marked(work: Path, tmp_path: Path):
    state = load_checkpoint(work / "run" / "last.pt")
    save_atomically({**state, "progress": 0.25}, tmp_path / "half.pt")
    call(commands.export, tmp_path / "half.pt", "-o", tmp_path / "half.onnx")
    training = open_session(tmp_path / "half.onnx", "cpu").description.training
    assert training.startswith("half-trained (25% of its run)")


def test_a_gain_scales_the_answer_and_stands_in_the_history(work: Path, tmp_path: Path):
    call(commands.export, work / "run", "-o", tmp_path / "half.onnx", "--gain", "0.5,0.5", "--fp16")
    half, whole = (open_session(p, "cpu") for p in (tmp_path / "half.onnx", work / "model.onnx"))
    assert half.description.training.endswith("gain 0.5, 0.5")
    lightness = np.linspace(10, 90, 64 * 64, dtype=np.float32).reshape(64, 64)
    expected = whole.predict(lightness).chroma / 2
    np.testing.assert_allclose(half.predict(lightness).chroma, expected, atol=1e-2)
    with pytest.raises(OptionsError, match="--gain vivid is not a pair"):
        call(commands.export, work / "run", "-o", tmp_path / "never.onnx", "--gain", "vivid")


def test_a_blend_lies_between_the_run_and_what_is_mixed_in(work: Path, tmp_path: Path):
    run = network_of(work / "run")
    for path, more in (("one.safetensors", 1), ("two.safetensors", 2)):
        given = {name: tensor + more for name, tensor in run.state_dict().items() if "head" in name}
        save_file(given, tmp_path / path)
    one, two = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    mixed = network_of(work / "run")
    blend_in(mixed, [(one, 0.25), (two, 0.5)])
    torch.testing.assert_close(
        mixed.get_parameter("head.bias"), run.get_parameter("head.bias") + 1.25
    )
    assert torch.equal(mixed.get_parameter("ref.bias"), run.get_parameter("ref.bias"))
    call(
        commands.export,
        work / "run",
        "-o",
        tmp_path / "mixed.onnx",
        "--fp16",
        "--blend",
        one,
        "0.25",
        "--blend",
        two,
        "0.5",
    )
    training = open_session(tmp_path / "mixed.onnx", "cpu").description.training
    assert training.endswith("0.25 of it one.safetensors; 0.5 of it two.safetensors")
    save_file({"foreign": torch.ones(1)}, tmp_path / "foreign.safetensors")
    with pytest.raises(OptionsError, match="no tensor in it has a name and shape"):
        blend_in(mixed, [(tmp_path / "foreign.safetensors", 0.5)])
    with pytest.raises(OptionsError, match="shares are more than 1"):
        blend_in(mixed, [(one, 0.6), (two, 0.5)])


def test_a_dial_is_turned_at_export_and_an_unknown_one_refused(work: Path, tmp_path: Path):
    for tint in (1, 0.5):
        call(
            commands.export,
            work / "run",
            "-o",
            tmp_path / f"{tint}.onnx",
            "--fp16",
            "--set",
            f"tint={tint}",
        )
    whole, half = (open_session(tmp_path / f"{tint}.onnx", "cpu") for tint in (1, 0.5))
    assert half.description.training.endswith("tint 0.5")
    lightness = np.linspace(10, 90, 64 * 64, dtype=np.float32).reshape(64, 64)
    veiled, cleared = whole.predict(lightness).chroma, half.predict(lightness).chroma
    mean = veiled.mean((1, 2), keepdims=True)
    np.testing.assert_allclose(cleared, veiled - mean / 2, atol=1e-2)
    with pytest.raises(OptionsError, match="has no setting 'hue'"):
        call(commands.export, work / "run", "-o", tmp_path / "n.onnx", "--set", "hue=1")
    with pytest.raises(OptionsError, match="--set tint is not NAME=VALUE"):
        call(commands.export, work / "run", "-o", tmp_path / "n.onnx", "--set", "tint")


def test_initial_weights_are_matched_by_name_and_shape(work: Path, tmp_path: Path):
    given = {"head.bias": torch.full((260,), 0.5), "foreign": torch.ones(1)}
    save_file(given, tmp_path / "some.safetensors")
    result = _train(work, "begun", "--init", tmp_path / "some.safetensors", "--steps", 1)
    assert "1 of 455 tensors" in result.output
    result = _train(work, "after", "--init", work / "model.onnx", "--steps", 1)
    assert "380 of 455 tensors" in result.output  # all but the norms' counters and the prior
    save_file({"foreign": torch.ones(1)}, tmp_path / "none.safetensors")
    with pytest.raises(PhotochromError, match="no tensor in it has a name and shape"):
        _train(work, "unbegun", "--init", tmp_path / "none.safetensors")


def test_pictures_without_colours_are_said_before_training(work: Path, tmp_path: Path):
    gray = picture(1)[..., :1].repeat(3, axis=2)
    write_tar(tmp_path / "gray.tar", {f"x/{n}.png": encoded(gray) for n in range(4)})
    with pytest.raises(PhotochromError, match=r"gray\.tar: none of its 3 pictures has colours"):
        call(
            commands.train,
            work / "recipe.toml",
            "--data",
            tmp_path / "gray.tar",
            "--out",
            tmp_path / "out",
            "--cache",
            tmp_path / "cache",
        )


@pytest.mark.parametrize("words", [("--budget", "soon"), ("--steps", 3, "--budget", "2m")])
def test_contradictory_or_odd_times_are_refused(work: Path, words: tuple):
    with pytest.raises(OptionsError, match="--budget"):
        _train(work, "never", *words)
    assert not (work / "never").exists()


def test_a_recipe_without_a_loss_has_nothing_to_train(work: Path, tmp_path: Path):
    (tmp_path / "mute.toml").write_text('[network]\nname = "lite"')
    with pytest.raises(OptionsError, match=r"mute: has no \[\[loss\]\]"):
        call(
            commands.train, tmp_path / "mute.toml", "--data", work / "data", "--out", tmp_path / "o"
        )


def test_times_are_seconds_minutes_or_hours():
    assert [commands.parse_time(text) for text in ("90s", "20m", "1.5h")] == [90, 1200, 5400]
