"""The adversarial pair: hand-computed values, and that each gradient reaches its own side only."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.autograd import gradcheck

from core.errors import OptionsError
from core.learn.batch import NetworkOutput, TrainingBatch
from core.learn.losses.gan import (
    CRITIC,
    PAINTER,
    adversarial,
    critic_hinge,
    critic_non_saturating,
    painter_hinge,
    painter_non_saturating,
)

REAL, FAKE = torch.tensor([2.0, 0.5]), torch.tensor([-3.0, 1.0])


class Critic(nn.Module):
    """Judges by a weight times the mean of each pixel's chroma."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(0.5, dtype=torch.float64))

    def forward(self, lightness: torch.Tensor, chroma: torch.Tensor) -> torch.Tensor:
        return self.weight * chroma.mean(1, keepdim=True)


def test_hinge():
    assert painter_hinge(FAKE).item() == 1
    assert critic_hinge(REAL, FAKE).item() == ((0 + 0.5) / 2 + (0 + 2) / 2) / 2


def test_non_saturating():
    log_chances = [math.log(1 / (1 + math.exp(-x))) for x in FAKE.tolist()]
    assert painter_non_saturating(FAKE).item() == pytest.approx(-sum(log_chances) / 2)
    real = [math.log(1 / (1 + math.exp(-x))) for x in REAL.tolist()]
    fake = [math.log(1 - 1 / (1 + math.exp(-x))) for x in FAKE.tolist()]
    expected = -(sum(real) / 2 + sum(fake) / 2) / 2
    assert critic_non_saturating(REAL, FAKE).item() == pytest.approx(expected)


def test_each_gradient_reaches_its_own_side():
    """The painter's sees the critic's weight as a constant, the critic's the painting as one."""
    critic = Critic()
    painted = torch.full((1, 2, 1, 1), 0.4, dtype=torch.float64, requires_grad=True)
    truth = torch.full((1, 2, 1, 1), 0.6, dtype=torch.float64)
    batch = TrainingBatch(torch.zeros(1, 1, 1, 1, dtype=torch.float64), truth, torch.zeros(1))
    net = SimpleNamespace(critic=critic)
    loss = adversarial(NetworkOutput(painted), batch, net, critic=3.0)
    loss.backward()
    judged_real, judged_fake = 0.5 * 0.6, 0.5 * 0.4
    value = -judged_fake + 3 * ((1 - judged_real) + (1 + judged_fake)) / 2
    assert loss.item() == pytest.approx(value)
    assert painted.grad is not None and critic.weight.grad is not None
    assert painted.grad.flatten().tolist() == pytest.approx([-0.25, -0.25])  # -weight / channels
    assert critic.weight.grad.item() == pytest.approx(3 * (-0.6 + 0.4) / 2)


@pytest.mark.parametrize("kind", PAINTER)
def test_the_gradients_are_those_of_finite_differences(kind: str):
    judgements = torch.tensor([0.3, -0.7, 2.2], dtype=torch.float64, requires_grad=True)
    others = torch.tensor([-0.2, 0.4, -1.9], dtype=torch.float64, requires_grad=True)
    assert gradcheck(PAINTER[kind], judgements)
    assert gradcheck(CRITIC[kind], (judgements, others))


def test_a_kind_or_a_network_that_does_not_fit_is_refused():
    given = NetworkOutput(torch.zeros(1, 2, 1, 1)), TrainingBatch(*[torch.zeros(1, 2, 1, 1)] * 3)
    with pytest.raises(OptionsError, match="give hinge or non_saturating"):
        adversarial(*given, SimpleNamespace(critic=Critic()), kind="wasserstein")
    with pytest.raises(OptionsError, match="has no critic; use unet_gan"):
        adversarial(*given, SimpleNamespace())
