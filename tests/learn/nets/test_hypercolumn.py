"""`hypercolumn` beyond what every network has (`test_every_network.py`)."""

from pathlib import Path

import pytest
import torch

from core.errors import OptionsError, PhotochromError
from core.learn.nets.hypercolumn import Hypercolumn


def make() -> Hypercolumn:
    torch.manual_seed(1)
    return Hypercolumn()


def test_each_pixel_has_963_channels():
    first = make().near[0]
    assert isinstance(first, torch.nn.Conv2d)
    assert first.in_channels == 963


def test_a_torchvision_file_loads_without_its_classifier(tmp_path: Path):
    torch.save(torchvision_names(), tmp_path / "vgg16.pth")
    net = Hypercolumn(pretrained=str(tmp_path / "vgg16.pth"), freeze=True)
    assert float(net.state_dict()["encoder.net.features.21.weight"][511, 511, 2, 2]) == 0.25
    assert not any(tensor.requires_grad for tensor in net.encoder.parameters())


def test_missing_and_misshapen_tensors_are_named(tmp_path: Path):
    given = torchvision_names()
    del given["features.5.bias"]
    given["features.7.weight"] = torch.zeros(128, 64, 3, 3)
    torch.save(given, tmp_path / "vgg16.pth")
    with pytest.raises(PhotochromError) as refused:
        Hypercolumn(pretrained=str(tmp_path / "vgg16.pth"))
    assert "lacks features.5.bias" in str(refused.value)
    assert "misshapen features.7.weight (128x64x3x3, wanted 128x128x3x3)" in str(refused.value)
    assert "vgg16.pth" in str(refused.value)


def test_its_keys_are_the_studys_wishes():
    """Five taps, 1x1 convolutions alone, another activation, dropout, a bias at the end."""
    net = Hypercolumn("efficientnet_lite0", 5, kernel=1, activation="elu", dropout=0.2)
    kinds = [type(layer).__name__ for layer in net.near]
    hidden = ["Conv2d", "BatchNorm2d", "ELU", "Dropout"]
    assert kinds == [*hidden, *hidden, "Conv2d", "BatchNorm2d", "Sigmoid"]
    first = net.near[0]
    assert isinstance(first, torch.nn.Conv2d)
    assert first.in_channels == sum((16, 24, 40, 112, 320)) + 3 and first.kernel_size == (1, 1)
    assert net.multiple == 32
    plain = Hypercolumn("efficientnet_lite0", last_norm=False).near[-2]
    assert isinstance(plain, torch.nn.Conv2d) and plain.bias is not None


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"kernel": 2}, "network.kernel is 2; give 1 or 3"),
        ({"activation": "swish"}, "network.activation is 'swish'; give relu or elu or leaky_relu"),
        ({"dropout": 1.0}, "network.dropout is 1.0"),
    ],
)
def test_what_cannot_be_is_refused(settings: dict, said: str):
    with pytest.raises(OptionsError, match=said):
        Hypercolumn("efficientnet_lite0", **settings)


def torchvision_names() -> dict[str, torch.Tensor]:
    """Some of the names and shapes of torchvision's vgg16: what is needed, and one name more."""
    widths = {
        0: (64, 3),
        2: (64, 64),
        5: (128, 64),
        7: (128, 128),
        10: (256, 128),
        12: (256, 256),
        14: (256, 256),
        17: (512, 256),
        19: (512, 512),
        21: (512, 512),
    }
    given = {"classifier.6.bias": torch.zeros(1000)}
    for index, (outputs, inputs) in widths.items():
        given[f"features.{index}.weight"] = torch.full((outputs, inputs, 3, 3), 0.25)
        given[f"features.{index}.bias"] = torch.zeros(outputs)
    return given
