"""`photochrom models convert` through the front door: from a file to coloured pictures."""

import json
import pickle
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from core.learn.guests.weights import read
from tests.guests.files import filled


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(autouse=True)
def own_models(monkeypatch, models: Path) -> None:
    monkeypatch.setenv("PHOTOCHROM_MODELS", str(models))


@pytest.fixture
def photograph(tmp_path: Path) -> Path:
    ramp = np.linspace(20, 230, 300 * 200).reshape(200, 300)
    Image.fromarray(ramp.astype(np.uint8)).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def test_two_commands_colour_a_photograph_and_hints_count(
    call, weights: Path, models: Path, photograph: Path, tmp_path: Path
):
    code, said, _ = call("models", "convert", weights)
    assert code == 0 and said.startswith("icolorit-tiny: iColoriT")
    assert "a file that is not known here, sha256 " in said and "licence MIT" in said
    assert [path.name for path in models.iterdir()] == ["icolorit-tiny.onnx"]
    assert (models / "icolorit-tiny.onnx").stat().st_size < 0.6 * weights.stat().st_size

    code, said, _ = call("models", "list", "--json")
    facts = [json.loads(line) for line in said.splitlines()][-1]
    assert facts["name"] == "icolorit-tiny" and facts["hints"] and facts["license"] == "MIT"
    assert facts["origin"].startswith("iColoriT") and facts["cost"] == "1.4 G multiplications"

    plain = tmp_path / "b.png"
    assert call("colorize", photograph, "-o", plain, "--model", "icolorit-tiny")[0] == 0
    hints = tmp_path / "hints.json"
    hints.write_text('{"points": [{"x": 150, "y": 100, "radius": 20, "colour": "red"}]}')
    hinted = tmp_path / "c.png"
    words = ("--model", "icolorit-tiny", "--hints", hints)
    assert call("colorize", photograph, "-o", hinted, *words)[0] == 0
    assert call("verify", photograph, hinted)[0] == 0
    assert (np.asarray(Image.open(hinted)) != np.asarray(Image.open(plain))).any()


def test_the_same_file_gives_the_same_bytes(call, weights: Path, converted: Path, tmp_path: Path):
    assert call("models", "convert", weights, "-o", tmp_path / "again.onnx")[0] == 0
    assert (tmp_path / "again.onnx").read_bytes() == converted.read_bytes()


def test_whole_storage_is_asked_for_or_taken_where_float16_would_change_the_colours(
    call, converted: Path, tmp_path: Path
):
    """By a file in bfloat16, whose range is that of float32."""
    state = {key: tensor.bfloat16() for key, tensor in filled("icolorit-tiny").items()}
    torch.save(state, tmp_path / "half.pt")
    code, said, _ = call(
        "models", "convert", "--float32", tmp_path / "half.pt", "-o", tmp_path / "asked.onnx"
    )
    assert code == 0 and "stored as" not in said
    state["blocks.0.mlp.fc1.weight"][0] = 1e6  # float16 ends at 65504
    save_file(state, tmp_path / "large.bin")
    code, said, _ = call("models", "convert", tmp_path / "large.bin", "-o", tmp_path / "taken.onnx")
    assert (
        code == 0
        and "icolorit-tiny: stored as float32, since float16 cannot hold its weights" in said
    )
    whole = [(tmp_path / name).stat().st_size for name in ("asked.onnx", "taken.onnx")]
    assert min(whole) > 1.8 * converted.stat().st_size


class Evil:
    def __reduce__(self):
        return (print, ("harm",))


def _truncated(path: Path, weights: Path) -> None:
    path.write_bytes(weights.read_bytes()[:-1000])


def _with_a_changed_byte(path: Path, weights: Path) -> None:
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _sparse(path: Path, _: Path) -> None:
    state = filled("icolorit-tiny")
    torch.save(state | {"norm.bias": state["norm.bias"].to_sparse()}, path)


def _complex(path: Path, _: Path) -> None:
    state = filled("icolorit-tiny")
    torch.save(state | {"norm.bias": state["norm.bias"].to(torch.complex64)}, path)


def _without_numbers(path: Path, _: Path) -> None:
    state = filled("icolorit-tiny")
    state["norm.bias"][0] = float("inf")
    state["norm.weight"][0] = float("nan")
    torch.save(state, path)


def _with_other_tensors(path: Path, _: Path) -> None:
    state = filled("icolorit-tiny")
    del state["norm.bias"]
    state["norm.weight"] = torch.zeros(3)
    save_file(state, path)


BAD = {
    "truncated": (_truncated, "is damaged, or no file of weights; get the authors' file again"),
    "changed byte": (
        _with_a_changed_byte,
        "is damaged, or no file of weights; get the authors' file again",
    ),
    "sparse": (_sparse, "has sparse, quantized or complex tensors: norm.bias; get the authors'"),
    "complex": (_complex, "has sparse, quantized or complex tensors: norm.bias; get the authors'"),
    "Git LFS": (
        lambda path, _: path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:"),
        "is Git LFS's pointer to the weights, not the weights; run `git lfs pull` there",
    ),
    "web page": (
        lambda path, _: path.write_text("\n<!DOCTYPE html><title>Sign in</title>"),
        "is a web page, not the weights; download the file itself",
    ),
    "code": (
        lambda path, _: path.write_bytes(pickle.dumps({"model": Evil()})),
        "is damaged, or wants to run code when it is opened; get the authors' file again",
    ),
    "code in a zip": (
        lambda path, _: torch.save({"model": Evil()}, path),
        "wants to run code when it is opened (print), which is not allowed",
    ),
    "another network": (
        lambda path, _: save_file({"fc.weight": torch.zeros(3, 3)}, path),
        "holds 1 tensors of no network that is known here; known are eccv16, ",
    ),
    "optimizer": (
        lambda path, _: torch.save({"state": {0: torch.zeros(2)}, "param_groups": []}, path),
        "holds no network's tensors but an optimizer's",
    ),
    "no numbers": (_without_numbers, "has values that are no numbers in norm.weight, norm.bias"),
    "other tensors": (
        _with_other_tensors,
        "lacks norm.bias and has misshapen norm.weight (3, wanted 192); get the authors' file",
    ),
    "Caffe under another name": (
        lambda path, _: path.write_bytes(b"\n\x05LtoAB\xa2\x06\x90\x01" + bytes(300)),
        "is a Caffe model, which is not read here; get the authors' PyTorch file",
    ),
    "text": (lambda path, _: path.write_text("hello"), "is damaged, or no file of weights"),
    "empty": (lambda path, _: path.write_bytes(b""), "is damaged, or no file of weights"),
}


def test_weights_whose_writer_computed_no_checksums_are_read(tmp_path: Path):
    torch.serialization.set_crc32_options(False)
    try:
        torch.save({"a": torch.ones(3)}, tmp_path / "weights")
    finally:
        torch.serialization.set_crc32_options(True)
    assert torch.equal(read(tmp_path / "weights")["a"], torch.ones(3))


@pytest.mark.parametrize("name", BAD)
def test_bad_files_get_one_line_and_leave_nothing(call, weights, models: Path, tmp_path, name):
    make, says = BAD[name]
    path = tmp_path / "bad.pth"
    make(path, weights)
    before = sorted(models.rglob("*"))
    code, _, said = call("models", "convert", path)
    assert code != 0 and "harm" not in said
    assert said.startswith(f"photochrom: {path}: {says}"), said
    assert said.count("\n") == 1
    assert sorted(models.rglob("*")) == before


def test_a_caffe_model_is_sent_to_the_pytorch_file(call, tmp_path: Path):
    (tmp_path / "v2.caffemodel").write_bytes(b"\n\x0bCaffeNet...")
    code, _, said = call("models", "convert", tmp_path / "v2.caffemodel")
    assert code == 3 and "get the authors' PyTorch file of the same network" in said


def test_too_little_disk_or_memory_is_said_before_the_work(
    call, weights: Path, models: Path, monkeypatch
):
    before = sorted(models.rglob("*"))
    monkeypatch.setattr("core.learn.guests.conversion.available_memory", lambda: 1e8)
    code, _, said = call("models", "convert", weights)
    assert code == 1 and "GB of memory to be converted and this machine has 0.1 free" in said
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    code, _, said = call("models", "convert", weights)
    assert code == 1 and " has 0.0 free; make room" in said and str(weights) in said
    assert sorted(models.rglob("*")) == before


def test_a_wrong_name_is_refused(call, weights: Path):
    code, _, said = call("models", "convert", weights, "--as", "eccv16")
    assert code == 3 and "is icolorit-tiny, not eccv16; leave out --as" in said


def test_the_source_is_never_written_over(call, weights: Path):
    size = weights.stat().st_size
    assert call("models", "convert", weights, "-o", weights)[0] == 2
    assert weights.stat().st_size == size
