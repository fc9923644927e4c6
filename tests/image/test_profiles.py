"""Colours of files that are not sRGB: their CIE L* is what is handed over."""

import io
import zlib

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageCms

from core.errors import SourceError
from core.image import profiles
from core.image.read import open_source
from tests.image.pictures import (
    colour,
    gray,
    lightness,
    lightness_of_y,
    opened,
    pillow,
    samples_of,
    through,
    tiff,
)

CODES = np.arange(256) / 255
#: A printing press with 20 % dot gain: what is printed at half tone comes out darker.
DOT_GAIN = CODES + 0.8 * CODES * (CODES - 1)

GRAY_PROFILES = {
    "gamma 2.2": (imagecodecs.cms_profile("gray", gamma=2.2), CODES**2.2),
    "gamma 1.8": (imagecodecs.cms_profile("gray", gamma=1.8), CODES**1.8),
    "linear": (imagecodecs.cms_profile("gray", gamma=1.0), CODES),
    "dot gain": (
        imagecodecs.cms_profile("gray", transferfunction=DOT_GAIN.astype(np.float32)),
        DOT_GAIN,
    ),
}
PICTURE = np.arange(256, dtype=np.uint8).reshape(8, 32)


def _with_profile(container: str, picture: np.ndarray, profile: bytes) -> bytes:
    if container == "TIFF":
        return tiff(picture, iccprofile=profile)
    return pillow(picture, container, icc_profile=profile)


@pytest.mark.parametrize("container", ["PNG", "TIFF"])
@pytest.mark.parametrize("name", GRAY_PROFILES)
def test_a_gray_profile_changes_the_codes_and_not_the_lightness(name, container):
    profile, y = GRAY_PROFILES[name]
    with open_source(_with_profile(container, PICTURE, profile)) as source:
        page = source.pages[0]
        assert (page.depth, page.dtype, page.channels) == (8, np.uint16, "gray")
        samples = samples_of(source)
    assert abs(lightness(samples).ravel() - lightness_of_y(y)).max() < 0.02


def test_a_gray_profile_is_true_in_16_bits():
    ramp = np.linspace(0, 65535, 4096).astype(np.uint16).reshape(64, 64)
    profile = imagecodecs.cms_profile("gray", gamma=2.2)
    with open_source(tiff(ramp, iccprofile=profile)) as source:
        samples = samples_of(source)
    assert abs(lightness(samples) - lightness_of_y((ramp / 65535) ** 2.2)).max() < 0.01


@pytest.mark.parametrize(
    ("container", "depth"), [("JPEG", 8), ("PNG", 8), ("TIFF", 8), ("TIFF", 16)]
)
def test_adobe_rgb_is_read_by_its_lightness_even_outside_srgb(container, depth):
    picture = (
        colour(depth=depth) if container != "JPEG" else np.full((16, 16, 3), (0, 255, 0), np.uint8)
    )
    profile = imagecodecs.cms_profile("adobergb")
    with open_source(_with_profile(container, picture, profile)) as source:
        page = source.pages[0]
        assert (page.channels, page.depth, page.dtype) == ("gray", depth, np.uint16)
        samples = samples_of(source)
    if container == "JPEG":
        picture = np.asarray(opened(_with_profile(container, picture, profile)))
    linear = (picture / (255 if depth == 8 else 65535)) ** (563 / 256)
    # Adobe RGB (1998), 4.3.5.3: the row of Y.
    y = linear @ np.array([0.29734, 0.62736, 0.07529])
    assert abs(lightness(samples) - lightness_of_y(y)).max() < 0.05


def test_a_profile_that_does_not_add_up_goes_through_the_colour_engine():
    mixed = colour()
    cmyk = Image.fromarray(mixed).convert("CMYK")
    with open_source(pillow(cmyk, "TIFF")) as source:
        page = source.pages[0]
        assert (page.channels, page.dtype) == ("gray", np.uint16)
        samples = samples_of(source)
    engine = ImageCms.buildTransform(
        io.BytesIO(profiles.cmyk_profile()),
        ImageCms.createProfile("LAB"),
        "CMYK",
        "LAB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    expected = np.asarray(ImageCms.applyTransform(cmyk, engine))[..., 0] / 255 * 100
    difference = abs(lightness(samples) - expected)
    assert difference.mean() < 1.0  # D50 in 8 bits against D65 in floating point
    assert difference.max() < 6.0


SRGB_IN_EFFECT = {
    "ours": profiles.srgb_profile(),
    "lcms": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    "imagecodecs": imagecodecs.cms_profile("srgb"),
}


@pytest.mark.parametrize("name", SRGB_IN_EFFECT)
def test_a_profile_that_is_srgb_in_effect_costs_nothing(name):
    with open_source(pillow(colour(), "PNG", icc_profile=SRGB_IN_EFFECT[name])) as source:
        page = source.pages[0]
        assert page.conversion is None
        assert page.channels == "rgb"
        np.testing.assert_array_equal(samples_of(source), colour())


@pytest.mark.parametrize(
    "profile",
    [b"nonsense", imagecodecs.cms_profile("srgb")[:200], b"\0" * 4096],
    ids=["text", "cut short", "zeros"],
)
def test_a_damaged_profile_is_noted_and_left_out(profile):
    with open_source(tiff(colour(), iccprofile=profile)) as source:
        assert any("ICC profile" in note for note in source.notes)
        np.testing.assert_array_equal(samples_of(source), colour())


def test_a_profile_for_colours_on_a_gray_picture_is_noted_and_left_out():
    with open_source(tiff(gray(), iccprofile=imagecodecs.cms_profile("adobergb"))) as source:
        assert any("meant for RGB" in note for note in source.notes)
        np.testing.assert_array_equal(samples_of(source), gray())


def _png_with(chunks: dict[bytes, bytes], picture: np.ndarray) -> bytes:
    data = bytes(imagecodecs.png_encode(picture))
    extra = b"".join(
        len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")
        for name, body in chunks.items()
    )
    return data[:33] + extra + data[33:]


def _gamma(value: float) -> bytes:
    return round(value * 100000).to_bytes(4, "big")


@pytest.mark.parametrize("gamma", [1.0, 0.55556])
def test_a_png_with_a_gamma_of_its_own_is_read_by_it(gamma):
    with open_source(_png_with({b"gAMA": _gamma(gamma)}, PICTURE)) as source:
        samples = samples_of(source)
    assert abs(lightness(samples).ravel() - lightness_of_y(CODES ** (1 / gamma))).max() < 0.01


@pytest.mark.parametrize(
    "chunks",
    [{b"gAMA": _gamma(0.45455)}, {b"sRGB": b"\0", b"gAMA": _gamma(1.0)}, {b"cICP": b"\1\r\0\1"}],
    ids=["the usual gamma", "sRGB chunk", "cICP"],
)
def test_a_png_that_means_srgb_is_taken_for_it(chunks):
    with open_source(_png_with(chunks, PICTURE)) as source:
        np.testing.assert_array_equal(samples_of(source), PICTURE)


def test_a_png_with_primaries_of_its_own_is_read_by_them():
    # ProPhoto's primaries; white D65
    xy = (0.3127, 0.329, 0.7347, 0.2653, 0.1596, 0.8404, 0.0366, 0.0001)
    body = b"".join(round(value * 100000).to_bytes(4, "big") for value in xy)
    with open_source(_png_with({b"cHRM": body, b"gAMA": _gamma(1.0)}, colour())) as source:
        assert source.pages[0].channels == "gray"
        samples = samples_of(source)
    red, green = colour()[..., 0] / 255, colour()[..., 1] / 255
    # Blue hardly counts in ProPhoto; the shares of the other two follow from the white.
    assert np.corrcoef((0.27 * red + 0.73 * green).ravel(), _y(samples).ravel())[0, 1] > 0.999


#: (primaries, curve) of cICP: the share of red in white's Y, the light of a code.
SHARES = {"BT.709": 0.2126, "P3": 0.2290, "BT.2020": 0.2627}
CURVES = {
    "sRGB": lambda x: np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4),
    "linear": lambda x: x,
    "2.2": lambda x: x**2.2,
}


@pytest.mark.parametrize(
    ("points", "primaries", "curve"),
    [
        (b"\1\x08\0\1", "BT.709", "linear"),
        (b"\1\4\0\1", "BT.709", "2.2"),
        (b"\x0c\r\0\1", "P3", "sRGB"),
        (b"\x09\x08\0\1", "BT.2020", "linear"),
        (b"\1\1\0\1", "BT.709", "sRGB"),  # a camera's curve, shown as sRGB by every screen
    ],
)
@pytest.mark.parametrize("depth", [8, 16])
def test_a_png_is_read_by_its_code_points_before_its_profile(points, primaries, curve, depth):
    picture = np.zeros((16, 16, 3), np.uint8)
    picture[:8, :, 0], picture[8:] = np.arange(16) * 17, (np.arange(16) * 17)[:, np.newaxis]
    picture = picture if depth == 8 else picture.astype(np.uint16) * 257
    profile = b"name\0\0" + zlib.compress(imagecodecs.cms_profile("adobergb"))
    extra = {b"cICP": points, b"iCCP": profile, b"gAMA": _gamma(0.3)}
    with open_source(_png_with(extra, picture)) as source:
        samples = samples_of(source)
    measured = lightness(samples if samples.ndim == 2 else np.zeros((1, 1), np.uint8))
    if samples.ndim == 3:  # sRGB in effect: the codes themselves
        assert (primaries, curve) == ("BT.709", "sRGB")
        np.testing.assert_array_equal(samples, picture)
        return
    light = CURVES[curve](picture[..., 0] / (255 if depth == 8 else 65535))
    light[:8] *= SHARES[primaries]
    assert abs(measured - lightness_of_y(light)).max() < 0.05


def test_a_png_of_the_narrow_range_has_its_black_at_16_and_its_white_at_235():
    picture = np.array([[0, 16, 126, 235, 255]], np.uint8)
    with open_source(_png_with({b"cICP": b"\1\r\0\0"}, picture)) as source:
        measured = lightness(samples_of(source))
    assert abs(measured - [[0, 0, 53.7, 100, 100]]).max() < 0.2


@pytest.mark.parametrize(("points", "word"), [(b"\x09\x10\0\1", "PQ"), (b"\x09\x12\0\1", "HLG")])
def test_a_png_for_hdr_screens_is_refused_by_name(points, word):
    with pytest.raises(SourceError, match=word):
        open_source(_png_with({b"cICP": points}, colour()))


@pytest.mark.parametrize(("primaries", "transfer", "curve"), [(1, 8, "linear"), (12, 13, "sRGB")])
def test_an_avif_without_a_profile_is_read_by_its_code_points(primaries, transfer, curve):
    picture = np.full((16, 16, 3), (200, 0, 0), np.uint8)
    data = bytes(
        imagecodecs.avif_encode(
            picture, level=100, primaries=primaries, transfer=transfer, matrix=0
        )
    )
    with open_source(data) as source:
        samples = samples_of(source)
    share = SHARES["P3" if primaries == 12 else "BT.709"]
    expected = lightness_of_y(share * CURVES[curve](np.array(200 / 255)))
    assert abs(lightness(samples) - expected).max() < 0.5
    assert samples.ndim == 2


def test_an_avif_for_hdr_screens_is_refused_by_name():
    data = bytes(imagecodecs.avif_encode(colour(), primaries=9, transfer=16, matrix=0))
    with pytest.raises(SourceError, match="PQ"):
        open_source(data)


def _y(samples: np.ndarray) -> np.ndarray:
    return ((lightness(samples) + 16) / 116) ** 3


@pytest.mark.parametrize("container", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
def test_what_is_written_carries_the_srgb_profile(container):
    data = through(pillow(colour(), container))
    assert opened(data).info["icc_profile"] == profiles.srgb_profile()
