"""Request bodies that are on their way: how many at once, and which makes room for another.

A picture takes its place in the queue when its body has come whole: clients that stall hold none.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from gradio_app.problems import Refused

#: Bodies at once. Beyond it the slowest is given up for the newcomer.
MOST_BODIES: Final = 64
#: A body has no speed to be judged by before it has come for so long,
JUDGED_S: Final = 2.0
#: or has paused for so long; it then counts as having none.
PAUSED_S: Final = 1.0


@dataclass(eq=False, slots=True)
class Body:
    """A body on its way: bytes so far, when it began and when the last of them came, in seconds."""

    start: float
    last: float
    size: int = 0
    wait: asyncio.Timeout | None = None  # for the next bytes
    is_given_up: bool = False

    def give_up(self) -> None:
        """Ends the wait for more of it."""
        self.is_given_up = True
        if self.wait is not None:
            self.wait.reschedule(asyncio.get_running_loop().time())


class Bodies:
    """The bodies that come to one server. `clock` gives seconds."""

    def __init__(
        self, most: int = MOST_BODIES, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._clock = clock
        self._coming: list[Body] = []

    @contextmanager
    def coming(self) -> Iterator[Body]:
        """Around the reading of one body; raises `Refused` where there is no room for it."""
        now = self._clock()
        if sum(not body.is_given_up for body in self._coming) >= self._most:
            self._make_room(now)
        body = Body(now, now)
        self._coming.append(body)
        try:
            yield body
        finally:
            self._coming.remove(body)

    def add(self, body: Body, count: int) -> None:
        """Notes that so many bytes more of a body came."""
        body.size += count
        body.last = self._clock()

    def _make_room(self, now: float) -> None:
        """Gives the slowest body up; of several that have paused the one that did so first."""
        slow = []
        for body in self._coming:
            has_paused = now - body.last >= PAUSED_S
            if not body.is_given_up and (has_paused or now - body.start >= JUDGED_S):
                speed = 0.0 if has_paused else body.size / (now - body.start)
                slow.append((speed, body.last, body))
        if not slow:
            raise Refused(
                503,
                f"{self._most} pictures are being sent already; try again in a moment",
                kind="busy",
            )
        min(slow, key=lambda judged: judged[:2])[2].give_up()
