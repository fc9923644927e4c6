"""The files that browsers have uploaded to the page: whose each one is, and how long it stays.

An upload lies in a folder of its own under a name that cannot be guessed, and belongs to the
browser that sent it. Nobody uses it up: whoever needs it takes a hard link or a copy (`take`). It
goes by age alone, never while a page is open that may still list it.
"""

import contextlib
import errno
import hmac
import os
import secrets
import shutil
import stat
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from gradio_app.problems import Refused
from gradio_app.upload import plain_name

#: An upload stays for so long after the last page that may list it was seen.
KEPT_S: Final = 24 * 3600
#: A page that was seen within this counts as open; it says so every minute.
OPEN_S: Final = 300
#: A page may say that it is open so much later than it uploads its first file.
LATE_S: Final = 60
#: What all uploads may take together. Beyond it, those that no open page lists go early.
MOST_BYTES: Final = 32 << 30
MOST_PAGES: Final = 4096

#: One sentence for every path that is refused: it tells nothing about what is there.
NOT_YOURS: Final = "this browser has uploaded no such file, or it was let go since; choose it again"
FULL: Final = "there is no room for more uploads; close or reload pages that wait, and try again"

#: A symbolic link is not followed, a pipe or a device is not waited for.
_OPEN_FLAGS: Final = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


def read_regular(path: Path) -> bytes:
    """A regular file's bytes; raises `OSError` for a link, a pipe, a device."""
    descriptor = os.open(path, _OPEN_FLAGS)
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "no regular file")
        return stream.read()


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came whole: `identity` is its device and inode, `made` in the clock's seconds."""

    path: Path
    owner: str
    size: int
    made: float
    identity: tuple[int, int]


@dataclass(slots=True)
class _Page:
    """An open page of a browser: when it was first and last seen."""

    owner: str
    first: float
    last: float


class Incoming:
    """An upload on its way; `finish` or `give_up` ends it. To be used by one thread at a time."""

    def __init__(self, uploads: "Uploads", owner: str, path: Path) -> None:
        self.path = path
        self.size = 0
        self._uploads = uploads
        self._owner = owner
        self._stream: BinaryIO = path.open("xb")

    def write(self, data: bytes) -> None:
        """Appends to the file. Raises `Refused` where the uploads have no room left."""
        self._uploads._grow(len(data))
        self.size += len(data)  # also where the disk is full: `give_up` takes it back
        self._stream.write(data)

    def finish(self) -> Upload:
        """The whole file, from now on an upload of its owner."""
        self._stream.flush()
        found = os.fstat(self._stream.fileno())
        self._stream.close()
        return self._uploads._add(self.path, self._owner, self.size, (found.st_dev, found.st_ino))

    def give_up(self) -> None:
        """Removes what came so far."""
        with contextlib.suppress(OSError):  # a full disk takes not even what was in the buffer
            self._stream.close()
        self._uploads._forget(self.path, self.size)


class Uploads:
    """All uploads of one server, in `folder`. `clock` gives seconds."""

    def __init__(
        self,
        folder: Path,
        clock: Callable[[], float] = time.monotonic,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._clock = clock
        self._most_bytes = most_bytes
        self._bytes = 0
        self._files: dict[str, Upload] = {}
        self._pages: OrderedDict[tuple[str, str], _Page] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, owner: str, given_name: str) -> Incoming:
        """A new upload of `owner`, to be written; `given_name` is what the browser calls it."""
        folder = self._folder / secrets.token_urlsafe(24)
        folder.mkdir(mode=0o700)
        return Incoming(self, owner, folder / plain_name(given_name))

    def check(self, path: object, owner: str) -> Upload:
        """The upload that lies at `path`, a text from a request. Raises `Refused`.

        Only a path that was handed out to the same owner, and that still is the very file that
        came, passes. For any other the file system is not even asked.
        """
        upload, descriptor = self._opened(path, owner)
        os.close(descriptor)
        return upload

    def take(self, path: object, owner: str, folder: Path) -> Path:
        """A file in `folder` that is the upload's equal and the caller's own. Raises `Refused`.

        A hard link where the file system has them, otherwise a copy.
        """
        upload, descriptor = self._opened(path, owner)
        target = folder / upload.path.name
        with os.fdopen(descriptor, "rb") as stream:
            if not _linked(upload, target):
                with target.open("xb") as copy:
                    shutil.copyfileobj(stream, copy, 1 << 20)
        return target

    def mark_open(self, owner: str, page: str) -> None:
        """Notes that a page of that browser is open now; `page` is the name it gave itself."""
        now = self._clock()
        with self._lock:
            known = self._pages.setdefault((owner, page), _Page(owner, now, now))
            known.last = now
            self._pages.move_to_end((owner, page))
            if len(self._pages) > MOST_PAGES:
                self._pages.popitem(last=False)

    def sweep(self) -> None:
        """Removes every upload that is old and that no page still lists."""
        self._remove_unlisted(KEPT_S)

    def _opened(self, path: object, owner: str) -> tuple[Upload, int]:
        with self._lock:
            upload = self._files.get(path) if isinstance(path, str) else None
        if upload is None or not hmac.compare_digest(upload.owner.encode(), owner.encode()):
            raise Refused(422, NOT_YOURS, kind="upload")
        try:
            descriptor = os.open(upload.path, _OPEN_FLAGS)
        except OSError:
            raise Refused(422, NOT_YOURS, kind="upload") from None
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or (found.st_dev, found.st_ino) != upload.identity:
            os.close(descriptor)
            raise Refused(422, NOT_YOURS, kind="upload")
        return upload, descriptor

    def _grow(self, count: int) -> None:
        with self._lock:
            fits = self._bytes + count <= self._most_bytes
        if not fits:
            self._remove_unlisted(OPEN_S)
        with self._lock:
            if self._bytes + count > self._most_bytes:
                raise Refused(507, FULL, kind="full")
            self._bytes += count

    def _add(self, path: Path, owner: str, size: int, identity: tuple[int, int]) -> Upload:
        upload = Upload(path, owner, size, self._clock(), identity)
        with self._lock:
            self._files[str(path)] = upload
        return upload

    def _forget(self, path: Path, size: int) -> None:
        with self._lock:
            self._files.pop(str(path), None)
            self._bytes -= size
        shutil.rmtree(path.parent, ignore_errors=True)

    def _remove_unlisted(self, age: float) -> None:
        """Removes the uploads for which no page was seen within `age` seconds."""
        now = self._clock()
        with self._lock:
            lasting = list(self._pages.values())
            old = [
                upload
                for upload in self._files.values()
                if now - _last_listed(upload, lasting) >= age
            ]
        for upload in old:
            self._forget(upload.path, upload.size)


def _last_listed(upload: Upload, pages: list[_Page]) -> float:
    """When a page was last seen that may list the upload: one that was open when it came."""
    listing = [
        page.last
        for page in pages
        if page.owner == upload.owner and page.first <= upload.made + LATE_S
    ]
    return max(upload.made, *listing) if listing else upload.made


def _linked(upload: Upload, target: Path) -> bool:
    """Whether `target` is now a hard link to the upload, and to nothing else."""
    try:
        os.link(upload.path, target, follow_symlinks=False)
    except (OSError, NotImplementedError):
        return False
    found = target.lstat()
    if (found.st_dev, found.st_ino) == upload.identity:
        return True
    target.unlink()
    return False
