"""How far hints reach, on made pictures whose things are known."""

import numpy as np
import pytest

from core.reach import hints_in_cells, lightness_in_cells, limited

SHAPE = (60, 90)


@pytest.fixture
def two_things():
    """L* of a dark thing on the left and a light one on the right, and a hint in the middle of the
    left one."""
    lightness = np.full(SHAPE, 30, np.float32)
    lightness[:, 45:] = 80
    hints = np.zeros((3, *SHAPE), np.float32)
    hints[:, 28:32, 20:24] = np.array([40, -30, 1])[:, None, None]
    return lightness, hints


def test_a_hint_colours_its_thing_and_stops_at_the_edge(two_things):
    lightness, hints = two_things
    automatic = np.zeros((2, *SHAPE), np.float32)
    automatic[1] = 10
    change = np.full_like(automatic, 25)  # a network that floods everything
    answer = limited(automatic, change, lightness, hints)
    moved = np.hypot(*(answer - automatic))
    assert np.allclose(answer[:, 30, 22], (40, -30), atol=0.5)
    assert np.median(moved[:, :40]) > 15
    assert (moved[:, 55:] > 5).mean() < 0.03


def test_no_hint_is_the_automatic_answer_itself(two_things):
    automatic = np.ones((2, *SHAPE), np.float32)
    assert limited(automatic, automatic, two_things[0], two_things[1] * 0) is automatic


@pytest.mark.parametrize("reach", [0.0, 0.3, 1.0, 2.0])
def test_reach_says_how_far(two_things, reach):
    lightness, hints = two_things
    automatic = np.zeros((2, *SHAPE), np.float32)
    moved = np.hypot(*limited(automatic, automatic, lightness, hints, reach)) > 5
    assert moved[30, 22]
    if reach == 0:
        assert moved.sum() == 16  # the hinted pixels
    else:
        nearer = np.hypot(*limited(automatic, automatic, lightness, hints, reach / 2)) > 5
        assert nearer.sum() < moved.sum()


def test_of_two_hints_each_colours_its_own_half():
    lightness = np.full(SHAPE, 50, np.float32)
    hints = np.zeros((3, *SHAPE), np.float32)
    hints[:, 30, 10] = (50, 0, 1)
    hints[:, 30, 80] = (-50, 0, 1)
    automatic = np.zeros((2, *SHAPE), np.float32)
    a = limited(automatic, automatic, lightness, hints)[0]
    assert a[30, 15] > 20 and a[30, 75] < -20


def test_pictures_of_any_size_are_coloured_alike(two_things):
    lightness, hints = two_things
    finer = [np.repeat(np.repeat(plane, 3, -2), 3, -1) for plane in (lightness, hints)]
    shares = []
    for seen, given in ((lightness, hints), finer):
        automatic = np.zeros((2, *seen.shape), np.float32)
        shares.append((np.hypot(*limited(automatic, automatic, seen, given)) > 5).mean())
    assert shares[0] == pytest.approx(shares[1], rel=0.1)


def test_cells_hold_the_means_of_their_pixels():
    lightness = np.arange(24, dtype=np.float32).reshape(4, 6)
    cells = lightness_in_cells(lightness, 2, (2, 4))  # the grid reaches beyond the picture
    assert cells.shape == (2, 4)
    assert cells[0, 0] == lightness[:2, :2].mean() and cells[1, 3] == lightness[2:, 5].mean()
    hints = np.zeros((3, 4, 6), np.float32)
    hints[:, 0, 1] = (30, -10, 1)
    cells = hints_in_cells(hints, 2, (2, 4))
    assert cells[:, 0, 0].tolist() == [30, -10, 1] and cells.sum() == 21
