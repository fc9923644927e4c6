"""What decades do to a print, on the network's input only. Twenty prints at once, each its own."""

from dataclasses import replace

import pytest
import torch

from train.data.augment import training_batch
from train.data.augment_settings import Augment
from train.data.damage import blurred, border, damage, faded, scratch, speck
from train.data.old_film import hardened, old_film
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


#: Parts of the old look, and none of them.
OWN_KEYS = ["", "blur", "gamma", "contrast", "sharpening", "fading", "grain", "orthochromatic"]
#: Old film of which nothing happens.
NOTHING = Augment(old_film=1.0, blur=0.0, gamma=0.0, fading=0.0, grain=0.0, orthochromatic=0.0)


def seen(rgb: torch.Tensor, lightness: torch.Tensor, look: Augment) -> torch.Tensor:
    return old_film(rgb, lightness, look, RandomNumbers(5, PRINTS))[0]


def test_each_part_of_the_old_film_has_a_key_of_its_own():
    random = torch.Generator().manual_seed(2)
    rgb = torch.rand(PRINTS, 3, 64, 64, generator=random)
    lightness = 20 + 60 * torch.rand(PRINTS, 1, 64, 64, generator=random)
    looks = {
        key: seen(rgb, lightness, replace(NOTHING, **({key: 1.0} if key else {})))
        for key in OWN_KEYS
    }
    torch.testing.assert_close(looks.pop(""), lightness)
    for key, look in looks.items():
        assert (look - lightness).abs().mean((1, 2, 3)).min() > 0.01, key
    assert (looks["blur"].std((2, 3)) < lightness.std((2, 3))).all()
    assert (looks["fading"].amax((2, 3)) <= lightness.amax((2, 3)) + 22).all()
    order = lightness.flatten(1).argsort(1)
    assert (looks["contrast"].std((2, 3)) > 1.05 * lightness.std((2, 3))).all()
    assert (looks["sharpening"].std((2, 3)) > 1.05 * lightness.std((2, 3))).all()
    for key in ("gamma", "contrast", "fading"):  # curves: what was lighter stays lighter
        assert (looks[key].flatten(1).gather(1, order).diff(dim=1) >= 0).all(), key
    # grain alone has no mean, whatever it falls on
    assert (looks["grain"] - lightness).mean().abs() < 0.05


def test_hard_paper_keeps_black_and_white_and_parts_the_grays():
    grays = torch.tensor([0.0, 20.0, 50.0, 80.0, 100.0]).view(1, 1, 1, 5)
    black, dark, middle, light, white = hardened(
        grays, torch.tensor(6.0), torch.tensor(0.5)
    ).flatten()
    assert black == pytest.approx(0, abs=1e-4) and white == pytest.approx(100, abs=1e-4)
    assert middle == pytest.approx(50, abs=1e-4) and dark < 14 and light > 86


def test_a_blurs_width_is_a_key():
    rgb, lightness = torch.full((PRINTS, 3, 64, 64), 0.5), torch.zeros(PRINTS, 1, 64, 64)
    lightness[..., 32, 32] = 100
    little, much = (
        seen(rgb, lightness, replace(NOTHING, blur=1.0, blur_sigma=(sigma, sigma)))
        for sigma in (0.5, 3.0)
    )
    assert (little[..., 32, 32] > 10 * much[..., 32, 32]).all()


def test_recipes_that_name_no_part_see_the_pictures_that_they_saw_before_there_were_parts():
    pixels = (torch.arange(4 * 40 * 40 * 3) * 7919 % 256).to(torch.uint8).view(4, 40, 40, 3)
    look = Augment(old_film=1.0, halation=0.5, border=0.3, damage=0.5)
    means = training_batch(pixels, look, 11).lightness.mean((1, 2, 3))
    before = torch.tensor([52.42262, 53.21355, 56.45148, 59.95918])
    torch.testing.assert_close(means, before, atol=1e-3, rtol=0)
