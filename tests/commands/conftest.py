"""The command line in this process: `cli(*words)` gives exit code, output and errors."""

import sys
from dataclasses import dataclass

import pytest

from core.commands.main import main
from tests.model_files import write_model


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str


@pytest.fixture
def cli(monkeypatch, capsys):
    # Two new processes take 5 s to colour two small pictures: tests that mean them give --jobs.
    monkeypatch.setattr("core.system.available_processors", lambda: 1)

    def call(*words: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["photochrom", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main()
        said = capsys.readouterr()
        return Answer(int(left.value.code or 0), said.out, said.err)

    return call


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model") / "tiny.onnx")
