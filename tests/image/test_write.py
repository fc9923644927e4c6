"""Writing: what is painted is what another program reads, in the layout of the source."""

import io

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from core.errors import OptionsError, SourceError
from core.image import formats
from core.image.painted_page import PaintedPage
from core.image.read import open_source
from core.image.write import encode, save
from tests.image.pictures import (
    PROVENANCE,
    alpha,
    colour,
    first_page,
    gray,
    jp2,
    opened,
    pages_of,
    painted,
    pillow,
    repeat,
    samples_of,
    through,
    tiff,
    tiff_of,
)

GRAY, GRAY16, RGB, RGB16 = gray(), gray(depth=16), colour(), colour(depth=16)
GRAY_AS_RGB, GRAY16_AS_RGB = np.dstack([GRAY] * 3), np.dstack([GRAY16] * 3)


def test_png_of_8_and_16_bits_holds_what_was_painted():
    np.testing.assert_array_equal(np.asarray(opened(through(pillow(GRAY, "PNG")))), GRAY_AS_RGB)
    np.testing.assert_array_equal(np.asarray(opened(through(pillow(RGB, "PNG")))), RGB)
    written = through(pillow(GRAY16, "PNG"))
    np.testing.assert_array_equal(imagecodecs.png_decode(written), GRAY16_AS_RGB)


def test_jpeg_is_written_in_444_with_quality_92():
    written = opened(through(pillow(RGB, "JPEG", quality=100, subsampling=0)))
    assert [part[1:3] for part in written.layer] == [(1, 1)] * 3
    # Pillow's tables for quality 92 are libjpeg's own.
    assert written.quantization == opened(pillow(RGB, "JPEG", quality=92)).quantization
    assert abs(np.asarray(written).astype(int) - RGB).mean() < 3


@pytest.mark.parametrize("quality", [50, 100])
def test_the_quality_of_jpeg_can_be_chosen(quality):
    written = opened(through(pillow(RGB, "JPEG"), quality=quality))
    assert written.quantization == opened(pillow(RGB, "JPEG", quality=quality)).quantization


def test_webp_stays_lossless_where_it_was_and_lossy_where_not():
    lossless = through(pillow(RGB, "WEBP", lossless=True))
    np.testing.assert_array_equal(np.asarray(opened(lossless)), RGB)
    lossy = through(pillow(RGB, "WEBP", quality=90))
    assert b"VP8 " in lossy[:2000]
    with open_source(pillow(RGB, "WEBP", quality=90)) as source:
        painted = samples_of(source)
    assert abs(np.asarray(opened(lossy)).astype(int) - painted).mean() < 6


@pytest.mark.parametrize("bits", [8, 10, 12])
def test_avif_keeps_its_bits(bits):
    source = bytes(
        imagecodecs.avif_encode(
            RGB16 >> (16 - bits) if bits > 8 else RGB, level=95, bitspersample=bits
        )
    )
    written = imagecodecs.avif_decode(through(source))
    top = (1 << bits) - 1
    assert written.dtype == (np.uint8 if bits == 8 else np.uint16)
    assert written.max() > top * 0.9
    assert written.max() <= top
    assert abs(written / top - RGB / 255).mean() < 0.02


@pytest.mark.parametrize("picture", [GRAY, GRAY16, RGB, RGB16], ids=["8", "16", "rgb8", "rgb16"])
def test_jpeg_2000_is_written_lossless_as_jp2(picture):
    written = through(jp2(picture))
    expected = np.dstack([picture] * 3) if picture.ndim == 2 else picture
    np.testing.assert_array_equal(imagecodecs.jpeg2k_decode(written), expected)
    assert written[4:8] == b"jP  "
    if picture.dtype == np.uint8:
        np.testing.assert_array_equal(np.asarray(opened(written)), expected)


def test_a_jpeg_2000_codestream_becomes_a_jp2():
    source = bytes(imagecodecs.jpeg2k_encode(RGB, codecformat="j2k", reversible=True))
    np.testing.assert_array_equal(np.asarray(opened(through(source))), RGB)


LAYOUTS = {
    "plain": ({}, {"compression": 1, "tiled": False}),
    "lzw": ({"compression": "lzw"}, {"compression": 5, "predictor": 1}),
    "lzw, predictor": (
        {"compression": "lzw", "predictor": True},
        {"compression": 5, "predictor": 2},
    ),
    "deflate": ({"compression": "deflate"}, {"compression": 8, "predictor": 1}),
    "deflate, predictor": (
        {"compression": "deflate", "predictor": True},
        {"compression": 8, "predictor": 2},
    ),
    "packbits": ({"compression": "packbits"}, {"compression": 32773}),
    "tiles": ({"tile": (32, 16)}, {"tiled": True, "tile": (32, 16)}),
    "tiles, lzw": (
        {"tile": (16, 32), "compression": "lzw", "predictor": True},
        {"tiled": True, "tile": (16, 32), "compression": 5},
    ),
    "bigtiff": ({"bigtiff": True}, {"big": True}),
    "bigtiff, deflate tiles": (
        {"bigtiff": True, "tile": (64, 64), "compression": "deflate"},
        {"big": True, "tiled": True},
    ),
    "big-endian": ({"byteorder": ">"}, {"compression": 1}),
}


@pytest.mark.parametrize("picture", [GRAY, GRAY16, RGB, RGB16], ids=["8", "16", "rgb8", "rgb16"])
@pytest.mark.parametrize("name", LAYOUTS)
def test_tiff_keeps_its_layout(name, picture):
    options, expected = LAYOUTS[name]
    written = through(tiff(picture, **options))
    page = first_page(written)
    np.testing.assert_array_equal(
        page.asarray(), np.dstack([picture] * 3) if picture.ndim == 2 else picture
    )
    facts = {
        "compression": int(page.compression),
        "predictor": int(page.predictor),
        "tiled": page.is_tiled,
        "tile": (page.tilelength, page.tilewidth),
        "big": tiff_of(written).is_bigtiff,
    }
    assert {key: facts[key] for key in expected} == expected
    assert page.planarconfig == 1
    assert page.photometric == 2


@pytest.mark.parametrize("compression", ["group3", "group4"])
def test_ccitt_holds_no_colours_and_becomes_lzw(compression):
    page = first_page(through(pillow(GRAY > 100, "TIFF", compression=compression)))
    assert (page.compression, page.predictor) == (5, 2)
    np.testing.assert_array_equal(page.asarray()[..., 0], np.where(GRAY > 100, 255, 0))


def test_jpeg_inside_tiff_stays_jpeg():
    data = through(tiff(RGB, compression="jpeg", compressionargs={"level": 100}))
    page = first_page(data)
    assert page.compression == 7
    assert abs(page.asarray().astype(int) - RGB).mean() < 3
    with open_source(data) as again:  # and libtiff agrees
        assert abs(samples_of(again).astype(int) - RGB).mean() < 3


@pytest.mark.parametrize("name", ["lzw, predictor", "deflate", "packbits", "tiles, lzw", "bigtiff"])
@pytest.mark.parametrize("picture", [GRAY, RGB16], ids=["8", "rgb16"])
def test_libtiff_reads_what_we_write(name, picture, monkeypatch):
    monkeypatch.setattr("core.image.formats.tiff.pages.plain_strips", lambda *_: None)
    written = through(tiff(picture, **LAYOUTS[name][0]))
    expected = np.dstack([picture] * 3) if picture.ndim == 2 else picture
    with open_source(written) as again:
        np.testing.assert_array_equal(samples_of(again), expected)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("kind", ["gray", "rgb"])
@pytest.mark.parametrize("container", ["png", "tiff", "tiff lzw tiles", "jp2"])
def test_alpha_is_kept_bit_for_bit(depth, kind, container):
    colours = gray(depth=depth)[..., None] if kind == "gray" else colour(depth=depth)
    whole = np.concatenate((colours, alpha(depth=depth)[..., None]), axis=2)
    expected = np.concatenate(
        (colours if kind == "rgb" else np.dstack([colours] * 3), whole[..., -1:]), axis=2
    )
    if container == "png":
        written = imagecodecs.png_decode(through(bytes(imagecodecs.png_encode(whole))))
    elif container == "jp2":
        written = imagecodecs.jpeg2k_decode(through(jp2(whole)))
    else:
        options = {"compression": "lzw", "tile": (32, 32)} if "lzw" in container else {}
        photometric = "minisblack" if kind == "gray" else "rgb"
        data = tiff(whole, photometric=photometric, extrasamples=["unassalpha"], **options)
        page = first_page(through(data))
        assert page.extrasamples == (2,)
        written = page.asarray()
    np.testing.assert_array_equal(written, expected)


def test_webp_and_avif_keep_their_alpha():
    whole = np.dstack((RGB, alpha()))
    lossless = opened(through(pillow(whole, "WEBP", lossless=True, exact=True)))
    np.testing.assert_array_equal(np.asarray(lossless)[..., 3], alpha())
    avif = opened(through(pillow(whole, "AVIF", quality=100), quality=100))
    assert abs(np.asarray(avif)[..., 3].astype(int) - alpha()).max() <= 2


@pytest.mark.parametrize(("kind", "code"), [("assocalpha", 1), ("unspecified", 0)])
def test_a_channel_beside_the_colours_keeps_its_meaning(kind, code):
    whole = np.dstack((GRAY // 2, alpha()))
    page = first_page(through(tiff(whole, photometric="minisblack", extrasamples=[kind])))
    assert page.extrasamples == (code,)
    np.testing.assert_array_equal(page.asarray(), np.dstack([GRAY // 2] * 3 + [alpha()]))


def test_every_page_is_kept_in_its_own_size_depth_and_layout():
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(GRAY, compression="lzw")
        writer.write(GRAY16[:20], tile=(16, 16))
        writer.write(RGB[:, :30], photometric="rgb", subfiletype=1)
    written = pages_of(through(file.getvalue()))
    expected = [GRAY_AS_RGB, GRAY16_AS_RGB[:20], RGB[:, :30]]
    for page, picture in zip(written, expected, strict=True):
        np.testing.assert_array_equal(page.asarray(), picture)
    assert [page.is_tiled for page in written] == [False, True, False]
    assert [int(page.subfiletype) for page in written] == [0, 0, 1]


@pytest.mark.parametrize("container", ["PNG", "TIFF", "WEBP", "AVIF", "JPEG"])
def test_a_turned_picture_is_written_upright_with_orientation_1(container):
    exif = Image.Exif()
    exif[274] = 6
    options = {"lossless": True} if container == "WEBP" else {}
    written = opened(through(pillow(RGB, container, exif=exif, **options)))
    assert written.size == (61, 83)
    assert written.getexif().get(274, 1) == 1


def test_a_turned_tiff_keeps_its_tiles_turned():
    exif = tiff(GRAY, tile=(16, 32), extratags=[(274, 3, 1, 8, True)])
    page = first_page(through(exif))
    assert (page.tilelength, page.tilewidth) == (32, 16)
    assert page.tags[274].value == 1
    np.testing.assert_array_equal(page.asarray()[..., 0], np.rot90(GRAY))


def test_paint_is_asked_for_every_row_of_every_page_once():
    rows = []

    def paint(samples, top, out):
        assert samples.shape[:2] == out.shape[:2]
        assert out.shape[2] == 3
        assert out.flags.c_contiguous
        assert samples.flags.c_contiguous
        rows.extend(range(top, top + len(samples)))
        repeat(samples, top, out)

    for data in (tiff(gray(3000, 500)), pillow(gray(3000, 500), "JPEG"), jp2(gray(3000, 500))):
        rows.clear()
        through(data, paint)
        assert rows == list(range(3000))


def test_every_band_of_a_large_jpeg_2000_is_its_own():
    picture = colour(1200, 900)
    np.testing.assert_array_equal(imagecodecs.jpeg2k_decode(through(jp2(picture))), picture)


def test_the_pages_are_asked_for_one_after_the_other():
    """So that the colours of one page are held at a time."""
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for _ in range(3):
            writer.write(GRAY)
    order = []

    def paint(samples, top, out):
        order.append("painted")
        repeat(samples, top, out)

    def pages(source):
        for page in source.pages:
            order.append("asked")
            yield PaintedPage(page, paint)

    with open_source(file.getvalue()) as source:
        encode(source, pages(source))
    assert order == ["asked", "painted"] * 3


@pytest.mark.parametrize("container", ["PNG", "TIFF", "JPEG"])
def test_what_paint_raises_is_raised_and_nothing_is_left(container, tmp_path):
    class Stop(Exception):
        pass

    def paint(samples, top, out):
        if top > 1000:
            raise Stop

    with open_source(pillow(gray(3000, 1000), container)) as source, pytest.raises(Stop):
        save(source, tmp_path / "out", painted(source, paint))
    assert list(tmp_path.iterdir()) == []


CONVERSIONS = [
    ("tiff", "png", GRAY16),
    ("png", "tiff", GRAY16),
    ("tiff", "jpeg2000", GRAY16),
    ("jp2", "tiff", RGB16),
    ("png", "jpeg2000", RGB),
]


@pytest.mark.parametrize(("start", "end", "picture"), CONVERSIONS)
def test_another_lossless_format_holds_the_same(start, end, picture):
    make = {"tiff": tiff, "png": lambda p: bytes(imagecodecs.png_encode(p)), "jp2": jp2}
    written = through(make[start](picture), format=formats.by_name(end))
    with open_source(written) as again:
        assert again.format.name == end
        expected = np.dstack([picture] * 3) if picture.ndim == 2 else picture
        np.testing.assert_array_equal(samples_of(again), expected)


@pytest.mark.parametrize("end", ["jpeg", "webp"])
def test_16_bits_become_8_where_the_format_holds_no_more_and_a_note_says_so(end):
    with open_source(tiff(GRAY16)) as source:
        data, notes = encode(source, painted(source), format=formats.by_name(end))
    assert any("8 bits" in note for note in notes)
    assert abs(np.asarray(opened(data).convert("L")).astype(int) - GRAY16 / 257).mean() < 3


def test_what_a_format_cannot_hold_is_refused():
    pages = io.BytesIO()
    with tifffile.TiffWriter(pages) as writer:
        writer.write(GRAY)
        writer.write(GRAY)
    transparent = tiff(np.dstack((RGB, alpha())), extrasamples=["unassalpha"])
    wide = tiff(np.zeros((1, 70000), np.uint8))
    for data, name, word in (
        (pages.getvalue(), "png", "2 pages"),
        (transparent, "jpeg", "transparent"),
        (wide, "jpeg", "70,000 pixels"),
        (wide, "webp", "70,000 pixels"),
    ):
        with open_source(data) as source, pytest.raises(SourceError) as caught:
            encode(source, painted(source), format=formats.by_name(name))
        assert caught.value.kind == "unsupported"
        assert word in caught.value.what


def test_a_misspelt_format_is_answered_with_the_names():
    with pytest.raises(OptionsError, match="jpeg, png, tiff"):
        formats.by_name("jpgg")
    assert formats.by_name("JPG") is formats.by_name("jpeg")
    assert formats.by_name(".tif") is formats.by_name("tiff")
    assert formats.by_suffix(".JP2") is formats.by_name("jpeg2000")
    assert formats.by_suffix(".doc") is None


@pytest.mark.parametrize("shape", [(1, 1), (30000, 1), (1, 30000), (2, 65536)])
@pytest.mark.parametrize("container", ["PNG", "TIFF", "JPEG"])
def test_extreme_shapes_go_through(shape, container):
    picture = np.resize(np.arange(251, dtype=np.uint8), shape)
    if container == "JPEG" and max(shape) > 65500:
        shape, picture = (2, 65500), picture[:, :65500]
    source = pillow(picture, container, **({"quality": 100} if container == "JPEG" else {}))
    with open_source(source) as opened_source:
        assert opened_source.pages[0].thumbnail(32, 32).shape == (32, 32)
    written = np.asarray(opened(through(source)))
    assert written.shape == (*shape, 3)
    if container != "JPEG":
        np.testing.assert_array_equal(written[..., 1], picture)


def test_a_file_that_may_grow_beyond_4_gb_is_a_bigtiff(tmp_path, monkeypatch):
    monkeypatch.setattr("core.image.formats.tiff.CLASSIC_BYTES", 61 * 83 * 3 - 1)
    assert tiff_of(through(tiff(GRAY))).is_bigtiff
    monkeypatch.setattr("core.image.formats.tiff.CLASSIC_BYTES", 61 * 83 * 3)
    assert not tiff_of(through(tiff(GRAY))).is_bigtiff


def test_save_tells_what_it_wrote_and_leaves_the_source_alone(tmp_path):
    path = tmp_path / "a.tif"
    path.write_bytes(tiff(GRAY))
    before = path.stat()
    with open_source(path) as source:
        written = save(source, tmp_path / "b.tif", painted(source), provenance=PROVENANCE)
    assert written.path == tmp_path / "b.tif"
    assert written.format is formats.by_name("tiff")
    assert written.bytes == written.path.stat().st_size
    after = path.stat()
    assert (after.st_mtime_ns, after.st_size) == (before.st_mtime_ns, before.st_size)
    np.testing.assert_array_equal(tifffile.imread(written.path), GRAY_AS_RGB)
