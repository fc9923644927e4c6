"""The loss of networks that paint RGB."""

from types import SimpleNamespace

import pytest
import torch

from core.errors import OptionsError
from core.learn.batch import NetworkOutput, TrainingBatch
from core.learn.lab_torch import srgb_to_lab
from core.learn.losses.rgb import rgb_mse

PAINTER = SimpleNamespace(paints_rgb=True)


def test_it_is_the_mean_squared_difference_of_the_pictures():
    true = torch.tensor([0.5, 0.25, 0.75]).view(1, 3, 1, 1).expand(1, 3, 2, 2)
    lab = srgb_to_lab(true)
    batch = TrainingBatch(lab[:, :1], lab[:, 1:], torch.zeros(1, 3, 2, 2))
    painted = true + torch.tensor([0.1, 0.0, -0.2]).view(1, 3, 1, 1)
    answer = NetworkOutput(torch.zeros(1, 2, 2, 2), native=painted)
    loss = rgb_mse(answer, batch, PAINTER).item()
    assert loss == pytest.approx((0.1**2 + 0.2**2) / 3, rel=1e-3)
    with pytest.raises(
        OptionsError, match="SimpleNamespace paints no RGB; use in_living_color_rgb"
    ):
        rgb_mse(answer, batch, SimpleNamespace())
