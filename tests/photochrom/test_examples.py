"""The programs of docs/examples do what they say, each as a reader starts it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.photographs import save

TOP = Path(__file__).parents[2]
EXAMPLES = TOP / "docs/examples"


def run(*words: object, **environment: str) -> str:
    """What an example prints; fails where it fails."""
    answer = subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=EXAMPLES,
        env=os.environ | {"PYTHONPATH": str(TOP)} | environment,
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_a_folder_is_coloured_and_its_report_becomes_a_table(tmp_path):
    save(tmp_path / "scans/a.jpg")
    save(tmp_path / "scans/b.png")
    printed = run("folder.py", tmp_path / "scans", tmp_path / "coloured")
    assert len(re.findall(": done, ", printed)) == 2
    assert {path.name for path in (tmp_path / "coloured").iterdir()} == {"a.jpg", "b.png"}


def test_arrays_come_back_in_colour():
    printed = run("numpy_arrays.py").splitlines()
    assert printed == ["(240, 320, 3) uint16", "3 frames", "unchanged: True"]


def test_hints_change_the_picture(tmp_path):
    printed = run("hints.py", save(tmp_path / "portrait.jpg"), tmp_path / "coloured.png")
    assert printed.startswith("done ")
    assert int(printed.split(":")[-1]) > 100


def test_the_web_service_answers_with_a_picture_or_with_a_reason(tmp_path, monkeypatch):
    from fastapi.testclient import TestClient

    monkeypatch.syspath_prepend(str(EXAMPLES))
    import web_service  # type: ignore[import-not-found]

    client = TestClient(web_service.app)
    answer = client.post("/colorize?vividness=0.9", content=save(tmp_path / "a.png").read_bytes())
    assert answer.status_code == 200 and answer.content.startswith(b"\xff\xd8")
    refused = client.post("/colorize", content=b"no picture")
    assert refused.status_code == 422 and refused.json()["detail"]["kind"] == "not-an-image"


def test_every_cell_of_the_notebook_runs_in_order(capsys, monkeypatch):
    monkeypatch.chdir(EXAMPLES)
    notebook = json.loads((EXAMPLES / "notebook.ipynb").read_text())
    names: dict[str, object] = {}
    for cell in notebook["cells"]:
        assert not cell.get("outputs"), "a notebook is kept without its outputs"
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    assert "kept: True" in capsys.readouterr().out


LINES = [
    {"source": "a.jpg", "status": "done", "pixels": 2_000_000, "seconds": 1.25, "attempts": 1},
    {"source": "b.jpg", "status": "done", "pixels": 1_000_000, "seconds": 0.5, "attempts": 1},
    {
        "source": "c.jpg",
        "status": "failed",
        "attempts": 1,
        "error": {"kind": "truncated", "message": "it ends early"},
    },
]


@pytest.mark.parametrize("pandas", [True, False], ids=["with pandas", "without"])
def test_a_report_becomes_a_table(pandas, tmp_path):
    if pandas:
        pytest.importorskip("pandas")
    report = tmp_path / "night.jsonl"
    report.write_text("".join(json.dumps(line) + "\n" for line in LINES))
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "pandas.py").write_text("raise ImportError\n")
    path = str(TOP) if pandas else f"{hidden}:{TOP}"
    printed = run("report.py", report, PYTHONPATH=path)
    assert "1.75" in printed and re.search(r"truncated:? +1", printed)


def test_every_example_stands_on_the_page_and_is_run_here():
    here = Path(__file__).read_text()
    page = (TOP / "docs/library.md").read_text()
    for path in EXAMPLES.iterdir():
        if path.suffix in (".py", ".ipynb"):
            assert f"(examples/{path.name})" in page, path.name
            assert path.stem in here, path.name
