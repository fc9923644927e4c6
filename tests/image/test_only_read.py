"""Formats that are only read: BMP, PBM to PPM, PSD. Held against Pillow; what comes of them."""

import struct
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from core.errors import OptionsError, SourceError
from core.image import formats
from core.image.read import is_whole, open_source, read_provenance
from core.job.job import Job
from core.job.planning import plan
from core.options import Options
from tests.image.pictures import (
    colour,
    gray,
    lightness,
    opened,
    pillow,
    samples_of,
    through,
)

GRAY, GRAY16, RGB, RGB16 = gray(), gray(depth=16), colour(), colour(depth=16)
BILEVEL = GRAY > 128
BLACK_AND_WHITE = np.where(BILEVEL, 255, 0).astype(np.uint8)
PALETTE = Image.fromarray(RGB).quantize(64)
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></x:xmpmeta>'


def _psd(planes: np.ndarray, mode: int, *, packed: bool, big: bool = False, more: int = 0) -> bytes:
    """A flattened document of planes (channels, h, w), with `more` channels behind the colours."""
    count, height, width = planes.shape
    planes = np.concatenate((planes, np.zeros((more, height, width), planes.dtype)))
    coded = planes.astype(planes.dtype.newbyteorder(">"))
    bits = planes.dtype.itemsize * 8
    head = b"8BPS" + struct.pack(
        ">H6xHIIHH", 2 if big else 1, count + more, height, width, bits, mode
    )
    resolution = struct.pack(">IHHIHH", 300 << 16, 1, 1, 300 << 16, 1, 1)
    resources = b"".join(
        b"8BIM" + struct.pack(">HHI", number, 0, len(data)) + data + b"\0" * (len(data) % 2)
        for number, data in ((1005, resolution), (1060, XMP))
    )
    palette = b""
    if mode == 2:
        table = np.array(PALETTE.getpalette("RGB"), np.uint8).reshape(-1, 3)
        palette = np.pad(table, ((0, 256 - len(table)), (0, 0))).T.tobytes()
    head += struct.pack(">I", len(palette)) + palette
    head += struct.pack(">I", len(resources)) + resources + struct.pack(">Q" if big else ">I", 0)
    if not packed:
        return head + b"\0\0" + coded.tobytes()
    rows = [imagecodecs.packbits_encode(row.tobytes()) for plane in coded for row in plane]
    lengths = struct.pack(f">{len(rows)}{'I' if big else 'H'}", *map(len, rows))
    return head + b"\0\1" + lengths + b"".join(rows)


def _planes(picture: np.ndarray) -> np.ndarray:
    return picture[np.newaxis] if picture.ndim == 2 else np.moveaxis(picture, -1, 0)


def _text(kind: int, codes: np.ndarray, top: int | None) -> bytes:
    head = f"P{kind} # a remark\n#another\n{codes.shape[1]} {codes.shape[0]}\n"
    return (head + ("" if top is None else f"{top}\n")).encode() + b" ".join(
        str(code).encode() for code in codes.ravel().tolist()
    )


#: name -> (file, its codes, the format of the result)
PICTURES = {
    "bmp rgb": (pillow(RGB, "BMP"), RGB, "png"),
    "bmp gray": (pillow(GRAY, "BMP"), GRAY, "png"),
    "bmp palette": (pillow(PALETTE, "BMP"), np.asarray(PALETTE.convert("RGB")), "png"),
    "bmp bilevel": (pillow(BILEVEL, "BMP"), np.dstack([BLACK_AND_WHITE] * 3), "png"),
    "ppm": (pillow(RGB, "PPM"), RGB, "png"),
    "pgm": (pillow(GRAY, "PPM"), GRAY, "png"),
    "pgm 16 bits": (pillow(Image.fromarray(GRAY16), "PPM"), GRAY16, "png"),
    "pbm": (pillow(BILEVEL, "PPM"), BLACK_AND_WHITE, "png"),
    "pgm of 4 bits": (
        b"P5 83 61 15\n" + (GRAY // 17).tobytes(),
        (GRAY // 17 * 17).astype(np.uint8),
        "png",
    ),
    "plain pgm": (_text(2, GRAY, 255), GRAY, "png"),
    "plain ppm": (_text(3, RGB, 255).replace(b"83 61", b"83 61"), RGB, "png"),
    "plain pbm": (_text(1, 1 - BILEVEL.astype(int), None), BLACK_AND_WHITE, "png"),
    "psd rgb": (_psd(_planes(RGB), 3, packed=True), RGB, "tiff"),
    "psd rgb raw": (_psd(_planes(RGB), 3, packed=False), RGB, "tiff"),
    "psd rgb and more channels": (_psd(_planes(RGB), 3, packed=True, more=2), RGB, "tiff"),
    "psd rgb 16 bits": (_psd(_planes(RGB16), 3, packed=False), RGB16, "tiff"),
    "psd gray 16 bits": (_psd(_planes(GRAY16), 1, packed=True), GRAY16, "tiff"),
    "psd duotone": (_psd(_planes(GRAY), 8, packed=True), GRAY, "tiff"),
    "psd palette": (
        _psd(_planes(np.asarray(PALETTE)), 2, packed=True),
        np.asarray(PALETTE.convert("RGB")),
        "tiff",
    ),
    "psb": (_psd(_planes(RGB), 3, packed=True, big=True), RGB, "tiff"),
}


@pytest.mark.parametrize("name", PICTURES)
def test_what_is_only_read_comes_out_in_a_format_that_holds_all_of_it(name):
    data, codes, becomes = PICTURES[name]
    with open_source(data) as source:
        np.testing.assert_array_equal(samples_of(source), codes)
        assert source.format.becomes == becomes
    written = through(data)
    assert formats.recognize(written[:64]) is formats.by_name(becomes)
    with open_source(written) as source:
        assert source.pages[0].depth == codes.itemsize * 8
        expected = codes if codes.ndim == 3 else np.repeat(codes[..., np.newaxis], 3, axis=2)
        np.testing.assert_array_equal(samples_of(source), expected)


#: What Pillow does not read, or reads otherwise.
NOT_PILLOWS = ("16", "psb", "duotone", "more channels")


@pytest.mark.parametrize(
    "name", [name for name in PICTURES if not any(word in name for word in NOT_PILLOWS)]
)
def test_pillow_sees_the_same_in_the_file(name):
    data, codes, _ = PICTURES[name]
    seen = opened(data).convert("RGB" if codes.ndim == 3 else "L")
    assert abs(np.asarray(seen).astype(int) - codes).max() <= 1


def test_a_bmp_keeps_its_resolution_and_its_transparent_parts():
    picture = np.dstack((RGB, GRAY))
    data = imagecodecs.bmp_encode(RGB, ppm=11811)
    assert opened(through(bytes(data))).info["dpi"] == pytest.approx((300, 300), abs=0.1)
    header = struct.pack("<IiiHHIIiiII", 108, 83, -61, 1, 32, 3, 0, 0, 0, 0, 0)
    header += struct.pack("<4I4s", 0xFF0000, 0xFF00, 0xFF, 0xFF000000, b"BGRs") + bytes(48)
    body = picture[..., [2, 1, 0, 3]].tobytes()
    head = b"BM" + struct.pack("<IHHI", 14 + 108 + len(body), 0, 0, 14 + 108)
    with open_source(head + header + body) as source:
        assert source.pages[0].has_alpha
        np.testing.assert_array_equal(samples_of(source), RGB)


def test_a_document_of_inks_is_read_as_cmyk():
    inks = np.zeros((4, 61, 83), np.uint8)
    inks[3] = GRAY
    with open_source(_psd(255 - inks, 4, packed=True)) as source:
        measured = lightness(samples_of(source))
    cmyk = Image.fromarray(np.moveaxis(inks, 0, -1).copy(), "CMYK")
    with open_source(pillow(cmyk, "TIFF")) as source:
        np.testing.assert_allclose(measured, lightness(samples_of(source)))


def test_a_document_keeps_its_resolution_and_says_what_it_loses():
    data, _, _ = PICTURES["psd rgb and more channels"]
    with open_source(data) as source:
        assert any("flattened" in note for note in source.notes)
        assert (source.pages[0].metadata.xmp or b"").startswith(b"<x:xmpmeta")
    assert opened(through(data)).info["dpi"] == (300, 300)


@pytest.mark.parametrize("name", PICTURES)
def test_what_is_only_read_comes_out_as_jpeg_where_that_is_asked_for(name):
    data, codes, _ = PICTURES[name]
    written = opened(through(data, format=formats.by_name("jpeg"), quality=100))
    codes = codes / (1 if codes.dtype == np.uint8 else 257)
    expected = codes if codes.ndim == 3 else np.repeat(codes[..., np.newaxis], 3, axis=2)
    assert abs(np.asarray(written) - expected).max() < 8


@pytest.mark.parametrize("name", [name for name in PICTURES if "plain" not in name])
@pytest.mark.parametrize("part", [0.02, 0.5, 0.999])
def test_a_file_that_is_cut_short_is_refused(name, part):
    data, _, _ = PICTURES[name]
    with (
        pytest.raises(SourceError) as caught,
        open_source(data[: max(20, int(len(data) * part))]) as source,
    ):
        samples_of(source)
    assert caught.value.kind in ("truncated", "unsupported", "not-an-image")


REFUSED = {
    "coded rows": (
        b"BM"
        + struct.pack("<IHHI", 100, 0, 0, 54)
        + struct.pack("<IiiHHIIiiII", 40, 83, 61, 1, 8, 1, 0, 0, 0, 0, 0),
        "coded rows",
    ),
    "two pictures": (pillow(GRAY, "PPM") * 2, "more than one picture"),
    "lab": (_psd(_planes(RGB), 9, packed=False), "Lab"),
    "float": (b"8BPS" + struct.pack(">H6xHIIHHIII", 1, 3, 61, 83, 32, 3, 0, 0, 0), "32 bits"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_of_them_is_said_by_name(name):
    data, word = REFUSED[name]
    with pytest.raises(SourceError, match=word) as caught:
        open_source(data)
    assert caught.value.kind == "unsupported"


@pytest.mark.parametrize("row", [row for row in formats.READ if row.becomes])
def test_a_folder_is_searched_for_them_and_their_results_have_names_of_their_own(row, tmp_path):
    for suffix in row.suffixes:
        (tmp_path / f"of{suffix[1:]}{suffix}").write_bytes(b"x")
    (tmp_path / "stereo.mpo").write_bytes(b"x")
    jobs = list(plan([tmp_path], tmp_path / "out", Job(Path(), Path(), Options())))
    named = {job.source.name: job.destination.name for job in jobs if isinstance(job, Job)}
    expected = {
        f"of{suffix[1:]}{suffix}": f"of{suffix[1:]}{formats.result_of(row).suffixes[0]}"
        for suffix in row.suffixes
    }
    assert named == {**expected, "stereo.mpo": "stereo.jpg"}


@pytest.mark.parametrize("row", [row for row in formats.READ if row.becomes])
def test_nobody_can_ask_for_them(row):
    with pytest.raises(OptionsError):
        Options(format=row.name)


def test_a_file_that_is_only_read_is_no_result_of_ours(tmp_path):
    path = tmp_path / "a.bmp"
    path.write_bytes(pillow(RGB, "BMP"))
    assert read_provenance(path) is None
    assert not is_whole(path)
