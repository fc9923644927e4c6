"""Files of a few kilobytes with thousands of parts, each of which cost as much as all before it."""

import struct
import zlib

import pytest

from core.errors import SourceError
from core.image.read import open_source
from tests.image.pictures import gray, jp2, pillow, samples_of
from tests.image.tiff_files import Dir, file_of

GRAY = gray()


def _jpeg(inserted: bytes) -> bytes:
    data = pillow(GRAY, "JPEG")
    return data[:2] + inserted + data[2:]


def _boxes(count: int, *, alike: bool) -> bytes:
    kinds = (b"xml " if alike else struct.pack(">I", 0x61000000 + n) for n in range(count))
    return jp2(GRAY) + b"".join(struct.pack(">I4s", 8, kind) for kind in kinds)


MANY = {
    "boxes of unknown kinds": _boxes(50_000, alike=False),
    "boxes that are carried over": _boxes(50_000, alike=True),
    "segments": _jpeg(b"\xff\xe5\0\2" * 2_000_000),
}


@pytest.mark.parametrize("name", MANY)
def test_more_parts_than_any_program_writes_are_refused_at_once(name):
    """400 kB of boxes took 51 s, 8 MB of segments 14 s."""
    with pytest.raises(SourceError) as told:
        open_source(MANY[name])
    assert told.value.kind == "truncated"


@pytest.mark.parametrize("count", [1, 3, 65_535, 65_536, 65_537, 200_000])
def test_fill_bytes_before_a_marker_are_skipped(count):
    with open_source(_jpeg(b"\xff" * count)) as source:
        assert samples_of(source).shape == GRAY.shape


def test_a_few_boxes_are_carried_over_and_zeros_behind_the_last_are_none():
    with open_source(_boxes(5, alike=True) + bytes(64)) as source:
        assert len(source.pages[0].metadata.own) == 5
        assert not source.notes


def test_of_many_pictures_that_are_left_out_the_first_are_named():
    mask = Dir(GRAY[::4, ::4].copy(), tags={254: (4, [4])})
    with open_source(file_of(Dir(GRAY), *[mask] * 50)) as source:
        assert len(source.notes) == 21
        assert source.notes[-1] == "30 more pictures in it are left out"


def test_a_profile_of_a_png_that_cannot_be_inflated_is_noted():
    data = pillow(GRAY, "PNG")
    bad = b"name\0\0" + zlib.compress(b"profile" * 100)[:-20]
    chunk = struct.pack(">I", len(bad)) + b"iCCP" + bad
    chunk += struct.pack(">I", zlib.crc32(b"iCCP" + bad))
    with open_source(data[:33] + chunk + data[33:]) as source:
        assert source.notes == ("its ICC profile is left out: it is damaged",)
