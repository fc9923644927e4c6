"""Kombu's way to Redis, with one client a channel instead of two new ones for each message.

Kombu makes a client for every message that it takes and again for every one that it lets go. With
redis 7 and later a client copies a table of 170 entries when it is made, which was a third of what
a worker's parent costs (`overhead` of tests/worker/bench.py). A client has no connection of its
own: it takes one from the channel's pool for each command, so that it can be kept, also by several
threads.
"""

from typing import Any

from kombu import transport as transports
from kombu.transport import redis


class Channel(redis.Channel):
    """Keeps its client for as long as it has the same pool of connections."""

    _kept: Any = None

    def _create_client(self, asynchronous: bool = False) -> Any:
        if asynchronous:
            return super()._create_client(asynchronous=True)
        kept = self._kept
        if kept is None or kept.connection_pool is not self.pool:
            kept = self._kept = super()._create_client()
        return kept


class Transport(redis.Transport):
    """Kombu's, with our channel."""

    Channel = Channel


def use() -> None:
    """Makes redis:// and rediss:// mean this transport, in this process."""
    for scheme in ("redis", "rediss"):
        transports.TRANSPORT_ALIASES[scheme] = f"{__name__}:Transport"
