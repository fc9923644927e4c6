"""The ruler of colours that are finer than the thumbnail, against answers whose share is known."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from tests.model_files import write_model
from tests.train.pictures import encoded, picture, write_tar
from train.fine_colours import judged, main

BROAD = np.full((2, 64, 64), 12.0)
STRIPES = np.broadcast_to(np.resize([9.0, 0.0, -9.0], 64), (2, 64, 64))


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_the_share_of_the_stripes_that_is_there_is_found(share: float):
    figures = judged(BROAD + share * STRIPES, BROAD + STRIPES, cell=8)
    assert figures.found == pytest.approx(share, abs=0.01)
    assert figures.rmse == pytest.approx((1 - share) * np.sqrt((STRIPES**2).sum(0).mean()))
    assert figures.least == pytest.approx(np.sqrt((STRIPES**2).sum(0).mean()), rel=0.05)


def test_broad_errors_are_no_fine_colours():
    assert judged(3 * BROAD + STRIPES, BROAD + STRIPES, cell=8).found == pytest.approx(1, abs=0.01)


def test_the_command_leaves_small_pictures_out_and_says_when_none_is_left(tmp_path: Path):
    model = str(write_model(tmp_path / "tiny.onnx"))
    sizes = {"small": (48, 64), "large": (96, 160)}
    files = {f"{name}/a.png": encoded(picture(1, *size)) for name, size in sizes.items()}
    data = str(write_tar(tmp_path / "both.tar", files))
    result = CliRunner().invoke(main, [model, "--data", data], catch_exceptions=False)
    assert result.output.startswith("1 pictures") and len(result.output.splitlines()) == 5
    none = CliRunner().invoke(main, [model, "--data", data, "--side", "128"])
    assert "no picture larger" in str(none.exception)
