"""A real GIMP 3 in its root folder, kept running, for tests that talk to it.

`GimpSession.start` runs `gimp-console` in the folder that `make-gimp-root.sh` makes; `run`
executes code in it (see `in_gimp.py` for what the code finds there).
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import textwrap
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
DEFAULT_ROOT = "/var/cache/photochrom-gimp3-root"
START_SECONDS = 180.0  # some seconds on a machine that does nothing else


class NoGimp(Exception):
    """Why there can be no real GIMP on this machine, in one sentence."""


def root_with_gimp() -> Path:
    """The folder with GIMP in it, made when it is not there; PHOTOCHROM_GIMP_ROOT names another."""
    root = Path(os.environ.get("PHOTOCHROM_GIMP_ROOT", DEFAULT_ROOT))
    if os.name != "posix" or os.geteuid() != 0:
        raise NoGimp("a GIMP in a folder of its own is entered by chroot, which takes root")
    made = subprocess.run([HERE / "make-gimp-root.sh", root], capture_output=True, text=True)
    if made.returncode:
        last = (made.stderr.strip().splitlines() or ["it does not say why"])[-1]
        raise NoGimp(f"GIMP 3 cannot be installed into {root}: {last}")
    return root


class Room:
    """A folder inside the GIMP root: `path` as this system names it, `inside` as GIMP does."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "tmp").mkdir(exist_ok=True)
        self.path = Path(tempfile.mkdtemp(prefix="photochrom-", dir=root / "tmp"))
        self.inside = f"/{self.path.relative_to(root)}"
        self.profile = self.path / "profile"
        self.profile.mkdir()
        for script in ("fake_server.py", "in_gimp.py"):
            shutil.copy(HERE / script, self.path)

    @property
    def installed(self) -> Path:
        """The plug-in's folder."""
        return self.profile / "plug-ins" / "photochrom"

    @property
    def state_file(self) -> Path:
        """Where the server tells its port and token."""
        return self.path / "run" / "server.json"

    def configure(self, *command: str) -> None:
        """Write `photochrom.json` as the installer does, with what starts the server in here."""
        self.state_file.parent.mkdir(mode=0o700, exist_ok=True)
        found = {
            "command": list(command),
            "state_file": f"{self.inside}/run/server.json",
            "version": "0",
        }
        (self.installed / "photochrom.json").write_text(json.dumps(found))

    def use_fake(self, manner: str = "good") -> None:
        """The plug-in will start a fake server of that manner; a running one is ended."""
        self.end_servers()
        script, journal = f"{self.inside}/fake_server.py", f"{self.inside}/journal.jsonl"
        self.configure("python3", script, "--journal", journal, "--manner", manner)

    def journal(self, event: str = "") -> list[dict[str, Any]]:
        """What the fake servers noted."""
        journal = self.path / "journal.jsonl"
        lines = journal.read_text().splitlines() if journal.exists() else []
        notes = [json.loads(line) for line in lines]
        return [note for note in notes if note["event"] == event or not event]

    def end_servers(self) -> None:
        """End the fake servers that the plug-in started, and forget what they noted."""
        script = f"{self.inside}/fake_server.py".encode()
        for pid in _processes_with(script):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        for path in (self.path / "journal.jsonl", self.state_file, self._server_log):
            path.unlink(missing_ok=True)

    def plug_ins(self) -> list[int]:
        """The processes of our plug-in that run now."""
        return _processes_with(f"{self.inside}/profile/plug-ins/photochrom/photochrom.py".encode())

    @property
    def _server_log(self) -> Path:
        return self.state_file.with_name("server.log")

    def remove(self) -> None:
        """End what runs and remove the folder."""
        self.end_servers()
        shutil.rmtree(self.path)


class GimpSession:
    """One running gimp-console."""

    def __init__(self, room: Room, number: int = 0) -> None:
        self.room = room
        self._socket = room.path / f"socket-{number}"
        self._log = (room.path / f"gimp-{number}.log").open("wb")
        inside = f"{room.inside}/{self._socket.name}"
        code = f"exec(open('{room.inside}/in_gimp.py').read())"
        self._process = subprocess.Popen(
            [
                "chroot",
                str(room.root),
                *environment(room, PHOTOCHROM_TEST_SOCKET=inside, **self.settings()),
                *self.program(),
                *("--batch-interpreter", "python-fu-eval", "-b", code),
            ],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        deadline = time.monotonic() + START_SECONDS
        while not self._socket.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"GIMP did not start:\n{self.said()}")
            time.sleep(0.05)

    @property
    def process_id(self) -> int:
        """GIMP's process."""
        return self._process.pid

    def program(self) -> list[str]:
        """GIMP without windows, data files and fonts, which no test needs."""
        return ["gimp-console", "-i", "-d", "-f", "--new-instance", "--quit"]

    def settings(self) -> dict[str, str]:
        """More for its environment."""
        return {}

    def run(self, code: str, **values: Any) -> Any:
        """What the code, run in GIMP with `values` in front of it, leaves in `value`."""
        lines = [f"{name} = {value!r}" for name, value in values.items()]
        program = "\n".join([*lines, textwrap.dedent(code)])
        answer = json.loads(self._exchange(program.encode()) or "{}")
        if "value" not in answer:
            raise RuntimeError(answer.get("error") or f"GIMP ended:\n{self.said()}")
        return answer["value"]

    def said(self) -> str:
        """GIMP's words so far."""
        return Path(self._log.name).read_text(errors="replace")

    def stop(self) -> None:
        """End GIMP and wait for it."""
        self._exchange(b"stop")
        self._process.wait(30)
        self._log.close()

    def kill(self) -> None:
        """End GIMP and the plug-ins that it runs, whatever they are waiting for."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(30)

    def _exchange(self, message: bytes) -> bytes:
        with socket.socket(socket.AF_UNIX) as connection:
            for attempt in range(50):
                try:
                    connection.connect(str(self._socket))
                    break
                except ConnectionRefusedError:  # bound, and not yet listening
                    if attempt == 49:
                        raise
                    time.sleep(0.02)
            connection.sendall(message)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(1 << 20), b""))


def _processes_with(word: bytes) -> list[int]:
    """The processes that have the word in their command line."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if word in (folder / "cmdline").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def environment(room: Room, **more: str) -> list[str]:
    """An `env` command line in which nothing of this machine's session is left."""
    settings = {
        "PATH": "/usr/bin:/bin",
        "HOME": room.inside,
        "LC_ALL": "C.UTF-8",
        "GIMP3_DIRECTORY": f"{room.inside}/profile",
        **more,
    }
    return ["/usr/bin/env", "-i", *(f"{name}={value}" for name, value in settings.items())]
