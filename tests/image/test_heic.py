"""HEIC: read as phones write it, and what comes of it is JPEG."""

import io
import sys
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from core.errors import SourceError
from core.image import formats
from core.image.read import open_source
from core.image.write import encode
from tests.image.pictures import (
    PROVENANCE,
    alpha,
    alpha_of,
    colour,
    gray,
    lightness,
    lightness_of_y,
    multiplied,
    opened,
    painted,
    samples_of,
    through,
)

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></x:xmpmeta>'


def _heic(picture: np.ndarray, more: tuple[np.ndarray, ...] = (), **options: Any) -> bytes:
    """A file of one picture, or of several."""
    mode = {1: "L", 3: "RGB", 4: "RGBA"}[1 if picture.ndim == 2 else picture.shape[2]]
    if picture.dtype == np.uint16:
        mode += ";16"
    file = io.BytesIO()
    made = pillow_heif.HeifFile()
    for codes in (picture, *more):
        made.add_frombytes(mode, codes.shape[1::-1], codes.tobytes())
    made.save(file, quality=-1, chroma=444, **options)
    return file.getvalue()


@pytest.mark.parametrize("depth", [8, 16])
def test_premultiplied_colours_are_divided(depth):
    picture = np.dstack((colour(depth=depth), alpha(depth=depth)))
    file = io.BytesIO()
    made = pillow_heif.HeifFile()
    mode = "RGBa;16" if depth == 16 else "RGBa"
    made.add_frombytes(mode, picture.shape[1::-1], multiplied(picture).tobytes())
    made.save(file, quality=-1, chroma=444)
    top = (1 << depth) - 1
    with open_source(file.getvalue()) as source:
        shows = alpha_of(source) > top // 8
        difference = samples_of(source).astype(float) - picture[..., :3]
        assert abs(difference[shows]).max() <= 0.06 * top


@pytest.mark.parametrize("picture", [colour(), gray()], ids=["rgb", "gray"])
def test_a_heic_becomes_a_jpeg(picture):
    data = _heic(picture)
    with open_source(data) as source:
        assert source.format.name == "heic"
        assert abs(samples_of(source).astype(int) - picture).max() <= 4
    written = through(data)
    assert formats.recognize(written[:64]) is formats.by_name("jpeg")
    assert opened(written).size == (83, 61)


def test_white_in_ten_bits_is_white():
    picture = np.full((64, 64, 3), 65535, np.uint16)
    with open_source(_heic(picture)) as source:
        assert source.pages[0].bits == 10
        assert samples_of(source).min() == 65535


def test_a_phones_turn_metadata_and_second_picture():
    """The container has the picture turned, and so has EXIF: it is turned once."""
    block = Image.Exif()
    block[274], block[272] = 6, "Phone"
    data = _heic(
        colour(), (gray()[..., np.newaxis].repeat(3, axis=2),), exif=block.tobytes(), xmp=XMP
    )
    with open_source(data) as source:
        upright = (source.pages[0].width, source.pages[0].height)
        written, notes = encode(source, painted(source), provenance=PROVENANCE)
    kept = opened(written)
    assert kept.size == upright == opened_by_pillow(data)
    assert (kept.getexif()[274], kept.getexif()[272]) == (1, "Phone")
    assert any("2 pictures" in note for note in notes)


def opened_by_pillow(data: bytes) -> tuple[int, int]:
    return pillow_heif.open_heif(data).size


def test_a_heic_without_a_profile_is_read_by_its_code_points():
    picture = np.full((64, 64, 3), (200, 0, 0), np.uint8)
    points = {"color_primaries": 12, "transfer_characteristics": 13, "matrix_coefficients": 0}
    with open_source(_heic(picture, (), **points, save_nclx_profile=True)) as source:
        measured = lightness(samples_of(source))
    light = 0.2290 * ((200 / 255 + 0.055) / 1.055) ** 2.4
    assert abs(measured - lightness_of_y(np.array(light))).max() < 0.5


def test_a_heic_with_transparent_parts_is_refused_as_jpeg_and_written_as_png():
    data = _heic(np.dstack((colour(), gray())))
    with pytest.raises(SourceError, match="transparent"):
        through(data)
    assert opened(through(data, format=formats.by_name("png"))).mode == "RGBA"


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_heic_that_is_cut_short_is_refused(part):
    data = _heic(colour())
    with (
        pytest.raises(SourceError) as caught,
        open_source(data[: int(len(data) * part)]) as source,
    ):
        samples_of(source)
    assert caught.value.kind == "truncated"


def test_without_the_decoder_a_heic_is_refused_with_advice(monkeypatch):
    data = _heic(colour())
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(SourceError, match="HEIC") as caught:
        open_source(data)
    assert caught.value.kind == "unsupported"
    assert "pip install pillow-heif" in (caught.value.remedy or "")
