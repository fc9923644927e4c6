"""`colorize` with a large model: fewer processes, or none, where memory is short."""

from pathlib import Path

from core.model import memory
from tests.model.test_memory import sparse


def test_the_command_says_why_it_runs_fewer_processes_or_none(tmp_path: Path, monkeypatch, cli):
    pictures = tmp_path / "scans"
    pictures.mkdir()
    for name in "ab":
        (pictures / f"{name}.jpg").write_bytes(b"no picture")
    model = sparse(tmp_path / "large.onnx", 200_000_000)
    monkeypatch.setattr(memory, "available_memory", lambda: 1e9)
    words = ("colorize", pictures, "-o", tmp_path / "out", "--model", model, "--jobs", "2")
    answer = cli(*words)
    assert answer.code == 1
    assert answer.err == (
        f"photochrom: {model}: the model takes 2.6 GB of memory and this machine has 1.0 free; "
        "close other programs, or choose a smaller model\n"
    )
    monkeypatch.setattr(memory, "available_memory", lambda: 3e9)
    assert cli(*words).err.startswith("1 instead of 2 processes: 2.6 GB each\n")
