"""A model file's header says what a session says, and reads none of its weights."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ModelError
from core.model.header import description_of
from core.model.session import open_session
from core.model.store import BUNDLED
from tests.model_files import write_model


def test_it_says_what_a_session_says(tmp_path: Path):
    files = [
        *BUNDLED.glob("*.onnx"),
        write_model(tmp_path / "tiny.onnx", distribution=True),
        write_model(tmp_path / "plain.onnx", hints=False, origin="of old", cost="much"),
    ]
    for path in files:
        assert description_of(path) == open_session(path, "cpu").description


@pytest.mark.parametrize("change", [{"contract": "2"}, {"card": ""}, {"side": "many"}])
def test_it_refuses_as_a_session_does(tmp_path: Path, change: dict[str, Any]):
    path = write_model(tmp_path / "tiny.onnx", **change)
    said = []
    for reader in (description_of, lambda path: open_session(path, "cpu")):
        with pytest.raises(ModelError) as refused:
            reader(path)
        said.append(str(refused.value))
    assert said[0] == said[1]


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> bytes:
    return write_model(tmp_path_factory.mktemp("whole") / "tiny.onnx").read_bytes()


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_every_damaged_file_is_described_or_refused(whole: bytes, tmp_path_factory, data):
    content = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for _ in range(data.draw(st.integers(0, 3)) if content else 0):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged.onnx"
    path.write_bytes(content)
    try:
        description_of(path)
    except ModelError as refusal:
        assert refusal.file == str(path)


def test_weights_are_stepped_over(tmp_path: Path):
    """A graph that ends with a tensor of 3 GB, which stand nowhere on the disk."""
    path = write_model(tmp_path / "tiny.onnx")
    size = 3 << 30
    tensor = b"\x4a" + _number(size)  # TensorProto.raw_data
    graph = b"\x2a" + _number(len(tensor) + size) + tensor  # GraphProto.initializer
    with path.open("ab") as file:  # a second part of the graph, which protobuf merges
        file.write(b"\x3a" + _number(len(graph) + size) + graph)
        file.truncate(file.tell() + size)
    assert path.stat().st_size > size > path.stat().st_blocks * 512
    assert description_of(path).name == "tiny"


def _number(value: int) -> bytes:
    content = b""
    while value > 0x7F:
        content += bytes([value & 0x7F | 0x80])
        value >>= 7
    return content + bytes([value])
