"""Calm, warmth and tint on a network's chroma."""

import numpy as np
import pytest

from core.adjustments import adjusted
from core.options import Options

SHAPE = (40, 60)


def plane_of(a, b):
    return np.broadcast_to(np.array([a, b], np.float32)[:, None, None], (2, *SHAPE)).copy()


FLAT = np.full(SHAPE, 50, np.float32)


def test_dials_at_rest_change_no_bit():
    chroma = plane_of(12, -7)
    assert adjusted(chroma, FLAT, Options()) is chroma


@pytest.mark.parametrize("dial", ["warmth", "tint"])
@pytest.mark.parametrize("turned", [-1.0, 0.5])
def test_gray_stays_gray_and_colours_move_the_asked_way(dial, turned):
    assert not adjusted(plane_of(0, 0), FLAT, Options(**{dial: turned})).any()
    sea = plane_of(-8, -25)
    moved = adjusted(sea, FLAT, Options(**{dial: turned})) - sea
    along, across = (moved[1], moved[0]) if dial == "warmth" else (moved[0], moved[1])
    assert (np.sign(along) == np.sign(turned)).all() and np.abs(along).min() > 3
    assert np.abs(across).max() < 1e-5


def test_tint_moves_skin_less_than_brick():
    skin, brick = plane_of(14, 17), plane_of(40, 38)
    moved = [
        (adjusted(chroma, FLAT, Options(tint=-1.0)) - chroma)[0, 0, 0] for chroma in (skin, brick)
    ]
    assert abs(moved[0]) < 0.5 * abs(moved[1])


def test_calm_takes_blotches_away_and_leaves_edges():
    chroma = plane_of(0, 20)
    chroma[0, :, 30:] = 40  # a red thing on the right, which is darker
    lightness = FLAT.copy()
    lightness[:, 30:] = 20
    blotched = chroma.copy()
    blotched[1, 18:22, 12:16] = -20
    calm = adjusted(blotched, lightness, Options(calm=1.0))
    assert np.abs(calm[1, 20, 14] - 20) < 0.4 * 40
    assert calm[0, 20, 33] > 30 and calm[0, 20, 26] < 10


def test_calm_at_a_half_is_half_of_the_way():
    random = np.random.default_rng(0)
    chroma = random.normal(0, 20, (2, *SHAPE)).astype(np.float32)
    whole = adjusted(chroma, FLAT, Options(calm=1.0))
    half = adjusted(chroma, FLAT, Options(calm=0.5))
    assert np.allclose(half, (chroma + whole) / 2, atol=1e-3)
