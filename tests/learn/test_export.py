"""Model files: parity, storage, metadata, and the refusal to write what must not be used."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from core.errors import ModelError
from core.learn.batch import NetworkOutput
from core.learn.export import FLOAT16_TOLERANCE, About, check_against, export, weights_in
from core.learn.nets import build
from core.learn.nets.lite import Lite
from core.model.session import open_session

ABOUT = About("trial", "0.1", "Apache-2.0", 128, "# A trial\n\nWrong in all colours.", "no steps")


@pytest.fixture(scope="module")
def lite() -> Lite:
    torch.manual_seed(2)
    net = Lite().eval()
    nn.init.normal_(net.ref.weight, std=0.1)  # at the start a hint changes nothing
    return net


@pytest.fixture(scope="module")
def file(lite: Lite, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(lite, tmp_path_factory.mktemp("export") / "lite.onnx", ABOUT, float16=True)


def test_float16_storage_halves_the_file_and_stays_near_the_network(lite: Lite, file: Path):
    assert file.stat().st_size < 0.6 * 4 * sum(tensor.numel() for tensor in lite.parameters())
    assert 0 < check_against(lite, file, FLOAT16_TOLERANCE, seed=9) < FLOAT16_TOLERANCE


def test_training_can_go_on_from_the_file(lite: Lite, file: Path):
    read, own = weights_in(file), lite.state_dict()
    unread = {name for name in own if name not in read}
    assert {name for name in unread if not name.endswith("num_batches_tracked")} == {"prior"}
    for name, tensor in read.items():
        torch.testing.assert_close(tensor, own[name], rtol=1e-3, atol=1e-4)


def test_a_file_without_weights_is_refused(tmp_path: Path):
    (tmp_path / "words.onnx").write_text("no model")
    with pytest.raises(ModelError, match="no weights"):
        weights_in(tmp_path / "words.onnx")


def test_the_metadata_are_those_of_the_contract(lite: Lite, file: Path):
    model = onnx.load(file)
    found = {prop.key: prop.value for prop in model.metadata_props}
    bins = json.loads(found.pop("photochrom.bins"))
    assert np.array_equal(np.asarray(bins, np.float32), lite.bins.numpy())
    assert found == {
        "photochrom.contract": "1",
        "photochrom.name": "trial",
        "photochrom.version": "0.1",
        "photochrom.license": "Apache-2.0",
        "photochrom.side": "128",
        "photochrom.multiple": "32",
        "photochrom.stride": "2",
        "photochrom.card": ABOUT.card,
        "photochrom.training": "no steps",
    }
    assert model.producer_name == "photochrom"
    assert {entry.domain: entry.version for entry in model.opset_import}[""] >= 17


def test_hints_of_zeros_give_the_bits_of_no_hints_and_others_do_not(file: Path):
    session = open_session(file, "cpu")
    lightness = np.linspace(0, 100, 64 * 64, dtype=np.float32).reshape(64, 64)
    hints = np.zeros((3, 64, 64), np.float32)
    automatic = session.predict(lightness).chroma
    assert np.array_equal(automatic, session.predict(lightness, hints).chroma)
    hints[:, 20:30, 20:30] = np.array([50, 20, 1]).reshape(3, 1, 1)
    assert np.abs(automatic - session.predict(lightness, hints).chroma).max() > 1e-3


def test_int8_convolutions_quarter_the_file(tmp_path: Path):
    torch.manual_seed(2)
    net = build("zhang", width=16)  # few tensors to calibrate: 1 s for `lite`'s 7
    random = np.random.default_rng(4)
    planes = [random.uniform(0, 100, (64, 96)).astype(np.float32) for _ in range(2)]
    path = export(net, tmp_path / "int8.onnx", ABOUT, float16=True, calibration=planes)
    assert path.stat().st_size < 0.4 * 4 * sum(tensor.numel() for tensor in net.parameters())
    assert "QuantizeLinear" in {node.op_type for node in onnx.load(path).graph.node}
    answer = open_session(path, "cpu").predict(np.full((64, 64), 50, np.float32))
    assert answer.chroma.shape == (2, 16, 16)


def test_weights_that_are_not_finite_are_refused_by_name(tmp_path: Path):
    net = Lite()
    with torch.no_grad():
        net.get_parameter("head.bias")[3] = float("nan")
    with pytest.raises(ModelError, match=r"head\.bias is not finite"):
        export(net, tmp_path / "nan.onnx", ABOUT)
    assert list(tmp_path.iterdir()) == []


class Unfaithful(nn.Module):
    """Answers differently when it is traced: what a parity check is there to find."""

    stride, multiple, takes_hints, bins = 1, 32, False, None

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, lightness, hints=None) -> NetworkOutput:
        scale = self.weight * (2 if torch.onnx.is_in_onnx_export() else 1)
        return NetworkOutput(torch.cat((lightness, lightness), 1) * scale)


def test_a_file_that_answers_differently_never_appears(tmp_path: Path):
    with pytest.raises(ModelError, match="away from the network"):
        export(Unfaithful(), tmp_path / "wrong.onnx", ABOUT)
    assert list(tmp_path.iterdir()) == []
