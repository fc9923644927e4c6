"""Where GIMP 3 keeps its profiles, and which GIMP programs this machine has.

A profile is a folder named after the version (3.0, 3.2) with `plug-ins` in it; Linux packages,
flatpak, snap, macOS and Windows each have their place.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

VERSION_SECONDS: Final = 20.0  # what a cold GIMP needs to say its version on a slow disk
_GIMP_3: Final = re.compile(r"3\.\d+")
_PROGRAMS: Final = (
    *("gimp-console-3.2", "gimp-console-3.0", "gimp-console-3", "gimp-console"),
    *("gimp-3.2", "gimp-3.0", "gimp-3", "gimp"),
    *("gimp-console-2.10", "gimp-2.10"),
)
_MAC_PROGRAM: Final = "/Applications/GIMP.app/Contents/MacOS/gimp-console"
_FLATPAK: Final = ("flatpak", "run", "--command=gimp-console", "org.gimp.GIMP")


@dataclass(frozen=True, slots=True)
class Gimp:
    """A GIMP on this machine: its command line and its version, as (3, 0, 4)."""

    command: tuple[str, ...]
    version: tuple[int, ...]

    @property
    def name(self) -> str:
        """Its version and its command, for a person."""
        return f"GIMP {'.'.join(map(str, self.version))} ({' '.join(self.command)})"


def profiles(environment: Mapping[str, str] = os.environ) -> list[Path]:
    """The GIMP 3 profiles that exist, each once, newest version last."""
    found = [path for path in _candidates(environment) if path.is_dir()]
    unique = {path.resolve(): path for path in reversed(found)}
    return sorted(unique.values(), key=lambda path: (_number(path), str(path)))


def older_profiles(environment: Mapping[str, str] = os.environ) -> list[Path]:
    """Profiles of GIMP 2, which this plug-in cannot serve."""
    return [path for home in _homes(environment) for path in sorted(home.glob("2.*"))]


def profile_of(version: tuple[int, ...], environment: Mapping[str, str] = os.environ) -> Path:
    """The profile that a GIMP of that version makes when it is first started."""
    given = environment.get("GIMP3_DIRECTORY")
    if given:
        return Path(given)
    return next(_homes(environment)) / f"{version[0]}.{version[1]}"


def gimps() -> list[Gimp]:
    """The GIMPs on this machine that say their version, the newest first."""
    found: dict[tuple[int, ...], Gimp] = {}
    for command in _commands():
        version = _version(command)
        if version and version not in found:
            found[version] = Gimp(command, version)
    return [found[version] for version in sorted(found, reverse=True)]


def _candidates(environment: Mapping[str, str]) -> Iterator[Path]:
    given = environment.get("GIMP3_DIRECTORY")
    if given:
        yield Path(given)
    for home in _homes(environment):
        if home.is_dir():
            yield from (path for path in home.iterdir() if _GIMP_3.fullmatch(path.name))


def _homes(environment: Mapping[str, str]) -> Iterator[Path]:
    """The folders that hold profiles, that of a plain installation first."""
    home = Path(environment.get("HOME") or environment.get("USERPROFILE") or Path.home())
    if sys.platform == "win32":
        yield Path(environment.get("APPDATA") or home / "AppData" / "Roaming") / "GIMP"
        return
    if sys.platform == "darwin":
        yield home / "Library" / "Application Support" / "GIMP"
        return
    yield Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "GIMP"  # flatpak's too
    yield home / ".var" / "app" / "org.gimp.GIMP" / "config" / "GIMP"
    # `current` and the numbered revision are one folder; older revisions are of no use.
    yield home / "snap" / "gimp" / "current" / ".config" / "GIMP"


def _number(path: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", path.name))


def _commands() -> Iterator[tuple[str, ...]]:
    for name in _PROGRAMS:
        if shutil.which(name):
            yield (name,)
    if sys.platform == "darwin" and Path(_MAC_PROGRAM).exists():
        yield (_MAC_PROGRAM,)
    if sys.platform == "win32":
        for base in filter(None, map(os.environ.get, ("ProgramFiles", "LOCALAPPDATA"))):
            yield from ((str(path),) for path in Path(base).glob("**/GIMP 3/bin/gimp-console.exe"))
    if shutil.which("flatpak"):
        yield _FLATPAK


def _version(command: tuple[str, ...]) -> tuple[int, ...] | None:
    try:
        said = subprocess.run(
            [*command, "--version"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=VERSION_SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    number = re.search(r"(\d+)\.(\d+)\.(\d+)", said.stdout)
    return tuple(map(int, number.groups())) if number else None
