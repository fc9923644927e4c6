"""Messages cost few round trips to Redis."""

from typing import Any

from tests.worker.stage import Stage
from worker.application import application, publish
from worker.broker import PREFIX


def test_a_channel_keeps_its_client_until_its_connections_are_made_anew(stage: Stage):
    with application(stage.redis.url).connection_for_write() as connection:
        channel: Any = connection.default_channel
        with channel.conn_or_acquire() as first, channel.conn_or_acquire() as second:
            assert first is second and first.ping()
        channel._disconnect_pools()
        with channel.conn_or_acquire() as third:
            assert third is not first and third.ping()


def test_many_messages_are_sent_in_one_transmission(stage: Stage):
    client: Any = stage.redis.client
    reads = client.info("stats")["total_reads_processed"]
    publish(application(stage.redis.url), "scans", "a-batch", [f"{n:011d}" for n in range(300)])
    assert client.llen(PREFIX + "scans") == 300
    assert client.info("stats")["total_reads_processed"] - reads < 60
