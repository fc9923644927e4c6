"""Serves metrics for Prometheus and probes for an orchestrator, on a port of its own.

`/metrics`: this worker's scans, seconds and bytes, the queues' depth, the unfinished batches' scans
by state, the final figures of the latest ended ones. `/ready`: 200 once it takes work. `/live`: 200
while its rounds go on and waiting messages are taken; an outage of Redis is no reason to restart
it. `/`: a page with the batches' progress for people. All are read from Redis at each request.
"""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from core.errors import PhotochromError, ServiceError
from worker import policy, progress_page
from worker.broker import PREFIX, in_words
from worker.ledger import Ledger
from worker.ledger_scripts import worker_key

if TYPE_CHECKING:
    from worker.dispatcher import Dispatcher

#: Seconds without a finished round of the dispatcher after which the worker counts as stuck.
STUCK: Final = 60.0

#: Number of ended batches whose final figures are reported.
ENDED: Final = 20


class WorkerCollector(Collector):
    """Reads the figures from Redis at each scrape."""

    def __init__(self, ledger: Ledger, worker: str, queues: list[str]) -> None:
        self._ledger, self._worker, self._queues = ledger, worker, queues

    def collect(self) -> Iterator[Metric]:
        """Yields all figures; while Redis is away, `photochrom_redis_up` 0 alone."""
        up = GaugeMetricFamily("photochrom_redis_up", "Whether Redis answers")
        try:
            families = [*self._own(), *self._shared()]
        except PhotochromError:
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        yield from families

    def _own(self) -> Iterator[Metric]:
        with in_words(self._ledger.url):
            fields = self._ledger.redis.hgetall(worker_key(self._worker))
        figures = {name.decode(): value.decode() for name, value in fields.items()}
        scans = CounterMetricFamily(
            "photochrom_scans", "Scans finished by this worker", labels=["status"]
        )
        for status in ("done", "skipped", "failed"):
            scans.add_metric([status], float(figures.get(status, 0)))
        yield scans
        yield CounterMetricFamily(
            "photochrom_scan_seconds",
            "Seconds of work on them",
            value=float(figures.get("milliseconds", 0)) / 1000,
        )
        yield CounterMetricFamily(
            "photochrom_bytes_read", "Bytes of their sources", value=float(figures.get("bytes", 0))
        )
        yield _durations(figures)
        yield GaugeMetricFamily(
            "photochrom_processes",
            "Processes of this worker",
            value=float(figures.get("processes", 0)),
        )

    def _shared(self) -> Iterator[Metric]:
        depth = GaugeMetricFamily(
            "photochrom_queue_depth", "Messages in the queue", labels=["queue"]
        )
        with in_words(self._ledger.url):
            for queue in self._queues:
                depth.add_metric([queue], self._ledger.redis.llen(PREFIX + queue))
        yield depth
        states = GaugeMetricFamily(
            "photochrom_batch_scans", "Scans of unfinished batches", labels=["batch", "state"]
        )
        for batch in self._ledger.open_batches():
            numbers = self._ledger.numbers(batch)
            for state in ("queued", "waiting", "running", "done", "skipped", "failed"):
                states.add_metric([batch, state], float(numbers[state]))
        yield states
        yield from self._ended()

    def _ended(self) -> Iterator[Metric]:
        """Yields the final figures of the latest ended batches, while the ledger keeps them."""
        scans = GaugeMetricFamily(
            "photochrom_ended_batch_scans",
            "Scans of the latest ended batches",
            labels=["batch", "state"],
        )
        seconds = GaugeMetricFamily(
            "photochrom_ended_batch_seconds",
            "From the first scan's begin to the end",
            labels=["batch"],
        )
        for batch in self._ledger.batches()[:ENDED]:
            numbers: dict[str, Any] = self._ledger.numbers(batch)
            if not numbers["finished"]:
                continue
            for state in ("done", "skipped", "failed"):
                scans.add_metric([batch, state], numbers[state])
            seconds.add_metric(
                [batch], numbers["finished"] - (numbers["begun"] or numbers["created"])
            )
        yield scans
        yield seconds


def _durations(figures: dict[str, str]) -> Metric:
    """Returns the histogram that lua/finish.lua counts: of coloured scans alone."""
    buckets, below = [], 0.0
    for bound in (*policy.BUCKETS, "inf"):
        below += float(figures.get(f"upto:{bound}", 0))
        buckets.append(("+Inf" if bound == "inf" else str(float(bound)), below))
    return HistogramMetricFamily(
        "photochrom_scan_duration_seconds",
        "How long a coloured scan took",
        buckets=buckets,
        sum_value=float(figures.get("milliseconds done", 0)) / 1000,
    )


def is_alive(dispatcher: "Dispatcher") -> bool:
    """Returns whether the worker works: its rounds go on, and it takes waiting messages."""
    return time.monotonic() - dispatcher.latest_round < STUCK and not dispatcher.is_stalled


def serve_metrics(
    where: tuple[str, int], ledger: Ledger, dispatcher: "Dispatcher", queues: list[str]
) -> ThreadingHTTPServer:
    """Listens at (address, port) in a thread. Raises `ServiceError` where the port is taken."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(WorkerCollector(ledger, dispatcher.worker, queues))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name is http.server's
            if self.path == "/metrics":
                self._answer(200, generate_latest(registry), "text/plain; version=0.0.4")
            elif self.path == "/":
                code, text = progress_page.page(ledger)
                self._answer(code, text.encode("utf-8", "replace"), "text/html; charset=utf-8")
            elif self.path == "/ready":
                self._answer(200, b"ready\n")
            elif self.path == "/live":
                alive = is_alive(dispatcher)
                self._answer(200 if alive else 503, b"alive\n" if alive else b"stuck\n")
            else:
                self._answer(404, b"there is /, /metrics, /ready and /live\n")

        def _answer(self, code: int, body: bytes, kind: str = "text/plain") -> None:
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Security-Policy", progress_page.POLICY)
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args) -> None:
            """Logs nothing: scrapes come every few seconds."""

    try:
        server = ThreadingHTTPServer(where, Handler)
    except OSError as error:
        raise ServiceError(
            f"the metrics cannot listen at {where[0]}:{where[1]} ({error.strerror})",
            remedy="choose another --metrics-port",
        ) from error
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server
