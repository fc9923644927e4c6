"""Puts the plug-in's folder into a GIMP profile, and takes it out again.

`install` and `uninstall` work on one profile; both leave the folder whole or absent.
"""

import filecmp
import json
import os
import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from core.errors import DestinationError
from core.paths import Paths
from core.system import user_runtime_folder

NAME: Final = "photochrom"
ENTRY: Final = f"{NAME}.py"
SETTINGS: Final = f"{NAME}.json"  # the plug-in reads it: how the server starts, where it tells
SOURCE: Final = Path(__file__).parent / NAME


def install(profile: Path) -> Path:
    """Copies the plug-in into the profile, over an older copy of it; returns its folder.

    Raises `DestinationError`, and then leaves what was there.
    """
    target = _target(profile)
    if target.exists() and not _is_ours(target):
        raise DestinationError(
            "a folder of that name is there already and is not Photochrom's",
            file=target,
            remedy="move it away, or choose another profile with --profile",
            kind="exists",
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".photochrom-", dir=profile) as part:
            fresh = Path(part) / NAME
            _write(fresh)
            if target.exists():
                target.rename(Path(part) / "old")
            fresh.rename(target)
    except OSError as error:
        refusal = unwritable(profile)
        raise DestinationError(
            f"the profile cannot be written ({refusal})"
            if refusal
            else f"the plug-in cannot be copied ({error.strerror})",
            file=target,
            remedy="make the profile writable, or choose another with --profile",
        ) from error
    return target


def uninstall(profile: Path) -> bool:
    """Removes the plug-in from the profile; False where it is not installed."""
    target = _target(profile)
    if not target.exists() or not _is_ours(target):
        return False
    try:
        shutil.rmtree(target)
    except OSError as error:
        raise DestinationError(
            f"the plug-in cannot be removed ({error.strerror})", file=target
        ) from error
    return True


def unwritable(profile: Path) -> str:
    """Why nothing can be put into the profile, as the system says it; '' where it can."""
    plug_ins = folder_in(profile).parent
    folder = next((path for path in (plug_ins, profile, profile.parent) if path.is_dir()), profile)
    try:
        with tempfile.TemporaryDirectory(prefix=".photochrom-", dir=folder):
            return ""
    except OSError as error:
        return error.strerror or str(error)


def folder_in(profile: Path) -> Path:
    """Where the plug-in lies in a profile."""
    return profile / "plug-ins" / NAME


def _target(profile: Path) -> Path:
    """The folder that is written or removed; raises `OptionsError` where the copies come from it,
    as by a linked `plug-ins`."""
    paths = Paths()
    paths.read(SOURCE, "the program's own plug-in")
    paths.write(folder_in(profile), "--profile")
    return folder_in(profile)


def faults(profile: Path) -> list[str]:
    """What is wrong with the plug-in in this profile, each in a clause; empty when nothing is."""
    target = folder_in(profile)
    if not target.exists():
        return ["the plug-in is not installed"]
    if not _is_ours(target):
        return [f"{target} is not Photochrom's"]
    found = []
    names = [str(path.relative_to(SOURCE)) for path in _sources()]
    _, different, missing = filecmp.cmpfiles(SOURCE, target, names, shallow=False)
    if missing:
        found.append(f"files are missing ({', '.join(missing)})")
    if different:
        found.append("it is of another version than this program")
    if os.name == "posix" and not os.access(target / ENTRY, os.X_OK):
        found.append(f"{ENTRY} may not be executed")
    if settings_in(profile) is None:
        found.append(f"{SETTINGS} is missing or damaged")
    return found


def settings_in(profile: Path) -> dict[str, Any] | None:
    """What `install` wrote for the plug-in, or None where it cannot be read."""
    try:
        found = json.loads((folder_in(profile) / SETTINGS).read_bytes())
        return found if found["command"] and found["state_file"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def settings() -> dict:
    """How this installation's server is started, and where it tells its port."""
    state_file = os.environ.get("PHOTOCHROM_STATE") or user_runtime_folder() / "server.json"
    return {
        "command": [*_program(), "demo"],
        "state_file": str(Path(state_file).absolute()),
        "version": version("photochrom"),
        "python": sys.executable,
    }


def _program() -> list[str]:
    """`photochrom` as a command line that needs no PATH: the script beside this Python."""
    script = Path(sys.executable).with_name("photochrom.exe" if os.name == "nt" else "photochrom")
    if script.exists():
        return [str(script)]
    return [sys.executable, "-c", "from core.commands.main import main; main()"]


def _write(target: Path) -> None:
    target.mkdir()
    for source in _sources():
        copy = target / source.relative_to(SOURCE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(source.read_bytes())
        copy.chmod(0o755 if source.name == ENTRY else 0o644)  # GIMP skips an entry without it
    (target / SETTINGS).write_text(json.dumps(settings(), indent=2) + "\n", "utf-8")


def _sources() -> list[Path]:
    """What GIMP gets: the scripts, the translations, the pages of help."""
    kinds = ("*.py", "locale/*/LC_MESSAGES/*.mo", "help/*/*")
    return sorted(path for kind in kinds for path in SOURCE.glob(kind))


def _is_ours(target: Path) -> bool:
    return (target / ENTRY).is_file() and (target / "trouble.py").is_file()
