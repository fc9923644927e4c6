"""The fused pass through its front door: the pixel promise, and equality with the reference."""

import importlib
import itertools
import pkgutil
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba.core.dispatcher import Dispatcher

import core.colour
from core.colour import gamut, kernels, lab
from core.colour.field import ChromaField, prepare
from core.colour.kernels import colour_strip, lightness_of
from tests.colour import reference

DEPTHS = (np.uint8, np.uint16)
PROMISE = {np.uint8: 0.25, np.uint16: 0.002}  # contract 2, in L*


def picture(seed, width, height, depth, kind):
    """Grey, RGB or partly neutral RGB noise; every third picture dark."""
    rng = np.random.default_rng(seed)
    top = np.iinfo(depth).max + 1
    shape = (height, width) if kind == "grey" else (height, width, 3)
    samples = rng.integers(0, top if seed % 3 else top // 6, shape).astype(depth)
    if kind == "neutral":
        samples[...] = samples[..., :1]
    if kind == "mixed":
        samples[:, ::3] = samples[:, ::3, :1]
    if kind == "ends":
        samples[...] = rng.choice([0, 1, top - 2, top - 1], (height, width, 1)).astype(depth)
    return samples


def chroma(seed, width, height, deviation, vividness=1.0):
    rng = np.random.default_rng(seed)
    rows, columns = rng.integers(1, 12, 2)
    grid = np.clip(rng.normal(0, deviation, (2, rows, columns)), -200, 200).astype(np.float32)
    return prepare(ChromaField(grid, (rows, columns), width, height), vividness)


def coloured(samples, prepared, depth: Any):
    out: np.ndarray = np.empty((*samples.shape[:2], 3), depth)
    colour_strip(samples, 0, prepared, out)
    return out


pictures: st.SearchStrategy[tuple[int, int, int, Any, str]] = st.tuples(
    st.integers(0, 10**6),
    st.integers(1, 700),
    st.integers(1, 40),
    st.sampled_from(DEPTHS),
    st.sampled_from(["grey", "colour", "neutral", "mixed", "ends"]),
)


@settings(max_examples=150)
@given(
    pictures,
    st.sampled_from(DEPTHS),
    st.sampled_from([3.0, 15.0, 40.0, 1000.0]),
    st.floats(0.01, 2),
)
def test_every_pixel_keeps_its_lightness(shape, depth, deviation, vividness):
    samples = picture(*shape)
    out = coloured(samples, chroma(shape[0], shape[1], shape[2], deviation, vividness), depth)
    error = reference.lightness_error(samples, out)
    assert error.max() <= PROMISE[depth]
    if error.size > 2000 and depth == np.uint8:
        assert error.mean() <= 0.10


@settings(max_examples=150)
@given(
    st.sampled_from([(1, 1), (3, 2), (63, 9), (64, 8), (600, 3)]),
    st.integers(0, 254),
    st.booleans(),
    st.floats(-60, 60),
    st.floats(-60, 60),
)
def test_flat_and_tiny_pictures_keep_their_lightness_on_average(size, code, is_even, a, b):
    width, height = size
    samples = np.full((height, width), code, np.uint8)
    if not is_even:
        samples[::2, ::3] += 1
    flat = np.array([a, b], np.float32)[:, None, None]
    out = coloured(samples, prepare(ChromaField(flat, (1, 1), width, height)), np.uint8)
    assert reference.lightness_error(samples, out).mean() <= 0.10


@settings(max_examples=60)
@given(pictures, st.sampled_from(DEPTHS))
def test_every_picture_without_vividness_is_neutral(shape, depth):
    samples = picture(*shape)
    out = coloured(samples, chroma(shape[0], shape[1], shape[2], 30.0, 0.0), depth)
    assert (out == out[..., :1]).all()
    # 8-bit greys at L* 7 to 11 lie 0.509 apart: the nearest may be 0.2545 away, and float32's
    # idea of the nearest a trifle more.
    limit = 0.256 if depth == np.uint8 else 0.002
    assert reference.lightness_error(samples, out).max() <= limit


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("rgb", [False, True])
def test_every_neutral_code_without_vividness_is_kept(depth, rgb):
    codes = np.arange(np.iinfo(depth).max + 1).astype(depth)[None]
    samples = np.repeat(codes[..., None], 3, axis=-1) if rgb else codes
    out = coloured(samples, chroma(1, codes.size, 1, 30.0, 0.0), depth)
    assert np.array_equal(out, np.repeat(codes[..., None], 3, axis=-1))


@pytest.mark.parametrize("into", DEPTHS)
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("kind", ["grey", "colour", "neutral", "mixed"])
@pytest.mark.parametrize("deviation", [8.0, 30.0])
def test_colours_equal_the_float64_reference(kind, depth, into, deviation):
    samples = picture(7, 601, 90, depth, kind)
    prepared = chroma(3, 601, 90, deviation)
    expected = reference.coloured(samples, 0, prepared, into).astype(int)
    apart = np.abs(coloured(samples, prepared, into) - expected).max(axis=-1)
    asked = reference.asked_for(samples, 0, prepared)
    inside = gamut.inside(asked)
    assert apart[inside].max() <= 1
    if into == np.uint8:
        assert (apart == 0).mean() >= 0.995  # what differs: rounding, and green's neighbour codes
        assert apart[~inside & ~near_yellow(asked)].max(initial=0) <= 1
    else:
        assert np.count_nonzero(apart[~inside] > 4) <= 0.001 * np.count_nonzero(~inside)


def near_yellow(asked):
    """Where a line of constant hue leaves sRGB and comes back (see gamut.chroma_scale)."""
    hue = np.degrees(np.arctan2(asked[..., 2], asked[..., 1]))
    return (asked[..., 0] > 94) & (hue > 100) & (hue < 107)


@pytest.mark.parametrize("into", DEPTHS)
@pytest.mark.parametrize("deviation", [15.0, 1000.0])
def test_shrunk_colours_lose_no_more_chroma_than_the_reference(into, deviation):
    samples = picture(4, 640, 80, np.uint16, "grey")
    prepared = chroma(5, 640, 80, deviation)
    asked = reference.asked_for(samples, 0, prepared)
    shrunk = ~gamut.inside(asked) & ~near_yellow(asked) & (asked[..., 0] > 5)
    fitted = gamut.fit(asked)[shrunk]
    got = lab.srgb_to_lab(reference.unit(coloured(samples, prepared, into)))[shrunk]
    wanted, has = (np.hypot(c[:, 1], c[:, 2]) for c in (fitted, got))
    step = 2.0 if into == np.uint8 else 0.02  # chroma of one code, where codes are coarsest
    assert shrunk.mean() > 0.02
    assert (wanted - has).max() < step
    assert abs((wanted - has).mean()) < step / 10


@settings(max_examples=40)
@given(pictures, st.sampled_from(DEPTHS), st.lists(st.integers(1, 39), max_size=6))
def test_a_pixel_does_not_depend_on_how_strips_are_cut(shape, depth: Any, cuts):
    samples = picture(*shape)
    prepared = chroma(shape[0], shape[1], shape[2], 30.0)
    whole = coloured(samples, prepared, depth)
    edges = [0, *sorted({c for c in cuts if c < shape[2]}), shape[2]]
    for top, end in itertools.pairwise(edges):
        out: np.ndarray = np.empty((end - top, shape[1], 3), depth)
        colour_strip(samples[top:end], top, prepared, out)
        assert np.array_equal(out, whole[top:end])


@settings(max_examples=20)
@given(pictures.filter(lambda shape: shape[4] != "grey"))
def test_a_strip_may_be_coloured_in_place(shape):
    samples = picture(*shape)
    prepared = chroma(shape[0], shape[1], shape[2], 30.0)
    expected = coloured(samples, prepared, shape[3])
    colour_strip(samples, 0, prepared, samples)
    assert np.array_equal(samples, expected)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 30000), (30000, 1), (2, 3), (513, 65)])
@pytest.mark.parametrize("depth", DEPTHS)
def test_pictures_of_odd_sizes_are_coloured_like_the_reference(width, height, depth):
    samples = picture(11, width, height, depth, "grey")
    prepared = chroma(12, width, height, 10.0)
    expected = reference.coloured(samples, 0, prepared, depth).astype(int)
    apart = np.abs(coloured(samples, prepared, depth) - expected)
    assert np.quantile(apart, 0.95) <= 1  # narrow ones take neighbours for the sake of L*
    assert (
        reference.lightness_error(samples, coloured(samples, prepared, depth)).max()
        <= (PROMISE[depth])
    )


@settings(max_examples=40)
@given(pictures)
def test_lightness_is_the_references(shape):
    samples = picture(*shape)
    got = lightness_of(samples)
    assert got.dtype == np.float32 and got.shape == samples.shape[:2]
    assert np.abs(got - lab.lightness(reference.unit(samples))).max() < 1e-3


def test_an_empty_strip_is_left_alone():
    prepared = chroma(1, 5, 5, 10.0)
    colour_strip(np.empty((0, 5), np.uint8), 5, prepared, np.empty((0, 5, 3), np.uint8))
    assert lightness_of(np.empty((0, 5), np.uint8)).shape == (0, 5)


@pytest.mark.parametrize(
    ("samples", "top", "out"),
    [
        (np.zeros((2, 6), np.uint8), 0, np.zeros((2, 6, 3), np.uint8)),  # another width
        (np.zeros((2, 5), np.uint8), 4, np.zeros((2, 5, 3), np.uint8)),  # beyond the last row
        (np.zeros((2, 5), np.uint8), -1, np.zeros((2, 5, 3), np.uint8)),
        (np.zeros((2, 5), np.uint8), 0, np.zeros((2, 5, 4), np.uint8)),
        (np.zeros((2, 5), np.uint8), 0, np.zeros((2, 5, 3), np.float32)),
        (np.zeros((2, 5), np.float32), 0, np.zeros((2, 5, 3), np.uint8)),
        (np.zeros((2, 5, 4), np.uint8), 0, np.zeros((2, 5, 3), np.uint8)),
        (np.zeros((5, 2), np.uint8).T, 0, np.zeros((2, 5, 3), np.uint8)),
    ],
)
def test_strips_that_do_not_fit_the_picture_are_refused(samples, top, out):
    with pytest.raises(ValueError):
        colour_strip(samples, top, chroma(1, 5, 5, 10.0), out)


def test_every_part_of_a_kernel_lies_in_the_kernels_own_file():
    """Numba's cache sees no change in another file: a part from there would leave stale code."""
    modules = [
        importlib.import_module(f"core.colour.{found.name}")
        for found in pkgutil.iter_modules(core.colour.__path__)
    ]
    functions = {
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, Dispatcher)
    }
    assert kernels._colour in functions
    for function in functions:
        body = function.py_func
        parts = [body.__globals__.get(name) for name in body.__code__.co_names]
        for part in parts:
            if isinstance(part, Dispatcher):
                assert part.py_func.__module__ == body.__module__, (body, part)


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_read_only_samples_compile_nothing_and_give_the_same(depth: type):
    kernels.warm()
    kinds = [
        dispatcher for dispatcher in vars(kernels).values() if isinstance(dispatcher, Dispatcher)
    ]
    before = [len(kernel.signatures) for kernel in kinds]
    samples = np.arange(48, dtype=depth).reshape(4, 12)
    field = prepare(ChromaField(np.full((2, 2, 2), 9, np.float32), (2, 2), height=4, width=12))
    results = []
    for writeable in (True, False):
        samples.flags.writeable = writeable
        out = np.empty((4, 12, 3), depth)
        colour_strip(samples, 0, field, out)
        results.append((out, lightness_of(samples)))
    assert np.array_equal(results[0][0], results[1][0])
    assert np.array_equal(results[0][1], results[1][1])
    assert [len(kernel.signatures) for kernel in kinds] == before
