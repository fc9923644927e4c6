"""What decades do to a print, on the network's input only. Twenty prints at once, each its own."""

import torch

from train.data.augment import Augment, old_film
from train.data.damage import blurred, border, damage, faded, scratch, speck
from train.data.random_numbers import RandomNumbers

PRINTS = 20


def flat(value: float = 50.0) -> torch.Tensor:
    return torch.full((PRINTS, 1, 64, 80), value)


def test_it_repeats_with_its_seed_and_stays_lightness():
    first, again, other = (damage(flat(), RandomNumbers(seed, PRINTS)) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert first.shape == flat().shape and first.min() >= 0 and first.max() <= 100


def test_most_of_a_damaged_print_is_still_there():
    changed = (damage(flat(), RandomNumbers(1, PRINTS)) - flat()).abs().gt(15).float().mean()
    assert 0 < changed < 0.2


def test_a_scratch_is_a_thin_line():
    lines = scratch(64, 80, RandomNumbers(1, PRINTS))
    assert lines.max() <= 1 and lines.min() >= 0
    # a hair of 5 px on 64 at most
    assert lines.gt(0.1).float().mean((1, 2, 3)).max() < 0.08


def test_a_speck_is_round_and_small():
    seen = 0
    for spot in speck(64, 80, RandomNumbers(1, PRINTS)):
        rows, columns = spot[0].gt(0.3).nonzero().unbind(1)
        if len(rows):
            seen += 1
            assert int(rows.max() - rows.min()) <= 6 and int(columns.max() - columns.min()) <= 6
    assert seen > PRINTS / 2


def test_fading_draws_towards_paper_and_never_darkens_what_is_darker_than_it():
    assert (faded(flat(20.0), RandomNumbers(1, PRINTS)) >= 20.0 - 1e-4).all()


def test_a_border_is_a_rim_that_leaves_the_middle():
    rims = border(64, 80, RandomNumbers(1, PRINTS))
    assert not rims[:, :, 8:-8, 8:-8].any()
    assert rims.mean((1, 2, 3)).max() < 0.35 and rims.any()


def test_each_picture_is_blurred_by_its_own_sigma():
    point = torch.zeros(2, 1, 31, 31)
    point[:, :, 15, 15] = 1
    soft = blurred(point, torch.tensor([0.0, 2.0]).view(2, 1, 1, 1))
    torch.testing.assert_close(soft[0], point[0])
    torch.testing.assert_close(soft.sum((1, 2, 3)), torch.ones(2))
    reach = torch.arange(31.0) - 15
    spread = (soft[1, 0].sum(0) * reach**2).sum().sqrt()
    torch.testing.assert_close(spread, torch.tensor(2.0), rtol=0.02, atol=0)


def test_a_recipe_asks_for_it_and_without_asking_nothing_is_drawn():
    rgb, lightness = torch.full((4, 3, 64, 64), 0.5), torch.full((4, 1, 64, 64), 53.4)
    without, damaged = (
        old_film(rgb, lightness, settings, RandomNumbers(5, 4))[0]
        for settings in (Augment(), Augment(damage=1.0))
    )
    assert not torch.equal(without, damaged)
