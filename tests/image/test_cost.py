"""What files cost: memory for the largest, and nothing for who opens none."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _in_a_new_process(code: str, *arguments: object) -> str:
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def test_importing_the_room_imports_no_decoder():
    loaded = _in_a_new_process(
        """
        import sys
        import core.image.read, core.image.write, core.image.formats
        print([name for name in ("pyvips", "imagecodecs", "numba", "PIL") if name in sys.modules])
        """
    )
    assert loaded == "[]"


COLOUR = """
    import resource, sys
    from core.image.read import open_source
    from core.image.vips import library
    from core.image.write import save
    from tests.image.pictures import painted
    from core.image import formats
    import imagecodecs

    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    library()
    before = peak()
    with open_source(sys.argv[1]) as source:
        source.pages[0].thumbnail(256, 256)
        save(source, sys.argv[2], painted(source), format=formats.by_name(sys.argv[3]))
    print(peak() - before)
"""


@pytest.mark.parametrize(("end", "most"), [("tiff", 60), ("jpeg", 90)])
def test_a_hundred_megapixels_go_through_in_a_few_megabytes(end, most, tmp_path):
    """300 MB of colours; a sparse file spares the disk its own 100."""
    import struct

    path = tmp_path / "a.tif"
    side = 10_000
    entries = [(256, 4, side), (257, 4, side), (258, 3, 8), (259, 3, 1), (262, 3, 1)]
    entries += [(273, 4, 1000), (277, 3, 1), (278, 4, side), (279, 4, side * side)]
    rows = b"".join(struct.pack("<HHII", tag, type_, 1, value) for tag, type_, value in entries)
    with path.open("wb") as file:
        file.write(b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + rows + bytes(4))
        file.truncate(1000 + side * side)
    grown = float(_in_a_new_process(COLOUR, path, tmp_path / "b", end))
    assert grown < most
