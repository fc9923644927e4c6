"""Finds the local colour server, and starts it when none answers.

The server is `photochrom demo`, shared by GIMP, the browser and scripts. It tells its port and
token through a state file; the installer wrote where that file is, and how to start the server,
into `photochrom.json` beside this script. Standard library alone; safe to call from a thread.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from translation import _
from trouble import Trouble

API = 1  # the version of the server's interface that this plug-in speaks
HEALTH_SECONDS = 5.0  # a server that takes longer to say that it lives is not one to wait for
START_SECONDS = 90.0  # a cold start takes 3 to 6 seconds; a loaded, slow machine may take ten times
GRACE_SECONDS = 5.0  # after our server ended: another GIMP's server, started meanwhile, may answer
POLL_SECONDS = 0.1
IDLE_EXIT_SECONDS = 900  # a server that the plug-in started ends after a quarter of an hour alone
ANSWER_SECONDS = 300.0  # the longest silence of a living server on a very large picture

#: What a host program such as GIMP's AppImage, snap or macOS bundle puts into the environment and
#: what would break the Python of somebody else.
FOREIGN_VARIABLES = (
    "PYTHONHOME",
    "PYTHONPATH",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "GI_TYPELIB_PATH",
    "GTK_PATH",
    "GIO_MODULE_DIR",
)

Report = Callable[[str], None]


@dataclass(frozen=True)
class Server:
    """Where a server listens. `token` may be empty."""

    host: str
    port: int
    token: str = ""
    secure: bool = False

    def connect(self, seconds: float) -> http.client.HTTPConnection:
        """A connection, not yet opened, that gives up after `seconds` of silence."""
        kind = http.client.HTTPSConnection if self.secure else http.client.HTTPConnection
        return kind(self.host, self.port, timeout=seconds)

    @property
    def headers(self) -> dict[str, str]:
        """What every request carries."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


@dataclass(frozen=True)
class Installation:
    """What the installer wrote down."""

    command: tuple[str, ...]
    state_file: Path

    @classmethod
    def read(cls) -> Installation:
        """From `photochrom.json` beside this script; PHOTOCHROM_STATE names another state file."""
        path = Path(__file__).with_name("photochrom.json")
        try:
            found = json.loads(path.read_text("utf-8"))
            command = tuple(map(str, found["command"]))
            state_file = Path(os.environ.get("PHOTOCHROM_STATE") or found["state_file"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Trouble(
                _(
                    "{path} is missing or damaged; run 'photochrom gimp install' in a "
                    "terminal again"
                ).format(path=path)
            ) from error
        return cls(command, state_file)


def ensure(address: str = "", token: str = "", report: Report = lambda text: None) -> Server:
    """The server at `address`, or else the local one, started when none answers.

    `report` is called every tenth of a second with what is waited for. Raises `Trouble`.
    """
    if address:
        return _at(address, token)
    installation = Installation.read()
    return _local(installation.state_file) or _start(installation, report)


def models(server: Server) -> list[dict[str, Any]]:
    """The server's models: name, version, hints (takes them?), default (is it?)."""
    answer = _get(server, "/v1/models")
    found = answer.get("models") if answer else None
    if not isinstance(found, list) or not all(isinstance(m, dict) and "name" in m for m in found):
        raise Trouble(_("The colour server did not say which models it has; start it anew"))
    return found


def _at(address: str, token: str) -> Server:
    """The server that the user named. It is never started from here."""
    parts = urlsplit(address if "//" in address else f"http://{address}")
    try:
        port = parts.port or 7860
    except ValueError:
        port = 0
    if parts.scheme not in ("http", "https") or not parts.hostname or not port:
        raise Trouble(
            _("{address} is no server address; write it like http://127.0.0.1:7860").format(
                address=repr(address)
            )
        )
    if not token and parts.hostname in ("127.0.0.1", "localhost"):
        token = _token_of_port(port)
    server = Server(parts.hostname, port, token, parts.scheme == "https")
    health = _get(server, "/v1/health")
    if health is None:
        raise Trouble(
            _(
                "No Photochrom server answers at {address}; correct the address and the token, or"
                " leave it empty for the one on this computer"
            ).format(address=address)
        )
    _check_version(health)
    return server


def _token_of_port(port: int) -> str:
    """The token that our state file holds for the local server on that port, or ''."""
    state = _state(Installation.read().state_file)
    return state.token if state and state.port == port else ""


def _local(state_file: Path) -> Server | None:
    """The local server that the state file names, if it lives; a stale file is no error."""
    server = _state(state_file)
    health = server and _get(server, "/v1/health")
    if not server or not health:
        return None
    _check_version(health)
    return server


def _state(state_file: Path) -> Server | None:
    """What the state file says; None where it is missing, damaged or another user's.

    The file of another user could send this user's pictures to a stranger's server.
    """
    try:
        if sys.platform != "win32" and state_file.stat().st_uid != os.getuid():
            return None
        state = json.loads(state_file.read_text("utf-8"))
        return Server("127.0.0.1", int(state["port"]), str(state.get("token") or ""))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _get(server: Server, target: str) -> dict[str, Any] | None:
    """The JSON object at `target`, or None where no Photochrom server gives one."""
    connection = server.connect(HEALTH_SECONDS)
    try:
        connection.request("GET", target, headers=server.headers)
        response = connection.getresponse()
        answer = json.loads(response.read(1 << 20))
        return answer if response.status == 200 and isinstance(answer, dict) else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()


def _check_version(health: dict[str, Any]) -> None:
    if str(health.get("api")) != str(API):
        raise Trouble(
            _(
                "The running Photochrom server (version {version}) speaks interface {theirs}, this "
                "plug-in {ours}; end that server, run 'photochrom gimp install' in a terminal and "
                "start GIMP again"
            ).format(version=health.get("version"), theirs=health.get("api"), ours=API)
        )


def _start(installation: Installation, report: Report) -> Server:
    """A server of our own, which outlives GIMP and ends by itself when it is idle."""
    log = installation.state_file.with_name("server.log")
    process = None
    deadline = time.monotonic() + START_SECONDS
    with _Turn(installation.state_file.with_name("starting")) as turn:
        while time.monotonic() < deadline:
            report(_("Starting the colour server…"))
            server = _local(installation.state_file)
            if server:
                return server
            if process is None and turn.taken():
                process = _launch(installation, log)
            elif process and process.poll() is not None:
                deadline = min(deadline, time.monotonic() + GRACE_SECONDS)
            time.sleep(POLL_SECONDS)
    raise Trouble(
        _(
            "The colour server did not start ({reason}); run 'photochrom gimp doctor' in a "
            "terminal, it says what is missing"
        ).format(reason=_last_line(log))
    )


class _Turn:
    """Two GIMPs that miss the server at the same time start one: whoever has the file locked.

    The lock dies with its process, so that a start which was cancelled hands the turn on.
    """

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = path.open("ab")
        except OSError as error:
            raise Trouble(
                _(
                    "{folder} cannot be written ({reason}); run 'photochrom gimp doctor' in a "
                    "terminal"
                ).format(folder=path.parent, reason=error.strerror)
            ) from error

    def taken(self) -> bool:
        """Whether it is ours, now or since an earlier call."""
        try:
            if sys.platform == "win32":
                import msvcrt

                msvcrt.locking(self._file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def __enter__(self) -> _Turn:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _launch(installation: Installation, log: Path) -> subprocess.Popen:
    """The server's process, apart from GIMP's, with its words in `log`."""
    environment = {k: v for k, v in os.environ.items() if k not in FOREIGN_VARIABLES}
    environment["PHOTOCHROM_STATE"] = str(installation.state_file)
    command = [*installation.command, "--no-open", "--idle-exit", str(IDLE_EXIT_SECONDS)]
    if Path("/.flatpak-info").exists():  # the sandbox has no Photochrom; the host does
        command = [
            "flatpak-spawn",
            "--host",
            f"--env=PHOTOCHROM_STATE={installation.state_file}",
            *command,
        ]
    detached: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        detached = {
            # With DETACHED_PROCESS, the Python behind photochrom.exe would open a console window.
            "creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
        }
    try:
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with log.open("wb") as output:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=str(Path.home()),
                env=environment,
                close_fds=True,
                **detached,
            )
    except OSError as error:
        raise Trouble(
            _(
                "The colour server cannot be started ({reason}: {program}); run 'photochrom gimp "
                "install' in a terminal again"
            ).format(reason=error.strerror, program=command[0])
        ) from error


def _last_line(log: Path) -> str:
    try:
        lines = log.read_text("utf-8", "replace").strip().splitlines()
    except OSError:
        lines = []
    return lines[-1].strip()[:200] if lines else f"no word from it after {START_SECONDS:.0f} s"
