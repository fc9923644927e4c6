"""`make colorize`, as the README has it: of one photograph, and of a folder of them."""

import subprocess
import sys
from pathlib import Path

from PIL import Image

from tests.photographs import gray, save

TOP = Path(__file__).parents[2]


def make_colorize(**given: Path) -> None:
    """Runs the target in the environment of the tests, which has all that it needs."""
    environment = Path(sys.prefix).as_posix()
    words = [f"{name}={path.as_posix()}" for name, path in given.items()]
    words += [f"VENV={environment}", f"BIN={Path(sys.executable).parent.as_posix()}"]
    stamp = f"{environment}/runtime.stamp"  # -o: is taken as it is, so that nothing is installed
    made = subprocess.run(
        ["make", "-o", stamp, "colorize", *words], cwd=TOP, capture_output=True, text=True
    )
    assert made.returncode == 0, made.stdout + made.stderr


def test_a_photograph_becomes_the_file_of_that_name_with_a_picture_before_and_after(tmp_path: Path):
    photograph = save(tmp_path / "a.jpg", gray(60, 80))
    result, sheets = tmp_path / "b.jpg", tmp_path / "sheets"
    make_colorize(PHOTO=photograph, OUT=result, SHEETS=sheets)
    assert Image.open(result).mode == "RGB"
    assert len(list(sheets.iterdir())) == 1


def test_a_folder_of_photographs_becomes_a_folder_of_results(tmp_path: Path):
    for number in range(2):
        save(tmp_path / f"scans/{number}.png", gray(60, 80, seed=number))
    results, sheets = tmp_path / "out", tmp_path / "sheets"
    make_colorize(PHOTO=tmp_path / "scans", OUT=results, SHEETS=sheets)
    assert sorted(path.name for path in results.iterdir()) == ["0.png", "1.png"]
    assert len(list(sheets.iterdir())) == 2
