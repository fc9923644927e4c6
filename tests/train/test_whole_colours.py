"""Pictures whose colours a teacher made whole."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from tests.model_files import write_model
from tests.train.pictures import picture, shard
from train.evaluate import EvaluatedModel, Photograph, photographs
from train.whole_colours import main, skin, whole


class Chancy(EvaluatedModel):
    """Answers red in every other row and nothing in the others: blotches without an edge."""

    def predict(self, lightness: np.ndarray, hints: np.ndarray | None) -> np.ndarray:
        answer = np.zeros((1, 2, *lightness.shape[2:]), np.float32)
        answer[:, 0, ::2] = 40
        return answer


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "tiny.onnx")


def test_blotches_of_a_teacher_become_one_colour(model: Path):
    flat = Photograph.of("walls/flat.png", "walls", np.full((64, 96, 3), 120, np.uint8))
    colours = whole(Chancy(model), flat, np.random.default_rng(1))
    assert colours.shape == (2, 64, 96)
    assert colours[0].mean() > 10 and colours[0].std() < 1 and np.abs(colours[1]).max() < 1


def test_true_skin_is_skin_in_pictures_of_people_alone(model: Path):
    tan = np.full((64, 96, 3), (204, 150, 120), np.uint8)
    person, wood = (Photograph.of(f"{name}/a.png", name, tan) for name in ("groups", "grocery"))
    assert skin(person.lightness, person.chroma).min() == 1
    blue = Photograph.of("groups/b.png", "groups", np.full((8, 8, 3), (60, 90, 200), np.uint8))
    assert skin(blue.lightness, blue.chroma).max() == 0
    missed = [
        np.abs(whole(EvaluatedModel(model), seen, np.random.default_rng(1)) - seen.chroma).mean()
        for seen in (person, wood)
    ]
    assert missed[0] < 0.3 * missed[1]


def test_the_command_divides_the_pictures_and_keeps_their_lightness(tmp_path: Path, model: Path):
    data = shard(tmp_path / "photos.tar", {"groups": 5, "walls": 4})
    found = []
    for part in range(2):
        output = tmp_path / "whole" / f"{part}.tar"
        words = [model, "--data", data, "-o", output, "--share", 1, "--part", part, "--parts", 2]
        result = CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)
        assert "pictures with whole colours" in result.output
        found += list(photographs(output))
    assert sorted(shot.name for shot in found) == sorted(shot.name for shot in photographs(data))
    true = Photograph.of("walls/000000.png", "walls", picture(5))
    (made,) = [shot for shot in found if shot.name == true.name]
    assert np.abs(made.lightness - true.lightness).max() < 1
    assert np.abs(made.chroma - true.chroma).mean() > 1


def test_without_a_teacher_the_colours_are_the_true_ones_smoothed(tmp_path: Path):
    data = shard(tmp_path / "photos.tar", {"walls": 3})
    output = tmp_path / "whole.tar"
    words = ["--data", str(data), "-o", str(output), "--share", "1"]
    assert CliRunner().invoke(main, words, catch_exceptions=False).exit_code == 0
    made = {shot.name: shot for shot in photographs(output)}
    for true in photographs(data):
        assert np.abs(made[true.name].lightness - true.lightness).mean() < 1
        assert np.abs(made[true.name].chroma.mean((1, 2)) - true.chroma.mean((1, 2))).max() < 4
        assert made[true.name].chroma.std() < true.chroma.std()
