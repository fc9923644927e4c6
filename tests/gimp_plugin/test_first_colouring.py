"""The first colouring after `gimp install` waits for nothing to be compiled.

Run by `make gimp-gui`: to compile every kernel anew takes a quarter of a minute and more.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.model_files import write_model

pytestmark = pytest.mark.skipif(
    os.environ.get("PHOTOCHROM_GIMP_GUI") != "1", reason="compiles: run `make gimp-gui`"
)
INSTALL = "from core.commands.main import main; main()"
COLOUR = """
import sys
from pathlib import Path
import numpy as np
from core.colorizer import Colorizer
from core.model.session import open_session
from core.options import Options
from gradio_app.raw import Shape, colour
for channels, depth in ((1, 8), (3, 8), (1, 16), (3, 16)):
    shape = Shape(64, 48, channels, depth, "rgb")
    Path("in.raw").write_bytes(bytes(shape.source_bytes))
    colorizer = Colorizer.open(sys.argv[1])
    colour(Path("in.raw"), Path("out.raw"), shape, Options(), colorizer, lambda: None)
"""


def compiled(cache: Path) -> set[str]:
    """The kernels in numba's cache."""
    return {path.name for path in cache.rglob("*.nbc")}


def test_after_install_the_first_colouring_compiles_nothing(tmp_path: Path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    profile = tmp_path / "3.0"

    def run(code: str, *words: str) -> None:
        command = [sys.executable, "-c", code, *words]
        subprocess.run(command, env=environment, cwd=tmp_path, check=True, timeout=280)

    run(INSTALL, "gimp", "install", "--profile", str(profile))
    after_install = compiled(tmp_path / "cache")
    assert after_install
    write_model(tmp_path / "model.onnx", name="model", coherence="1")
    run(COLOUR, str(tmp_path / "model.onnx"))
    assert compiled(tmp_path / "cache") == after_install
