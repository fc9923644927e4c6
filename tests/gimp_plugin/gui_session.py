"""GIMP with its windows, on a screen of its own (Xvfb) inside the root folder, driven by keys.

`GuiSession` starts it; `keys`, `type`, `window` and `picture` do what a person at the screen
does; `run` asks the same GIMP about its images, as in `gimp_session.py`.
"""

import subprocess
import time
from pathlib import Path
from typing import Any

from tests.gimp_plugin.gimp_session import GimpSession, Room, environment

SCREEN = "1280x900x24"
SECONDS = 60.0  # the longest that a window is waited for
GIMPRC = """(config-version "3.0.4")
(show-welcome-dialog no)
(check-updates no)
(color-profile-policy keep)
(default-image (width 64) (height 64))
"""


class GuiSession(GimpSession):
    """One GIMP with windows."""

    def __init__(self, room: Room, display: int = 78, language: str = "") -> None:
        self._display = f":{display}"
        self._language = language
        setting = f'(language "{language}")\n' if language else ""
        (room.profile / "gimprc").write_text(GIMPRC + setting)
        (room.root / "tmp" / ".X11-unix").mkdir(mode=0o1777, exist_ok=True)
        self._room = room
        self._beside = [
            self._start("Xvfb", self._display, "-screen", "0", SCREEN, "-nolisten", "tcp")
        ]
        lock = room.root / "tmp" / ".X11-unix" / f"X{display}"
        self.wait_for(lambda: lock.exists(), "the screen")
        self._beside.append(self._start("openbox"))
        super().__init__(room, number=display)

    def program(self) -> list[str]:
        """GIMP with its windows."""
        return ["gimp", "-n", "-s"]

    def settings(self) -> dict[str, str]:
        """On our screen."""
        spoken = {"LC_ALL": "de_DE.UTF-8", "LANGUAGE": "de"} if self._language == "de" else {}
        return {"DISPLAY": self._display, "NO_AT_BRIDGE": "1", **spoken}

    def window(self, title: str) -> str:
        """The number of the window whose title matches, once it is there; it gets the keys."""
        found: list[str] = []

        def look() -> bool:
            found[:] = self._ask("xdotool", "search", "--onlyvisible", "--name", title).split()
            return bool(found)

        self.wait_for(look, f"the window {title!r}")
        self._ask("xdotool", "windowactivate", "--sync", found[0])
        return found[0]

    def picture_of(self, title: str, path: Path) -> None:
        """A picture of one window, as PNG."""
        inside = f"{self._room.inside}/window.png"
        self._ask("import", "-window", self.window(title), inside)
        path.write_bytes((self._room.path / "window.png").read_bytes())

    def fit(self, title: str, width: int, height: int) -> None:
        """Give a window that size in the screen's corner; the pointer waits below it."""
        number = self.window(title)
        self._ask("xdotool", "windowsize", "--sync", number, str(width), str(height))
        self._ask("xdotool", "windowmove", number, "0", "0", "mousemove", "1000", "890")

    def has_window(self, title: str) -> bool:
        """Whether there is a window whose title matches, now."""
        return bool(self._ask("xdotool", "search", "--onlyvisible", "--name", title).split())

    def wait_without(self, title: str) -> None:
        """Wait until no such window is left."""
        self.wait_for(lambda: not self.has_window(title), f"the end of {title!r}")

    def keys(self, *names: str, pause: float = 0.3) -> None:
        """Press the keys one after the other, as a person would."""
        for name in names:
            self._ask("xdotool", "key", name)
            time.sleep(pause)

    def type(self, text: str) -> None:
        """Type the text."""
        self._ask("xdotool", "type", "--delay", "30", text)

    def click(self, x: int, y: int) -> None:
        """Click there on the screen."""
        self._ask("xdotool", "mousemove", str(x), str(y), "click", "1")

    def click_in(self, title: str, x: int, y: int) -> None:
        """Click there in a window."""
        number = self.window(title)
        self._ask("xdotool", "mousemove", "--window", number, str(x), str(y), "click", "1")

    def right_click_in(self, title: str, x: int, y: int) -> None:
        """Click there with the right button, in a window."""
        number = self.window(title)
        self._ask("xdotool", "mousemove", "--window", number, str(x), str(y), "click", "3")

    def picture(self, path: Path) -> None:
        """A picture of the screen, as PNG."""
        inside = f"{self._room.inside}/screen.png"
        self._ask("import", "-window", "root", inside)
        path.write_bytes((self._room.path / "screen.png").read_bytes())

    def stop(self) -> None:
        """End GIMP without asking whether to save, then the screen."""
        self.kill()
        for process in reversed(self._beside):
            process.terminate()
            process.wait(30)
        self._log.close()
        (self._room.profile / "gimprc").unlink()  # a language would be that of later sessions too

    def _start(self, *command: str) -> subprocess.Popen:
        return subprocess.Popen(
            self._inside(command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def _ask(self, *command: str) -> str:
        ran = subprocess.run(self._inside(command), capture_output=True, text=True, timeout=SECONDS)
        return ran.stdout

    def _inside(self, command: tuple[str, ...]) -> list[str]:
        enter = ["chroot", str(self._room.root)]
        return [*enter, *environment(self._room, **self.settings()), *command]

    @staticmethod
    def wait_for(condition: Any, name: str) -> None:
        """Wait until the condition holds."""
        deadline = time.monotonic() + SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name} did not come within {SECONDS:.0f} s")
            time.sleep(0.1)
