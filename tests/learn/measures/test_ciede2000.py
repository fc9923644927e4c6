"""CIEDE2000 against the published test pairs and another implementation."""

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from skimage.color import deltaE_ciede2000

from core.learn.measures.ciede2000 import ciede2000

#: From table 1 of Sharma, Wu, Dalal 2005, "The CIEDE2000 Color-Difference Formula".
PAIRS = [
    ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
    ((50, 3.1571, -77.2803), (50, 0, -82.7485), 2.8615),
    ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0000),
    ((50, 2.5, 0), (73, 25, -18), 27.1492),
    ((50, 2.5, 0), (61, -5, 29), 22.8977),
    ((50, 2.5, 0), (56, -27, -3), 31.9030),
    ((50, 2.5, 0), (58, 24, 15), 19.4535),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
]


@pytest.mark.parametrize(("first", "second", "published"), PAIRS)
def test_the_published_pairs(first, second, published):
    assert float(ciede2000(np.array(first), np.array(second))) == pytest.approx(published, abs=6e-5)


def test_another_implementation_agrees_on_random_colours():
    random = np.random.default_rng(1)
    first, second = random.uniform((0, -100, -100), (100, 100, 100), (2, 2000, 3))
    np.testing.assert_allclose(
        ciede2000(first, second), deltaE_ciede2000(first, second), rtol=1e-9, atol=1e-9
    )


colour = st.tuples(st.floats(0, 100), st.floats(-120, 120), st.floats(-120, 120))


@given(first=colour, second=colour)
@settings(max_examples=100, deadline=None)
@example((0.0, 0.5, 0.1), (0.0, -1.0, 0.0))
def test_every_difference_is_a_number_and_the_same_both_ways(first, second):
    # opposite hues have two means, and the formula jumps there (Sharma, Wu, Dalal 2005, section 3)
    across = first[1] * second[2] - first[2] * second[1]
    assume(abs(across) > 1e-6 or first[1] * second[1] + first[2] * second[2] >= 0)
    forth, back = (
        ciede2000(np.array(first), np.array(second)),
        ciede2000(np.array(second), np.array(first)),
    )
    assert np.isfinite(forth) and forth >= 0
    assert forth == pytest.approx(back, rel=1e-6, abs=1e-6)
    assert ciede2000(np.array(first), np.array(first)) == 0
