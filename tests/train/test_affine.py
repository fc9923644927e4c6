"""The studies' augmentations: shear, zoom and rotation about the middle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.photographs import gray
from train.data.affine import sampled, warp
from train.data.augment import crop
from train.data.augment_settings import Augment


def picture(height: int = 40, width: int = 60) -> np.ndarray:
    return np.repeat(gray(height, width)[..., None], 3, axis=-1)


def test_nothing_asked_changes_nothing():
    assert np.array_equal(sampled(picture(), np.eye(2)), picture())
    assert np.array_equal(warp(picture(), np.random.default_rng(1)), picture())


def test_a_quarter_turn_is_numpys():
    square = picture(41, 41)
    turned = sampled(square, np.array([[0.0, -1.0], [1.0, 0.0]]))
    assert np.array_equal(turned, np.rot90(square, 3)) or np.array_equal(turned, np.rot90(square))


def test_a_zoom_of_two_shows_the_middle_half():
    ramp = np.repeat(np.tile(np.arange(0, 244, 4, dtype=np.uint8), (9, 1))[..., None], 3, axis=-1)
    seen = sampled(ramp, np.diag([0.5, 1.0]))
    assert seen[4, 0, 0] == pytest.approx(60, abs=1) and seen[4, -1, 0] == pytest.approx(180, abs=1)


def test_what_comes_from_beyond_the_border_repeats_it():
    flat = np.full((20, 30, 3), 7, np.uint8)
    assert (sampled(flat, 3 * np.eye(2)) == 7).all()


@given(
    shear=st.floats(0, 0.5),
    zoom=st.floats(0, 0.5),
    rotation=st.floats(0, 90),
    seed=st.integers(0, 99),
)
@settings(max_examples=25)
def test_every_warp_keeps_size_and_range_and_repeats_with_its_seed(shear, zoom, rotation, seed):
    asked = {"shear": shear, "zoom": zoom, "rotation": rotation}
    first, again = (warp(picture(), np.random.default_rng(seed), **asked) for _ in range(2))
    assert first.shape == picture().shape and first.dtype == np.uint8
    assert np.array_equal(first, again)
    assert first.min() >= picture().min() and first.max() <= picture().max()


def test_a_recipes_keys_reach_the_crop():
    plain = Augment(crop=(1.0, 1.0), aspect=1.0, flip=0.0)
    turned = Augment(crop=(1.0, 1.0), aspect=1.0, flip=0.0, rotation=30.0)
    square = picture(48, 48)
    untouched = crop(square, 48, plain, np.random.default_rng(2))
    assert np.array_equal(untouched, square)
    assert not np.array_equal(crop(square, 48, turned, np.random.default_rng(2)), square)
