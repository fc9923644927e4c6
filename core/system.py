"""Calls that differ between operating systems, in one place: on Unix as on Windows.

Nothing else in the runtime half calls what only Unix has. pyright checks this file, and all that
use it, as for Linux, Windows and macOS (`make lint`).
"""

import errno
import math
import os
import re
import sys
import threading
import warnings
from pathlib import Path
from typing import Final

#: Flags for opening a file to read its bytes: never translated, and a pipe holds nobody up.
READ_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)

#: Names that Windows keeps for devices, whatever suffix they have.
_DEVICES: Final = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])", re.I)
_FORBIDDEN: Final = re.compile(r'[<>:"/\\|?*\x00-\x1f]')

#: What a file system says that has no locks.
_NO_LOCKS: Final = frozenset((errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOLCK))

#: Windows has one position for each descriptor: whoever seeks must read before another seeks.
_POSITION: Final = threading.Lock()


def read_at(descriptor: int, size: int, offset: int) -> bytes:
    """Up to `size` bytes of a file from `offset`; raises `OSError`."""
    if sys.platform != "win32":
        return os.pread(descriptor, size, offset)
    return _seek_and_read(descriptor, size, offset)


def read_into_at(descriptor: int, memory: memoryview, offset: int) -> int:
    """Fills `memory` from `offset`, in part at most; how many bytes, 0 at the end of the file."""
    if sys.platform != "win32":
        return os.preadv(descriptor, [memory], offset)
    part = _seek_and_read(descriptor, min(len(memory), 1 << 30), offset)
    memory[: len(part)] = part
    return len(part)


def lock(descriptor: int) -> bool | None:
    """Locks a file for this process until it is closed; False where another process has it.

    None where the system or the file system has no locks of this kind. Raises `OSError`.
    """
    if sys.platform == "win32":
        return None  # locks there are mandatory: not even the reader of a result could read it
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return None
        raise
    return True


def is_alive(process: int) -> bool:
    """Whether a process of that number runs on this machine; True where nobody can say."""
    if sys.platform == "win32":
        return _is_alive_on_windows(process)
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def available_processors() -> int:
    """Processors that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def load_average() -> float:
    """Processes that ran or waited in the last minute; nan where the system does not count them."""
    return math.nan if sys.platform == "win32" else os.getloadavg()[0]


def available_memory() -> float | None:
    """Bytes that processes could still take without swapping; None where the system has no say."""
    try:
        with Path("/proc/meminfo").open(encoding="ascii") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return float(line.split()[1]) * 1024
    except OSError:
        return None
    return None


def user_runtime_folder() -> Path:
    """This user's folder for what a running program leaves for others, such as its port."""
    import platformdirs  # some ms; only the server and what looks for it need it

    with warnings.catch_warnings():  # without XDG_RUNTIME_DIR it lies in /tmp, which is fine
        warnings.simplefilter("ignore")
        return platformdirs.user_runtime_path("photochrom", appauthor=False)


def fault_of_name(name: str, *, on_windows: bool = sys.platform == "win32") -> str:
    """Why a file cannot have this name, '' if it can; a clause as "Windows keeps it for ..."."""
    if not on_windows:
        return ""
    if _DEVICES.fullmatch(name.partition(".")[0].rstrip(" ")):
        return "Windows keeps this name for a device"
    if name.endswith((".", " ")):
        return "Windows cuts the dot or space off its end"
    if _FORBIDDEN.search(name):
        return 'Windows allows none of < > : " / \\ | ? * in it'
    return ""


def _seek_and_read(descriptor: int, size: int, offset: int) -> bytes:
    with _POSITION:
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, size)


def _is_alive_on_windows(process: int) -> bool:
    """`os.kill` would end the process there: its exit code is asked for instead."""
    if sys.platform != "win32":
        return True
    import ctypes

    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    handle = kernel.OpenProcess(0x1000, False, process)  # PROCESS_QUERY_LIMITED_INFORMATION
    if not handle:
        return ctypes.get_last_error() != 87  # ERROR_INVALID_PARAMETER: no such process
    code = ctypes.c_ulong()
    kernel.GetExitCodeProcess(handle, ctypes.byref(code))
    kernel.CloseHandle(handle)
    return code.value == 259  # STILL_ACTIVE
