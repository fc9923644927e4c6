"""The loss that teaches a network what another answers to the same pictures seen otherwise."""

import pytest
import torch
import torch.nn.functional as F

from core.learn.batch import NetworkOutput, TrainingBatch
from core.learn.checkpoint import CHECKPOINT_VERSION, save_atomically
from core.learn.losses.teacher import distillation, teacher_of
from core.learn.nets import build


class Local(torch.nn.Module):
    """Answers with what it sees in a place, times its `tint`, whatever the picture's size."""

    stride, multiple = 2, 4

    def __init__(self, *tint: float) -> None:
        super().__init__()
        self.tint = torch.nn.Parameter(torch.tensor(tint).view(1, 2, 1, 1))

    def forward(self, lightness: torch.Tensor, hints: torch.Tensor | None = None) -> NetworkOutput:
        return NetworkOutput(F.avg_pool2d(lightness, self.stride) * self.tint)


@pytest.fixture
def taught(monkeypatch):
    """The loss of a network `net` whose teacher answers like Local(1, -0.5)."""
    monkeypatch.setattr("core.learn.losses.teacher.teacher_of", lambda *_: Local(1.0, -0.5))

    def loss(net: Local, hinted: int = 0, **parameters) -> torch.Tensor:
        rows, columns = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
        lightness = (rows + columns / 2).repeat(3, 1, 1, 1)
        hints = torch.zeros(3, 3, 64, 64)
        lightness[:hinted], hints[:hinted, 2, 5, 5] = 100, 1
        batch = TrainingBatch(lightness, torch.zeros(3, 2, 64, 64), hints)
        return distillation(net(lightness), batch, net, teacher="", **parameters)

    return loss


@pytest.mark.parametrize("seed", range(5))
def test_who_answers_as_the_teacher_does_has_learnt_it_from_whatever_side(taught, seed):
    torch.manual_seed(seed)
    views = {"views": 4, "scale": (0.7, 1.6), "crop": 0.3}
    assert taught(Local(1.0, -0.5), **views) < 0.1 < 10 < taught(Local(0.0, 0.5), **views)


def test_the_distance_is_the_smooth_l1_to_the_teachers_answer(taught):
    same = {"views": 1, "scale": (1.0, 1.0), "crop": 0.0, "beta": 1.0}
    # b* is off by the lightness, 0 to 94.5, of mean 47.25 and straight but for the darkest corner
    assert taught(Local(1.0, 0.5), **same).item() == pytest.approx((47.25 - 0.5) / 2, rel=1e-3)


def test_hinted_pictures_are_left_out_and_all_hinted_is_zero(taught):
    same = {"views": 1, "scale": (1.0, 1.0), "crop": 0.0}
    none = taught(Local(0.0, 0.0), **same).item()
    assert taught(Local(0.0, 0.0), hinted=2, **same).item() == pytest.approx(none)
    assert taught(Local(0.0, 0.0), hinted=3) == 0


def test_the_network_learns_and_the_teacher_does_not(tmp_path):
    recipe = '[network]\nname = "in_living_color"\n'
    torch.manual_seed(1)
    net = build("in_living_color")
    state = {"version": CHECKPOINT_VERSION, "about": {"recipe": recipe}}
    save_atomically({**state, "average": net.state_dict()}, tmp_path / "last.pt")
    lightness = torch.rand(1, 1, 64, 64) * 100
    batch = TrainingBatch(lightness, torch.zeros(1, 2, 64, 64), torch.zeros(1, 3, 64, 64))
    path = str(tmp_path / "last.pt")
    distillation(net(lightness), batch, net, teacher=path).backward()
    assert any(tensor.grad is not None for tensor in net.parameters())
    teacher = teacher_of(path, lightness.device)
    assert not teacher.training
    assert not any(tensor.requires_grad for tensor in teacher.parameters())
