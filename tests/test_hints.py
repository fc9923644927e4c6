"""`core.hints`: points and strokes become planes that the network understands, or a clear error."""

import base64
import io
import json
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from core.errors import HintsError
from core.hints import document_for, document_of, is_empty, planes, points, read_document


def document(*entries: dict) -> str:
    return document_of(json.dumps({"points": entries}).encode())


def stroke_png(size: tuple[int, int], box: tuple[int, int, int, int], colour: tuple) -> bytes:
    picture = Image.new("RGBA", size)
    picture.paste((*colour, 255), box)
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()


def test_a_point_becomes_a_disc_of_its_chroma_at_its_place():
    hint = document({"x": 200, "y": 100, "radius": 20, "a": 30, "b": -10})
    result = planes(hint, (400, 800), (100, 200))
    assert result.shape == (3, 100, 200)
    rows, columns = np.nonzero(result[2])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (20, 29, 45, 54)
    assert set(result[0][result[2] == 1]) == {30}
    assert set(result[1][result[2] == 1]) == {-10}
    assert not result[:, result[2] == 0].any()


@given(x=st.integers(0, 7999), y=st.integers(0, 3999), radius=st.floats(0.01, 3))
def test_every_hint_inside_the_picture_marks_at_least_one_pixel(x, y, radius):
    hint = document({"x": x, "y": y, "radius": radius, "a": 1, "b": 1})
    assert planes(hint, (4000, 8000), (128, 256))[2].any()


def test_a_colour_may_be_given_by_hex_or_by_its_css_name():
    by_name, by_hex = (
        points({"points": [{"x": 0, "y": 0, "colour": colour}]})[0]
        for colour in ("tomato", "#ff6347")
    )
    assert by_name == by_hex
    # CIELAB of #ff6347: L* 62.2, a* 57.9, b* 46.4 (D65), as colour calculators give it.
    assert (by_name.a, by_name.b) == pytest.approx((57.9, 46.4), abs=0.1)


def test_strokes_give_their_mean_chroma_where_they_were_painted():
    png = stroke_png((400, 200), (100, 52, 200, 152), (255, 99, 71))
    result = planes(document_of(png), (200, 400), (50, 100))
    assert result[2].sum() == 25 * 25
    assert result[2, 20, 30] == 1
    assert result[:2, 20, 30] == pytest.approx((57.9, 46.4), abs=0.1)


def test_a_thin_stroke_on_a_large_scan_stays_a_line():
    png = stroke_png((4000, 2000), (0, 1000, 4000, 1003), (0, 0, 255))
    result = planes(document_of(png), (2000, 4000), (128, 256))
    assert result[2].sum() == 256


def test_strokes_of_another_size_are_refused_with_both_sizes():
    png = stroke_png((40, 20), (0, 0, 9, 9), (255, 0, 0))
    with pytest.raises(HintsError, match=r"40x20.*400x200"):
        planes(document_of(png), (200, 400), (50, 100))


def test_a_hint_outside_the_picture_is_refused_by_its_number():
    hint = document({"x": 1, "y": 1, "a": 0, "b": 0}, {"x": 400, "y": 0, "a": 0, "b": 0})
    with pytest.raises(HintsError, match=r"hint 2 at \(400, 0\) lies outside"):
        planes(hint, (200, 400), (50, 100))


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"x": 1, "y": 1}, "either a colour or both a and b"),
        ({"x": 1, "y": 1, "a": 3}, "b = None"),
        ({"x": 1, "y": 1, "a": 3, "b": 4, "colour": "red"}, "either a colour or"),
        ({"x": 1, "y": 1, "colour": "reddish"}, "'#rrggbb' or a CSS name"),
        ({"x": 1, "y": 1, "colour": 7}, "'#rrggbb' or a CSS name"),
        ({"x": 10**400, "y": 1, "colour": "red"}, "must be a number"),
        ({"x": 1, "y": float("inf"), "colour": "red"}, "must be a number"),
        ({"x": 1, "y": 1, "radius": 1e308, "colour": "red"}, "must be a number"),
        ({"x": "1", "y": 1, "colour": "red"}, "x = '1'"),
        ({"x": 1, "y": 1, "radius": 0, "colour": "red"}, "radius 0"),
        ({"x": 1, "y": 1, "radios": 2, "colour": "red"}, "did you mean 'radius'?"),
        ({"x": 1, "y": 1, "a": 500, "b": 0}, "beyond any colour"),
        (3, "no JSON object"),
    ],
)
def test_a_malformed_hint_is_refused_by_its_number_and_key(entry, says):
    with pytest.raises(HintsError) as caught:
        document_of(json.dumps({"points": [entry]}).encode())
    assert says in str(caught.value)
    assert "hint 1" in str(caught.value)


def test_a_key_beside_the_points_is_refused_by_its_name():
    with pytest.raises(HintsError, match="unknown key 'point'"):
        document_of(b'{"points": [], "point": NaN}')


def test_json_of_endless_depth_is_refused():
    with pytest.raises(HintsError, match="neither JSON nor a PNG"):
        document_of(b"[" * 100_000)


@pytest.mark.parametrize(
    "data", [b"", b"not json", b"[]", b'{"point": []}', b"\x89PNG\r\n\x1a\nno"]
)
def test_a_file_that_is_neither_points_nor_strokes_is_refused(data):
    with pytest.raises(HintsError):
        document_of(data)


def test_a_picture_of_strokes_that_would_fill_the_memory_is_refused_by_its_header():
    small = bytearray(stroke_png((4, 4), (0, 0, 2, 2), (255, 0, 0)))
    small[16:24] = (60_000).to_bytes(4, "big") * 2
    small[29:33] = zlib.crc32(small[12:29]).to_bytes(4, "big")
    with pytest.raises(HintsError, match="60000x60000 is larger than 400 megapixels"):
        document_of(bytes(small))


def test_an_unreadable_hints_file_is_named(tmp_path):
    with pytest.raises(HintsError, match=r"missing\.json"):
        read_document(tmp_path / "missing.json")


def test_no_points_are_no_hints():
    assert is_empty("") and is_empty(document())
    assert not is_empty(document({"x": 0, "y": 0, "a": 1, "b": 1}))


def _document(**keys) -> str:
    return document_of(json.dumps(keys).encode())


POINT = {"x": 1, "y": 1, "colour": "navy"}


def test_hints_belong_to_the_page_that_they_name_and_to_no_other():
    second = _document(points=[POINT], page=2)
    assert [bool(document_for(second, page, 3)) for page in (1, 2, 3)] == [False, True, False]
    first = _document(points=[POINT])
    assert [bool(document_for(first, page, 3)) for page in (1, 2, 3)] == [True, False, False]
    assert document_for("", 1, 1) == ""


def test_hints_that_name_the_first_page_are_the_same_document_as_hints_that_name_none():
    assert _document(points=[POINT], page=1) == _document(points=[POINT])
    # What has stood in job keys since hints were first read (contract 3).
    assert _document(points=[POINT]) == '{"points":[{"colour":"navy","x":1,"y":1}]}'


def test_strokes_may_be_given_as_json_with_a_page():
    png = stroke_png((40, 20), (0, 0, 20, 20), (255, 0, 0))
    encoded = base64.b64encode(png).decode()
    assert _document(strokes=encoded) == document_of(png)
    second = _document(strokes=encoded, page=2)
    assert not document_for(second, 1, 2)
    assert planes(document_for(second, 2, 2), (20, 40), (10, 20))[2].any()


@pytest.mark.parametrize("page", [0, -1, 1.5, "2", None, True, 10**9])
def test_a_page_that_is_no_page_is_refused(page):
    with pytest.raises(HintsError, match="page"):
        _document(points=[POINT], page=page)


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"strokes": 3}, "no PNG in base64"),
        ({"strokes": "%"}, "no PNG in base64"),
        ({"strokes": "AAAA"}, "cannot be read as a PNG"),
        ({"strokes": "AAAA", "points": []}, "unknown key 'points' beside 'strokes'"),
        ({"points": [], "pages": 2}, "unknown key 'pages'"),
    ],
)
def test_a_malformed_hint_document_is_refused_by_its_key(keys, says):
    with pytest.raises(HintsError, match=says):
        _document(**keys)


def test_hints_for_a_page_that_the_picture_has_not_are_refused():
    with pytest.raises(HintsError, match=r"for page 3 and the picture has 2 pages"):
        document_for(_document(points=[POINT], page=3), 1, 2)


@pytest.mark.parametrize("kind", ["a PNG", "a PNG in JSON"])
def test_a_picture_of_strokes_is_measured_before_it_is_decoded(kind):
    """A PNG of 400 megapixels takes 400 kB on the way and 1.6 GB once it is decoded."""
    data = stroke_png((300, 200), (0, 0, 9, 9), (0, 0, 255))
    if kind == "a PNG in JSON":
        data = json.dumps({"strokes": base64.b64encode(data).decode()}).encode()
    assert document_of(data, most_pixels=60_000)
    with pytest.raises(HintsError, match="300x200 is larger than"):
        document_of(data, most_pixels=59_999)


def test_more_points_than_a_picture_can_use_are_refused_with_advice():
    entries = [{"x": 1, "y": 1, "colour": "red"}] * 20_000
    assert document(*entries)
    with pytest.raises(HintsError, match=r"20,001 points.*transparent PNG"):
        document(*entries, entries[0])
