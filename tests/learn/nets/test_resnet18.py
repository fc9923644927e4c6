"""`resnet18` beyond what every network has (`test_every_network.py`)."""

from pathlib import Path

import torch

from core.learn.nets.resnet18 import ResNet18


def make() -> ResNet18:
    torch.manual_seed(1)
    return ResNet18()


def test_a_torchvision_file_loads_with_its_first_kernels_summed(tmp_path: Path):
    """The summed kernel says of a gray picture what three equal channels would have said."""
    given = torchvision_names()
    torch.save(given, tmp_path / "resnet18.pth")
    net = ResNet18(pretrained=str(tmp_path / "resnet18.pth"))
    gray = torch.rand(1, 1, 32, 32)
    theirs = torch.nn.functional.conv2d(
        gray.expand(-1, 3, -1, -1), given["conv1.weight"], stride=2, padding=3
    )
    torch.testing.assert_close(net.encoder.conv1(gray), theirs, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(
        net.encoder.state_dict()["layer2.0.bn2.running_var"], given["layer2.0.bn2.running_var"]
    )


def test_a_frozen_encoder_does_not_learn():
    net = ResNet18(freeze=True)
    assert not any(tensor.requires_grad for tensor in net.encoder.parameters())
    assert all(tensor.requires_grad for tensor in net.decoder.parameters())


def torchvision_names() -> dict[str, torch.Tensor]:
    """A state dict with the names and shapes of torchvision's resnet18, up to its second layer,
    and two names from beyond it."""
    random = torch.Generator().manual_seed(4)
    shapes = {"conv1.weight": (64, 3, 7, 7), "fc.weight": (1000, 512), "fc.bias": (1000,)}
    norms = {"bn1": 64}
    for layer, inputs, outputs in (("layer1", 64, 64), ("layer2", 64, 128)):
        for block in range(2):
            first = inputs if block == 0 else outputs
            shapes[f"{layer}.{block}.conv1.weight"] = (outputs, first, 3, 3)
            shapes[f"{layer}.{block}.conv2.weight"] = (outputs, outputs, 3, 3)
            norms |= {f"{layer}.{block}.bn1": outputs, f"{layer}.{block}.bn2": outputs}
    shapes["layer2.0.downsample.0.weight"] = (128, 64, 1, 1)
    norms["layer2.0.downsample.1"] = 128
    for name, width in norms.items():
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{name}.{part}"] = (width,)
    return {name: torch.rand(shape, generator=random) for name, shape in shapes.items()}
