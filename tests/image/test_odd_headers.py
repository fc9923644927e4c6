"""TIFF and EXIF directories that careless programs wrote: one wrong tag costs that tag alone."""

import struct

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageCms

from core.errors import SourceError
from core.image.metadata import exif
from core.image.read import is_whole, open_source
from core.job import second_reader
from tests.image.pictures import (
    alpha,
    alpha_of,
    colour,
    opened,
    pillow,
    samples_of,
    through,
    tiff,
)
from tests.image.tiff_files import Dir, file_of

RGB = colour()
TEXT = (2, [bytes((letter,)) for letter in b"scanned by an unknown hand\0"])
BYTES = (7, [1] * 200)
OUTSIDE = 0x7FFFFFF0


def _page(tags: dict, compression: int, picture: np.ndarray = RGB) -> Dir:
    """A page, uncompressed (1) or in LZW (5)."""
    data = picture.tobytes()
    coded = bytes(imagecodecs.lzw_encode(data)) if compression == 5 else data
    return Dir(picture, segments=[coded], tags={259: (3, [compression])} | tags)


def _entries(data: bytes) -> tuple[int, int]:
    at = struct.unpack_from("<I", data, 4)[0]
    return at + 2, struct.unpack_from("<H", data, at)[0]


def _pointing_outside(data: bytes, tag: int) -> bytes:
    """The file with the values of a tag far behind its end."""
    patched = bytearray(data)
    at, count = _entries(data)
    for entry in range(at, at + 12 * count, 12):
        if struct.unpack_from("<H", data, entry)[0] == tag:
            struct.pack_into("<I", patched, entry + 8, OUTSIDE)
            return bytes(patched)
    raise AssertionError(f"there is no tag {tag}")


def _backwards(data: bytes) -> bytes:
    """The file with its tags from the last to the first."""
    at, count = _entries(data)
    table = [data[at + 12 * i : at + 12 * (i + 1)] for i in range(count)]
    return data[:at] + b"".join(reversed(table)) + data[at + 12 * count :]


def _without_size(page: Dir) -> Dir:
    return Dir(page.picture, tags={254: (4, [1]), 256: None, 257: None})


#: name -> file in a compression
ODD = {
    "a name outside the file": lambda c: _pointing_outside(file_of(_page({270: TEXT}, c)), 270),
    "a profile outside the file": lambda c: _pointing_outside(
        file_of(_page({34675: BYTES}, c)), 34675
    ),
    "xmp outside the file": lambda c: _pointing_outside(file_of(_page({700: BYTES}, c)), 700),
    "iptc outside the file": lambda c: _pointing_outside(file_of(_page({33723: BYTES}, c)), 33723),
    "a zero inside a name": lambda c: file_of(_page({305: (2, [b"S", b"\0", b"x", b"\0"])}, c)),
    "tags out of order": lambda c: _backwards(file_of(_page({}, c))),
    "an unknown unit": lambda c: file_of(_page({296: (3, [9])}, c)),
    "one number of bits for three channels": lambda c: file_of(_page({258: (3, [8])}, c)),
    "one kind of sample for three channels": lambda c: file_of(_page({339: (3, [1])}, c)),
    "two smallest samples for three channels": lambda c: file_of(
        _page({280: (3, [0, 0]), 281: (3, [255, 255])}, c)
    ),
    "a thumbnail without a size": lambda c: file_of(
        _page({}, c), _without_size(Dir(np.ascontiguousarray(RGB[::4, ::4])))
    ),
}


@pytest.mark.parametrize("compression", [1, 5], ids=["uncompressed", "lzw"])
@pytest.mark.parametrize("name", ODD)
def test_what_the_pixels_do_not_need_costs_no_picture(name, compression):
    data = ODD[name](compression)
    with open_source(data) as source:
        np.testing.assert_array_equal(samples_of(source), RGB)
        has_note = "outside" in name or "thumbnail" in name
        assert bool(source.notes) == has_note, source.notes
    with open_source(through(data)) as result:
        np.testing.assert_array_equal(samples_of(result), RGB)
        assert not result.notes


@pytest.mark.parametrize("compression", [1, 5], ids=["uncompressed", "lzw"])
@pytest.mark.parametrize("tag", [273, 279, 258])
def test_what_the_pixels_need_is_missed(tag, compression):
    page = Dir(RGB, rows=7, tags={})
    if compression == 5:
        strips = [bytes(imagecodecs.lzw_encode(RGB[y : y + 7].tobytes())) for y in range(0, 61, 7)]
        page = Dir(RGB, rows=7, segments=strips, tags={259: (3, [5])})
    with pytest.raises(SourceError) as told:
        open_source(_pointing_outside(file_of(page), tag))
    assert told.value.kind == "truncated"


def test_a_result_whose_metadata_is_cut_off_is_not_whole(tmp_path):
    path = tmp_path / "scan.tif"
    whole = through(file_of(_page({270: TEXT}, 5)))
    for size in (len(whole), len(whole) - 1, len(whole) - 400):
        path.write_bytes(whole[:size])
        assert is_whole(path) == (size == len(whole))


def _exif(*entries: tuple[int, int, int, bytes]) -> bytes:
    rows = b"".join(struct.pack("<HHI", *row[:3]) + row[3].ljust(4, b"\0") for row in entries)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + rows + bytes(4)


@pytest.mark.parametrize("container", ["JPEG", "PNG", "WEBP"])
def test_one_wrong_tag_of_exif_costs_neither_the_others_nor_the_orientation(container):
    """Else a picture lay on its side because its camera's name was damaged."""
    block = _exif(
        (0x10F, 2, 4, b"OLY\0"),
        (0x110, 2, 40, struct.pack("<I", OUTSIDE)),
        (0x112, 3, 1, struct.pack("<H", 6)),
    )
    options = {"lossless": True} if container == "WEBP" else {}
    data = through(pillow(RGB, container, exif=b"Exif\0\0" + block, **options))
    picture = opened(data)
    assert picture.size == RGB.shape[:2], "it is upright"
    with open_source(data) as source:
        main, _, _ = exif.read(source.pages[0].metadata.exif or b"")
    assert main[0x10F].data == b"OLY\0"
    assert main[0x112].integers == (1,)
    assert main[0x110].fault


RGB16 = colour(depth=16)


@pytest.mark.parametrize("kind", ["plain", "lzw", "big-endian", "tiles", "planes", "planar tiles"])
@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize(
    ("further", "transparency"),
    [([0, 0], None), ([2, 0], 0), ([0, 2, 0], 1), ([], None)],
    ids=["saved selections", "transparency first", "transparency second", "no word"],
)
def test_of_several_channels_beside_the_colours_the_transparency_is_read(
    further, transparency, depth, kind
):
    """A scan with Photoshop's selections or an infrared channel has five channels and more."""
    picture = RGB if depth == 8 else RGB16
    others = [alpha(depth=depth), alpha(depth=depth)[::-1], alpha(depth=depth)[:, ::-1]]
    count = len(further) or 2
    planes = np.dstack((picture, *others[:count]))
    options: dict = {"extrasamples": further} if further else {}
    options |= {
        "plain": {},
        "lzw": {"compression": "lzw", "predictor": True, "rowsperstrip": 7},
        "big-endian": {"compression": "deflate", "byteorder": ">"},
        "tiles": {"tile": (32, 16)},
        "planes": {"planarconfig": "separate", "rowsperstrip": 7},
        "planar tiles": {"planarconfig": "separate", "tile": (32, 16), "compression": "lzw"},
    }[kind]
    planes = np.ascontiguousarray(np.moveaxis(planes, 2, 0) if "plan" in kind else planes)
    data = tiff(planes, photometric="rgb", **options)
    if not further:
        data = _without_tag(data, 338)
    with open_source(data) as source:
        page = source.pages[0]
        np.testing.assert_array_equal(samples_of(source), picture)
        assert page.has_alpha == (transparency is not None)
        if transparency is not None:
            np.testing.assert_array_equal(alpha_of(source), others[transparency])
        assert any("left out" in note for note in source.notes)
        seen = second_reader.compare(source)
        assert seen and "tifffile" in seen.reader and seen.worst == 0 and not seen.difference


def _without_tag(data: bytes, tag: int) -> bytes:
    """The file with a tag that nobody knows in the place of one."""
    patched = bytearray(data)
    order = "<" if data[:2] == b"II" else ">"
    at = struct.unpack_from(order + "I", data, 4)[0]
    count = struct.unpack_from(order + "H", data, at)[0]
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        if struct.unpack_from(order + "H", data, entry)[0] == tag:
            struct.pack_into(order + "H", patched, entry, 65000)
    return bytes(patched)


@pytest.mark.parametrize(
    "entry",
    [
        (0x112, 1, 1, b"\6"),
        (0x112, 3, 1, b"\6\0"),
        (0x112, 4, 1, b"\6\0\0\0"),
        (0x112, 3, 2, b"\6\0\1\0"),
    ],
    ids=["a byte", "a short", "a long", "two shorts"],
)
def test_a_picture_is_turned_once_whatever_type_its_orientation_has(entry):
    """Else the result said so still, and lay on its side in every program."""
    data = pillow(RGB, "PNG", exif=b"Exif\0\0" + _exif(entry))
    with open_source(data) as source:
        upright = samples_of(source)
        assert upright.shape[:2] == RGB.shape[1::-1]
    with open_source(through(data)) as result:
        np.testing.assert_array_equal(samples_of(result), upright)
    assert opened(through(data)).getexif().get(0x112) in (1, b"\1")


def test_the_orientation_in_a_cut_exif_block_counts():
    block = _exif((0x112, 3, 1, b"\6\0"))
    block = block[:8] + struct.pack("<H", 80) + block[10:-4]  # as if eighty tags had stood there
    with open_source(pillow(RGB, "JPEG", exif=b"Exif\0\0" + block)) as source:
        assert samples_of(source).shape[:2] == RGB.shape[1::-1]
        assert any("EXIF was damaged" in note for note in source.notes)


def test_the_second_reader_judges_nothing_that_it_reads_worse():
    """A profile that lcms refuses ended `verify`; Pillow stops at a damaged tag of EXIF."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[128:132] = struct.pack(">I", 0xFFFF)  # tags that are not there
    block = _exif((0x110, 2, 40, struct.pack("<I", OUTSIDE)), (0x112, 3, 1, b"\6\0"))
    narrow = np.where(RGB[..., 0] > 128, 255, 0).astype(np.uint8)
    for data in (
        pillow(RGB, "JPEG", icc_profile=bytes(profile)),
        file_of(_page({34675: (7, [])}, 5)),
        pillow(RGB, "JPEG", exif=b"Exif\0\0" + block),
        pillow(Image.fromarray(narrow).convert("1"), "PNG", transparency=0),
    ):
        with open_source(data) as source:
            seen = second_reader.compare(source)
            assert seen is None or not seen.difference
