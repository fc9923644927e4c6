"""What is wrong between GIMP, the plug-in and the server, in plain words with the fix.

`examine` looks at one thing after the other.
"""

import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gimp_plugin.installer import faults, settings_in, unwritable
from gimp_plugin.interpreter import desktop_environment, last_error, shadowing, why_no_plug_in_runs
from gimp_plugin.profiles import Gimp, gimps, older_profiles, profile_of, profiles
from gimp_plugin.recorded_server import why_it_cannot_start

DEFAULT_PORT: Final = 7860
API: Final = 1
_REGISTER_SECONDS: Final = 120.0  # the first start of a GIMP looks at all fonts and plug-ins
_HEALTH_SECONDS: Final = 5.0
_PROCEDURE: Final = "plug-in-photochrom-colorize"
_ASK: Final = (
    "import sys; print('python:', sys.executable, sys.version.split()[0]); "
    f"print('registered:', Gimp.get_pdb().procedure_exists('{_PROCEDURE}'), flush=True)"
)
_PYTHON_REMEDY: Final = (
    "install GIMP's Python support (Debian and Ubuntu: gir1.2-gimp-3.0 and python3-gi; "
    "other systems have it in GIMP's own package), then start GIMP again"
)
_INSTALL: Final = "photochrom gimp install"
_READ_ONLY: Final = "make it writable for you, or name another profile with --profile"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at, what was seen, and what to do where it does not work."""

    name: str
    works: bool
    says: str
    remedy: str = ""


def examine(profile: Path | None = None) -> Iterator[Check]:
    """Looks at GIMP, its profiles (or the one given), the plug-in and the server."""
    found = gimps()
    yield _gimp(found)
    newest = next((gimp for gimp in found if gimp.version >= (3,)), None)
    chosen = [profile] if profile else profiles()
    if not chosen:
        yield _no_profile(newest)
        return
    for path in chosen:
        refusal = unwritable(path)
        if refusal:
            yield Check(f"profile {path}", False, f"cannot be written ({refusal})", _READ_ONLY)
        wrong = faults(path)
        yield Check(
            f"plug-in in {path}", not wrong, "; ".join(wrong) or "installed, up to date", _INSTALL
        )
        if newest and not wrong and _serves(newest, path, chosen):
            yield _registered(newest, path)
    recorded = next(filter(None, map(settings_in, chosen)), None)
    if recorded:
        yield from _server(recorded)


def _gimp(found: list[Gimp]) -> Check:
    if not found:
        return Check("GIMP", False, "not found", "install GIMP 3 from gimp.org or your system")
    if found[0].version < (3,):
        says = f"{found[0].name} only, whose Python is Python 2"
        return Check("GIMP", False, says, "install GIMP 3; it stands beside the old one")
    return Check("GIMP", True, found[0].name)


def _no_profile(gimp: Gimp | None) -> Check:
    old = older_profiles()
    if gimp:
        says = f"none yet at {profile_of(gimp.version)}"
        return Check("profile", False, says, f"start GIMP once, or run `{_INSTALL}`")
    says = f"of GIMP 2 only ({old[-1]})" if old else "none of GIMP 3"
    return Check("profile", False, says, f"start GIMP 3 once, then run `{_INSTALL}`")


def _serves(gimp: Gimp, profile: Path, chosen: list[Path]) -> bool:
    """Whether that GIMP is the one to ask about this profile."""
    return len(chosen) == 1 or profile.name == f"{gimp.version[0]}.{gimp.version[1]}"


def _registered(gimp: Gimp, profile: Path) -> Check:
    """Asks a GIMP without windows whether it knows the procedure."""
    name = "menu entry"
    environment = desktop_environment(gimp)
    command = [
        *gimp.command,
        *("-i", "-d", "-f", "--new-instance", "--quit"),
        *("--batch-interpreter", "python-fu-eval", "-b", _ASK),
    ]
    try:
        ran = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_REGISTER_SECONDS,
            stdin=subprocess.DEVNULL,
            env={**environment, "GIMP3_DIRECTORY": str(profile)},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Check(name, False, f"GIMP did not answer ({error})", "start GIMP and look there")
    if "registered: True" in ran.stdout:
        return Check(
            name, True, f"Filters > Photochrom > Colorize Layer… is {_with_python(gimp, ran)}"
        )
    why = last_error(ran.stderr.splitlines())
    if "registered: False" not in ran.stdout:
        why = why or why_no_plug_in_runs(gimp, environment)
        return Check(name, False, f"GIMP runs no Python plug-in at all ({why})", _PYTHON_REMEDY)
    says = f"GIMP skips the plug-in ({why or 'it does not say why'})"
    return Check(name, False, says, _PYTHON_REMEDY)


def _with_python(gimp: Gimp, ran: subprocess.CompletedProcess[str]) -> str:
    """By which Python GIMP runs it, and by which it would not."""
    python = re.search(r"^python: (.+)$", ran.stdout, re.MULTILINE)
    says = f"registered, run by {python[1]}" if python else "registered"
    here = shadowing(gimp)
    if not here:
        return says
    return (
        f"{says}; a GIMP started from this terminal would take {here}, which cannot run it: "
        "start it from the desktop's menu, or deactivate that environment first"
    )


def _server(recorded: dict) -> Iterator[Check]:
    state_file = Path(recorded["state_file"])
    state = _state(state_file)
    health = _health(state["port"], state.get("token", "")) if state else None
    if health and str(health.get("api")) != str(API):
        says = f"version {health.get('version')} speaks interface {health.get('api')}, not {API}"
        yield Check("server", False, says, f"end it, run `{_INSTALL}`, start GIMP again")
    elif health:
        says = f"version {health.get('version')} runs on port {state and state['port']}"
        yield Check("server", True, f"{says} with {health.get('model')}")
    else:
        says, remedy = why_it_cannot_start(recorded)
        idle = "does not run now; the plug-in starts it when it is needed"
        yield Check("server", not says, says or idle, remedy)
        taken = _who_has(DEFAULT_PORT)
        if taken:
            yield Check("port", True, f"{DEFAULT_PORT} is taken by {taken}; another will be used")
    if not _writable(state_file):
        yield Check(
            "state file",
            False,
            f"{state_file} cannot be written",
            "remove that folder if it is not yours, then log in anew",
        )


def _state(state_file: Path) -> dict | None:
    try:
        state = json.loads(state_file.read_bytes())
        return state if isinstance(state["port"], int) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _health(port: int, token: str) -> dict | None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_HEALTH_SECONDS)
    try:
        connection.request("GET", "/v1/health", headers={"Authorization": f"Bearer {token}"})
        answer = json.loads(connection.getresponse().read(1 << 16))
        return answer if isinstance(answer, dict) and "api" in answer else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()


def _who_has(port: int) -> str:
    """Who listens on the port: '' nobody, else for a person."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_HEALTH_SECONDS)
    try:
        connection.connect()
    except OSError:
        return ""
    finally:
        connection.close()
    return "another Photochrom server" if _health(port, "") else "another program"


def _writable(state_file: Path) -> bool:
    folder = state_file.parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return sys.platform == "win32" or folder.stat().st_uid == os.getuid()
    except OSError:
        return False
