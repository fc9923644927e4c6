"""Files of published weights: which are read, and what is said of the others."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from core.errors import PhotochromError
from core.learn.pretrained import load


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.bn = nn.BatchNorm2d(2)


def weights() -> dict[str, torch.Tensor]:
    return {name: torch.full_like(tensor, 2) for name, tensor in Small().state_dict().items()}


def loaded(path: Path) -> bool:
    net = Small()
    load(net, path)
    return bool((net.conv.weight == 2).all() and (net.bn.running_var == 2).all())


def test_pth_and_safetensors_are_read_also_wrapped_in_a_checkpoint(tmp_path: Path):
    torch.save(weights(), tmp_path / "plain.pth")
    torch.save({"state_dict": weights(), "epoch": 3}, tmp_path / "wrapped.pt")
    save_file(weights(), tmp_path / "plain.safetensors")
    for name in ("plain.pth", "wrapped.pt", "plain.safetensors"):
        assert loaded(tmp_path / name)


def test_a_file_without_counters_of_batches_or_with_more_layers_loads(tmp_path: Path):
    given = weights()
    del given["bn.num_batches_tracked"]
    torch.save({**given, "fc.weight": torch.zeros(9)}, tmp_path / "older.pth")
    assert loaded(tmp_path / "older.pth")


def test_every_missing_and_misshapen_tensor_is_named(tmp_path: Path):
    given = weights()
    del given["bn.weight"], given["conv.bias"]
    given["conv.weight"] = torch.zeros(2, 3, 3, 3)
    torch.save(given, tmp_path / "other.pth")
    with pytest.raises(PhotochromError) as refused:
        load(Small(), tmp_path / "other.pth")
    assert str(refused.value) == (
        f"{tmp_path}/other.pth: lacks conv.bias, bn.weight and has misshapen conv.weight "
        "(2x3x3x3, wanted 2x1x3x3); give a state dict of Small as torchvision or timm name it"
    )


def test_a_refused_file_leaves_the_network_as_it_was(tmp_path: Path):
    given = weights()
    del given["bn.weight"]
    torch.save(given, tmp_path / "other.pth")
    net = Small()
    before = net.conv.weight.clone()
    with pytest.raises(PhotochromError):
        load(net, tmp_path / "other.pth")
    assert torch.equal(net.conv.weight, before)


def test_a_missing_and_a_damaged_file_are_told_apart(tmp_path: Path):
    with pytest.raises(PhotochromError, match=r"no such file of weights; correct `pretrained`"):
        load(Small(), tmp_path / "gone.pth")
    (tmp_path / "cut.pth").write_bytes(b"PK\x03\x04 not a whole archive")
    with pytest.raises(PhotochromError, match=r"cut.pth: no weights could be read"):
        load(Small(), tmp_path / "cut.pth")
