"""Runs a worker from its first check to its last scan: `serve`.

The parent process only hands out messages and stays small: its children import the heavy libraries
and those that do not survive a fork. Before it takes work, it checks that Redis answers and is
configured to lose nothing, and that the model colours a few pixels in a process of its own.
"""

import logging
import multiprocessing
import os
import socket
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from billiard.util import get_logger
from celery import Celery, signals
from celery.apps import worker as celery_worker
from celery.exceptions import SecurityWarning
from celery.worker import state

from core.errors import EXIT_DONE, ServiceError
from core.model.memory import needed, processes_that_fit
from core.model.store import file_of
from worker import policy
from worker.application import SCAN, Limits, application
from worker.broker import OUTAGE, check, connect, unproven, without_password
from worker.dispatcher import Dispatcher
from worker.hooks import Hooks, notify_ended, notify_trouble
from worker.ledger import Ledger
from worker.process import ProcessSettings, WorkerProcess, try_model
from worker.restart import Restart, follow_parent, reap_children, replaces_another
from worker.roots import Roots
from worker.scan_request import name_scans
from worker.schedule import WorkHours, WorkSchedule, fetch_on_schedule

if TYPE_CHECKING:
    from redis import Redis

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Service:
    """Settings of a worker.

    `queues`: their names; `concurrency`: the number of processes; `metrics`: address and port, or
    None; `rate`: scans a second, None for no limit.
    """

    url: str
    roots: Roots
    queues: list[str]
    concurrency: int
    model: str
    device: str = "auto"
    limits: Limits = field(default_factory=Limits)
    metrics: tuple[str, int] | None = None
    watchable: bool = False
    hooks: Hooks = field(default_factory=Hooks)
    hours: WorkHours | None = None
    rate: float | None = None


def serve(service: Service) -> int:
    """Works until it is told to stop; returns the exit code. After SIGTERM it finishes the scans at
    work first.

    Raises `ServiceError`, `OptionsError`, `ModelError` or `ProviderError` before any work is taken.
    """
    reap_children()
    # Celery warns root of pickled messages, which are not accepted here; our own warning is below.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    _see_redis(service, is_patient=replaces_another())
    service = with_room_for_its_model(service)
    _try_in_a_process_of_its_own(service.model, service.device)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        log.info("the worker runs as root; give it a user of its own, who owns the results")
    name = f"{socket.gethostname()}-{os.getpid()}"
    app = application(service.url, service.limits, watchable=service.watchable)
    schedule = WorkSchedule(service.hours, service.rate, lambda: sum(state.total_count.values()))
    fetch_on_schedule(app, schedule)
    settings = ProcessSettings(
        service.url, name, service.model, service.device, service.roots, os.getpid(), schedule
    )
    _add_the_task(app, settings)
    restart = Restart(Ledger(service.url), name)
    hooks_ledger = Ledger(service.url)
    dispatcher = Dispatcher(
        app,
        Ledger(service.url),
        service.queues,
        name,
        _about(service),
        is_idle=lambda: _is_idle(service.concurrency),
        taken=lambda: sum(state.total_count.values()),
        on_stall=restart.ask,
        report_ended=lambda: service.hooks and notify_ended(hooks_ledger, service.hooks),
        report_trouble=lambda: service.hooks and notify_trouble(hooks_ledger, service.hooks),
        schedule=schedule,
    )
    _begin_with_celery(dispatcher, service)
    worker: Any = app.Worker(
        hostname=f"photochrom@{name}",
        pool_cls="prefork",
        concurrency=service.concurrency,
        queues=service.queues,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=not service.watchable,
        quiet=True,
    )
    restart.worker = worker
    log.info(
        "%s serves %s on %s, %d processes; it may touch %s",
        name,
        ", ".join(service.queues),
        without_password(service.url),
        service.concurrency,
        service.roots,
    )
    worker.start()
    dispatcher.stop()
    if worker.exitcode:  # Celery ends at a message that it cannot parse at all
        log.critical("Celery ended by itself; the worker begins anew")
        time.sleep(policy.ROUND)
        restart.carry_out()
    if restart.is_asked:
        restart.carry_out()
    return EXIT_DONE


def _see_redis(service: Service, is_patient: bool) -> None:
    """Checks Redis; raises as `connect` and `check` do.

    With `is_patient` it waits up to `OUTAGE` seconds for a Redis that is away.
    """
    end, said = time.monotonic() + OUTAGE, ""
    while True:
        try:
            client = connect(service.url)
            limits = service.limits
            check(client, service.url, time_limit=limits.time, visibility=limits.visibility)
            return
        except ServiceError as error:
            if not is_patient or time.monotonic() > end:
                raise
            if str(error) != said:
                said = str(error)
                log.warning("%s; the worker waits for it", said)
            time.sleep(policy.ROUND)


def with_room_for_its_model(service: Service) -> Service:
    """Returns the service with fewer processes if the model does not fit as often into memory, and
    with a memory limit of a process in which it fits.

    Raises `PhotochromError` of kind out-of-memory where the model does not fit once.
    """
    model = file_of(service.model)
    if model is None or service.device not in ("auto", "cpu"):
        return service
    processes = processes_that_fit(model, service.concurrency)
    if processes < service.concurrency:
        log.warning(
            "%d instead of %d processes: %.1f GB each",
            processes,
            service.concurrency,
            needed(model) / 1e9,
        )
    # Celery replaces a process above its limit after each scan.
    memory = max(service.limits.memory, int(1.5 * needed(model) / 2**20))
    return replace(service, concurrency=processes, limits=replace(service.limits, memory=memory))


def _add_the_task(app: Celery, settings: ProcessSettings) -> None:
    """Adds the task, and makes the `WorkerProcess` of each process after its fork.

    A process that cannot be made ready tries again with each message: the cause, a full disk or
    lack of memory, may have passed.
    """
    own: list[WorkerProcess] = []

    def process() -> WorkerProcess:
        if not own:
            own.append(WorkerProcess(settings))
        return own[0]

    @app.task(
        name=SCAN, Strategy="worker.messages:strategy", Request="worker.scan_request:ScanRequest"
    )
    def scan(batch: str, scan: str) -> None:
        try:
            ready = process()
        except Exception:
            # The dispatcher finds that the message is lost, and a sound process takes the scan.
            time.sleep(policy.UNREADY_PAUSE)
            raise
        ready.colour(batch, scan)

    @signals.worker_process_init.connect(weak=False)
    def _(**_: object) -> None:
        follow_parent(settings.parent)
        os.environ["VIPS_BLOCK_UNTRUSTED"] = "1"
        os.environ["VIPS_CONCURRENCY"] = "1"
        try:
            process()
        except Exception as error:  # if it were raised, Celery would fork for ever
            log.error("this process cannot colour yet: %s", str(error) or type(error).__name__)


def _begin_with_celery(dispatcher: Dispatcher, service: Service) -> None:
    # Celery prints that it stops, without logging, into a log that may be JSON; see below.
    celery_worker.safe_say = lambda *_: None

    @signals.setup_logging.connect(weak=False)
    def _(**_: object) -> None:
        """Logs the lines of Celery's pool; Celery sets up no logging where this is connected."""
        get_logger().propagate = True
        name_scans(Ledger(service.url, _quick(service.url)))

    @signals.worker_ready.connect(weak=False)
    def _(**_: object) -> None:
        dispatcher.start()
        if service.metrics:
            from worker.metrics import serve_metrics

            # Prometheus waits for ten seconds; a Redis that hangs must be reported well before.
            ledger = Ledger(service.url, _quick(service.url))
            serve_metrics(service.metrics, ledger, dispatcher, service.queues)

    @signals.worker_shutting_down.connect(weak=False)
    def _(**_: object) -> None:
        log.info("stopping; what is at work is finished, the rest goes back")


def _quick(url: str) -> "Redis":
    """Returns a client that gives up a silent Redis after 0.8 s."""
    return unproven(url, answer_within=0.8, ask_health=False)


def _about(service: Service) -> dict[str, Any]:
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "processes": service.concurrency,
        "version": version("photochrom"),
        "model": service.model,
        "device": service.device,
        "queues": ",".join(service.queues),
        "since": time.time(),
    }


def _is_idle(processes: int) -> bool:
    log.debug(
        "%d requests at work, %d in hand", len(state.active_requests), len(state.reserved_requests)
    )
    return len(state.active_requests) < processes


def _try_in_a_process_of_its_own(model: str, device: str) -> None:
    """Tries the model in a process of its own, since the parent must not import its libraries."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        try:
            pool.submit(try_model, model, device).result()
        except BrokenProcessPool as error:
            raise ServiceError("the process that tried the model died", kind="model") from error
