"""How the strips of TIFF files are coded: wrong lengths, damage, YCbCr, 12 bits, compressions."""

import zlib

import imagecodecs
import numpy as np
import pytest

from core.errors import SourceError
from core.image.formats import by_name
from core.image.read import open_source
from tests.image.pictures import (
    colour,
    first_page,
    gray,
    opened,
    pages_of,
    pillow,
    samples_of,
    through,
    tiff,
    tiff_of,
)
from tests.image.tiff_files import Dir, file_of, old_jpeg, packed_12

#: Its codes are even, so that half of one is a code.
PICTURE = gray(120, 160) & 0xFE


def _lzw(rows: np.ndarray) -> bytes:
    return bytes(imagecodecs.lzw_encode(rows.tobytes()))


CODED = {
    "none": (1, lambda rows: rows.tobytes()),
    "lzw": (5, _lzw),
    "deflate": (8, lambda rows: zlib.compress(rows.tobytes())),
    "packbits": (
        32773,
        lambda rows: b"".join(imagecodecs.packbits_encode(r.tobytes()) for r in rows),
    ),
    "jpeg": (7, lambda rows: bytes(imagecodecs.jpeg8_encode(rows, 100))),
    "lzma": (34925, lambda rows: bytes(imagecodecs.lzma_encode(rows.tobytes()))),
}
COUNTS = {
    "zero": lambda lengths: (4, [0] * len(lengths)),
    "missing": lambda lengths: None,
    "one zero": lambda lengths: (4, [*lengths[:-1], 0]),
    "larger than the file": lambda lengths: (4, [*lengths[:-1], 1 << 30]),
}


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("rows", [120, 50])
@pytest.mark.parametrize("counts", COUNTS)
@pytest.mark.parametrize("coding", CODED)
def test_wrong_lengths_of_strips_are_worked_out(coding, counts, rows, order):
    code, encode = CODED[coding]
    segments = [encode(PICTURE[top : top + rows]) for top in range(0, 120, rows)]
    wrong = {259: (3, [code]), 279: COUNTS[counts]([len(segment) for segment in segments])}
    data = file_of(Dir(PICTURE, rows, segments, wrong), order=order)
    with open_source(data) as source:
        difference = abs(samples_of(source).astype(int) - PICTURE)
    assert difference.max() <= (2 if coding == "jpeg" else 0)


@pytest.mark.parametrize("order", "<>")
def test_wrong_lengths_of_16_bits_are_worked_out_in_either_byte_order(order):
    picture = gray(120, 160, 16)
    for coding in ("none", "lzw", "deflate"):
        code, encode = CODED[coding]
        segment = encode(picture.astype(picture.dtype.newbyteorder(order)))
        for tags in ({279: None}, {279: None, 274: (3, [3])}):
            data = file_of(
                Dir(picture, segments=[segment], tags=tags | {259: (3, [code])}), order=order
            )
            with open_source(data) as source:
                expected = picture[::-1, ::-1] if 274 in tags else picture
                np.testing.assert_array_equal(samples_of(source), expected)


@pytest.mark.parametrize("counts", COUNTS)
@pytest.mark.parametrize("coding", CODED)
def test_a_strip_that_is_cut_short_is_damaged_whatever_its_length_says(coding, counts):
    """The directory stands before the pixels, as in files that were written for the web."""
    code, encode = CODED[coding]
    segment = encode(PICTURE)
    lengths = {"zero": [0], "missing": None, "one zero": [0]}.get(counts, [1 << 30])
    tags = {259: (3, [code]), 273: (4, [1000]), 279: lengths and (4, lengths)}
    head = file_of(Dir(PICTURE, segments=[b"--"], tags=tags)).ljust(1000, b"\0")
    for share in (0.3, 0.97):
        with (
            pytest.raises(SourceError) as caught,
            open_source(head + segment[: int(len(segment) * share)]) as source,
        ):
            samples_of(source)
        assert caught.value.kind == "truncated"


def _ycbcr(subsampling: tuple[int, int]) -> bytes:
    across, down = subsampling
    luma = PICTURE.reshape(120 // down, down, 160 // across, across).swapaxes(1, 2)
    units = np.full((*luma.shape[:2], across * down + 2), 128, np.uint8)
    units[..., :-2] = luma.reshape(*luma.shape[:2], -1)
    tags = {262: (3, [6]), 258: (3, [8] * 3), 277: (3, [3]), 530: (3, subsampling)}
    return file_of(Dir(PICTURE, segments=[units.tobytes()], tags=tags))


@pytest.mark.parametrize("subsampling", [(1, 1), (2, 1), (2, 2), (4, 2)])
def test_ycbcr_without_compression_has_no_alpha(subsampling):
    data = _ycbcr(subsampling)
    with open_source(data) as source:
        assert not source.pages[0].has_alpha
        np.testing.assert_array_equal(samples_of(source), np.dstack([PICTURE] * 3))
    assert through(data, format=by_name("jpeg"))


def test_fine_ycbcr_is_read_as_its_standard_says():
    red, green, blue = (colour(120, 160)[..., channel].astype(float) for channel in range(3))
    y = 0.299 * red + 0.587 * green + 0.114 * blue
    planes = np.stack((y, (blue - y) / 1.772 + 128, (red - y) / 1.402 + 128), axis=-1)
    codes = np.rint(planes).clip(0, 255).astype(np.uint8)
    for coding, (code, encode) in CODED.items():
        if coding != "jpeg":
            tags = {262: (3, [6]), 530: (3, [1, 1]), 259: (3, [code])}
            rows = codes if coding != "packbits" else codes.reshape(120, -1)
            with open_source(file_of(Dir(codes, segments=[encode(rows)], tags=tags))) as source:
                difference = abs(samples_of(source).astype(int) - colour(120, 160))
                assert not source.pages[0].has_alpha
            assert difference.max() <= 2, coding


@pytest.mark.parametrize("coding", ["none", "lzw", "deflate", "zstd"])
def test_samples_of_12_bits_are_spread_over_16(coding):
    picture = gray(40, 83, 16) >> 4
    code = {"none": 1, "lzw": 5, "deflate": 8, "zstd": 50000}[coding]
    packed = packed_12(picture)
    encode = {
        "none": bytes,
        "lzw": imagecodecs.lzw_encode,
        "deflate": zlib.compress,
        "zstd": imagecodecs.zstd_encode,
    }[coding]
    data = file_of(Dir(picture, segments=[encode(packed)], tags={258: (3, [12]), 259: (3, [code])}))
    with open_source(data) as source:
        page = source.pages[0]
        assert (page.bits, page.depth) == (12, 16)
        np.testing.assert_array_equal(samples_of(source), np.rint(picture * (65535 / 4095)))


@pytest.mark.parametrize("kind", ["gray", "colour"])
def test_an_old_style_jpeg_reads_as_pillow_reads_its_stream(kind):
    picture = PICTURE if kind == "gray" else colour(120, 160)
    stream = pillow(picture, "JPEG", quality=95)
    tags = old_jpeg(stream, 8, {262: (3, [1 if kind == "gray" else 6])})
    data = file_of(Dir(picture, segments=[stream], tags=tags))
    with open_source(data) as source:
        assert source.pages[0].channels == ("gray" if kind == "gray" else "rgb")
        difference = samples_of(source).astype(int) - np.asarray(opened(stream))
        assert abs(difference).max() <= 3
    assert tiff_of(through(data)).pages[0].aspage().compression == 7
    broken = data.replace(stream, stream[: len(stream) // 2].ljust(len(stream), b"\0"))
    with pytest.raises(SourceError) as caught, open_source(broken) as source:
        samples_of(source)
    assert caught.value.kind == "truncated"


@pytest.mark.parametrize("compression", ["zstd", "lzma"])
def test_a_strip_of_a_codec_of_ours_that_is_damaged_is_an_error(compression):
    data = bytearray(tiff(gray(200, 300, 16), compression=compression))
    (start,) = first_page(bytes(data)).dataoffsets
    data[start + 10 : start + 200] = bytes(190)
    with pytest.raises(SourceError) as caught, open_source(bytes(data)) as source:
        samples_of(source)
    assert caught.value.kind == "truncated"
    assert "a segment cannot be decoded" in caught.value.what


@pytest.mark.parametrize(("compression", "code"), [("zstd", 50000), ("lzma", 34925), ("lerc", 8)])
def test_compressions_that_hold_colours_are_kept(compression, code):
    picture = gray(depth=16)
    (page,) = pages_of(through(tiff(picture, compression=compression, predictor=None)))
    assert page.compression == code
    np.testing.assert_array_equal(page.asarray()[..., 0], picture)
