"""One converted guest for all tests of this room: the smallest, its weights filled by a rule."""

import sys
from pathlib import Path

import pytest
import torch

from core.commands.main import main
from core.learn.guests import conversion
from tests.guests.files import filled


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """`photochrom WORDS` in this process: exit code, standard output, standard error."""

    def called(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["photochrom", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main()
        said = capsys.readouterr()
        return int(left.value.code or 0), said.out, said.err

    return called


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
    path, _ = conversion.convert(weights, folder, conversion.ConversionOptions(), lambda _: None)
    return path
