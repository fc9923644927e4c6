"""What is not installed is said in one sentence, with the command that installs it here."""

import json
import shlex
import shutil
import subprocess
import sys
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

from core.errors import EXIT_MACHINE
from core.installation import how_to_install, pip_command

REPOSITORY = Path(__file__).parents[1]
RECIPE = "train/recipes/lite.toml"
METADATA = """Metadata-Version: 2.4
Name: photochrom
Version: 0.1.0
Provides-Extra: worker
Provides-Extra: demo
Provides-Extra: gpu
Provides-Extra: train
Provides-Extra: dev
Requires-Dist: click<9,>=8.1
Requires-Dist: celery[redis]<6,>=5.6; extra == "worker"
Requires-Dist: prometheus-client<1; extra == "worker"
Requires-Dist: fastapi<1; extra == "demo"
Requires-Dist: onnxruntime-gpu<2; extra == "gpu"
Requires-Dist: torch<3; extra == "train"
Requires-Dist: pillow>=11; extra == "train"
Requires-Dist: pillow>=11; extra == "dev"
"""
#: Runs the command line where the modules of its first word (parted by commas) are missing.
BARE = """
import sys
missing = sys.argv.pop(1).split(",")
class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Nothing())
from core.commands.main import main
main()
"""


@pytest.fixture
def installed(tmp_path):
    """`installed(origin)` is a folder in which photochrom is installed from `origin` (PEP 610)."""

    def make(origin: dict | None) -> Path:
        folder = tmp_path / "site"
        shutil.rmtree(folder, ignore_errors=True)
        about = folder / "photochrom-0.1.0.dist-info"
        about.mkdir(parents=True)
        (about / "METADATA").write_text(METADATA)
        entries = REPOSITORY.joinpath("pyproject.toml").read_text()
        table = entries.split('[project.entry-points."photochrom.commands"]\n')[1].split("\n\n")[0]
        (about / "entry_points.txt").write_text(
            "[photochrom.commands]\n" + table.replace('"', "") + "\n"
        )
        if origin is not None:
            (about / "direct_url.json").write_text(json.dumps(origin))
        return folder

    return make


def said(site: Path, missing: str, *words: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", BARE, missing, *words],
        env={"PYTHONPATH": f"{site}:{REPOSITORY}", "PATH": "/usr/bin:/bin", "HOME": str(site)},
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
    )


@pytest.mark.parametrize(
    ("words", "missing", "extra"),
    [
        (["worker", "--root", "."], "celery,redis", "worker"),
        (["batch", "list"], "celery,redis", "worker"),
        (["demo"], "fastapi,gradio,uvicorn", "demo"),
        (["train", RECIPE, "--data", "docs", "--out", "TMP", "--steps", "1"], "torch", "train"),
        (["export", "README.md", "-o", "x.onnx"], "torch,onnx", "train"),
    ],
)
def test_a_command_without_its_extra_says_one_sentence_and_exits_with_3(
    installed, tmp_path, words, missing, extra
):
    site = installed(None)
    answer = said(site, missing, *(word.replace("TMP", str(tmp_path / "run")) for word in words))
    assert (answer.returncode, answer.stdout) == (EXIT_MACHINE, ""), answer.stderr
    assert answer.stderr.count("\n") == 1 and "Traceback" not in answer.stderr
    assert "install" in answer.stderr and f"'photochrom[{extra}]'" in answer.stderr


def test_help_works_without_any_extra(installed):
    answer = said(installed(None), "celery,redis,torch,fastapi,gradio,uvicorn,onnx", "--help")
    assert answer.returncode == 0
    assert all(f"  {name} " in answer.stdout for name in ("colorize", "worker", "demo", "train"))


def test_a_remedy_names_the_place_that_the_program_was_installed_from(
    installed, tmp_path, monkeypatch
):
    def asked_for(site: Path) -> list[str]:
        about = PathDistribution(site / "photochrom-0.1.0.dist-info")
        monkeypatch.setattr("core.installation._distribution", lambda: about)
        words = shlex.split(how_to_install("worker"))
        assert words[:4] == [sys.executable, "-m", "pip", "install"]
        return words[4:]

    checkout, wheel = tmp_path / "a checkout", tmp_path / "photochrom-0.1.0-py3-none-any.whl"
    checkout.mkdir()
    wheel.touch()
    git = {"url": "https://example.org/p.git", "vcs_info": {"vcs": "git", "commit_id": "c0ffee"}}
    editable = {"url": checkout.as_uri(), "dir_info": {"editable": True}}
    assert asked_for(installed(None)) == ["photochrom[worker]"]
    assert asked_for(installed(editable)) == ["-e", f"{checkout}[worker]"]
    assert asked_for(installed({"url": checkout.as_uri(), "dir_info": {}})) == [
        f"{checkout}[worker]"
    ]
    archive = {"url": wheel.as_uri(), "archive_info": {}}
    assert asked_for(installed(archive)) == [f"photochrom[worker] @ {wheel.as_uri()}"]
    assert asked_for(installed(git)) == [
        "photochrom[worker] @ git+https://example.org/p.git@c0ffee"
    ]
    wheel.unlink()  # then what the extra needs is asked for by name
    assert asked_for(installed(archive)) == ["celery[redis]<6,>=5.6", "prometheus-client<1"]


def test_pipx_and_uv_are_told_in_their_own_words(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "photochrom"))
    monkeypatch.setattr("core.installation.find_spec", lambda name: None)
    (tmp_path / "photochrom").mkdir()
    assert pip_command("uninstall", "-y", "a") == f"uv pip uninstall --python {sys.executable} a"
    (tmp_path / "photochrom/pipx_metadata.json").touch()
    assert pip_command("install", "a[b]") == "pipx runpip photochrom install 'a[b]'"


def test_one_build_of_onnx_runtime_takes_the_place_of_the_other(monkeypatch):
    from core import installation
    from core.model.session import remedy_for

    monkeypatch.setattr(installation, "_is_installed", lambda name: name == "onnxruntime")
    first, second = remedy_for("cuda").split(" && ")
    assert first.endswith("uninstall -y onnxruntime") and "[gpu]" in second
    assert "uninstall" not in remedy_for("cpu")
