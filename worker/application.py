"""Configures the Celery application: how messages are made, delivered and acknowledged.

`application` makes it for submissions and workers; `SCAN` is its only task. Each setting has its
reason beside it; the guarantees in the package's docstring depend on them.
"""

from dataclasses import dataclass
from typing import Final

from celery import Celery

from worker import policy
from worker.broker import PREFIX, keepalive, tls_of

#: The name of the one task; a message that names another is rejected.
SCAN: Final = "photochrom.scan"

DEFAULT_QUEUE: Final = "scans"


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a worker: `time` and `visibility` in seconds, `memory` of a process in MiB, and
    `scans` after which a process is replaced.
    """

    time: int = policy.TIME_LIMIT
    visibility: int = policy.TIME_LIMIT + policy.VISIBILITY_MARGIN
    memory: int = policy.MEMORY_A_PROCESS
    scans: int = policy.SCANS_A_PROCESS


def application(url: str, limits: Limits | None = None, *, watchable: bool = False) -> Celery:
    """Returns the application for the broker at `url`; `watchable` lets Flower monitor it."""
    limits = limits or Limits()
    app = Celery("photochrom", broker=url, set_as_current=False)
    for name in list(app.tasks):  # Celery's own chords and maps, which this program never sends
        app.tasks.unregister(name)
    app.conf.update(
        # Messages are read as JSON, never as pickled objects.
        task_serializer="json",
        accept_content=["json"],
        # The ledger has the results; nothing reads Celery's own.
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        # A message is removed when its work is done, not when it is read; it goes back to the queue
        # when its process dies. A process that receives it twice finds the result in the ledger.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        # A process holds one message and prefetches none: a scan must not wait behind a slow one
        # while another machine is idle.
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,
        broker_transport_options={
            "visibility_timeout": limits.visibility,
            "global_keyprefix": PREFIX,
            # Without these a connection that went silent would block the main thread for ever, as
            # would a BRPOP without a reply (kombu gives it up after 1 s + the interval).
            "socket_timeout": policy.REDIS_TIMEOUT,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "socket_keepalive_options": keepalive(),
            "health_check_interval": policy.REDIS_TIMEOUT,
        },
        visibility_timeout=limits.visibility,
        broker_transport="worker.transport:RedisTransport",
        broker_use_ssl=tls_of(url),
        # Redis may be away for a night; the worker waits for it.
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        # Work goes on while Redis is away: the result is valid, and is reported afterwards.
        worker_cancel_long_running_tasks_on_connection_loss=False,
        task_time_limit=limits.time,
        worker_max_tasks_per_child=limits.scans,
        worker_max_memory_per_child=limits.memory * 1024,
        # A process loads its libraries and its model before it says that it is up; with an empty
        # numba cache that takes seconds (Celery's own limit is four).
        worker_proc_alive_timeout=180,
        # Otherwise anybody with access to Redis could send `shutdown` and `pool_restart`.
        worker_enable_remote_control=watchable,
        worker_send_task_events=watchable,
        task_send_sent_event=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        task_default_queue=DEFAULT_QUEUE,
        task_create_missing_queues=True,
    )
    return app


def publish(app: Celery, queue: str, batch: str, scans: list[str]) -> None:
    """Sends one message for each scan. The dispatcher replaces messages that are lost."""
    with app.producer_or_acquire() as producer, producer.batch():
        for scan in scans:
            app.send_task(
                SCAN,
                (batch, scan),
                producer=producer,
                queue=queue,
                ignore_result=True,
                argsrepr=scan,
                kwargsrepr="",
                retry=False,
            )
