"""What a release checks before it is one."""

import subprocess
import sys
import tomllib
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import yaml

TOP = Path(__file__).parents[2]
CHANGELOG = "# Changes\n\n## 1.2.0 (2026-12-01)\n\n- New.\n\n## 1.1.0\n\n- Old.\n"


def load():
    specification = spec_from_file_location("release", TOP / "deploy/release.py")
    assert specification is not None and specification.loader is not None
    module = module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


release = load()


def test_the_notes_are_the_newest_chapter_of_the_tagged_version():
    assert release.notes("v1.2.0", "1.2.0", CHANGELOG) == "- New.\n"


@pytest.mark.parametrize(
    ("tag", "version", "changelog", "says"),
    [
        ("v1.2.1", "1.2.0", CHANGELOG, "the version in pyproject.toml 1.2.0"),
        ("v1.1.0", "1.1.0", CHANGELOG, "newest chapter"),
        ("v1.2.0", "1.2.0", CHANGELOG.replace("2026-12-01", "unreleased"), "unreleased"),
    ],
)
def test_a_tag_that_disagrees_with_the_files_is_refused(tag, version, changelog, says):
    with pytest.raises(SystemExit, match=says):
        release.notes(tag, version, changelog)


def test_the_wheel_has_the_product_and_nothing_else(tmp_path):
    subprocess.run(
        [sys.executable, "-c", BUILD, tmp_path], cwd=TOP, check=True, capture_output=True
    )
    files = (tmp_path / "files.txt").read_text().split()
    assert release.strangers(files) == []
    assert release.strangers(["tests/a.py", "core/bench/rivals.py", "docs/x.py"]) != []
    for name in (
        "photochrom/py.typed",
        "photochrom/calls.py",
        "worker/lua/claim.lua",
        "core/model/bundled/photochrom-lite.onnx",
        "gimp_plugin/photochrom/client.py",
        "train/recipes/lite.toml",
        "gradio_app/page/assets/page.css",
    ):
        assert name in files, name


#: The files that setuptools would put into the wheel, without writing it.
BUILD = """
import sys, pathlib
from setuptools import Distribution
found = Distribution({"script_name": "setup.py"})
found.parse_config_files()
build = found.get_command_obj("build_py")
build.ensure_finalized()
files = [m[2] for m in build.find_all_modules()]
files += [f"{source}/{name}" for _, source, _, names in build.data_files for name in names]
pathlib.Path(sys.argv[1], "files.txt").write_text("\\n".join(files))
"""


def test_a_released_tag_and_every_change_run_the_targets_of_the_makefile():
    targets = (TOP / "Makefile").read_text()
    lines = []
    for path in (TOP / ".github/workflows").glob("*.yml"):
        for job in yaml.safe_load(path.read_text())["jobs"].values():
            lines += [step["run"] for step in job["steps"] if "run" in step]
    words = [
        line.split("make ")[1].split()[0]
        for line in lines
        if line.find("make ") >= 0 and "install make" not in line
    ]
    assert {"lint", "test", "test-runtime", "coverage", "docs", "wheel"} <= set(words)
    assert all(f"\n{word}:" in targets for word in words)


def test_the_forms_ask_for_what_the_doctor_says():
    form = yaml.safe_load((TOP / ".github/ISSUE_TEMPLATE/defect.yml").read_text())
    labels = {part["attributes"].get("label"): part for part in form["body"]}
    assert labels["`photochrom doctor --json`"]["validations"]["required"]


def test_the_version_has_a_chapter_in_the_changelog():
    project = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]
    assert f"\n## {project['version']} " in (TOP / "CHANGELOG.md").read_text()
