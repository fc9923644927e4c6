"""The bytes that a picture comes from: an open file or bytes in memory, read once and guarded.

A file up to `SNAPSHOT_BYTES` is read whole when it is opened, so that nothing can change under the
decoder; a larger one stays open and is checked afterwards by `Origin.check_unchanged`. Everything
goes through the descriptor, never twice through the name.
"""

import hashlib
import os
import stat
from functools import cached_property
from pathlib import Path
from typing import Final

from core.errors import SourceError
from core.image.faults import changed, unreadable
from core.system import READ_FLAGS, read_at, read_into_at

#: Files up to this many bytes are held in memory while they are open.
SNAPSHOT_BYTES: Final = 64 << 20
_HASH_BYTES: Final = 1 << 20


class Origin:
    """One file, or bytes in memory, opened for reading. Close it, or use it in `with`.

    Parameters: `source` is a path or the bytes themselves; without `snapshot` even a small file
    is read only where it is asked for. `name` is what messages call it.
    Raises `SourceError` (unreadable, vanished, not-an-image for what is no regular file).
    """

    def __init__(
        self, source: str | os.PathLike | bytes | bytearray | memoryview, *, snapshot: bool = True
    ) -> None:
        self._descriptor = -1
        self.data: bytes | None = None
        if isinstance(source, bytes | bytearray | memoryview):
            self.path, self.name = None, "the picture"
            self.data, self.size = bytes(source), len(source)
        else:
            self.path = Path(os.fsdecode(source))
            self.name = str(self.path)
            self._open_file(self.path, SNAPSHOT_BYTES if snapshot else -1)
        if self.size == 0:
            self.close()
            raise SourceError(
                "the file is empty",
                file=self.name,
                kind="not-an-image",
                remedy="get a whole copy of it",
            )

    def _open_file(self, path: Path, snapshot_bytes: int) -> None:
        try:
            # Non-blocking, so that a pipe with a picture's name cannot hold up the whole folder.
            self._descriptor = os.open(path, READ_FLAGS)
            self._status = os.fstat(self._descriptor)
            self.size = self._status.st_size
            if not stat.S_ISREG(self._status.st_mode):
                raise SourceError(_not_a_file(self._status), file=self.name, kind="not-an-image")
            if self.size <= snapshot_bytes:
                self.data = self._read_all()
                self.check_unchanged()
        except OSError as error:
            self.close()
            raise unreadable(error, self.name) from error
        except BaseException:
            self.close()
            raise

    def _read_all(self) -> bytes:
        parts, left = [], self.size
        while left:
            part = os.read(self._descriptor, left)
            if not part:
                raise changed(self.name)
            parts.append(part)
            left -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def __enter__(self) -> "Origin":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets the file go. What was read of it stays."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    @property
    def status(self) -> os.stat_result | None:
        """The file's as it was opened: times, permission bits; None for bytes in memory."""
        return self._status if self.path else None

    def read(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes from `offset`; fewer only at the end of the file."""
        if self.data is not None:
            return self.data[offset : offset + size]
        try:
            return read_at(self._descriptor, size, offset)
        except OSError as error:
            raise unreadable(error, self.name) from error

    def end(self, size: int) -> bytes:
        """The last `size` bytes, or all of a smaller file."""
        return self.read(max(0, self.size - size), size)

    def read_into(self, offset: int, memory: memoryview) -> int:
        """Fills `memory` from `offset`; how many bytes there were, fewer only at the file's end."""
        if self.data is not None:
            part = self.data[offset : offset + len(memory)]
            memory[: len(part)] = part
            return len(part)
        done = 0
        try:
            while done < len(memory):
                count = read_into_at(self._descriptor, memory[done:], offset + done)
                if not count:
                    break
                done += count
        except OSError as error:
            raise unreadable(error, self.name) from error
        return done

    def for_decoder(self) -> bytes | int:
        """What a decoder reads from: the bytes, or a new descriptor that its taker closes.

        A new one each time: duplicates of one descriptor would share one position.
        """
        if self.data is not None:
            return self.data
        try:
            if Path(f"/proc/self/fd/{self._descriptor}").exists():
                return os.open(f"/proc/self/fd/{self._descriptor}", os.O_RDONLY)
            descriptor = os.open(self.name, os.O_RDONLY | _BINARY)
        except OSError as error:
            raise unreadable(error, self.name) from error
        if not os.path.sameopenfile(descriptor, self._descriptor):
            os.close(descriptor)
            raise changed(self.name)
        return descriptor

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of all bytes, hexadecimal (contract 3)."""
        digest = hashlib.sha256(self.data or b"")
        if self.data is None:
            for offset in range(0, self.size, _HASH_BYTES):
                digest.update(self.read(offset, _HASH_BYTES))
            self.check_unchanged()
        return digest.hexdigest()

    def check_unchanged(self) -> None:
        """Raises `SourceError` (changed) where the file was written to since it was opened."""
        if self._descriptor < 0:
            return
        now, then = os.fstat(self._descriptor), self._status
        if (now.st_size, now.st_mtime_ns) != (then.st_size, then.st_mtime_ns):
            raise changed(self.name)

    def is_same_file(self, path: Path) -> bool:
        """Whether `path` leads to this very file."""
        if self.path is None:
            return False
        try:
            status = path.stat()
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == (self._status.st_dev, self._status.st_ino)


_BINARY: Final = getattr(os, "O_BINARY", 0)


def _not_a_file(status: os.stat_result) -> str:
    return "it is a folder" if stat.S_ISDIR(status.st_mode) else "it is no regular file"
