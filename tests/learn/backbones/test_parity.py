"""The published networks that are written out here are those of torchvision and timm.

Neither is needed for it: their tensors' names and shapes were recorded (as a digest), and their
answers where every tensor is filled by `filled`, from its name alone. Recorded with torchvision
0.29.1 (`vgg16`, `resnet18`, `inception_v3`) timm 1.0.31 (`inception_resnet_v2`)
and lpips 0.1.4, torch 2.13.
"""

import hashlib
import zlib
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from core.learn import pretrained
from core.learn.backbones.inception_resnet_v2 import InceptionResNetV2
from core.learn.backbones.inception_v3 import InceptionV3
from core.learn.backbones.vgg16 import VGG16
from core.learn.measures import lpips
from core.learn.nets.resnet18 import ResNet18

#: Tensors of the published state dict that the networks here have no place for.
VGG_CLASSIFIER = {
    "classifier.0.bias": (4096,),
    "classifier.0.weight": (4096, 25088),
    "classifier.3.bias": (4096,),
    "classifier.3.weight": (4096, 4096),
    "classifier.6.bias": (1000,),
    "classifier.6.weight": (1000, 4096),
}
INCEPTION_CLASSIFIER = {"fc.bias": (1000,), "fc.weight": (1000, 2048)}


def filled(name: str, shape: torch.Size) -> Tensor:
    """Numbers that depend on a tensor's name and shape alone, of a size that keeps answers tame."""
    numbers = torch.rand(shape, generator=torch.Generator().manual_seed(zlib.crc32(name.encode())))
    if name.endswith("running_var"):
        return numbers + 0.5
    if len(shape) > 1:
        return (numbers - 0.5) * (12 / shape[1:].numel()) ** 0.5
    return numbers + 0.5 if name.endswith("weight") else (numbers - 0.5) * 0.2


def state_of(net: nn.Module) -> dict[str, Tensor]:
    return {
        name: filled(name, tensor.shape)
        for name, tensor in net.state_dict().items()
        if tensor.is_floating_point()
    }


def digest(net: nn.Module, beyond: Mapping[str, tuple[int, ...]] = {}) -> tuple[int, str]:
    """How many tensors a state dict has, and a hash of their names and shapes."""
    shapes = {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()} | dict(beyond)
    lines = sorted(
        f"{name} {'x'.join(map(str, shape))}"
        for name, shape in shapes.items()
        if not name.endswith("num_batches_tracked")
    )
    return len(lines), hashlib.sha256("\n".join(lines).encode()).hexdigest()


def rgb(side: int) -> Tensor:
    return torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(7))


def test_vgg16_is_torchvisions():
    net = VGG16(5)
    assert digest(net, VGG_CLASSIFIER) == (
        32,
        "e36b43eb356035da8773e7fcc78b2535bbbf866e196790b7e11f3a547e89dfc3",
    )
    net.load_state_dict(state_of(net))
    with torch.inference_mode():
        taps = net.taps_of(rgb(64))
    answers = [[float(tap.mean()), float(tap.std()), float(tap[0, 3, 1, 1])] for tap in taps]
    assert answers == [
        pytest.approx(row, rel=1e-3, abs=1e-5)
        for row in (
            [0.152425, 0.242728, 0.280818],
            [0.096242, 0.147636, 0.027252],
            [0.049811, 0.080089, 0.0],
            [0.033456, 0.049651, 0.007202],
            [0.028255, 0.042061, 0.180983],
        )
    ]


def test_inception_v3_is_torchvisions():
    net = InceptionV3().eval()
    assert digest(net, INCEPTION_CLASSIFIER) == (
        472,
        "83dcd871c4171e61f386d7c9eb9cfc4a492c6ed12dd06da5235a1183efa97938",
    )
    pretrained.put(net, state_of(net), "filled")
    with torch.inference_mode():
        features = net(2 * rgb(299) - 1)
    answers = [features.mean(), features.std(), features[0, 0], features[0, 2047]]
    assert [float(answer) for answer in answers] == pytest.approx(
        [0.047191, 0.071086, 0.022478, 0.154617], rel=1e-3, abs=1e-5
    )


def test_inception_resnet_v2_is_timms():
    net = InceptionResNetV2().eval()
    assert digest(net) == (
        1102,
        "c62f62679b1a1ce71f6dc24568b8090090d640665fcd14df64bb145de03039b9",
    )
    pretrained.put(net, state_of(net), "filled")
    with torch.inference_mode():
        logits = net(rgb(96))
    answers = [logits.mean(), logits.std(), logits[0, 0], logits[0, 999]]
    assert [float(answer) for answer in answers] == pytest.approx(
        [0.009789, 0.285216, -0.255558, 0.310210], rel=1e-3, abs=1e-5
    )


def test_resnet18s_first_six_children_are_torchvisions(tmp_path: Path):
    """Of a gray picture: the three channels of the published kernel are summed when it is read."""
    net = ResNet18()
    state = state_of(net.encoder)
    state["conv1.weight"] = filled("conv1.weight", torch.Size((64, 3, 7, 7)))
    torch.save(state, tmp_path / "resnet18.pth")
    encoder = ResNet18(pretrained=str(tmp_path / "resnet18.pth")).encoder.eval()
    with torch.inference_mode():
        features = encoder(rgb(64)[:, :1])
    answers = [features.mean(), features.std(), features[0, 3, 1, 1]]
    assert [float(answer) for answer in answers] == pytest.approx(
        [0.650700, 0.829370, 1.428747], rel=1e-3
    )


def test_lpips_is_its_authors(tmp_path: Path):
    """With their names for the weights of the five layers, and their answer to the same numbers."""
    published = {f"lin{i}.model.1.weight": n for i, n in enumerate((64, 128, 256, 512, 512))}
    lines = {
        name: torch.rand(
            1, width, 1, 1, generator=torch.Generator().manual_seed(zlib.crc32(name.encode()))
        )
        for name, width in published.items()
    }
    torch.save(state_of(VGG16(5)), tmp_path / "vgg16.pth")
    torch.save(lines, tmp_path / "vgg.pth")
    net = lpips.from_files(str(tmp_path / "vgg16.pth"), str(tmp_path / "vgg.pth"))
    picture = rgb(64)
    assert float(net(picture, picture.flip(3))) == pytest.approx(0.717480, rel=1e-3)
