"""Whether the server that is recorded for the plug-in can start: the program, and its Python's
packages."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from core.installation import how_to_install, missing

EXTRAS: Final = ("cpu", "demo")  # what the server is made of; any ONNX Runtime will do
_START_SECONDS: Final = 60.0
_ASK: Final = "from gimp_plugin.recorded_server import tell; tell()"


def lacks() -> tuple[list[str], str]:
    """(distributions that the server of this Python lacks, the command that installs them)."""
    absent = missing(*EXTRAS)
    return absent, how_to_install(*(name for name in EXTRAS if missing(name))) if absent else ""


def tell() -> None:
    """Prints `lacks()` as JSON, for another Python that asks."""
    print(json.dumps(lacks()))


def why_it_cannot_start(recorded: dict[str, Any]) -> tuple[str, str]:
    """(what is wrong with the recorded server, what to do); two empty texts where nothing is."""
    again = "run `photochrom gimp install` again"
    command = recorded["command"]
    if not shutil.which(command[0]):
        return f"{command[0]} is gone", again
    python = _python_of(recorded)
    if python:
        try:
            ran = _run([python, "-c", _ASK])
            absent, remedy = json.loads(ran.stdout)
        except (OSError, subprocess.TimeoutExpired, ValueError, TypeError):
            return f"{python}, which is recorded for it, does not run Photochrom", again
        if absent:
            return f"cannot start: {python} has no {' and no '.join(absent)}", remedy
    try:
        ran = _run([*command, "--help"])
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"cannot be started ({error})", again
    if ran.returncode:
        last = (ran.stderr.strip().splitlines() or ["it does not say why"])[-1]
        return f"cannot be started ({last})", again
    return "", ""


def _python_of(recorded: dict[str, Any]) -> str:
    """The Python that runs the server; '' where older settings do not say."""
    python = recorded.get("python") or ""
    return python if python and shutil.which(python) else ""


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_START_SECONDS,
        stdin=subprocess.DEVNULL,
        cwd=Path(sys.prefix),  # not a folder whose files could be taken for packages
    )
