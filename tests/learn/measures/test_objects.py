"""The share of objects most of whose pixels are coloured right."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core.learn.measures.objects import objects_right, segments, spread_within


def test_an_object_is_right_when_more_than_half_of_it_is():
    labels = np.zeros((4, 6), int)
    labels[:2, :3], labels[:2, 3:], labels[2:, :2] = 1, 2, 7
    truth = np.zeros((2, 4, 6))
    ours = truth.copy()
    ours[0, :2, :2] = 20  # 4 of the 6 pixels of 1
    ours[0, 0, 3:] = 20  # 3 of the 6 of 2: half is not most
    assert objects_right(ours, truth, labels) == (1, 3)
    assert objects_right(ours, truth, labels, tolerance=20) == (3, 3)


def test_what_is_no_object_does_not_count():
    assert objects_right(np.ones((2, 3, 3)) * 99, np.zeros((2, 3, 3)), np.zeros((3, 3))) == (0, 0)


@given(height=st.integers(5, 50), width=st.integers(5, 50), count=st.integers(1, 40))
@settings(max_examples=20, deadline=None)
def test_every_pixel_belongs_to_one_segment(height: int, width: int, count: int):
    random = np.random.default_rng(height * width)
    labels = segments(
        random.uniform(0, 100, (height, width)), random.normal(0, 20, (2, height, width)), count
    )
    assert labels.shape == (height, width)
    assert sorted(np.unique(labels)) == list(range(1, labels.max() + 1))
    assert labels.max() <= 2 * count + 20


def test_segments_follow_the_edges_of_colours():
    """A red disc on gray: nearly no segment holds both."""
    y, x = np.mgrid[:64, :64]
    disc = (y - 30) ** 2 + (x - 33) ** 2 < 15**2
    chroma = np.stack((np.where(disc, 60.0, 0.0), np.where(disc, 40.0, 0.0)))
    labels = segments(np.full((64, 64), 50.0), chroma, count=40)
    mixed = [len(np.unique(disc[labels == label])) == 2 for label in np.unique(labels)]
    assert np.mean(mixed) < 0.1


def test_spread_within_is_what_lies_off_the_mean_of_an_object():
    labels = np.array([[0, 1, 1, 2], [0, 1, 1, 2]])
    flat = np.stack((10.0 * labels, -5.0 * labels))
    assert spread_within(flat, labels) == 0
    blotched = flat.copy()
    blotched[0, 0, 1:] += 3
    blotched[0, 1, 1:] -= 3
    blotched[:, :, 0] = 99  # no object
    assert spread_within(blotched, labels) == 3
    assert np.isnan(spread_within(flat, 0 * labels))
