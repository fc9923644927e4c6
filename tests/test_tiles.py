"""Details from tiles: they cover everything, meet without seams, and leave the broad colours."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.colorizer import Colorizer
from core.errors import InterruptedJob
from core.hints import document_of
from core.image.page import page_in_memory
from core.model.session import Prediction, open_session
from core.options import Options
from core.tiles import starts, with_details
from tests.model_files import write_model
from tests.photographs import gray


@given(st.integers(1, 5000), st.integers(8, 512))
def test_tiles_cover_a_row_and_share_a_quarter(size, tile):
    begins = starts(size, tile)
    assert begins[0] == 0 and max(begins[-1] + tile, size) == (size if size >= tile else tile)
    steps = np.diff(begins)
    assert (steps > 0).all() and (steps <= 0.75 * tile + 1).all()


def pattern(top: int, left: int, height: int, width: int) -> np.ndarray:
    """Waves of six cells, wherever they are looked at from."""
    rows, columns = np.mgrid[top : top + height, left : left + width]
    return np.stack((np.sin(rows + columns), np.cos(rows - columns))).astype(np.float32) * 20


def test_tiles_that_agree_meet_without_a_seam():
    whole = np.zeros((2, 60, 90), np.float32)
    found = with_details(whole, 2, (120, 180), 64, pattern)
    assert np.abs(found - pattern(0, 0, 120, 180)).max() < 1.5


def test_what_is_broad_stays_with_the_whole_picture():
    whole = np.stack((np.full((60, 90), 12.0), np.full((60, 90), -7.0))).astype(np.float32)
    veiled = with_details(whole, 2, (120, 180), 64, lambda *box: pattern(*box) + 30)
    assert np.abs(veiled - pattern(0, 0, 120, 180) - [[[12]], [[-7]]]).max() < 1.5


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 4), st.integers(4, 40))
def test_every_size_of_grid_is_filled(height, width, nearer, tile):
    whole = np.full((2, height, width), 5, np.float32)
    shape = nearer * height, nearer * width
    found = with_details(whole, nearer, shape, tile, lambda y, x, h, w: np.ones((2, h, w)))
    np.testing.assert_allclose(found, np.full((2, *shape), 5), atol=1e-4)


class Recorded:
    """A session that remembers what it was shown."""

    def __init__(self, session) -> None:
        self.description, self.seen, self._session = session.description, [], session

    def predict(self, lightness, hints=None, *, distribution=False) -> Prediction:
        self.seen.append((lightness.shape, hints))
        return self._session.predict(lightness, hints, distribution=distribution)


@pytest.fixture
def session(tmp_path) -> Recorded:
    return Recorded(open_session(write_model(tmp_path / "m.onnx"), "cpu"))


def test_the_network_looks_again_from_nearer(session):
    once = Colorizer(session).colorize(gray(300, 450), Options(side=64))
    assert [shape for shape, _ in session.seen] == [(64, 96)]
    twice = Colorizer(session).colorize(gray(300, 450), Options(side=64, detail=2))
    assert [shape for shape, _ in session.seen[1:]] == [(64, 96)] + [(64, 64)] * 12
    assert not np.array_equal(once, twice)


def test_every_look_is_told_before_it_is_taken_and_may_be_refused(session):
    colorizer, options, told = Colorizer(session), Options(side=64, detail=2), []
    picture = page_in_memory(gray(300, 450))

    def watch(done: int, whole: int) -> None:
        assert len(session.seen) == done
        told.append((done, whole))
        if len(told) == 20:
            raise InterruptedJob("cancelled")

    colorizer.field(picture, options, watch)
    assert told == [(done, 13) for done in range(13)]
    session.seen.clear()
    with pytest.raises(InterruptedJob):
        colorizer.field(picture, options, watch)
    assert len(session.seen) == 6


def test_it_looks_no_nearer_than_there_are_pixels(session):
    plain = Colorizer(session).colorize(gray(100, 150), Options(side=64))
    assert np.array_equal(
        plain, Colorizer(session).colorize(gray(100, 150), Options(side=64, detail=4))
    )
    assert len(session.seen) == 2


def test_hints_are_asked_once_of_the_whole_and_not_of_tiles(session):
    hint = document_of(b'{"points": [{"x": 20, "y": 20, "radius": 10, "a": 40, "b": -40}]}')
    Colorizer(session).colorize(gray(300, 450), Options(side=64, detail=2, hints=hint))
    hinted = [hints is not None and bool(hints[2].any()) for _, hints in session.seen]
    assert hinted == [False] * 13 + [True]
