"""Warm models, and a bounded number of slots in which pictures are coloured.

A request takes its place when its body has come, and gives it back with its answer; beyond the
queue it is refused with `QueueFull`, before its body comes too, so that memory and disk stay
bounded. The page and the API share one pool.
"""

import asyncio
import gc
import os
import shutil
import stat
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from filelock import FileLock, Timeout

from core.errors import InterruptedJob, ModelError, OptionsError, nearest
from core.model.memory import fits, refuse_without_memory
from core.model.store import file_of, installed, resolve
from gradio_app.bodies import Bodies
from gradio_app.discovery import is_alive
from gradio_app.problems import QueueFull, Refused, needs_room
from gradio_app.settings import ServerSettings

if TYPE_CHECKING:
    from core.colorizer import Colorizer
    from core.model.contract import ModelDescription

P = ParamSpec("P")
T = TypeVar("T")

#: Warm models at once, the server's own beside them: a small model holds 20 to 150 MB.
WARM_MODELS: Final = 2
_FOLDER_PREFIX: Final = "photochrom-server-"
#: The file in a server's folder that its server holds a lock on, some moments after making both.
_CLAIM: Final = "claim"
_CLAIMED_WITHIN_S: Final = 60.0


class Cancellation:
    """Whether a piece of work is still wanted; shared between the request and its worker."""

    def __init__(self) -> None:
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """From now on the work is not wanted."""
        self._cancelled.set()

    def check(self) -> None:
        """Raises `InterruptedJob` once the work is not wanted."""
        if self._cancelled.is_set():
            raise InterruptedJob("cancelled")


class Slot:
    """One request: its `stop`, `take_place` in the queue, and `run` to work in a thread."""

    def __init__(self, threads: ThreadPoolExecutor, take_place: Callable[[], None]) -> None:
        self.stop = Cancellation()
        self.take_place = take_place
        self._threads = threads
        self._work: asyncio.Future | None = None

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`work(...)` in one of the pool's threads; `InterruptedJob` where it was cancelled."""
        self.stop.check()
        loop = asyncio.get_running_loop()
        self._work = loop.run_in_executor(self._threads, lambda: work(*args, **kwargs))
        try:
            with needs_room():
                return await self._work
        except asyncio.CancelledError:
            self.cancel()
            raise InterruptedJob("cancelled") from None

    def cancel(self) -> None:
        """Ends the work at its next strip, or at once where it still waits for its turn."""
        self.stop.cancel()
        if self._work is not None:
            self._work.cancel()

    async def run_while(
        self, gone: Awaitable[object], work: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """`run`, cancelled as soon as `gone` (the client's leaving) comes true."""
        leaving = asyncio.ensure_future(gone)
        working = asyncio.ensure_future(self.run(work, *args, **kwargs))
        try:
            await asyncio.wait((leaving, working), return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                self.cancel()
            return await working
        finally:
            leaving.cancel()


class ColorizerPool:
    """Models, threads, slots and the temporary folder of one server."""

    def __init__(self, settings: ServerSettings) -> None:
        from core.colorizer import Colorizer

        self.settings = settings
        if model := file_of(settings.model):
            refuse_without_memory(model)
        self.colorizer = Colorizer.open(settings.model, settings.device)
        self._others: OrderedDict[str, Colorizer] = OrderedDict()
        self._opening = threading.Lock()
        self._threads = ThreadPoolExecutor(settings.workers, thread_name_prefix="photochrom")
        self._slots: dict[str, Slot] = {}
        self.bodies = Bodies()
        self._taken = 0
        self._seconds = 1.0  # what a picture took lately, for Retry-After
        self._descriptions: dict[Path, tuple[float, ModelDescription]] = {}
        _remove_abandoned()
        self.folder = Path(tempfile.mkdtemp(prefix=f"{_FOLDER_PREFIX}{os.getpid()}-"))
        self._claim = _claim(self.folder)

    def close(self) -> None:
        """Cancels what is at work and removes the temporary folder."""
        for slot in list(self._slots.values()):
            slot.cancel()
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._claim.release()
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextmanager
    def slot(self, name: str = "", *, at_once: bool = True):
        """A slot for one request, known to `cancel` as `name`. Raises `QueueFull`, `Refused`.

        Where it does not take its place `at_once`, the request does so itself when it is ready.
        """
        self._refuse_if_full()
        if name and name in self._slots:
            raise Refused(409, f"the id {name!r} is at work already")
        start: float | None = None

        def take_place() -> None:
            nonlocal start
            self._refuse_if_full()
            self._taken += 1
            start = time.monotonic()

        slot = Slot(self._threads, take_place)
        if at_once:
            take_place()
        key = name or f"\0{id(slot)}"
        self._slots[key] = slot
        try:
            yield slot
            if start is not None:
                self._seconds += 0.2 * (time.monotonic() - start - self._seconds)
        finally:
            self._taken -= start is not None
            del self._slots[key]

    def _refuse_if_full(self) -> None:
        if self._taken >= self.settings.workers + self.settings.queue:
            waiting = self._taken - self.settings.workers
            raise QueueFull(waiting, waiting * self._seconds / self.settings.workers)

    def cancel(self, name: str) -> bool:
        """Cancels the request of that name; False where there is none."""
        slot = self._slots.get(name)
        if slot is not None:
            slot.cancel()
        return slot is not None

    @contextmanager
    def folder_for_one(self):
        """A folder of its own for one request, removed afterwards whatever happens."""
        with needs_room():
            folder = Path(tempfile.mkdtemp(dir=self.folder))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def warm_up(self) -> None:
        """Loads (or compiles) the kernels, so that the first picture does not wait for them."""
        import numpy as np

        from core.colour.kernels import chroma_of

        chroma_of(np.zeros((1, 1, 3), np.uint16))
        for dtype in (np.uint8, np.uint16):
            self.colorizer.colorize(np.full((64, 64), 99, dtype))
            self.colorizer.colorize(np.full((64, 64, 3), 99, dtype))

    def model_names(self) -> list[str]:
        """The models that a request may name, the server's own first."""
        own = self.colorizer.session
        others = [found.name for found in installed() if found.path != own.path]
        return list(dict.fromkeys([own.description.name, *others]))

    def colorizer_of(self, model: str) -> "Colorizer":
        """The warm colorizer of a model *name* ('' = the server's own); to be called in the pool.

        A path is never taken from a request: only the server's own model and installed ones have
        names.
        """
        from core.colorizer import Colorizer

        if model in ("", self.settings.model, self.colorizer.session.description.name):
            return self.colorizer
        if model not in self.model_names():
            raise OptionsError(
                f"unknown model {model!r}", remedy=nearest(model, self.model_names())
            )
        with self._opening:
            if model not in self._others:
                self._make_room_for(model)
                self._others[model] = Colorizer.open(model, self.settings.device)
            self._others.move_to_end(model)
            if len(self._others) > WARM_MODELS:
                self._others.popitem(last=False)
            return self._others[model]

    def _make_room_for(self, model: str) -> None:
        """Lets other models go where a large one needs their memory; raises where it stays short.

        A picture at work keeps its model until it is finished.
        """
        while self._others and not fits(resolve(model)):
            self._others.popitem(last=False)
            gc.collect()
        refuse_without_memory(resolve(model))

    def descriptions(self) -> "dict[str, ModelDescription]":
        """name -> description of every model that is one; to be called in the pool."""
        from core.model.header import description_of

        own = self.colorizer.session.description
        result = {own.name: own}
        for found in installed():
            if found.name in result or found.path == self.colorizer.session.path:
                continue
            changed = found.path.stat().st_mtime
            known = self._descriptions.get(found.path)
            if known is None or known[0] != changed:
                try:
                    known = changed, description_of(found.path)
                except ModelError:  # listed by `photochrom models`, with its reason
                    continue
                self._descriptions[found.path] = known
            result[found.name] = known[1]
        return result


def _claim(folder: Path) -> FileLock:
    """A lock on a server's folder; the system lets go of it however the server ends."""
    lock = FileLock(folder / _CLAIM)
    with suppress(OSError, NotImplementedError):  # a file system without locks: ids must do
        lock.acquire(blocking=False)
    return lock


def _remove_abandoned() -> None:
    """Removes the folders of servers of this user that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_FOLDER_PREFIX}*"):
        with suppress(OSError, NotImplementedError):  # another user's, or gone meanwhile
            if _is_abandoned(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _is_abandoned(folder: Path) -> bool:
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or (os.name != "nt" and found.st_uid != os.getuid()):
        return False
    if (folder / _CLAIM).exists():
        try:
            # A lock, since an id may be another process's by now, or another container's.
            with FileLock(folder / _CLAIM, blocking=False):
                return True
        except Timeout:
            return False
    pid = folder.name.removeprefix(_FOLDER_PREFIX).partition("-")[0]
    is_new = time.time() - found.st_mtime < _CLAIMED_WITHIN_S
    return pid.isdigit() and not is_new and not is_alive(int(pid))
