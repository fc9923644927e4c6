"""JPEG 2000: what its boxes say of the codestream's components is what is coloured and written."""

import io
import struct

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageCms

from core.colour.lab import lightness
from core.errors import SourceError
from core.image import formats
from core.image.boxes import box
from core.image.page import Source
from core.image.read import open_source
from core.image.write import encode
from tests.image.pictures import (
    alpha,
    alpha_of,
    colour,
    divided,
    gray,
    opened,
    painted,
    samples_of,
    through,
)

GRAY, RGB, ALPHA = gray(), colour(), alpha()
SRGB, GREY, SYCC, CMYK, CIELAB = 16, 17, 18, 12, 14
SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
#: Bytes of a JP2's resolution: 300 and 72 dots an inch.
CAPTURE = box(b"resc", struct.pack(">HHHHbb", 11811, 1, 11811, 1, 0, 0))
DISPLAY = box(b"resd", struct.pack(">HHHHbb", 2835, 1, 2835, 1, 0, 0))


def stream(components: np.ndarray, bits: int | None = None) -> bytes:
    """A lossless codestream without a colour transform."""
    return bytes(
        imagecodecs.jpeg2k_encode(
            components, codecformat="j2k", reversible=True, mct=False, bitspersample=bits
        )
    )


def dots_an_inch(source: Source) -> float:
    """The resolution of the first page, across."""
    resolution = source.pages[0].metadata.resolution
    assert resolution is not None
    return resolution.per("inch").across


def colr(space: int, *parameters: int, precedence: int = 0, exactness: int = 0) -> bytes:
    """A box of an enumerated colour space, 7 bytes and its parameters."""
    values = struct.pack(f">{len(parameters)}I", *parameters)
    return box(b"colr", struct.pack(">BbBI", 1, precedence, exactness, space) + values)


def icc(profile: bytes, method: int = 2) -> bytes:
    """A box of a colour space with its ICC profile."""
    return box(b"colr", bytes((method, 0, 0)) + profile)


def cdef(*rows: tuple[int, int, int]) -> bytes:
    """A box of channel definitions: (channel, kind, association)."""
    return box(
        b"cdef", struct.pack(">H", len(rows)) + b"".join(struct.pack(">3H", *r) for r in rows)
    )


def jp2(
    components: np.ndarray, *header: bytes, bits: int | None = None, rest: bytes = b""
) -> bytes:
    """A file of these components and boxes in its header; `rest` follows the codestream."""
    height, width, *more = components.shape
    depth = bits or components.itemsize * 8
    size = struct.pack(">IIHBBBB", height, width, more[0] if more else 1, depth - 1, 7, 0, 0)
    return b"".join(
        (
            SIGNATURE,
            box(b"ftyp", b"jp2 \0\0\0\0jp2 "),
            box(b"jp2h", box(b"ihdr", size) + b"".join(header)),
            box(b"jp2c", stream(components, bits)),
            rest,
        )
    )


def refusal(data: bytes) -> SourceError:
    """What is said of a file that is not read."""
    with pytest.raises(SourceError) as caught, open_source(data):
        pass
    return caught.value


def lightness_of(source: Source) -> np.ndarray:
    """CIE L* of all samples."""
    samples = samples_of(source)
    values = samples / np.iinfo(samples.dtype).max
    return lightness(values if values.ndim == 3 else np.repeat(values[..., np.newaxis], 3, axis=2))


def sycc_of(rgb: np.ndarray, bits: int) -> np.ndarray:
    """sYCC codes of R'G'B' 0..1 (IEC 61966-2-1, annex F)."""
    matrix = np.array([[0.299, 0.587, 0.114], [-0.1687, -0.3312, 0.5], [0.5, -0.4187, -0.0813]])
    top = (1 << bits) - 1
    codes = rgb @ matrix.T * top + (0, 1 << (bits - 1), 1 << (bits - 1))
    return np.rint(np.clip(codes, 0, top)).astype(np.uint8 if bits <= 8 else np.uint16)


@pytest.mark.parametrize("space", [SYCC, 3])
@pytest.mark.parametrize(("bits", "within"), [(8, 0.9), (12, 0.06), (16, 0.01)])
def test_the_lightness_of_sycc_is_that_of_the_colours_it_stands_for(space, bits, within):
    rgb = 0.2 + 0.6 * RGB / 255
    data = jp2(sycc_of(rgb, bits), colr(space), bits=bits)
    with open_source(data) as source:
        assert np.abs(lightness_of(source) - lightness(rgb)).max() < within


def test_sycc_with_transparency_keeps_both():
    data = jp2(
        np.dstack((sycc_of(RGB / 255, 8), ALPHA)),
        colr(SYCC),
        cdef((0, 0, 1), (1, 0, 2), (2, 0, 3), (3, 1, 0)),
    )
    with open_source(data) as source:
        np.testing.assert_array_equal(alpha_of(source), ALPHA)
        assert np.abs(lightness_of(source) - lightness(RGB / 255)).mean() < 0.2


@pytest.mark.parametrize("declared", ["enumerated", "profile"])
@pytest.mark.parametrize("with_alpha", [False, True])
def test_cmyk_has_the_lightness_that_its_profile_gives_it(declared, with_alpha):
    from core.image.profiles import cmyk_profile

    ink = np.dstack((RGB // 2, GRAY // 3))
    lab = ImageCms.applyTransform(
        Image.fromarray(ink, "CMYK"),
        ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(cmyk_profile())),
            ImageCms.createProfile("LAB"),
            "CMYK",
            "LAB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
        ),
    )
    assert lab is not None
    expected = np.asarray(lab)[..., 0] / 2.55
    components = np.dstack((ink, ALPHA)) if with_alpha else ink
    box_of_colour = colr(CMYK) if declared == "enumerated" else icc(cmyk_profile())
    with open_source(jp2(components, box_of_colour)) as source:
        assert source.pages[0].has_alpha == with_alpha
        assert np.abs(lightness_of(source) - expected).max() < 1.5
        assert np.abs(lightness_of(source) - expected).mean() < 0.4
        if with_alpha:
            np.testing.assert_array_equal(alpha_of(source), ALPHA)


def test_ycck_is_the_cmyk_that_it_stands_for():
    ink = np.dstack((RGB // 2, GRAY // 3))
    ycc = sycc_of(1 - ink[..., :3] / 255, 8)
    with (
        open_source(jp2(np.dstack((ycc, ink[..., 3])), colr(13))) as ycck,
        open_source(jp2(ink, colr(CMYK))) as cmyk,
    ):
        assert np.abs(lightness_of(ycck) - lightness_of(cmyk)).max() < 1


@pytest.mark.parametrize("bits", [8, 16])
def test_cielab_keeps_the_lightness_that_stands_in_the_file(bits):
    codes = colour(depth=bits)
    with open_source(jp2(codes, colr(CIELAB))) as source:
        expected = codes[..., 0] / ((1 << bits) - 1) * 100
        assert np.abs(lightness_of(source) - expected).max() < 0.002


def test_cielab_follows_the_range_that_its_box_states():
    codes = colour()
    box_of_colour = colr(CIELAB, 50, 51, 170, 128, 200, 96, 0x00443530)
    with open_source(jp2(codes, box_of_colour)) as source:
        expected = np.clip((codes[..., 0] - 51.0) * 50 / 255, 0, 100)
        assert np.abs(lightness_of(source) - expected).max() < 0.002


def test_cmy_and_black_as_one_are_turned_round():
    with open_source(jp2(255 - RGB, colr(11))) as source:
        np.testing.assert_array_equal(samples_of(source), RGB)
    black = (GRAY > 127).astype(np.uint8)
    for space, expected in ((0, 255 - black * 255), (15, black * 255)):
        with open_source(jp2(black, colr(space), bits=1)) as source:
            np.testing.assert_array_equal(samples_of(source), expected)


@pytest.mark.parametrize(
    ("space", "name"),
    [
        (1, "BT.709"),
        (4, "BT.601"),
        (9, "PhotoYCC"),
        (19, "CIEJab"),
        (20, "e-sRGB"),
        (21, "ROMM-RGB"),
        (22, "YPbPr"),
        (23, "YPbPr"),
        (24, "e-sYCC"),
        (25, "scRGB"),
        (99, "99"),
    ],
)
def test_another_colour_space_is_refused_by_name(space, name):
    error = refusal(jp2(RGB, colr(space)))
    assert error.kind == "unsupported"
    assert name in error.message


def test_a_profile_of_lab_or_a_vendors_space_is_refused_by_name():
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    assert "Lab" in refusal(jp2(RGB, icc(lab, method=3))).message
    assert "vendor" in refusal(jp2(RGB, box(b"colr", b"\4\0\0" + bytes(16)))).message


def test_the_best_of_several_colour_spaces_counts_that_is_understood():
    sycc = sycc_of(RGB / 255, 8)
    for boxes in (
        (colr(20), colr(SYCC)),
        (colr(SYCC), colr(SRGB)),
        (colr(SRGB, exactness=4), colr(SYCC, exactness=1)),
        (colr(SRGB, precedence=-1), colr(SYCC, precedence=2)),
    ):
        with open_source(jp2(sycc, *boxes)) as source:
            assert source.pages[0].conversion is not None


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("with_alpha", [False, True])
@pytest.mark.parametrize("order", [(2, 1, 0), (1, 2, 0)])
def test_channels_stand_where_their_definition_puts_them(depth, with_alpha, order):
    picture, mask = colour(depth=depth), alpha(depth=depth)
    planes = [picture[..., number] for number in order]
    rows = [(at, 0, number + 1) for at, number in enumerate(order)]
    if with_alpha:
        planes = [mask, *planes]
        rows = [(0, 1, 0), *((at + 1, kind, place) for at, kind, place in rows)]
    with open_source(jp2(np.dstack(planes), colr(SRGB), cdef(*rows))) as source:
        np.testing.assert_array_equal(samples_of(source), picture)
        assert source.pages[0].has_alpha == with_alpha
        if with_alpha:
            np.testing.assert_array_equal(alpha_of(source), mask)


def test_transparency_may_stand_before_gray():
    data = jp2(np.dstack((ALPHA, GRAY)), colr(GREY), cdef((0, 1, 0), (1, 0, 1)))
    with open_source(data) as source:
        np.testing.assert_array_equal(samples_of(source), GRAY)
        np.testing.assert_array_equal(alpha_of(source), ALPHA)


def test_premultiplied_colours_stay_so_and_are_divided_for_other_formats():
    rows = ((0, 0, 1), (1, 0, 2), (2, 0, 3), (3, 2, 0))
    picture = np.dstack((RGB, ALPHA))
    data = jp2(picture, colr(SRGB), cdef(*rows))
    written = through(data)
    assert cdef(*rows) in written
    np.testing.assert_array_equal(imagecodecs.jpeg2k_decode(written), picture)
    straight = through(data, format=formats.by_name("png"))
    np.testing.assert_array_equal(np.asarray(opened(straight)), divided(picture))


def test_a_channel_that_is_no_colour_is_left_out_and_a_note_says_so():
    data = jp2(
        np.dstack((RGB, GRAY, ALPHA)),
        colr(SRGB),
        cdef((0, 0, 1), (1, 0, 2), (2, 0, 3), (3, 0xFFFF, 0xFFFF), (4, 1, 0)),
    )
    with open_source(data) as source:
        np.testing.assert_array_equal(samples_of(source), RGB)
        np.testing.assert_array_equal(alpha_of(source), ALPHA)
        assert any("channel 4" in note for note in source.notes)


@pytest.mark.parametrize("rows", [((0, 0, 1), (1, 0, 1), (2, 0, 2)), ((0, 0, 1), (7, 0, 2))])
def test_a_contradictory_channel_definition_is_refused(rows):
    assert refusal(jp2(RGB, colr(SRGB), cdef(*rows))).kind == "truncated"


def pclr(entries: np.ndarray, bits: int = 8) -> bytes:
    """A palette of (entries, columns)."""
    count, columns = entries.shape
    head = struct.pack(">HB", count, columns) + bytes([bits - 1] * columns)
    return box(b"pclr", head + entries.astype(">u2" if bits > 8 else "u1").tobytes())


def cmap(*rows: tuple[int, int, int]) -> bytes:
    """What a palette is applied to: (component, 1 for a palette, column)."""
    return box(b"cmap", b"".join(struct.pack(">HBB", *row) for row in rows))


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("columns", [1, 3, 4])
def test_a_palette_is_followed(bits, columns):
    index = (GRAY // 16).astype(np.uint8)
    entries = np.random.default_rng(3).integers(0, 1 << bits, (16, columns))
    columns_in_turn = [(0, 1, column) for column in range(columns)]
    data = jp2(
        index, colr(GREY if columns == 1 else SRGB), pclr(entries, bits), cmap(*columns_in_turn)
    )
    top = 255 if bits == 8 else 65535
    expected = np.rint(entries * (top / ((1 << bits) - 1)))[index]
    with open_source(data) as source:
        assert source.pages[0].bits == bits
        samples = samples_of(source)
        np.testing.assert_array_equal(
            samples if columns > 1 else samples[..., np.newaxis], expected[..., :3]
        )
        if columns == 4:
            np.testing.assert_array_equal(alpha_of(source), expected[..., 3])


def test_a_palette_may_have_its_transparency_and_its_order_from_other_boxes():
    index = (GRAY // 16).astype(np.uint8)
    entries = np.random.default_rng(3).integers(0, 256, (16, 3))
    data = jp2(
        np.dstack((index, ALPHA)),
        colr(SRGB),
        pclr(entries),
        cmap((1, 0, 0), (0, 1, 2), (0, 1, 1), (0, 1, 0)),
        cdef((0, 1, 0), (1, 0, 3), (2, 0, 2), (3, 0, 1)),
    )
    with open_source(data) as source:
        np.testing.assert_array_equal(samples_of(source), entries[index])
        np.testing.assert_array_equal(alpha_of(source), ALPHA)


@pytest.mark.parametrize(
    "header",
    [
        (pclr(np.zeros((4, 3))),),
        (pclr(np.zeros((4, 3))), cmap((0, 1, 5))),
        (pclr(np.zeros((4, 3))), cmap((3, 1, 0))),
        (box(b"pclr", b"\0\4\3\7\7\7\0"), cmap((0, 1, 0))),
    ],
)
def test_a_damaged_palette_is_refused(header):
    assert refusal(jp2(GRAY, colr(SRGB), *header)).kind == "truncated"


def test_the_first_of_several_codestreams_is_coloured_and_a_note_tells_of_the_others():
    data = jp2(GRAY, colr(GREY), rest=box(b"jp2c", stream(gray(9, 7))))
    with open_source(data) as source:
        np.testing.assert_array_equal(samples_of(source), GRAY)
        written, notes = encode(source, painted(source))
    assert any("2 pictures" in note for note in notes)
    assert written.count(b"jp2c") == 1


def test_the_layers_header_of_a_jpx_says_what_the_colours_are():
    layer = box(b"jplh", box(b"cgrp", colr(SYCC)))
    data = jp2(sycc_of(RGB / 255, 8), colr(SRGB))
    at = data.index(b"jp2c") - 4
    with open_source(data[:at] + layer + data[at:]) as source:
        assert np.abs(lightness_of(source) - lightness(RGB / 255)).mean() < 0.2


@pytest.mark.parametrize("parts", [(CAPTURE, DISPLAY), (DISPLAY, CAPTURE)])
def test_the_resolution_of_the_capture_counts_and_that_of_the_display_is_kept(parts):
    own = box(b"res ", b"".join(parts))
    data = jp2(GRAY, colr(GREY), own)
    with open_source(data) as source:
        assert round(dots_an_inch(source)) == 300
        assert own in encode(source, painted(source))[0]
        as_tiff = encode(source, painted(source), format=formats.by_name("tiff"))[0]
    with open_source(as_tiff) as result:
        assert dots_an_inch(result) == pytest.approx(300, 1e-3)


def test_the_resolution_of_the_display_counts_where_it_stands_alone():
    with open_source(jp2(GRAY, colr(GREY), box(b"res ", DISPLAY))) as source:
        assert round(dots_an_inch(source)) == 72


def test_boxes_about_rights_and_references_are_kept_and_others_are_named():
    kept = box(b"uinf", b"list and address") + box(b"jp2i", b"<rights/>") + box(b"asoc", b"GML")
    data = jp2(GRAY, colr(GREY), rest=kept + box(b"comp", b"how to lay pictures together"))
    with open_source(data) as source:
        written, notes = encode(source, painted(source))
    assert kept in written
    assert any("'comp'" in note for note in notes)


def test_what_says_gray_and_has_three_channels_is_taken_for_rgb_and_noted():
    with open_source(jp2(RGB, colr(GREY))) as source:
        np.testing.assert_array_equal(samples_of(source), RGB)
        assert any("says gray" in note for note in source.notes)
    assert refusal(jp2(RGB, colr(CMYK))).kind == "truncated"
