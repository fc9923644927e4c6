"""Streams of answers that browsers hold open: each holds a connection for as long as it likes."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from gradio_app.problems import Refused

#: Streams at once, fewer than the server has connections, so that others still get in;
MOST_STREAMS: Final = 256
#: and of one browser, which opens six connections to a server, or of all without a name.
MOST_OF_ONE: Final = 32


class Streams:
    """The streams that are open, by browser."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    @contextmanager
    def one_more(self, owner: str) -> Iterator[None]:
        """Around one stream; raises `Refused` where there are too many."""
        if self._open[owner] >= MOST_OF_ONE or self._open.total() >= MOST_STREAMS:
            raise Refused(
                429,
                "too many pages wait for answers; close some, and try again",
                kind="busy",
                headers={"Retry-After": "2"},
            )
        self._open[owner] += 1
        try:
            yield
        finally:
            self._open[owner] -= 1
            if not self._open[owner]:
                del self._open[owner]
