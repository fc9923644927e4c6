"""From a tag to a wheel: `python deploy/release.py [--tag v1.2.3]`, or `make wheel`.

Builds dist/*.whl, looks at what is in it, installs it with the extra `cpu` into a bare environment
and colours a photograph there, with no file of the repository in reach. With `--tag` the tag, the
version in pyproject.toml and the newest chapter of CHANGELOG.md must agree; the chapter becomes
dist/notes.md.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import tomllib
import venv
import zipfile
from pathlib import Path
from typing import Final

TOP: Final = Path(__file__).parents[1]
DIST: Final = TOP / "dist"
PACKAGES: Final = {"core", "gimp_plugin", "gradio_app", "photochrom", "train", "worker"}

#: What the installed program is asked, in an empty folder with `sample.jpg` in it.
TRIAL: Final = """
import photochrom
photochrom.colorize("sample.jpg", "by-library.png")
assert photochrom.verify("sample.jpg", "by-library.png").kept
print(photochrom.__version__)
"""


def main() -> None:
    """Builds and tries the wheel; ends with a sentence where something is wrong."""
    parser = argparse.ArgumentParser(description="Builds the wheel and tries it.")
    parser.add_argument("--tag", help="the tag that is released, as v1.2.3")
    tag = parser.parse_args().tag
    version = tomllib.loads((TOP / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    if tag:
        DIST.mkdir(exist_ok=True)
        (DIST / "notes.md").write_text(notes(tag, version, (TOP / "CHANGELOG.md").read_text()))
    wheel = build(version)
    faults = strangers(zipfile.ZipFile(wheel).namelist())
    if faults:
        sys.exit(f"{wheel.name} should not have: {', '.join(faults)}")
    print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB, photochrom {tried(wheel)} colours")


def notes(tag: str, version: str, changelog: str) -> str:
    """The chapter of CHANGELOG.md for `version`; ends where tag and version do not agree."""
    if tag != f"v{version}":
        sys.exit(f"the tag is {tag}, the version in pyproject.toml {version}")
    newest = re.search(r"^## (\S+)([^\n]*)\n(.*?)(?=^## |\Z)", changelog, re.M | re.S)
    if newest is None or newest[1] != version:
        sys.exit(f"the newest chapter of CHANGELOG.md is not {version}")
    if "unreleased" in newest[2]:
        sys.exit(f"CHANGELOG.md calls {version} unreleased: give it its date")
    return newest[3].strip() + "\n"


def build(version: str) -> Path:
    """The wheel, in dist/."""
    for old in DIST.glob("*.whl"):
        old.unlink()
    _run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", DIST, TOP)
    (wheel,) = DIST.glob(f"photochrom-{version}-*.whl")
    return wheel


def strangers(names: list[str]) -> list[str]:
    """Files of a wheel that are no part of the product."""
    ours = [name for name in names if not name.split("/")[0].endswith(".dist-info")]
    return [
        name
        for name in ours
        if name.split("/")[0] not in PACKAGES
        or re.search(r"(^|/)(tests?|test_\w+|rivals|conftest)(\.py)?(/|$)", name)
    ]


def tried(wheel: Path) -> str:
    """The version that the installed wheel says, after it has coloured a photograph."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        venv.create(folder / "bare", with_pip=True)
        programs = folder / "bare" / ("Scripts" if os.name == "nt" else "bin")
        (folder / "sample.jpg").write_bytes((TOP / "docs/images/sample.jpg").read_bytes())
        _run(programs / "python", "-m", "pip", "install", "-q", f"{wheel}[cpu]")
        photochrom = programs / "photochrom"
        _run(photochrom, "doctor", cwd=folder)
        _run(photochrom, "colorize", "sample.jpg", "-o", "coloured.jpg", "--quiet", cwd=folder)
        _run(photochrom, "verify", "sample.jpg", "coloured.jpg", cwd=folder)
        return _run(programs / "python", "-c", TRIAL, cwd=folder).strip()


def _run(*words: object, cwd: Path | None = None) -> str:
    """What a program prints; ends with its words where it fails. PYTHONPATH is not handed on."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [str(word) for word in words], cwd=cwd, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, words))}\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
