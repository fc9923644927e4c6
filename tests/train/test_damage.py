"""What decades do to a print, on the network's input only."""

import numpy as np
import torch

from train.data.augment import Augment, old_film
from train.data.damage import damage, faded, scratch, speck


def flat(value: float = 50.0) -> torch.Tensor:
    return torch.full((1, 64, 80), value)


def test_it_repeats_with_its_seed_and_stays_lightness():
    for seed in range(20):
        first, again = (damage(flat(), np.random.default_rng(seed)) for _ in range(2))
        assert torch.equal(first, again)
        assert first.shape == (1, 64, 80) and first.min() >= 0 and first.max() <= 100


def test_most_of_a_damaged_print_is_still_there():
    changed = [
        (damage(flat(), np.random.default_rng(seed)) - flat()).abs().gt(15).float().mean().item()
        for seed in range(40)
    ]
    assert 0 < np.mean(changed) < 0.2


def test_a_scratch_is_a_thin_line():
    for seed in range(20):
        line = scratch(64, 80, np.random.default_rng(seed))[0]
        assert line.max() <= 1 and line.min() >= 0
        assert line.gt(0.1).float().mean() < 0.08  # a hair of 5 px on 64 at most


def test_a_speck_is_round_and_small():
    for seed in range(20):
        spot = speck(64, 80, np.random.default_rng(seed))[0]
        rows, columns = spot.gt(0.3).nonzero().unbind(1)
        if len(rows):
            assert int(rows.max() - rows.min()) <= 6 and int(columns.max() - columns.min()) <= 6


def test_fading_draws_towards_paper_and_never_darkens_what_is_darker_than_it():
    for seed in range(20):
        assert (faded(flat(20.0), np.random.default_rng(seed)) >= 20.0 - 1e-4).all()


def test_a_recipe_asks_for_it_and_without_asking_nothing_is_drawn():
    rgb, lightness = torch.full((3, 64, 64), 0.5), torch.full((1, 64, 64), 53.4)
    without = old_film(rgb, lightness, Augment(), np.random.default_rng(5))
    damaged = old_film(rgb, lightness, Augment(damage=1.0), np.random.default_rng(5))
    assert not torch.equal(without, damaged)
