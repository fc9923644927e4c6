"""Our reader and another program see the same picture in files of every format and layout.

A case is a file that somebody else made; every second reader that can read it is asked. `verify`
asks them too: a reader that misunderstands a file would agree with itself.
"""

import importlib.metadata
import io
import json
import sys
from dataclasses import replace

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from core.image import formats
from core.image.formats.jpeg import head
from core.image.formats.jpeg2000 import colours, header
from core.image.read import open_source
from core.job import second_reader
from core.job.promise import AGREEMENTS
from tests.image import test_jpeg2000 as boxes
from tests.image.pictures import (
    alpha,
    colour,
    divided,
    gray,
    jp2,
    multiplied,
    pillow,
    premultiplied_avif,
    through,
    tiff,
)
from tests.image.test_read import LOSSLESS
from tests.image.tiff_files import Dir, file_of

ADOBE_RGB = imagecodecs.cms_profile("adobergb")
GAMMA = imagecodecs.cms_profile("gray", gamma=2.2)
WITH_ALPHA = {
    (kind, depth): np.dstack((plane(depth=depth), alpha(depth=depth)))
    for kind, plane in (("gray", gray), ("rgb", colour))
    for depth in (8, 16)
}
#: Each byte with its bits turned round, and an LZW segment.
TURNED = np.array([int(f"{code:08b}"[::-1], 2) for code in range(256)], np.uint8)
LZW = bytes(imagecodecs.lzw_encode(gray().tobytes()))
INKS = np.dstack((colour() // 2, gray() // 3))


def _tiff_with_alpha(picture: np.ndarray, **options) -> bytes:
    photometric = "rgb" if picture.shape[2] == 4 else "minisblack"
    return tiff(picture, **{"photometric": photometric, "extrasamples": ["unassalpha"], **options})


def _turned(container: str, orientation: int) -> bytes:
    if container == "TIFF":
        return tiff(colour(), extratags=[(274, 3, 1, orientation, True)])
    block = Image.Exif()
    block[274] = orientation
    return pillow(colour(), container, exif=block.tobytes())


CASES: dict[str, bytes] = {
    **{name: data for name, (data, _) in LOSSLESS.items()},
    "jpeg gray": pillow(gray(), "JPEG"),
    "jpeg colour": pillow(colour(), "JPEG", quality=95, subsampling=0),
    "jpeg 4:2:0": pillow(colour(), "JPEG", quality=80, subsampling=2),
    "jpeg progressive": pillow(colour(), "JPEG", progressive=True),
    "jpeg cmyk": pillow(Image.fromarray(INKS, "CMYK"), "JPEG"),
    "jpeg stored as rgb": pillow(colour(), "JPEG", keep_rgb=True),
    "jpeg ycck": bytes(imagecodecs.jpeg8_encode(INKS, colorspace="CMYK", outcolorspace="YCCK")),
    "jpeg adobe rgb": pillow(colour(), "JPEG", icc_profile=ADOBE_RGB),
    "png gray gamma": pillow(gray(), "PNG", icc_profile=GAMMA),
    "png adobe rgb": pillow(colour(), "PNG", icc_profile=ADOBE_RGB),
    "png one transparent gray 16": pillow(gray(depth=16), "PNG", transparency=99),
    "png palette with alpha": pillow(Image.fromarray(WITH_ALPHA["rgb", 8]).quantize(64), "PNG"),
    "png one transparent gray": pillow(gray(), "PNG", transparency=99),
    "png one transparent colour": pillow(colour(), "PNG", transparency=tuple(colour()[9, 9])),
    "tiff adobe rgb": tiff(colour(), iccprofile=ADOBE_RGB),
    "tiff adobe rgb 16": tiff(colour(depth=16), iccprofile=ADOBE_RGB),
    "tiff cmyk": tiff(INKS, photometric="separated"),
    "tiff cmyk with alpha": tiff(
        np.dstack((INKS, alpha())), photometric="separated", extrasamples=["unassalpha"]
    ),
    "tiff premultiplied": _tiff_with_alpha(WITH_ALPHA["rgb", 8], extrasamples=["assocalpha"]),
    "tiff premultiplied 16": _tiff_with_alpha(
        multiplied(WITH_ALPHA["rgb", 16]), extrasamples=["assocalpha"]
    ),
    "tiff ycbcr": pillow(Image.fromarray(colour()).convert("YCbCr"), "TIFF"),
    "tiff bits turned round": file_of(
        Dir(gray(), segments=[TURNED[gray()].tobytes()], tags={266: (3, [2])})
    ),
    "tiff bits turned round, lzw": file_of(
        Dir(
            gray(),
            segments=[TURNED[np.frombuffer(LZW, np.uint8)].tobytes()],
            tags={259: (3, [5]), 266: (3, [2])},
        )
    ),
    "tiff palette of 8 bits": file_of(
        Dir(gray(), tags={262: (3, [3]), 320: (3, [*range(255, -1, -1)] * 3)})
    ),
    "tiff four channels, the last one unnamed": file_of(
        Dir(WITH_ALPHA["rgb", 8], tags={262: (3, [2])})
    ),
    "tiff colours and infrared": file_of(
        Dir(WITH_ALPHA["rgb", 16], tags={262: (3, [2]), 338: (3, [0])})
    ),
    "tiff one tile": tiff(gray(), tile=(128, 128), compression="lzw", predictor=2),
    **{
        f"tiff tiles of one channel, {compression} {depth}": tiff(
            np.moveaxis(colour(depth=depth), 2, 0),
            photometric="rgb",
            planarconfig="separate",
            tile=(32, 48),
            compression=compression,
            predictor=compression != "packbits" and 2,
            byteorder=">",
        )
        for compression in ("lzw", "zlib", "packbits")
        for depth in (8, 16)
    },
    "tiff jpeg with a head of its own": file_of(
        Dir(colour(), segments=[pillow(colour(), "JPEG", subsampling=0)], tags={259: (3, [7])})
    ),
    "tiff jpeg": tiff(colour(64, 96), compression="jpeg"),
    "webp": pillow(colour(), "WEBP"),
    "webp alpha": pillow(WITH_ALPHA["rgb", 8], "WEBP"),
    "avif": pillow(colour(), "AVIF"),
    "avif 4:4:4": pillow(colour(), "AVIF", subsampling="4:4:4"),
    "avif alpha": pillow(WITH_ALPHA["rgb", 8], "AVIF", quality=95),
    "avif premultiplied": premultiplied_avif(np.dstack((colour(), np.maximum(alpha(), 64)))),
    "avif gray": pillow(gray(), "AVIF", subsampling="4:0:0"),
    "avif limited range": pillow(colour(), "AVIF", range="limited"),
    "avif adobe rgb": pillow(colour(), "AVIF", icc_profile=ADOBE_RGB),
    "avif of BT.709": bytes(
        imagecodecs.avif_encode(
            colour(), level=95, matrix=imagecodecs.AVIF.MATRIX_COEFFICIENTS.BT709
        )
    ),
    "avif 10 bits": bytes(
        imagecodecs.avif_encode(colour(depth=16) >> 6, level=100, bitspersample=10)
    ),
    "jp2 sycc": boxes.jp2(boxes.sycc_of(0.2 + 0.6 * colour() / 255, 8), boxes.colr(18)),
    "jp2 sycc 16": boxes.jp2(boxes.sycc_of(0.2 + 0.6 * colour() / 255, 16), boxes.colr(18)),
    "jp2 cmyk": boxes.jp2(INKS, boxes.colr(12)),
    "jp2 adobe rgb": boxes.jp2(colour(), boxes.icc(ADOBE_RGB)),
    "jp2 bgr": boxes.jp2(colour(), boxes.colr(16), boxes.cdef((0, 0, 3), (1, 0, 2), (2, 0, 1))),
    "jp2 alpha first": boxes.jp2(
        np.roll(WITH_ALPHA["rgb", 8], 1, axis=2),
        boxes.colr(16),
        boxes.cdef((0, 1, 0), (1, 0, 1), (2, 0, 2), (3, 0, 3)),
    ),
    "jp2 palette": boxes.jp2(
        (gray() // 16).astype(np.uint8),
        boxes.colr(16),
        boxes.pclr(colour(4, 4).reshape(16, 3)),
        boxes.cmap((0, 1, 0), (0, 1, 1), (0, 1, 2)),
    ),
    "jp2 12 bits": boxes.jp2(gray(depth=16) >> 4, boxes.colr(17), bits=12),
    "jp2 two codestreams": boxes.jp2(
        gray(), boxes.colr(17), rest=boxes.box(b"jp2c", boxes.stream(gray(9, 7)))
    ),
    **{
        f"{container} {kind} {depth} with alpha": make(picture)
        for (kind, depth), picture in WITH_ALPHA.items()
        for container, make in {
            "png": lambda picture: bytes(imagecodecs.png_encode(picture)),
            "tiff": _tiff_with_alpha,
            "tiff lzw": lambda picture: _tiff_with_alpha(picture, compression="lzw"),
            "jp2": jp2,
        }.items()
    },
    **{
        f"{container} orientation {number}": _turned(container, number)
        for container in ("JPEG", "PNG", "TIFF", "WEBP")
        for number in range(2, 9)
    },
}

#: What each of our own formats looks like when it is written from these sources.
WRITTEN = {
    f"{row.name} written from {name}": (name, row)
    for row in formats.FORMATS
    for name in ("tiff rgb 16", "png rgb 8", "png rgb 8 with alpha", "tiff gray 16")
    if row.alpha or "alpha" not in name
}


def _assert_seen_alike(data: bytes) -> None:
    """Every second reader sees what our reader sees, and there is one at least."""
    with open_source(data) as source:
        agreements = [
            found
            for name, read in second_reader.second_readers(source)
            if (found := second_reader.compare_by(source, name, read))
        ]
    assert agreements
    for found in agreements:
        assert found.difference is None
        assert found.worst <= (AGREEMENTS[True].worst if found.is_exact else 2.0), found
        assert found.mean <= (AGREEMENTS[True].mean if found.is_exact else 0.5), found


@pytest.mark.parametrize("name", CASES)
def test_another_program_sees_the_same_picture_in(name):
    _assert_seen_alike(CASES[name])


@pytest.mark.parametrize("name", WRITTEN)
def test_another_program_sees_the_same_picture_in_what_is(name):
    source, row = WRITTEN[name]
    _assert_seen_alike(through(CASES[source], format=row))


@pytest.mark.parametrize("depth", [8, 16])
def test_premultiplied_colours_of_a_tiff_are_divided_in_a_png_and_verify_knows(
    depth, cli, tmp_path
):
    picture = multiplied(WITH_ALPHA["rgb", depth])
    source, result = tmp_path / "scan.tif", tmp_path / "out.png"
    source.write_bytes(_tiff_with_alpha(picture, extrasamples=["assocalpha"]))
    result.write_bytes(through(source, format=formats.by_name("png")))
    codes = imagecodecs.png_decode(result.read_bytes())
    np.testing.assert_array_equal(codes, divided(picture))
    assert cli("verify", source, result).code == 0
    result.write_bytes(bytes(imagecodecs.png_encode(picture)))
    assert cli("verify", source, result).code == 1


def test_every_format_has_a_second_reader_and_a_case():
    seen = {formats.recognize(data[: formats.HEAD_BYTES]) for data in CASES.values()}
    assert seen == set(formats.FORMATS)


def test_every_page_of_a_tiff_is_read_again():
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for page in (gray(20, 30), colour(31, 17), gray(24, 24, 16)):
            photometric = "rgb" if page.ndim == 3 else "minisblack"
            writer.write(page, photometric=photometric, metadata=None)
    _assert_seen_alike(file.getvalue())


@pytest.fixture
def pair(tmp_path):
    """An sYCC file and its result."""
    data = boxes.jp2(boxes.sycc_of(colour() / 255, 8), boxes.colr(18))
    (tmp_path / "scan.jp2").write_bytes(data)
    (tmp_path / "out.jp2").write_bytes(through(data))
    return tmp_path / "scan.jp2", tmp_path / "out.jp2"


def test_verify_finds_an_error_that_our_reader_makes_in_both_files(cli, tmp_path, monkeypatch):
    """The defect that was: every colour space taken for sRGB, and the result compared with that."""
    data = boxes.jp2(boxes.sycc_of(colour() / 255, 8), boxes.colr(18))
    monkeypatch.setitem(colours._SPACES, 18, colours.SRGB)
    (tmp_path / "scan.jp2").write_bytes(data)
    (tmp_path / "out.jp2").write_bytes(through(data))
    answer = cli("verify", tmp_path / "scan.jp2", tmp_path / "out.jp2")
    assert answer.code == 1
    assert "imagecodecs" in answer.out
    assert "sees another lightness" in answer.out
    assert "in the original file" in answer.out


def test_verify_names_the_readers_of_both_files(cli, pair, tmp_path):
    answer = cli("verify", *pair)
    assert answer.code == 0
    assert f"read again by imagecodecs {importlib.metadata.version('imagecodecs')}" in answer.out
    (tmp_path / "out.tif").write_bytes(through(pair[0], format=formats.by_name("tiff")))
    answer = cli("verify", pair[0], tmp_path / "out.tif", "--json")
    readers = json.loads(answer.out)["readers"]
    assert readers["original"].startswith("imagecodecs ")
    assert readers["coloured"].startswith("tifffile ")


def test_verify_does_without_pillow_and_tifffile_and_says_by_which_reader(
    cli, tmp_path, monkeypatch
):
    (tmp_path / "a.png").write_bytes(pillow(colour(), "PNG"))
    (tmp_path / "a.tif").write_bytes(tiff(colour(depth=16)))
    (tmp_path / "b.tif").write_bytes(tiff(colour()))
    real = importlib.metadata.version

    def version(name: str) -> str:
        if name in ("Pillow", "tifffile"):
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(second_reader, "version", version)
    for name in ("PIL", "PIL.Image", "PIL.ExifTags", "tifffile"):
        monkeypatch.setitem(sys.modules, name, None)
    answer = cli("verify", tmp_path / "a.tif", tmp_path / "a.tif")
    assert answer.code == 0
    assert "read by photochrom alone" in answer.out
    answer = cli("verify", tmp_path / "a.png", tmp_path / "b.tif")
    assert answer.code == 0
    assert "read again by imagecodecs" in answer.out


def test_verify_finds_a_transparency_that_our_reader_overlooks(cli, tmp_path, monkeypatch):
    source = tmp_path / "a.jp2"
    source.write_bytes(jp2(WITH_ALPHA["rgb", 8]))
    arrange = header.arrange

    def without_alpha(*words):
        return replace(arrange(*words), alpha=None)

    monkeypatch.setattr(header, "arrange", without_alpha)
    answer = cli("verify", source, source)
    assert answer.code == 1 and "sees a transparency in the original file" in answer.out


def test_verify_finds_a_picture_that_our_reader_turns_the_wrong_way(cli, tmp_path, monkeypatch):
    source = tmp_path / "a.jpg"
    source.write_bytes(_turned("JPEG", 3))
    read_metadata = head.read_metadata
    monkeypatch.setattr(
        head, "read_metadata", lambda read: replace(read_metadata(read), orientation=1)
    )
    answer = cli("verify", source, source)
    assert answer.code == 1 and "sees another lightness" in answer.out
