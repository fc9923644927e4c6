"""Contract 1: a model file is read, or refused by the name of what is wrong with it."""

import pytest

from core.errors import ModelError
from core.model.contract import ModelDescription, Tensor, metadata_of
from core.model.session import open_session
from tests.model_files import metadata, write_model

INPUTS = {"lightness": Tensor("float32", ("n", 1, "h", "w"))}
OUTPUTS = {"chroma": Tensor("float32", ("n", 2, "h", "w"))}


def test_a_model_file_is_described_by_its_metadata(tmp_path):
    description = open_session(write_model(tmp_path / "m.onnx", distribution=True)).description
    assert (description.name, description.side, description.stride) == ("tiny", 64, 4)
    assert description.takes_hints and description.has_distribution
    assert description.bins == ((0, 0), (20, 30))


def test_what_metadata_of_writes_is_what_read_reads():
    first = ModelDescription.read(INPUTS, OUTPUTS, metadata(coherence="0.4"), "m.onnx")
    assert first.coherence == 0.4
    assert ModelDescription.read(INPUTS, OUTPUTS, metadata_of(first), "m.onnx") == first


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"contract": ""}, "photochrom.contract"),
        ({"contract": "2"}, "newer photochrom"),
        ({"name": ""}, "photochrom.name"),
        ({"card": "", "license": ""}, "photochrom.license, photochrom.card"),
        ({"stride": "3"}, "photochrom.stride is '3'"),
        ({"side": "wide"}, "photochrom.side is 'wide'"),
        ({"multiple": "0"}, "photochrom.multiple"),
        ({"coherence": "1.5"}, "photochrom.coherence is '1.5'"),
        ({"coherence": "nan"}, "photochrom.coherence is 'nan'"),
        ({"coherence": "much"}, "photochrom.coherence is 'much'"),
        ({"bins": "[[1]]"}, "photochrom.bins"),
        ({"bins": "[" * 100_000}, "photochrom.bins"),
        ({"bins": f"[[1{400 * '0'}, 1]]"}, "photochrom.bins"),
    ],
)
def test_wrong_metadata_is_refused_by_its_key(changes, says):
    with pytest.raises(ModelError) as caught:
        ModelDescription.read(INPUTS, OUTPUTS, metadata(**changes), "m.onnx")
    assert says in str(caught.value)
    assert str(caught.value).startswith("m.onnx: ")


@pytest.mark.parametrize(
    ("inputs", "outputs", "says"),
    [
        ({}, OUTPUTS, "no input named lightness"),
        (INPUTS, {}, "no output named chroma"),
        (INPUTS | {"mood": INPUTS["lightness"]}, OUTPUTS, "unknown input mood"),
        (INPUTS, {"chroma": Tensor("float32", ("n", 3, "h", "w"))}, "nx3xhxw"),
        ({"lightness": Tensor("float16", ("n", 1, "h", "w"))}, OUTPUTS, "float16"),
        (INPUTS, OUTPUTS | {"distribution": OUTPUTS["chroma"]}, "no photochrom.bins"),
    ],
)
def test_wrong_tensors_are_refused_by_name(inputs, outputs, says):
    with pytest.raises(ModelError) as caught:
        ModelDescription.read(inputs, outputs, metadata(), "m.onnx")
    assert says in str(caught.value)
