"""Confines a worker to the folders and buckets that it may touch, whatever the ledger says.

Anybody with access to Redis can write into the ledger. A worker follows a path from it only if the
path, with all its symbolic links and dots resolved, lies under one of the worker's roots.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from core.errors import OptionsError, PhotochromError


class OutsideRoots(PhotochromError):
    """Raised for a path in the ledger that this worker may not touch; it was not touched."""

    kind = "outside-roots"


class Roots:
    """The roots of one worker: existing folders, and prefixes such as s3://bucket/scans."""

    def __init__(self, roots: Iterable[str]) -> None:
        """Resolves the folders; raises `OptionsError` for no root, or one that does not exist."""
        self._folders: list[Path] = []
        self._prefixes: list[str] = []
        for root in roots:
            if is_remote(root):
                self._prefixes.append(root.rstrip("/"))
                continue
            folder = Path(root).expanduser()
            if not folder.is_dir():
                raise OptionsError(f"the root {root} is no folder")
            self._folders.append(folder.resolve())
        if not self._folders and not self._prefixes:
            raise OptionsError(
                "no --root is given: a worker touches files under its roots only",
                remedy="name the folders of sources and results, as --root /srv/scans "
                "--root s3://bucket/scans",
            )

    def __str__(self) -> str:
        return ", ".join([*map(str, self._folders), *self._prefixes])

    def admit(self, path: str) -> None:
        """Raises `OutsideRoots` unless `path`, a file's path or URL, lies under a root."""
        allowed = self._admits_url(path) if is_remote(path) else self._admits_file(path)
        if not allowed:
            raise OutsideRoots(
                "lies outside the folders that this worker may touch",
                file=path,
                remedy="start the worker with --root for its folder",
            )

    def _admits_file(self, path: str) -> bool:
        if not path.startswith("/") or "\0" in path:
            return False
        try:
            real = Path(os.path.realpath(path))
        except OSError:
            return False
        # A path equal to a root is refused: it is a folder, never a picture.
        return any(root in real.parents for root in self._folders)

    def _admits_url(self, url: str) -> bool:
        if any(part in ("", ".", "..") for part in url.split("://", 1)[1].split("/")):
            return False
        return any(url.startswith(prefix + "/") for prefix in self._prefixes)


def is_remote(path: str) -> bool:
    """Returns whether `path` is a URL of an object store rather than a file's path."""
    return path.startswith("s3://")
