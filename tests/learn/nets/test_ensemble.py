"""`ensemble` beyond what every network has (`test_every_network.py`)."""

from pathlib import Path
from typing import Any

import pytest
import torch

from core.errors import OptionsError, PhotochromError
from core.learn.checkpoint import built
from core.learn.losses import Term
from core.learn.nets.compact_cnn import CompactCNN
from core.learn.nets.ensemble import Ensemble
from core.learn.nets.in_living_color import InLivingColor
from core.learn.nets.lite import Lite
from core.learn.nets.zhang import Zhang
from core.learn.trainer import Training, train
from tests.learn.nets import chapters


def make() -> Ensemble:
    torch.manual_seed(1)
    return Ensemble([CompactCNN(), InLivingColor(), Zhang(width=4)])


def of_distributions() -> Ensemble:
    torch.manual_seed(1)
    return Ensemble([Zhang(width=4), Zhang(width=8)], mean="distribution")


def test_it_has_as_many_parameters_as_its_members():
    assert chapters.parameters(Ensemble([CompactCNN(), InLivingColor()])) == 32_202 + 68_234


def test_the_mean_of_two_answers_lies_in_the_middle():
    first, second = CompactCNN().eval(), InLivingColor().eval()
    lightness = chapters.batch(32, 48).lightness
    with torch.no_grad():
        mean = Ensemble([first, second]).eval()(lightness).chroma
        middle = (first(lightness).chroma + second(lightness).chroma) / 2
    torch.testing.assert_close(mean, middle)


def test_the_mean_of_two_distributions_is_a_distribution_between_them():
    net = of_distributions().eval()
    lightness = chapters.batch(32, 48).lightness
    with torch.no_grad():
        ours = net(lightness).logits.softmax(1)
        first, second = (member(lightness).logits.softmax(1) for member in net.members)
    torch.testing.assert_close(ours, (first + second) / 2, rtol=1e-3, atol=1e-6)


def test_distributions_that_lie_on_a_coarser_grid_than_the_chroma_are_met_there():
    net = Ensemble([Lite(), Lite()], mean="distribution").eval()
    assert net.stride == 4  # a lite network refines its chroma to stride 2
    assert net(chapters.batch(64, 64).lightness).chroma.shape == (2, 2, 16, 16)


def test_members_come_from_the_checkpoints_of_their_runs(tmp_path: Path):
    for name in ("one", "two"):
        train(
            CompactCNN(),
            lambda step: iter([chapters.batch(32, 32)]),
            [Term("mse", 1.0, {})],
            Training(steps=1),
            tmp_path / name,
            about={"recipe": '[network]\nname = "compact_cnn"'},
            say=lambda _: None,
        )
    net: Any = built("ensemble", {"members": [tmp_path / "one", tmp_path / "two" / "last.pt"]})
    saved = torch.load(tmp_path / "two" / "last.pt")["average"]
    assert torch.equal(net.members[1].state_dict()["layers.0.weight"], saved["layers.0.weight"])


@pytest.mark.parametrize(
    ("members", "mean", "says"),
    [
        ([CompactCNN()], "chroma", "fewer than two"),
        ([CompactCNN(), CompactCNN()], "median", "give chroma or distribution"),
        ([CompactCNN(), Zhang(width=2)], "distribution", "same bins"),
    ],
)
def test_what_has_no_mean_is_refused(members, mean, says):
    with pytest.raises(OptionsError, match=says):
        Ensemble(members, mean)


def test_a_missing_member_is_named(tmp_path: Path):
    with pytest.raises(PhotochromError, match="no checkpoint here"):
        built("ensemble", {"members": [tmp_path / "gone", tmp_path / "gone too"]})
