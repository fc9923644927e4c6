"""TIFF files with thumbnails, pyramids and masks, as scanners, cameras and programs leave them."""

import io

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.errors import SourceError
from core.image.formats import by_name
from core.image.formats.tiff.overviews import Pyramid
from core.image.layout import SampleLayout
from core.image.metadata.provenance import provenance_of
from core.image.read import is_whole, open_source, read_provenance
from tests.image.pictures import (
    PROVENANCE,
    gray,
    opened,
    pages_of,
    pillow,
    samples_of,
    through,
)
from tests.image.tiff_files import Dir, file_of, old_jpeg

#: Its codes are even, so that half of one is a code.
MASTER = gray(120, 160) & 0xFE
#: What stands in the file as thumbnail or overview: nothing like the master.
STALE, STALE_HALF = np.zeros((30, 40), np.uint8), np.zeros((60, 80), np.uint8)
REDUCED = {254: (4, [1])}
MASK = {254: (4, [4]), 262: (3, [4]), 258: (3, [1])}


def sepia(samples: np.ndarray, _top: int, out: np.ndarray) -> None:
    """A paint that nobody takes for gray: red is as light as the file, green half, blue none."""
    if samples.ndim == 3:
        samples = samples[..., 0]
    out[..., 0], out[..., 1], out[..., 2] = samples, samples // 2, 0


def in_sepia(picture: np.ndarray) -> np.ndarray:
    out = np.empty((*picture.shape, 3), picture.dtype)
    sepia(picture, 0, out)
    return out


def shrunk(picture: np.ndarray, times: int) -> np.ndarray:
    """The mean of each block of `times` x `times`."""
    height, width = picture.shape[0] // times, picture.shape[1] // times
    return picture.reshape(height, times, width, times, -1).mean((1, 3)).squeeze()


def notes_of(data: bytes) -> tuple[str, ...]:
    with open_source(data) as source:
        return source.notes


def _with_old_jpeg_thumbnail() -> bytes:
    """As GIMP writes it: the page, then its thumbnail."""
    stream = pillow(STALE, "JPEG")
    thumbnail = Dir(
        STALE, segments=[stream], tags=REDUCED | old_jpeg(stream, 8 + MASTER.size + 142)
    )
    whole = file_of(Dir(MASTER), thumbnail)
    return whole.replace(
        (8 + MASTER.size + 142).to_bytes(4, "little"), whole.index(stream).to_bytes(4, "little")
    )


PYRAMIDS = {
    "thumbnail behind": (file_of(Dir(MASTER), Dir(STALE, tags=REDUCED)), 1),
    "old-style JPEG thumbnail behind": (_with_old_jpeg_thumbnail(), 1),
    "thumbnail before": (file_of(Dir(STALE, tags=REDUCED), Dir(MASTER)), 1),
    "TIFF/EP": (file_of(Dir(STALE, tags=REDUCED, below=[Dir(MASTER)])), 1),
    "TIFF/EP, big-endian": (file_of(Dir(STALE, tags=REDUCED, below=[Dir(MASTER)]), order=">"), 1),
    "unmarked thumbnail": (file_of(Dir(STALE, below=[Dir(MASTER)])), 1),
    "marked as in TIFF 5": (file_of(Dir(MASTER), Dir(STALE, tags={255: (3, [2])})), 1),
    "pyramid in the chain": (
        file_of(Dir(MASTER), Dir(STALE_HALF, tags=REDUCED), Dir(STALE, tags=REDUCED)),
        2,
    ),
    "pyramid in sub-directories": (
        file_of(Dir(MASTER, below=[Dir(STALE_HALF, tags=REDUCED), Dir(STALE, tags=REDUCED)])),
        2,
    ),
    "TIFF/EP with a preview": (
        file_of(Dir(STALE, tags=REDUCED, below=[Dir(STALE_HALF, tags=REDUCED), Dir(MASTER)])),
        2,
    ),
}


def all_directories(data: bytes) -> list[tifffile.TiffPage]:
    """Every directory of a file, each before its sub-directories."""
    found = []
    for page in pages_of(data):
        found += [page, *(page.pages or ())]
    return [page.aspage() for page in found]


@pytest.mark.parametrize("name", PYRAMIDS)
def test_the_master_is_coloured_and_its_smaller_versions_show_it_in_their_places(name):
    data, smaller = PYRAMIDS[name]
    with open_source(data) as source:
        (page,) = source.pages
        np.testing.assert_array_equal(samples_of(source), MASTER)
        assert page.stored and len(page.stored.overviews) == smaller
    result = through(data, sepia)
    before, after = all_directories(data), all_directories(result)
    assert [page.shape[:2] for page in before] == [page.shape[:2] for page in after]
    assert [len(page.pages or ()) for page in before] == [len(page.pages or ()) for page in after]
    assert [page.is_reduced for page in before] == [page.is_reduced for page in after]
    expected = in_sepia(MASTER)
    for page in after:
        times = len(MASTER) // page.shape[0]
        tolerance = 6 if page.compression == 7 else 0.51 * times
        assert abs(page.asarray() - shrunk(expected, times)).max() <= tolerance
    with open_source(result) as again:
        assert len(again.pages) == 1
        np.testing.assert_array_equal(samples_of(again), expected)


@pytest.mark.parametrize("name", PYRAMIDS)
def test_a_file_with_smaller_versions_says_what_it_is_and_that_it_is_whole(name, tmp_path):
    path = tmp_path / "a.tif"
    path.write_bytes(through(PYRAMIDS[name][0], sepia))
    assert read_provenance(path) == PROVENANCE
    assert is_whole(path)
    path.write_bytes(path.read_bytes()[:-40])
    assert not is_whole(path)


@pytest.mark.parametrize("name", ["TIFF/EP", "thumbnail behind", "pyramid in sub-directories"])
def test_a_file_with_smaller_versions_is_one_picture_to_other_formats(name):
    result = through(PYRAMIDS[name][0], sepia, format=by_name("png"))
    np.testing.assert_array_equal(np.asarray(opened(result)), in_sepia(MASTER))


def test_what_tiff_ep_says_before_the_thumbnail_is_said_of_the_master_too():
    said = {
        270: (2, [bytes([c]) for c in b"By the sea\0"]),
        282: (4, [600]),
        271: (2, [b"N", b"\0"]),
    }
    data = file_of(Dir(STALE, tags=REDUCED | said, below=[Dir(MASTER)]))
    thumbnail, master = all_directories(through(data, sepia))
    for page in (thumbnail, master):
        assert page.description == "By the sea"
        assert page.tags[271].value == "N"
        assert provenance_of(page.tags[700].value) == PROVENANCE
    assert 254 not in master.tags
    assert (
        Image.open(io.BytesIO(through(data, sepia, format=by_name("jpeg")))).getexif()[271] == "N"
    )


def test_a_turned_master_has_turned_overviews():
    turned = {274: (3, [6])}
    data = file_of(
        Dir(MASTER, tags=turned), Dir(STALE, tags=REDUCED | turned), Dir(STALE_HALF, tags=REDUCED)
    )
    pages = pages_of(through(data, sepia))
    assert [page.shape for page in pages] == [(160, 120, 3), (40, 30, 3), (80, 60, 3)]
    expected = shrunk(in_sepia(np.rot90(MASTER, -1)), 4)
    assert abs(pages[1].asarray() - expected).max() <= 1
    assert all(page.tags[274].value == 1 for page in pages)


def test_the_orientation_that_stands_beside_a_thumbnail_is_that_of_its_master():
    data = file_of(Dir(STALE, tags=REDUCED | {274: (3, [8])}, below=[Dir(MASTER)]))
    thumbnail, master = all_directories(through(data, sepia))
    np.testing.assert_array_equal(master.asarray(), in_sepia(np.rot90(MASTER)))
    assert thumbnail.shape == (40, 30, 3)


def test_overviews_keep_their_own_storage_and_depth():
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(MASTER.astype(np.uint16) * 257, compression="zstd", tile=(64, 64), subifds=1)
        writer.write(
            STALE_HALF, compression="deflate", predictor=True, tile=(32, 32), subfiletype=1
        )
    master, overview = all_directories(through(file.getvalue(), sepia))
    assert (master.compression, master.dtype, master.tile) == (50000, np.uint16, (64, 64))
    assert (overview.compression, overview.predictor) == (8, 2)
    assert (overview.dtype, overview.tile) == (np.uint8, (32, 32))
    expected = shrunk(in_sepia(MASTER), 2)
    assert abs(overview.asarray() - expected).max() <= 1


def test_an_overview_has_the_transparency_of_its_master():
    mask = np.where(MASTER > 100, 255, 0).astype(np.uint8)
    whole = np.dstack((MASTER, MASTER, MASTER, mask))
    extra = {338: (3, [2]), 262: (3, [2])}
    data = file_of(Dir(whole, tags=extra), Dir(whole[::2, ::2], tags=REDUCED | extra))
    overview = pages_of(through(data))[1].asarray()
    assert abs(overview[..., 3] - shrunk(mask, 2)).max() <= 0.5


@pytest.mark.parametrize(
    ("name", "pages"),
    {
        "two pages and one thumbnail": [MASTER, MASTER.copy(), STALE],
        "another shape": [MASTER, STALE[:20]],
        "larger than the page": [STALE, MASTER],
    }.items(),
)
def test_a_reduced_page_of_no_certain_master_is_coloured_for_itself(name, pages):
    directories = [Dir(page) for page in pages[:-1]] + [Dir(pages[-1], tags=REDUCED)]
    with open_source(file_of(*directories)) as source:
        assert len(source.pages) == len(pages)
        np.testing.assert_array_equal(samples_of(source, len(pages) - 1), pages[-1])


def test_each_page_has_its_own_thumbnail_behind_it():
    other = MASTER[::-1].copy()
    thumbnail = Dir(STALE, tags=REDUCED)
    pages = pages_of(through(file_of(Dir(MASTER), thumbnail, Dir(other), thumbnail), sepia))
    for page, expected in zip(pages, (MASTER, MASTER, other, other), strict=True):
        times = 120 // page.shape[0]
        assert abs(page.asarray() - shrunk(in_sepia(expected), times)).max() <= 2


def test_a_picture_of_its_own_in_a_sub_directory_is_coloured_there():
    other = gray(50, 90)
    data = file_of(Dir(MASTER, below=[Dir(other, below=[Dir(STALE[:10])])]))
    pages = pages_of(through(data, sepia))
    assert len(pages) == 1
    [below] = list(pages[0].pages or [])
    np.testing.assert_array_equal(below.aspage().asarray(), in_sepia(other))
    [deeper] = list(below.aspage().pages or [])
    np.testing.assert_array_equal(deeper.aspage().asarray(), in_sepia(STALE[:10]))


LEFT_OUT = {
    "layers": (
        file_of(Dir(MASTER, tags={37724: (7, b"Adobe Photoshop Document Data Block\0")})),
        "Photoshop layers",
    ),
    "mask": (
        file_of(Dir(MASTER), Dir(MASTER, tags=MASK, segments=[bytes(2400)])),
        "page 2 of the TIFF is left out: it is a transparency mask",
    ),
    "mask in a sub-directory": (
        file_of(Dir(MASTER, below=[Dir(MASTER, tags=MASK, segments=[bytes(2400)])])),
        "a picture in a sub-directory of page 1 is left out: it is a transparency mask",
    ),
    "depth map": (
        file_of(Dir(MASTER, below=[Dir(MASTER.astype(np.uint32))])),
        "a picture in a sub-directory of page 1 is left out: it is a picture of 32 bits",
    ),
    "broken sub-directory": (
        file_of(Dir(MASTER, tags={330: (4, [1 << 30])})),
        "a picture in a sub-directory of page 1 is left out: it is damaged",
    ),
    "sub-directory without a size": (
        file_of(Dir(MASTER, below=[Dir(MASTER, tags={256: (4, [0])})])),
        "a picture in a sub-directory of page 1 is left out: it is damaged (it has no size)",
    ),
    "thumbnail of no page in JBIG": (
        file_of(Dir(MASTER), Dir(STALE[:20], tags=REDUCED | {259: (3, [34661])})),
        "page 2 of the TIFF is left out: it is compressed with JBIG",
    ),
}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_what_is_left_out_is_noted_and_the_rest_is_coloured(name):
    data, words = LEFT_OUT[name]
    assert words in " | ".join(notes_of(data))
    (page,) = all_directories(through(data, sepia))
    np.testing.assert_array_equal(page.asarray(), in_sepia(MASTER))


def test_a_master_that_cannot_be_read_is_refused_and_its_thumbnail_is_no_result():
    for below, word in ((Dir(MASTER.astype(np.uint32)), "32 bits"), (None, "damaged")):
        tags = REDUCED | ({} if below else {330: (4, [1 << 30])})
        data = file_of(Dir(STALE, tags=tags, below=[below] if below else []))
        with pytest.raises(SourceError, match=word):
            open_source(data)


@settings(deadline=None)
@given(
    large=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    small=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    rows=st.integers(1, 41),
)
def test_every_pixel_of_an_overview_is_the_mean_of_what_it_covers(large, small, rows):
    (height, width), (down, across) = large, tuple(map(min, large, small))
    codes = np.random.default_rng(height * width).integers(0, 256, (height, width, 3), np.uint8)
    pyramid = Pyramid(
        SampleLayout(width, height, 3, 8, False), [SampleLayout(across, down, 3, 8, False)]
    )
    found = [
        part for top in range(0, height, rows) for _, part in pyramid.add(codes[top : top + rows])
    ]
    # Each pixel as many times as makes blocks of whole ones.
    fine = np.repeat(np.repeat(codes, down, axis=0), across, axis=1)
    expected = fine.reshape(down, height, across, width, 3).mean((1, 3))
    assert abs(np.concatenate(found) - expected).max() <= 0.5 + 1e-6


def test_overviews_that_are_an_attack_are_refused():
    """A small file that asks for a large one: many overviews of nearly the page's size."""
    many = [Dir(np.zeros((119, 159), np.uint8), 0, [b"--"], REDUCED)] * 6
    with pytest.raises(SourceError, match="too many overviews"):
        open_source(file_of(Dir(MASTER), *many))
    wide = {322: (4, [1 << 30]), 323: (4, [1 << 30]), 324: (4, [8]), 325: (4, [8])}
    pages = pages_of(through(file_of(Dir(MASTER), Dir(STALE, tags=REDUCED | wide)), sepia))
    assert not pages[1].is_tiled


def test_a_file_of_many_directories_is_sorted_quickly_enough_to_be_no_attack(monkeypatch):
    """Each reduced page looks at few others: 3,000 pages of either kind are 9 million pairs."""
    looked = []
    from core.image.formats.tiff import tree

    honest = tree.Node.shows_smaller
    monkeypatch.setattr(
        tree.Node, "shows_smaller", lambda self, other: looked.append(1) or honest(self, other)
    )
    tiny = np.zeros((2, 3), np.uint8)
    pages = [Dir(tiny)] * 500 + [Dir(tiny, tags=REDUCED)] * 500
    below = [Dir(tiny, below=[Dir(tiny)] * 500)]
    for chain in (pages, pages[::-1], below):
        with open_source(file_of(*chain)):
            pass
    assert len(looked) < 3 * 1000 * 70
