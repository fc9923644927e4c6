"""Celery's Redis transport with fewer round trips and one client for each pool of connections.

kombu makes a client for each message that it reads, and one more for each that it acknowledges;
redis-py fills a table of all commands for each client, a tenth of a millisecond of CPU. Clients may
be shared: for each command they take a connection from the pool.
"""

from contextlib import contextmanager

from kombu.transport import redis


class RedisQoS(redis.QoS):
    """Notes which messages are being worked on, without MULTI and EXEC around the two commands.

    They go out in one packet. Where the second one is lost, so is the message, as it would be with
    both, and the dispatcher replaces messages that are lost.
    """

    @contextmanager
    def pipe_or_acquire(self, pipe=None, client=None):
        if pipe:
            yield pipe
        else:
            with self.channel.conn_or_acquire(client) as found:
                yield found.pipeline(transaction=False)


class RedisChannel(redis.Channel):
    """A channel that keeps its client as long as the pool that it belongs to."""

    QoS = RedisQoS
    _shared = None

    def _create_client(self, asynchronous=False):
        if asynchronous:  # its one connection waits for messages
            return super()._create_client(asynchronous=True)
        if self._shared is None or self._shared.connection_pool is not self.pool:
            self._shared = super()._create_client()
        return self._shared


class RedisTransport(redis.Transport):
    """The transport of `redis://` and `rediss://`, with this module's `RedisChannel`."""

    Channel = RedisChannel
