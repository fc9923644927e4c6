"""Large models: as many processes as fit, and a refusal where not one does."""

from pathlib import Path

import pytest

from core.commands.main import main
from core.errors import PhotochromError
from core.model import memory
from core.system import available_memory
from tests.model_files import write_model
from tests.photographs import gray, save


def sparse(path: Path, size: int) -> Path:
    with path.open("wb") as file:
        file.truncate(size)
    return path


def test_a_small_model_is_never_counted(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 1.0)
    assert memory.processes_that_fit(sparse(tmp_path / "small.onnx", 99_000_000), 8) == 8


def test_as_many_processes_of_a_large_model_run_as_fit(tmp_path: Path, monkeypatch):
    model = sparse(tmp_path / "large.onnx", 200_000_000)
    each = memory.needed(model)
    for free, fits in ((each, 1), (2.5 * each, 2), (100 * each, 8)):
        monkeypatch.setattr(memory, "available_memory", lambda free=free: free)
        assert memory.processes_that_fit(model, 8) == fits
    monkeypatch.setattr(memory, "available_memory", lambda: each - 1)
    with pytest.raises(PhotochromError, match=r"takes 2\.6 GB of memory and this machine has 2\.6"):
        memory.processes_that_fit(model, 1)


def test_colorize_says_so_where_a_model_does_not_fit(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setattr(memory, "LARGE", 1)
    monkeypatch.setattr(memory, "available_memory", lambda: 1e8)
    model = write_model(tmp_path / "tiny.onnx")
    photograph = save(tmp_path / "a.png", gray(60, 80))
    words = ("colorize", photograph, "-o", tmp_path / "b.png", "--model", model)
    monkeypatch.setattr("sys.argv", ["photochrom", *map(str, words)])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 1
    assert capsys.readouterr().err == (
        f"photochrom: {model}: the model takes 1.5 GB of memory and this machine has 0.1 free; "
        "close other programs, or choose a smaller model\n"
    )
    assert not (tmp_path / "b.png").exists()


def test_the_machine_tells_its_memory_in_bytes():
    free = available_memory()
    assert free is None or 1e6 < free < 1e14
