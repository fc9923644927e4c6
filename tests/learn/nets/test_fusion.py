"""`fusion` beyond what every network has (`test_every_network.py`)."""

from pathlib import Path

import pytest
import torch

from core.errors import OptionsError
from core.learn.backbones.efficientnet_lite import pretrained_lite0
from core.learn.nets.fusion import Fusion
from tests.learn.nets import chapters


def make() -> Fusion:
    torch.manual_seed(1)
    return Fusion(side=75, repeats=(1, 1, 1))


def test_a_frozen_embedding_keeps_its_weights_and_its_norms():
    net = make().train()
    assert net.embedding is not None and not net.embedding.training
    assert not any(tensor.requires_grad for tensor in net.embedding.parameters())


def test_without_its_embedding_it_is_the_plain_network():
    net = Fusion(embed=False)
    assert chapters.parameters(net) == 6_573_794 - 1000 * 256
    chapters.answers_at_its_stride(net)


def test_keys_that_contradict_each_other_are_refused():
    with pytest.raises(OptionsError, match="remove one of the two"):
        Fusion(embed=False, pretrained="inception.pth")


def test_another_classifier_speaks_with_its_published_weights(tmp_path: Path):
    net = Fusion(classifier="efficientnet_lite0", side=75)
    assert net.embedding is not None
    assert chapters.parameters(net.embedding) == 4_652_008
    theirs = pretrained_lite0().state_dict()
    assert all(torch.equal(t, theirs[name]) for name, t in net.embedding.state_dict().items())
    chapters.answers_at_its_stride(net)
    chapters.its_file_answers_as_it_does(net.eval(), tmp_path)


def test_what_the_classifier_sees_changes_the_colours():
    """Of two pictures that are alike in one half, that half is coloured differently."""
    net = Fusion(classifier="efficientnet_lite0", side=75).eval()
    first, second = torch.rand(1, 1, 64, 256) * 100, torch.rand(1, 1, 64, 256) * 100
    second[..., :128] = first[..., :128]
    with torch.no_grad():
        ours, other = (net(lightness).chroma[..., :32] for lightness in (first, second))
    assert not torch.equal(ours, other)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"classifier": "vgg"}, "network.classifier is 'vgg'; give inception_resnet_v2 or"),
        ({"classifier": "efficientnet_lite0", "pretrained": "x.pth"}, "brings its weights"),
    ],
)
def test_classifiers_that_cannot_be_are_refused_by_name(settings, says):
    with pytest.raises(OptionsError) as refused:
        Fusion(**settings)
    assert says in str(refused.value)
