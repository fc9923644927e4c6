"""Pictures in which one thing has a free colour."""

import torch

from train.data.augment import Things, draw_hints, recoloured
from train.data.augment_settings import Augment
from train.data.random_numbers import RandomNumbers

RED, BLUE = (55.0, 35.0), (5.0, -45.0)


def halves(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """L* and a*, b* of pictures whose left half is red and whose right half is blue."""
    chroma = torch.empty(count, 2, 64, 64)
    chroma[..., :32] = torch.tensor(RED).view(1, 2, 1, 1)
    chroma[..., 32:] = torch.tensor(BLUE).view(1, 2, 1, 1)
    return torch.full((count, 1, 64, 64), 50.0), chroma


def places(things: Things) -> tuple[list[int], list[int]]:
    """Rows and columns."""
    return things.y.flatten().int().tolist(), things.x.flatten().int().tolist()


def test_the_thing_takes_a_free_colour_and_other_things_keep_theirs():
    lightness, chroma = halves(40)
    changed, things = recoloured(lightness, chroma, 1.0, RandomNumbers(1, 40))
    assert things.chosen.all()
    angles = []
    for picture, y, x in zip(changed, *places(things), strict=True):
        there = picture[:, y, x]
        assert 12 < there.norm() < 51  # soft borders take a little
        angles.append(torch.atan2(there[1], there[0]))
        other = slice(0, 28) if x >= 32 else slice(36, 64)
        own = RED if other.start == 0 else BLUE
        assert torch.allclose(picture[:, :, other], torch.tensor(own).view(2, 1, 1), atol=1.0)
    assert torch.stack(angles).std() > 1  # of every hue


def test_so_many_pictures_are_recoloured_as_the_share_says():
    lightness, chroma = halves(400)
    changed, things = recoloured(lightness, chroma, 0.3, RandomNumbers(2, 400))
    differs = (changed != chroma).flatten(1).any(1)
    assert torch.equal(differs, things.chosen.flatten())
    assert 90 < int(differs.sum()) < 150


def test_its_first_hint_lies_on_the_thing_and_has_its_colour():
    settings = Augment(hints=1.0, many_hints=0.0, hint_radius=3.0)
    lightness, chroma = halves(40)
    rng = RandomNumbers(3, 40)
    changed, things = recoloured(lightness, chroma, 1.0, rng)
    hints = draw_hints(changed, settings, rng, things)
    for picture, given, y, x in zip(changed, hints, *places(things), strict=True):
        assert given[2, y, x] == 1
        assert (given[:2, y, x] - picture[:, y, x]).norm() < 25  # another hint may lie on top of it
