"""From strokes to hints, from a distribution to alternatives, from pictures to previews."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.colour.field import ChromaField
from core.errors import HintsError
from core.hints import planes, points
from gradio_app.alternatives import alternatives
from gradio_app.page.hint_editor import MOST_POINTS, document_of_strokes
from gradio_app.page.preview import PREVIEW_SIDE, histogram, preview_size

WIDTH, HEIGHT = 4000, 3000

coordinates = st.floats(-1e4, 1e4)
strokes = st.lists(
    st.fixed_dictionaries(
        {
            "colour": st.from_regex(r"#[0-9a-f]{6}", fullmatch=True),
            "radius": st.floats(20, 300),
            "points": st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=4),
        }
    ),
    max_size=3,
)


@settings(max_examples=40, deadline=None)
@given(strokes)
def test_every_set_of_strokes_becomes_hints_that_lie_in_the_picture(drawn):
    document = document_of_strokes(drawn, WIDTH, HEIGHT)
    if not drawn:
        assert document == ""
        return
    found = points(json.loads(document))
    assert all(0 <= point.x < WIDTH and 0 <= point.y < HEIGHT for point in found)
    hints = planes(document, (HEIGHT, WIDTH), (192, 256))
    assert hints[2].any()


def test_a_stroke_is_closed_along_its_line():
    stroke = {"colour": "#3355dd", "radius": 60, "points": [[500, 1500], [3500, 1500]]}
    hints = planes(document_of_strokes([stroke], WIDTH, HEIGHT), (HEIGHT, WIDTH), (192, 256))
    assert hints[2, 96, 34:222].all() and not hints[2, 40].any()


@pytest.mark.parametrize(
    "junk",
    [
        [1],
        [{}],
        [{"colour": "red", "radius": "wide", "points": [[1, 1]]}],
        [{"colour": "red", "radius": 5, "points": [[1]]}],
        [{"colour": "red", "radius": 5, "points": [[float("nan"), 1]]}],
        [{"colour": "red", "radius": 0.001, "points": [[0, 0], [3999, 2999]] * MOST_POINTS}],
        5,
    ],
)
def test_what_is_no_stroke_is_refused(junk):
    with pytest.raises(HintsError):
        document_of_strokes(junk, WIDTH, HEIGHT)


def test_alternatives_are_apart_and_the_likeliest_comes_first():
    bins = [(0, 0), (5, 0), (60, 0), (0, -60), (60, 60)]
    found = alternatives(np.array([0.2, 0.1, 0.4, 0.3, 0.0]), bins, 60.0)
    assert [entry["share"] for entry in found] == [40, 30, 30]
    assert len({entry["colour"] for entry in found}) == 3
    red, green, blue = (int(found[0]["colour"][i : i + 2], 16) for i in (1, 3, 5))
    assert red > green + 40 and red > blue + 40


@given(st.integers(1, 60_000), st.integers(1, 60_000))
def test_every_preview_fits_a_browser_and_keeps_its_shape(width, height):
    small = preview_size(width, height)
    assert min(small) >= 1 and max(small) <= PREVIEW_SIDE
    if max(width, height) <= PREVIEW_SIDE:
        assert small == (width, height)
    elif min(width, height) > 40:
        assert small[0] / small[1] == pytest.approx(width / height, rel=0.6)


def test_the_histogram_says_in_words_what_it_shows():
    def words(a: float, b: float) -> str:
        grid = np.empty((2, 8, 8), np.float32)
        grid[0], grid[1] = a, b
        return histogram(ChromaField(grid, (8, 8), 100, 100), 1.0)

    assert "greens" in words(-30, 25) and "blues" in words(-5, -35)
    assert "Hardly any colour" in words(0.5, 0.5)
