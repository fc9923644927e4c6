"""How far answers move with the size and the crop of a photograph."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from train.evaluate import Photograph, stability


class Model:
    """Answers with one colour everywhere, whose a* is the short side that it is shown."""

    description = SimpleNamespace(side=40)

    def colour(self, photograph: Photograph) -> np.ndarray:
        height, width = photograph.lightness.shape
        answer = np.zeros((2, height, width), np.float32)
        answer[0] = min(height, width)
        return answer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "set").mkdir()
    Image.new("RGB", (96, 64), "brown").save(tmp_path / "set" / "brown.png")
    return tmp_path


def test_a_colour_that_follows_the_side_moves_between_sides_and_not_in_use(folder: Path):
    model: Any = Model()
    moved = stability(model, folder, sides=(48, 80))
    assert moved == {"moved_between_sides": 32, "moved_between_sides_in_use": 0}


def test_a_crop_is_compared_where_both_pictures_are(folder: Path):
    model: Any = Model()
    assert stability(model, folder, crop=0.25) == {"moved_under_crop": 16}
    assert stability(model, folder) == {}
