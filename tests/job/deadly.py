"""Sources that end, or stop, the process that opens them; importable in the pool's processes."""

import os
import signal
from pathlib import Path


class Deadly(type(Path())):
    """A path that kills whoever opens it, as a broken native decoder does."""

    def __fspath__(self) -> str:
        os.kill(os.getpid(), signal.SIGKILL)
        return str(self)


class Hanging(type(Path())):
    """A path whose opening never ends, and which no signal but the last one interrupts.

    The file `NAME.opened` tells that it began.
    """

    def __fspath__(self) -> str:
        Path(f"{self}.opened").touch()
        os.kill(os.getpid(), signal.SIGSTOP)
        return str(self)
