"""`Colorizer`: lightness in, colour out, whatever the size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.colorizer import MAX_ASPECT, Colorizer
from core.colour.lab import lightness, srgb_to_lab
from core.errors import HintsError
from core.hints import document_of
from core.model.session import open_session
from core.options import Options
from tests.model_files import write_model
from tests.photographs import gray


@pytest.fixture(scope="module")
def colorizer(tmp_path_factory) -> Colorizer:
    return Colorizer(open_session(write_model(tmp_path_factory.mktemp("m") / "m.onnx"), "cpu"))


def worst_difference(before: np.ndarray, after: np.ndarray) -> float:
    full = np.iinfo(before.dtype).max
    if before.ndim == 2:
        before = np.repeat(before[..., None], 3, axis=2)
    return float(np.abs(lightness(before / full) - lightness(after / full)).max())


@pytest.mark.parametrize(("depth", "bound"), [(np.uint8, 0.25), (np.uint16, 0.002)])
def test_the_lightness_stays_and_colour_comes(colorizer, depth, bound):
    samples = gray().astype(depth) * (257 if depth == np.uint16 else 1)
    result = colorizer.colorize(samples)
    assert result.shape == (*samples.shape, 3) and result.dtype == depth
    assert worst_difference(samples, result) <= bound
    assert np.ptp(result.astype(int), axis=2).max() > 20 * np.iinfo(depth).max / 255


def test_vividness_nought_gives_the_sources_own_codes(colorizer):
    samples = gray()
    result = colorizer.colorize(samples, Options(vividness=0))
    assert np.array_equal(result, np.repeat(samples[..., None], 3, axis=2))


def test_more_vividness_is_more_chroma(colorizer):
    chroma = [
        np.hypot(*np.moveaxis(srgb_to_lab(result / 255)[..., 1:], -1, 0)).mean()
        for result in (colorizer.colorize(gray(), Options(vividness=v)) for v in (0.2, 0.4, 0.6))
    ]
    assert chroma[0] < chroma[1] < chroma[2]
    assert chroma[1] == pytest.approx(2 * chroma[0], rel=0.1)


def test_a_colour_source_is_coloured_from_its_lightness(colorizer):
    sepia = (gray()[..., None] * np.array([1.0, 0.9, 0.7])).astype(np.uint8)
    assert worst_difference(sepia, colorizer.colorize(sepia)) <= 0.25


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (7, 5), (64, 64), (65, 33)])
def test_every_small_or_thin_picture_works(colorizer, size):
    samples = gray(*(max(2, side) for side in size))[: size[0], : size[1]]
    assert worst_difference(samples, colorizer.colorize(np.ascontiguousarray(samples))) <= 0.25


@settings(max_examples=200)
@given(st.integers(1, 100_000), st.integers(1, 100_000), st.integers(1, 2048))
def test_every_thumbnail_keeps_the_aspect_and_a_bounded_size(colorizer, height, width, side):
    sizes = colorizer.sizes_of(height, width, Options(side=side))
    assert sizes.thumbnail == sizes.whole
    assert max(sizes.thumbnail) <= MAX_ASPECT * side + 1
    if max(height, width) <= MAX_ASPECT * min(height, width):
        assert min(sizes.thumbnail) == side


def test_a_model_that_asks_for_coherence_gets_it_and_hints_keep_their_own_colour(tmp_path):
    models = [
        write_model(tmp_path / f"{share}.onnx", stride=2, coherence=share) for share in ("", "0.5")
    ]
    plain, coherent = (Colorizer(open_session(model, "cpu")) for model in models)
    spots = np.random.default_rng(1).normal(190, 5, (30, 40)).astype(np.uint8)
    grain = np.kron(spots, np.ones((8, 8), np.uint8))
    chroma = [
        srgb_to_lab(colorizer.colorize(grain) / 255)[..., 1:] for colorizer in (plain, coherent)
    ]
    assert chroma[1].std((0, 1)).max() < 0.75 * chroma[0].std((0, 1)).min()
    assert chroma[1].mean((0, 1)) == pytest.approx(chroma[0].mean((0, 1)), abs=0.5)
    hint = document_of(b'{"points": [{"x": 80, "y": 60, "radius": 30, "a": 40, "b": -40}]}')
    hinted = srgb_to_lab(coherent.colorize(grain, Options(hints=hint))[60, 80] / 255)
    assert hinted[1] > 15 and hinted[2] < -15


def test_a_hint_moves_the_colour_under_it_toward_itself(colorizer):
    samples = gray(240, 320)
    hint = document_of(b'{"points": [{"x": 80, "y": 60, "radius": 30, "a": 40, "b": -40}]}')
    hinted = colorizer.colorize(samples, Options(hints=hint))
    a, b = srgb_to_lab(hinted[60, 80] / 255)[1:]
    assert a > 15 and b < -15
    far = np.abs(hinted[200:, 250:].astype(int) - colorizer.colorize(samples)[200:, 250:])
    assert far.max() == 0


def test_hints_for_a_model_that_takes_none_are_refused(tmp_path):
    model = write_model(tmp_path / "m.onnx", hints=False)
    hint = document_of(b'{"points": [{"x": 1, "y": 1, "a": 40, "b": -40}]}')
    with pytest.raises(HintsError, match="takes no hints"):
        Colorizer(open_session(model)).colorize(gray(), Options(hints=hint))


def test_the_same_picture_gives_the_same_bits_again(colorizer):
    first = colorizer.colorize(gray())
    colorizer.colorize(gray(50, 90, seed=2))
    assert np.array_equal(first, colorizer.colorize(gray()))
