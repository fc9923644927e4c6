"""Connections that die without a word: the worker finds new ones by itself, and nothing is lost."""

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import psutil
import pytest

from tests.worker.proxy import Proxy
from tests.worker.stage import RedisServer, Stage, free_port, make_scans, wait_until

#: Seconds within which a worker must be at work again; `IMPATIENT` makes its patience shorter.
AGAIN = 60


@pytest.fixture
def proxied(new_stage: Callable[..., Stage]) -> Iterator[tuple[Stage, Proxy]]:
    """A stage whose workers reach Redis through a proxy."""
    stage = new_stage()
    proxy = Proxy(stage.redis.port)
    yield stage, proxy
    proxy.close()


@pytest.mark.parametrize(
    ("count", "patience"),
    [
        pytest.param(24, {"REDIS_TIMEOUT": 1.0}, id="short"),
        pytest.param(
            600,
            {"LEASE": 30.0, "STALLED": 30.0, "REDIS_TIMEOUT": 10.0, "ISSUED": 15.0},
            id="long",
            marks=[pytest.mark.soak, pytest.mark.timeout(900)],
        ),
    ],
)
def test_a_worker_whose_connections_all_went_silent_is_at_work_again_within_a_minute(
    proxied: tuple[Stage, Proxy], count: int, patience: dict[str, float]
):
    stage, proxy = proxied
    make_scans(stage.scans, count)
    stage.worker("--broker", proxy.url, trouble="slow", patience=patience)
    batch = ""
    wait_until(lambda: stage.redis.client.zcard("photochrom:workers"), "the worker")
    for _ in range(2):  # once idle, once in the middle of a batch
        assert proxy.freeze() >= 3
        batch = stage.submit()
        before = stage.over(batch)
        wait_until(lambda n=before, b=batch: stage.over(b) > n + 2, "work to go on", AGAIN)
    numbers = stage.wait(batch, 60 + count)
    assert numbers == {"scans": count, "running": 0, "done": count, "skipped": 0, "failed": 0}
    assert {line["attempts"] for line in stage.report(batch)} == {1}
    assert not stage.strays()


def test_a_replica_that_was_made_primary_goes_on_with_the_batch(
    proxied: tuple[Stage, Proxy], tmp_path: Path
):
    """The guide's failover (deploy/README.md), its commands as they stand there."""
    stage, proxy = proxied
    guide = (Path(__file__).parents[2] / "deploy" / "README.md").read_text()
    assert "replicaof no one" in guide and "replicaof FIRST 6379" in guide
    replica = RedisServer(tmp_path / "replica")
    try:
        replica.client.execute_command("replicaof", "localhost", stage.redis.port)
        wait_until(lambda: replica.client.info()["master_link_status"] == "up", "it to follow")
        make_scans(stage.scans, 40)
        batch = stage.submit()
        worker = stage.worker(
            "--broker", proxy.url, trouble="slow", patience={"REDIS_TIMEOUT": 1.0}
        )
        wait_until(lambda: stage.over(batch) > 5, "some scans")
        stage.redis.kill()
        replica.client.execute_command("replicaof", "no", "one")
        proxy.turn_to(replica.port)  # the address that all of them use moves
        stage.redis, first = replica, stage.redis
        numbers = stage.wait(batch)
        assert numbers["done"] + numbers["skipped"] == 40 and numbers["failed"] == 0
        assert len(list(stage.results.rglob("*.jpg"))) == 40 and not stage.strays()
        told = stage.call("batch", "check", batch, "--broker", proxy.url)
        assert "0 of them misplaced" in told, worker.log.read_text()
        first.kill()
    finally:
        replica.kill()


@pytest.mark.parametrize(("count", "others"), [(20, 0), (120, 1)])
def test_a_worker_whose_main_thread_is_stuck_says_so_and_is_replaced(
    stage: Stage, count: int, others: int
):
    """Also while another worker goes on with the batch."""
    make_scans(stage.scans, count)
    batch = stage.submit()
    for _ in range(others):
        stage.worker(trouble="long", LONG="0.8")
    port = free_port()
    quick = {"STALLED": 4.0, "WARM_STOP": 1.0}
    worker = stage.worker("--metrics-port", port, trouble="deaf", patience=quick)
    wait_until(lambda: code_of(port) == 503, "/live to fail")
    assert not (others and stage.finished(batch))
    assert stage.wait(batch)["done"] == count
    assert {line["attempts"] for line in stage.report(batch)} == {1}
    assert "no attempt is counted" in worker.log.read_text()
    assert code_of(port) == 200 and worker.is_alive()
    assert [p for p in worker.family() if p.status() == psutil.STATUS_ZOMBIE] == []


def test_a_worker_that_begins_anew_while_redis_is_away_waits_for_it(stage: Stage):
    make_scans(stage.scans, 20)
    batch = stage.submit()
    port = free_port()
    quick = {"STALLED": 4.0, "WARM_STOP": 1.0}
    worker = stage.worker("--metrics-port", port, trouble="deaf", patience=quick)
    wait_until(lambda: code_of(port) == 503, "/live to fail")
    stage.redis.kill()
    wait_until(lambda: "the worker waits for it" in worker.log.read_text(), "it to wait")
    stage.redis.start()
    assert stage.wait(batch)["done"] == 20 and worker.is_alive()


def code_of(port: int) -> int:
    """The answer's code of /live; 0 where nobody listens."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/live", timeout=2) as answer:
            return answer.status
    except HTTPError as error:
        return error.code
    except OSError:
        return 0
