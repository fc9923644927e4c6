"""The state file: how GIMP and others find the running server (contract 4).

`{pid, port, token, api, version, started}` as JSON, mode 600, in the user's runtime folder. A
server killed without a word leaves its file behind; `find` recognises that by asking. Standard
library and platformdirs alone.
"""

import json
import os
import sys
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any, Final

from core.errors import ServiceError
from core.system import user_runtime_folder

API_VERSION: Final = 1
#: A server that is starting answers when its imports are done, some seconds after it listens.
PATIENCE_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class ServerState:
    """What the state file holds. `started` is in seconds since 1970."""

    pid: int
    port: int
    token: str
    api: int
    version: str
    started: float


def state_path() -> Path:
    """The state file's place; `PHOTOCHROM_STATE` overrides it."""
    return Path(os.environ.get("PHOTOCHROM_STATE") or user_runtime_folder() / "server.json")


def write(state: ServerState) -> None:
    """Puts the state file in its place, whole or not at all; raises `ServiceError`."""
    _write_secret(state_path(), json.dumps(asdict(state)))
    _remove_leftovers()


def write_opener(address: str) -> str:
    """Writes a page that leads to `address`, for this user's browsers alone; says its own address.

    A browser's command line can be read by every user of the machine; an address that logs in does
    not belong there.
    """
    path = _opener_path()
    _write_secret(path, _OPENER.replace("ADDRESS", escape(address)))
    return path.absolute().as_uri()


def _write_secret(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Without a session's own runtime folder it lies in /tmp, where a stranger may have been
        # before us: a token is written into no folder but our own.
        if sys.platform != "win32" and path.parent.stat().st_uid != os.getuid():
            raise ServiceError(f"{path.parent} belongs to another user", remedy="remove it")
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(text)
        part.replace(path)
    except OSError as error:
        raise ServiceError(
            f"{path.name} cannot be written ({error.strerror})", file=path
        ) from error


def _remove_leftovers() -> None:
    """Removes what a server that was killed left beside the state file."""
    with suppress(OSError):
        _opener_path().unlink(missing_ok=True)
        for path in (state_path(), _opener_path()):
            for part in path.parent.glob(f".{path.name}.*"):
                number = part.suffix[1:]
                if number.isdigit() and not is_alive(int(number)):
                    part.unlink(missing_ok=True)


def _opener_path() -> Path:
    return state_path().with_name("open.html")


_OPENER: Final = """<!doctype html><html lang="en"><meta charset="utf-8"><title>photochrom</title>
<meta http-equiv="refresh" content="0; url=ADDRESS"><a href="ADDRESS">Open photochrom</a></html>
"""


def read() -> ServerState | None:
    """The state file's content, of a server that may be dead; None where there is no good one."""
    try:
        value = json.loads(state_path().read_bytes())
        return ServerState(**{name: value[name] for name in ServerState.__slots__})
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def remove(state: ServerState) -> None:
    """Removes the state file, if it is still the one of this server."""
    if read() == state:
        state_path().unlink(missing_ok=True)
        _opener_path().unlink(missing_ok=True)


def find(patience: float = PATIENCE_S) -> ServerState | None:
    """The server that runs, or None: a stale state file is none. See `health_of` for patience."""
    state = read()
    if state is None or state.api != API_VERSION or not is_alive(state.pid):
        return None
    health = health_of(state.port, state.token, patience)
    return state if health and health.get("version") == state.version else None


def addresses_for_browsers(state: ServerState) -> dict[str, str]:
    """`address` of the page at a running server, and that for `others`, other machines, where
    those can reach it; each logs in once where the server wants its token."""
    answer = _ask(state.port, "login/once", state.token, PATIENCE_S, method="POST") or {}
    found = {name: str(answer[name]) for name in ("address", "others") if name in answer}
    return {"address": f"http://127.0.0.1:{state.port}/"} | found


def health_of(port: int, token: str = "", patience: float = PATIENCE_S) -> dict[str, Any] | None:
    """What a photochrom server on this machine says at `port`; None where there is none.

    Waits `patience` seconds, since one that is starting listens before it answers.
    """
    health = _ask(port, "v1/health", token, patience)
    return health if health and health.get("service") == "photochrom" else None


def _ask(
    port: int, path: str, token: str, patience: float, method: str = "GET"
) -> dict[str, Any] | None:
    """The JSON object that a server of this machine answers with; None where there is none."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/{path}", method=method)
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    # A proxy from the environment has no business on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=patience) as answer:
            value = json.loads(answer.read(65536))
    except (OSError, ValueError, RecursionError):  # urllib's errors, JSON's, a stranger's nesting
        return None
    return value if isinstance(value, dict) else None


def is_alive(pid: int) -> bool:
    """Whether a process of this user has that number (always True on Windows)."""
    if os.name == "nt":  # os.kill would end the process there; the health check decides
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError, TypeError):
        return False  # another user's: not our server
    return True
