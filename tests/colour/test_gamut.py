"""The gamut step of the reference: what every chroma, however hostile, may lose and may not."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from core.colour import gamut, lab

LIGHTS = arrays(np.float64, (9, 1), elements=st.floats(0, 100))
CHROMAS = arrays(np.float64, (9, 2), elements=st.floats(-400, 400))


@given(LIGHTS, CHROMAS)
def test_every_colour_ends_inside_srgb_at_the_same_lightness_and_hue(light, chroma):
    asked = np.concatenate([light, chroma], axis=1)
    fitted = gamut.fit(asked)
    assert gamut.inside(fitted).all()
    assert np.array_equal(fitted[:, 0], asked[:, 0])
    across = fitted[:, 1] * asked[:, 2] - fitted[:, 2] * asked[:, 1]  # 0: same direction
    assert np.abs(across).max() <= 1e-9 * max(1.0, float(np.abs(asked).max()) ** 2)
    assert (fitted[:, 1:] * asked[:, 1:] >= 0).all()
    rgb = lab.lab_to_srgb(fitted)
    assert np.abs(lab.lightness(np.clip(rgb, 0, 1)) - asked[:, 0]).max() < 1e-6


@given(LIGHTS, CHROMAS)
def test_a_colour_loses_no_more_chroma_than_it_has_to(light, chroma):
    asked = np.concatenate([light, chroma], axis=1)
    scale = gamut.chroma_scale(asked)
    inside = gamut.inside(asked)
    assert (scale[inside] == 1).all()
    more = asked.copy()
    more[:, 1:] *= (scale * (1 + 1e-9) + 1e-9)[:, None]
    strong = ~inside & (np.abs(chroma).max(axis=1) > 1)
    assert not gamut.inside(more[strong]).any()


@given(arrays(np.float64, (9, 3), elements=st.floats(0, 1)))
def test_every_srgb_colour_stays_as_it_is(rgb):
    asked = lab.srgb_to_lab(rgb)
    asked[:, 0] = np.clip(asked[:, 0], 0, 100)
    assert np.abs(gamut.fit(asked) - asked).max() < 1e-6


def test_black_and_white_have_no_chroma():
    fitted = gamut.fit([[0.0, 200, -200], [100.0, -200, 200]])
    assert np.abs(fitted[:, 1:]).max() < 1e-6
