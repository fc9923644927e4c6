"""A segmenter that the user names says which things a picture has."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from onnx import TensorProto, helper, numpy_helper, save

from core.errors import ModelError
from tests.model_files import write_model
from tests.train.pictures import encoded, write_tar
from train import commands
from train.evaluate import Photograph
from train.extended_measures import ExtendedMeasures, RequestedMeasures
from train.segmenter import Segmenter

RED, BLUE, GRAY = (200, 40, 40), (40, 40, 200), (120, 120, 120)


def scene() -> np.ndarray:
    """48 x 64: two red squares and a blue one on gray, and a red dot that is too small."""
    rgb = np.full((48, 64, 3), GRAY, np.uint8)
    rgb[4:20, 4:20], rgb[4:20, 40:56], rgb[28:44, 20:36] = RED, RED, BLUE
    rgb[40, 60] = RED
    return rgb


def write_segmenter(
    path: Path, size: tuple[str | int, str | int] = ("h", "w"), output: str = "labels"
) -> Path:
    """A tiny one: 0 gray, 1 red, 2 blue, by the likeliest of three sums of the channels."""
    weights = np.array([[0, 0, 0], [4, -2, -2], [-2, -2, 4]], np.float32).reshape(3, 3, 1, 1)
    bias = np.array([0.5, 0, 0], np.float32)
    nodes = [
        helper.make_node("Conv", ["image", "weights", "bias"], ["scores"]),
        helper.make_node("ArgMax", ["scores"], [output], axis=1, keepdims=1),
    ]
    graph = helper.make_graph(
        nodes,
        "segmenter",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, *size])],
        [helper.make_tensor_value_info(output, TensorProto.INT64, [1, 1, *size])],
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(bias, "bias")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    save(model, path)
    return path


@pytest.mark.parametrize("size", [("h", "w"), (96, 128)])
def test_each_connected_patch_of_a_label_is_a_thing(tmp_path: Path, size: tuple):
    things = Segmenter(write_segmenter(tmp_path / "tiny.onnx", size)).things(scene())
    assert things.shape == (48, 64)
    assert {things[y, x] for y, x in ((0, 0), (24, 32), (40, 60))} == {0}
    assert len({things[10, 10], things[10, 50], things[36, 28], 0}) == 4
    assert len(np.unique(things)) == 4


def test_the_score_is_of_its_things(tmp_path: Path):
    shot = Photograph.of("scene.png", "set", scene())
    measures = ExtendedMeasures(RequestedMeasures(masks=write_segmenter(tmp_path / "tiny.onnx")))
    answer = shot.chroma.copy()
    answer[:, 28:44, 20:36] = 0  # the blue one is left gray
    measures.add(shot, answer)
    found = measures.result()
    assert (found["objects"], found["objects_right"]) == (3, pytest.approx(2 / 3))


def test_evaluate_takes_it_in_place_of_a_folder_of_masks(tmp_path: Path):
    write_tar(tmp_path / "judge.tar", {"set/scene.png": encoded(scene())})
    segmenter = write_segmenter(tmp_path / "tiny.onnx")
    model = write_model(tmp_path / "model.onnx")
    given = [model, "--data", tmp_path / "judge.tar", "--masks", segmenter, "--json"]
    answer = CliRunner().invoke(commands.evaluate, list(map(str, given)), catch_exceptions=False)
    assert json.loads(answer.output)["objects"] == 3


def test_what_is_no_segmenter_is_said_by_name(tmp_path: Path):
    wrong = write_segmenter(tmp_path / "wrong.onnx", output="classes")
    with pytest.raises(ModelError, match=r"wrong\.onnx: .*no tensor 'labels', but classes"):
        Segmenter(wrong)
    (tmp_path / "none.onnx").write_bytes(b"nothing")
    with pytest.raises(ModelError, match=r"none\.onnx: cannot be opened"):
        Segmenter(tmp_path / "none.onnx")


def test_pictures_without_things_have_no_score(tmp_path: Path):
    measures = ExtendedMeasures(RequestedMeasures(masks=write_segmenter(tmp_path / "tiny.onnx")))
    gray = Photograph.of("gray.png", "set", np.full((48, 64, 3), 90, np.uint8))
    measures.add(gray, gray.chroma)
    assert "objects_right" not in measures.result()
