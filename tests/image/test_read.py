"""Reading: every format and layout, held against Pillow, tifffile and OpenJPEG."""

import io
import struct
import zlib

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from core.errors import SourceError
from core.image import pixels
from core.image.read import open_source
from tests.image.pictures import (
    alpha,
    alpha_of,
    colour,
    gray,
    jp2,
    opened,
    pillow,
    samples_of,
    through,
    tiff,
)

GRAY, GRAY16, RGB, RGB16 = gray(), gray(depth=16), colour(), colour(depth=16)
PALETTE = Image.fromarray(RGB).quantize(64)

LOSSLESS = {
    "png gray 8": (pillow(GRAY, "PNG"), GRAY),
    "png gray 16": (pillow(GRAY16, "PNG"), GRAY16),
    "png rgb 8": (pillow(RGB, "PNG"), RGB),
    "png rgb 16": (bytes(imagecodecs.png_encode(RGB16)), RGB16),
    "png bilevel": (pillow(GRAY > 128, "PNG"), np.where(GRAY > 128, 255, 0).astype(np.uint8)),
    "png 2 bits": (
        pillow(Image.fromarray(GRAY // 64).convert("P"), "PNG", bits=2),
        np.asarray(Image.fromarray(GRAY // 64).convert("P").convert("RGB")),
    ),
    "png palette": (pillow(PALETTE, "PNG"), np.asarray(PALETTE.convert("RGB"))),
    "tiff gray 8": (tiff(GRAY), GRAY),
    "tiff gray 16": (tiff(GRAY16), GRAY16),
    "tiff rgb 8": (tiff(RGB), RGB),
    "tiff rgb 16": (tiff(RGB16), RGB16),
    "tiff big-endian 16": (tiff(GRAY16, byteorder=">"), GRAY16),
    "tiff big-endian rgb 16": (tiff(RGB16, byteorder=">"), RGB16),
    "tiff min-is-white 8": (tiff(255 - GRAY, photometric="miniswhite"), GRAY),
    "tiff min-is-white 16": (tiff(65535 - GRAY16, photometric="miniswhite"), GRAY16),
    "tiff min-is-white lzw": (tiff(255 - GRAY, photometric="miniswhite", compression="lzw"), GRAY),
    "tiff lzw": (tiff(GRAY16, compression="lzw", predictor=True), GRAY16),
    "tiff deflate": (tiff(RGB, compression="deflate"), RGB),
    "tiff packbits": (tiff(GRAY, compression="packbits"), GRAY),
    "tiff strips of 7 rows": (tiff(GRAY16, rowsperstrip=7), GRAY16),
    "tiff strips of 7 rows, lzw": (tiff(RGB, rowsperstrip=7, compression="lzw"), RGB),
    "tiff tiles": (tiff(GRAY, tile=(32, 16)), GRAY),
    "tiff tiles deflate 16": (tiff(RGB16, tile=(16, 48), compression="deflate"), RGB16),
    "tiff planar": (tiff(np.moveaxis(RGB, 2, 0), planarconfig="separate"), RGB),
    "tiff planar 16 lzw": (
        tiff(np.moveaxis(RGB16, 2, 0), planarconfig="separate", compression="lzw"),
        RGB16,
    ),
    "bigtiff": (tiff(GRAY16, bigtiff=True), GRAY16),
    "bigtiff big-endian lzw": (tiff(RGB, bigtiff=True, byteorder=">", compression="lzw"), RGB),
    "tiff zstd": (tiff(RGB16, compression="zstd", predictor=True, rowsperstrip=7), RGB16),
    "tiff zstd tiles": (tiff(GRAY, compression="zstd", tile=(32, 16)), GRAY),
    "tiff zstd big-endian 16": (
        tiff(GRAY16, compression="zstd", predictor=True, byteorder=">", rowsperstrip=7),
        GRAY16,
    ),
    "tiff zstd planar": (
        tiff(np.moveaxis(RGB, 2, 0), planarconfig="separate", compression="zstd", rowsperstrip=9),
        RGB,
    ),
    "tiff zstd min-is-white": (
        tiff(255 - GRAY, photometric="miniswhite", compression="zstd"),
        GRAY,
    ),
    "tiff lzma": (tiff(GRAY16, compression="lzma", predictor=True, rowsperstrip=7), GRAY16),
    "tiff lerc": (tiff(GRAY16, compression="lerc", rowsperstrip=7), GRAY16),
    "tiff lerc rgb tiles": (tiff(RGB, compression="lerc", tile=(32, 16)), RGB),
    "tiff lerc in zstd": (
        tiff(RGB, compression="lerc", compressionargs={"compression": "zstd"}),
        RGB,
    ),
    "tiff jpeg 2000": (tiff(RGB16, compression="jpeg2000"), RGB16),
    "tiff jpeg xl": (tiff(RGB, compression="jpegxl", compressionargs={"lossless": True}), RGB),
    "tiff ccitt g4": (
        pillow(GRAY > 128, "TIFF", compression="group4"),
        np.where(GRAY > 128, 255, 0).astype(np.uint8),
    ),
    "tiff ccitt g3": (
        pillow(GRAY > 128, "TIFF", compression="group3"),
        np.where(GRAY > 128, 255, 0).astype(np.uint8),
    ),
    "tiff bilevel": (pillow(GRAY > 128, "TIFF"), np.where(GRAY > 128, 255, 0).astype(np.uint8)),
    "tiff palette": (pillow(PALETTE, "TIFF"), np.asarray(PALETTE.convert("RGB"))),
    "webp lossless": (pillow(RGB, "WEBP", lossless=True), RGB),
    "jp2 gray 8": (jp2(GRAY), GRAY),
    "jp2 gray 16": (jp2(GRAY16), GRAY16),
    "jp2 rgb 8": (jp2(RGB), RGB),
    "jp2 rgb 16": (jp2(RGB16), RGB16),
    "jpeg 2000 codestream": (
        bytes(imagecodecs.jpeg2k_encode(RGB16, codecformat="j2k", reversible=True)),
        RGB16,
    ),
}


@pytest.mark.parametrize("name", LOSSLESS)
def test_samples_are_the_codes_of_the_file(name):
    data, expected = LOSSLESS[name]
    with open_source(data) as source:
        page = source.pages[0]
        assert (page.width, page.height) == (83, 61)
        assert page.depth == (16 if expected.dtype == np.uint16 else 8)
        assert page.channels == ("gray" if expected.ndim == 2 else "rgb")
        assert page.dtype == expected.dtype
        assert not page.has_alpha
        np.testing.assert_array_equal(samples_of(source), expected)


@pytest.mark.parametrize("name", ["tiff gray 16", "tiff lzw", "png rgb 8", "jp2 rgb 8"])
@pytest.mark.parametrize("rows", [1, 5, 60, 61, 1000])
def test_strips_cover_every_row_once_whatever_their_height(name, rows):
    data, expected = LOSSLESS[name]
    with open_source(data) as source:
        tops, strips = [], []
        for top, samples, _ in source.pages[0].strips(rows):
            assert samples.flags.c_contiguous
            tops.append(top)
            strips.append(samples.copy())
    assert tops == list(range(0, 61, rows))
    np.testing.assert_array_equal(np.concatenate(strips), expected)


@pytest.mark.parametrize("name", ["tiff lzw", "png gray 16", "tiff tiles deflate 16"])
def test_a_page_too_large_to_be_held_is_streamed_and_reads_the_same(name, monkeypatch):
    monkeypatch.setattr("core.image.pixels.HELD_BYTES", 0)
    data, expected = LOSSLESS[name]
    with open_source(data) as source:
        found = source.pages[0].pixels
        assert isinstance(getattr(found, "pixels", found), pixels.StreamedPixels)
        np.testing.assert_array_equal(samples_of(source), expected)
        assert source.pages[0].thumbnail(20, 10).shape[:2] == (10, 20)


@pytest.mark.parametrize("name", ["gray", "colour"])
def test_jpeg_reads_as_pillow_reads_it(name):
    data = pillow(GRAY if name == "gray" else RGB, "JPEG", quality=95, subsampling=0)
    with open_source(data) as source:
        assert source.pages[0].channels == ("gray" if name == "gray" else "rgb")
        difference = samples_of(source).astype(int) - np.asarray(opened(data))
    assert abs(difference).max() <= 1  # two builds of the same decoder


def test_cmyk_jpeg_is_read_through_its_colours_as_gray_in_16_bits():
    white = Image.new("CMYK", (64, 64), (0, 0, 0, 0))
    white.paste((0, 0, 0, 255), (0, 0, 64, 32))
    with open_source(pillow(white, "JPEG", quality=100)) as source:
        page = source.pages[0]
        samples = samples_of(source)
    assert (page.channels, page.depth, page.dtype) == ("gray", 8, np.uint16)
    assert samples[60].min() > 65000  # paper
    assert samples[5].max() < 12000  # printed black is not quite black


def test_cmyk_of_16_bits_reads_as_its_8_bits_do():
    inks = np.asarray(Image.fromarray(RGB).convert("CMYK"))
    eight = tiff(inks, photometric="separated")
    sixteen = tiff(inks.astype(np.uint16) * 257, photometric="separated", compression="lzw")
    with open_source(eight) as coarse, open_source(sixteen) as fine:
        assert (coarse.pages[0].depth, fine.pages[0].depth) == (8, 16)
        difference = samples_of(coarse).astype(int) - samples_of(fine)
    assert abs(difference).max() <= 2


def test_avif_reads_as_pillow_reads_it():
    data = pillow(RGB, "AVIF", quality=95, subsampling="4:4:4")
    with open_source(data) as source:
        assert source.pages[0].depth == 8
        difference = samples_of(source).astype(int) - np.asarray(opened(data).convert("RGB"))
    assert abs(difference).max() <= 2


def test_avif_of_10_bits_is_a_picture_of_16_bits():
    data = bytes(imagecodecs.avif_encode(RGB16 >> 6, level=100, bitspersample=10))
    with open_source(data) as source:
        page = source.pages[0]
        assert (page.depth, page.bits) == (16, 10)
        difference = samples_of(source).astype(int) - RGB16
    assert abs(difference).max() <= 3 * 64


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("kind", ["gray", "rgb"])
@pytest.mark.parametrize("container", ["png", "tiff", "tiff lzw", "jp2"])
def test_alpha_is_handed_over_untouched(depth, kind, container):
    colours = gray(depth=depth)[..., None] if kind == "gray" else colour(depth=depth)
    mask = alpha(depth=depth)
    whole = np.concatenate((colours, mask[..., None]), axis=2)
    if container == "png":
        data = bytes(imagecodecs.png_encode(whole))
    elif container == "jp2":
        data = jp2(whole)
    else:
        photometric = "minisblack" if kind == "gray" else "rgb"
        compression = "lzw" if "lzw" in container else None
        data = tiff(
            whole, photometric=photometric, extrasamples=["unassalpha"], compression=compression
        )
    with open_source(data) as source:
        assert source.pages[0].has_alpha
        np.testing.assert_array_equal(samples_of(source), colours.squeeze())
        np.testing.assert_array_equal(alpha_of(source), mask)


def test_every_page_of_a_tiff_has_its_own_size_and_depth():
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for page in (GRAY, GRAY16[:20], RGB[:, :30]):
            writer.write(page, photometric="rgb" if page.ndim == 3 else "minisblack")
    with open_source(file.getvalue()) as source:
        facts = [(page.width, page.height, page.depth, page.channels) for page in source.pages]
        assert facts == [(83, 61, 8, "gray"), (83, 20, 16, "gray"), (30, 61, 8, "rgb")]
        np.testing.assert_array_equal(samples_of(source, 1), GRAY16[:20])
        np.testing.assert_array_equal(samples_of(source, 2), RGB[:, :30])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("container", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_orientation_is_applied_once(orientation, container):
    from PIL import ImageOps

    exif = Image.Exif()
    exif[274] = orientation
    options = {"quality": 100} if container == "JPEG" else {}
    options |= {"lossless": True} if container == "WEBP" else {}
    data = pillow(RGB, container, exif=exif, **options)
    expected = np.asarray(ImageOps.exif_transpose(opened(data)).convert("RGB"))
    with open_source(data) as source:
        page = source.pages[0]
        assert (page.height, page.width) == expected.shape[:2]
        assert abs(samples_of(source).astype(int) - expected).max() <= 1
        # A flat picture's thumbnail is upright too.
        small = page.thumbnail(page.width, page.height)
        assert abs(small.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("name", ["tiff gray 16", "tiff lzw", "png rgb 8", "jp2 rgb 16"])
def test_a_thumbnail_of_whole_blocks_is_their_mean(name):
    data, expected = LOSSLESS[name]
    big = np.kron(expected, np.ones((4, 3) if expected.ndim == 2 else (4, 3, 1), expected.dtype))
    data = tiff(big) if big.ndim == 2 else bytes(imagecodecs.png_encode(big))
    with open_source(data) as source:
        np.testing.assert_array_equal(source.pages[0].thumbnail(83, 61), expected)


@pytest.mark.parametrize("size", [(1, 1), (20, 40), (83, 61), (50, 61), (200, 150), (83, 7)])
def test_a_thumbnail_has_the_size_and_the_mean_of_the_page(size):
    with open_source(LOSSLESS["tiff gray 16"][0]) as source:
        small = source.pages[0].thumbnail(*size)
    assert small.shape == size[::-1]
    assert abs(small.mean() - GRAY16.mean()) < 65535 * 0.01


def test_a_thumbnail_larger_than_the_page_runs_smoothly_between_its_codes():
    ramp = np.tile(np.arange(0, 250, 25, dtype=np.uint8), (4, 1))
    with open_source(tiff(ramp)) as source:
        large = source.pages[0].thumbnail(200, 4).astype(int)
    assert np.diff(large[0]).min() >= 0
    assert np.diff(large[0]).max() <= 2


def test_the_source_knows_its_format_and_hash(tmp_path):
    import hashlib

    path = tmp_path / "lying-name.png"
    path.write_bytes(LOSSLESS["tiff lzw"][0])
    with open_source(path) as source:
        assert source.format.name == "tiff"
        assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_large_file_is_read_from_the_disk_and_the_same(tmp_path, monkeypatch):
    import hashlib

    monkeypatch.setattr("core.image.origin.SNAPSHOT_BYTES", 100)
    monkeypatch.setattr("core.image.pixels.HELD_BYTES", 0)
    for number, (data, expected) in enumerate(LOSSLESS.values()):
        path = tmp_path / f"{number}"
        path.write_bytes(data)
        with open_source(path) as source:
            assert source.origin.data is None
            source.pages[0].thumbnail(10, 10)
            np.testing.assert_array_equal(samples_of(source), expected)
            assert source.sha256 == hashlib.sha256(data).hexdigest()


def test_no_descriptor_is_left_open(tmp_path, monkeypatch):
    from pathlib import Path

    monkeypatch.setattr("core.image.origin.SNAPSHOT_BYTES", 0)
    path = tmp_path / "a.tif"
    path.write_bytes(LOSSLESS["tiff lzw"][0])

    def descriptors():
        return len(list(Path("/proc/self/fd").iterdir()))

    with open_source(path) as source:
        samples_of(source)
    before = descriptors()
    for _ in range(5):
        with open_source(path) as source:
            source.pages[0].thumbnail(8, 8)
            samples_of(source)
        del source
    assert descriptors() <= before


REFUSED = {
    "float tiff": (tiff(GRAY.astype(np.float32)), "floating-point"),
    "double tiff": (tiff(GRAY.astype(np.float64)), "floating-point"),
    "signed tiff": (tiff(GRAY.astype(np.int16)), "signed"),
    "32-bit tiff": (tiff(GRAY.astype(np.uint32)), "32 bits"),
    "twenty-one channels": (
        tiff(np.dstack([RGB] * 7), extrasamples=["unspecified"] * 18),
        "21 channels",
    ),
    "gif": (pillow(PALETTE, "GIF"), "a GIF picture"),
    "os/2 bmp": (b"BM" + bytes(12) + b"\x0c" + bytes(60), "a BMP of OS/2"),
    "png of an iphone": (pillow(GRAY, "PNG").replace(b"IHDR", b"CgBI", 1), "made for the iPhone"),
    "pdf": (b"%PDF-1.7 and so on", "a PDF document"),
    "jpeg xl": (bytes(imagecodecs.jpegxl_encode(GRAY)), "a JPEG XL picture"),
    "jpeg-ls": (bytes(imagecodecs.jpegls_encode(GRAY)), "a JPEG-LS picture"),
    "pam": (b"P7\nWIDTH 83\n", "a PAM picture"),
    "a film": (b"\0\0\0\x18ftypisom" + bytes(20), "a film"),
    "animated png": (
        pillow(
            Image.fromarray(GRAY),
            "PNG",
            save_all=True,
            append_images=[Image.fromarray(GRAY.T.copy()).resize((83, 61))],
        ),
        "an animation",
    ),
    "avif sequence": (bytes(imagecodecs.avif_encode(np.stack((RGB, RGB[::-1])))), "an animation"),
    "animated webp": (
        pillow(
            Image.fromarray(RGB),
            "WEBP",
            save_all=True,
            append_images=[Image.fromarray(RGB[::-1].copy())],
        ),
        "an animation",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_said_by_name(name):
    data, word = REFUSED[name]
    with pytest.raises(SourceError) as caught:
        open_source(data)
    assert caught.value.kind == "unsupported"
    assert word in caught.value.what
    assert caught.value.remedy


def _one_frame_png() -> bytes:
    """An APNG whose only frame is the picture itself."""
    data = pillow(GRAY, "PNG")
    control = struct.pack(">IIIIIHHBB", 0, 83, 61, 0, 0, 1, 10, 0, 0)
    extra = b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in ((b"acTL", struct.pack(">II", 1, 0)), (b"fcTL", control))
    )
    return data[:33] + extra + data[33:]


def _one_frame_webp() -> bytes:
    """An animated WebP of one frame."""
    still = pillow(RGB, "WEBP", lossless=True)[12:]
    size = struct.pack("<I", 82)[:3] + struct.pack("<I", 60)[:3]
    frame = bytes(6) + size + b"\x0a\0\0\0" + still
    chunks = b"VP8X\x0a\0\0\0\2\0\0\0" + size + b"ANIM\6\0\0\0" + bytes(6)
    chunks += b"ANMF" + struct.pack("<I", len(frame)) + frame
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks


@pytest.mark.parametrize(
    ("data", "expected"), [(_one_frame_png(), GRAY), (_one_frame_webp(), RGB)], ids=["png", "webp"]
)
def test_an_animation_of_one_frame_is_a_picture(data, expected):
    with open_source(data) as source:
        np.testing.assert_array_equal(samples_of(source), expected)
    assert getattr(opened(through(data)), "n_frames", 1) == 1


def test_an_avif_of_one_frame_is_a_picture():
    with open_source(bytes(imagecodecs.avif_encode(RGB[np.newaxis]))) as source:
        assert samples_of(source).shape == RGB.shape
