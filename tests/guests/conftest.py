"""One converted guest for all tests of this room: the smallest, its weights filled by a rule."""

from pathlib import Path

import pytest
import torch

from core.learn.guests import conversion
from tests.guests.files import filled


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """iColoriT's file as its authors publish it, under a name that says nothing."""
    path = tmp_path_factory.mktemp("weights") / "something.pth"
    torch.save({"model": filled("icolorit-tiny")}, path)
    return path


@pytest.fixture(scope="session")
def converted(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model file that these weights become; nobody writes to it."""
    folder = tmp_path_factory.mktemp("converted")
    path, _ = conversion.convert(weights, folder, conversion.Choices(), lambda _: None)
    return path
