"""Which Python runs GIMP's plug-ins.

GIMP starts a plug-in by `#!/usr/bin/env python3`, so by the first python3 on its PATH. In a
terminal where an environment is activated that is the environment's, which seldom has GIMP's
bindings; a GIMP started from the desktop's menu takes the system's.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from gimp_plugin.profiles import Gimp

#: What an activated environment sets, and what would lead the system's Python to its packages.
_ACTIVATED: Final = ("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONHOME", "PYTHONPATH")
_SECONDS: Final = 30.0
_BINDINGS: Final = (
    "import sys; print(sys.executable, sys.version.split()[0]); "
    "import gi; gi.require_version('Gimp', '3.0'); gi.require_version('GimpUi', '3.0'); "
    "from gi.repository import Gimp, GimpUi"
)


def desktop_environment(gimp: Gimp, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment variables of a GIMP that is started from the desktop's menu.

    The folders of activated environments are taken from PATH; one that GIMP itself lies in stays.
    """
    found = {name: text for name, text in environment.items() if name not in _ACTIVATED}
    own = Path(shutil.which(gimp.command[0]) or gimp.command[0]).parent
    folders = environment.get("PATH", "").split(os.pathsep)
    found["PATH"] = os.pathsep.join(
        folder for folder in folders if Path(folder) == own or not _is_activated(Path(folder))
    )
    return found


def why_no_plug_in_runs(gimp: Gimp, environment: Mapping[str, str]) -> str:
    """What the first python3 on the PATH says when it is asked for GIMP's bindings."""
    if gimp.command[0] == "flatpak":
        return "the flatpak's own Python cannot be asked from here"
    python = shutil.which("python3", path=environment.get("PATH", ""))
    if not python:
        return "there is no python3 on its PATH"
    said, error = _bindings(python, environment)
    name = said or python
    return f"{name} says: {error}" if error else f"{name} has GIMP's bindings"


def shadowing(gimp: Gimp, environment: Mapping[str, str] = os.environ) -> str:
    """The activated environment's Python, where a GIMP started from this terminal would take it
    and it cannot run plug-ins; else ''."""
    path = environment.get("PATH", "")
    here = shutil.which("python3", path=path)
    if here == shutil.which("python3", path=desktop_environment(gimp, environment)["PATH"]):
        return ""
    return here if here and _bindings(here, environment)[1] else ""


def last_error(lines: Iterator[str] | list[str]) -> str:
    """The last line that names an error; '' without one."""
    errors = [line.strip() for line in lines if "Error" in line]
    return errors[-1] if errors else ""


def _bindings(python: str, environment: Mapping[str, str]) -> tuple[str, str]:
    """(path and version, error) of a Python that is asked for GIMP's bindings."""
    try:
        ran = subprocess.run(
            [python, "-c", _BINDINGS],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            stdin=subprocess.DEVNULL,
            env=dict(environment),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return "", str(error)
    error = last_error(ran.stderr.splitlines()) or f"exit code {ran.returncode}"
    return ran.stdout.strip(), error if ran.returncode else ""


def _is_activated(folder: Path) -> bool:
    """Whether a folder of programs is that of an environment (venv, uv, conda)."""
    return any((folder.parent / mark).exists() for mark in ("pyvenv.cfg", "conda-meta"))
