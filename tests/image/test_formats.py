"""The table of formats: what it says holds, and the options name what it can write."""

import pytest

from core.image import formats
from core.image.read import is_whole, open_source, read_provenance
from core.options import FORMATS as NAMES
from tests.image.pictures import PROVENANCE, colour, through, tiff


def test_people_may_ask_for_every_format_and_no_other():
    assert set(NAMES) == {"same", *(row.name for row in formats.FORMATS)}


def test_no_two_formats_share_a_name_or_a_suffix():
    names = [name for row in formats.READ for name in (row.name, *row.other_names)]
    suffixes = [suffix for row in formats.READ for suffix in row.suffixes]
    assert len(set(names)) == len(names)
    assert len(set(suffixes)) == len(suffixes) == len(formats.SUFFIXES)


@pytest.mark.parametrize("name", [row.name for row in formats.FORMATS])
def test_what_a_format_writes_it_recognizes_reads_and_finds_whole(name, tmp_path):
    format = formats.by_name(name)
    path = tmp_path / f"a{format.suffixes[0]}"
    path.write_bytes(through(tiff(colour()), format=format))
    assert formats.recognize(path.read_bytes()[: formats.HEAD_BYTES]) is format
    with open_source(path) as source:
        assert source.format is format
        assert (source.pages[0].width, source.pages[0].height) == (83, 61)
    assert read_provenance(path) == PROVENANCE
    assert is_whole(path)
    path.write_bytes(path.read_bytes()[:-1])
    assert not is_whole(path)
