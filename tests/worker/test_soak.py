"""An hour of random faults of every kind, and after each the ledger's invariant.

`make soak` runs it for an hour; `PHOTOCHROM_SOAK_SECONDS` and `PHOTOCHROM_SOAK_SEED` say otherwise.
What was done, and when, stands in a log (`PHOTOCHROM_SOAK_LOG`), so that a night that went wrong
can be told and begun again from its seed. The short form does each fault once.
"""

import contextlib
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis

from tests.worker.proxy import Proxy
from tests.worker.stage import IMPATIENT, Stage, Worker, free_port, make_scans, wait_until
from worker.invariant import check
from worker.ledger import Ledger

SECONDS = float(os.environ.get("PHOTOCHROM_SOAK_SECONDS", 3600))
SEED = int(os.environ.get("PHOTOCHROM_SOAK_SEED", 1))
#: Scans of each of the two batches.
SCANS = 60


class Soak:
    """Two workers behind a proxy, two batches one after the other for as long as it lasts, and the
    faults: each method whose name begins with `fault_` is one kind."""

    def __init__(self, stage: Stage, proxy: Proxy, chance: random.Random, log: Path) -> None:
        self.stage, self.proxy, self.chance = stage, proxy, chance
        self.ledger = Ledger(stage.redis.url)
        self._log = log.open("a")
        self._begin = time.monotonic()
        self._number = 0
        self._workers = [self._new_worker() for _ in range(2)]
        self.batch = ""
        self.done = 0
        self.begin_batch()

    def say(self, text: str) -> None:
        line = f"{time.monotonic() - self._begin:7.1f}  {text}"
        self._log.write(line + "\n")
        self._log.flush()

    # -- what goes on -----------------------------------------------------------------------------

    def begin_batch(self) -> None:
        """The same scans to another folder."""
        self._number += 1
        self.stage.results = self.stage.folder / f"coloured{self._number % 2}" / str(self._number)
        self.batch = self._patiently(self.stage.submit)
        self.say(f"batch {self._number}: {self.batch}")

    def go_on(self) -> None:
        """Begins another batch where the latest is over, once its results have been looked at."""
        if not self.stage.finished(self.batch):
            return
        numbers = self.stage.numbers(self.batch)
        assert numbers["failed"] == numbers["running"] == 0, numbers
        assert numbers["done"] + numbers["skipped"] == numbers["scans"] == SCANS, numbers
        assert len(list(self.stage.results.rglob("*.jpg"))) == SCANS
        # A process that lost its scan while it was stopped has just noticed, and tidies up.
        wait_until(lambda: not self.stage.strays(), "hidden files to be removed", 30)
        self.done += SCANS
        self.begin_batch()

    def assert_invariant(self) -> None:
        """Workers heal once in two seconds here; what they do not heal is a fault."""
        begin = time.monotonic()
        faults = self._patiently(lambda: check(self.ledger, self.batch))
        if not faults:
            return
        wait_until(
            lambda: not self._patiently(lambda: check(self.ledger, self.batch)),
            f"{self.batch} to be healed of {faults[:3]}",
            60,
        )
        self.say(f"  {len(faults)} misplaced, healed after {time.monotonic() - begin:.1f} s")

    def assert_moves(self) -> None:
        """Some scan is finished, or the batch is."""
        before = self.stage.over(self.batch)
        wait_until(
            lambda: self.stage.finished(self.batch) or self.stage.over(self.batch) > before,
            f"{self.batch} to move",
            180,
        )

    def start_again(self) -> None:
        """What a service manager does: a worker that met no good Redis when it first began has said
        so and gone. One that had worked must not go by itself."""
        for place, worker in enumerate(self._workers):
            if not worker.is_alive():
                log = worker.log.read_text()
                assert worker.process.wait() == 3 and " serves " not in log, log[-3000:]
                self.say(f"  a worker had not begun: {log.splitlines()[-1][:80]}")
                self._workers[place] = self._new_worker()

    def end(self) -> None:
        self._log.close()

    # -- faults -----------------------------------------------------------------------------------

    def fault_connections_go_silent(self) -> None:
        self.say(f"  {self.proxy.freeze()} connections are silent")

    def fault_a_child_is_killed(self) -> None:
        family = self.chance.choice(self._workers).family()
        if family[1:]:
            self.chance.choice(family[1:]).kill()

    def fault_a_worker_is_killed(self) -> None:
        place = self.chance.randrange(len(self._workers))
        self._workers[place].end()
        self._workers[place] = self._new_worker()

    def fault_a_child_hangs_for_longer_than_its_lease(self) -> None:
        family = self.chance.choice(self._workers).family()
        if family[1:]:
            child = self.chance.choice(family[1:])
            with contextlib.suppress(psutil.NoSuchProcess):
                child.suspend()
                time.sleep(IMPATIENT["LEASE"] + self.chance.uniform(1, 4))
                child.resume()

    def fault_a_worker_is_told_to_stop(self) -> None:
        place = self.chance.randrange(len(self._workers))
        self._workers[place].terminate()
        try:
            self._workers[place].process.wait(60)
        except subprocess.TimeoutExpired:
            self.say("  it did not come to its end within a minute")
            self._workers[place].end()
        self._workers[place] = self._new_worker()

    def fault_a_worker_is_stopped_for_a_while(self) -> None:
        family = self.chance.choice(self._workers).family()
        for process in family:
            process.suspend()
        time.sleep(self.chance.uniform(1, 6))
        for process in family:
            with contextlib.suppress(Exception):
                process.resume()

    def fault_redis_is_killed(self) -> None:
        self.stage.redis.kill()
        time.sleep(self.chance.uniform(0.2, 3))
        self.stage.redis.start()

    def fault_redis_pauses(self) -> None:
        self.stage.redis.pause(self.chance.uniform(1, 8))

    def fault_the_link_is_down(self) -> None:
        self.proxy.cut()
        time.sleep(self.chance.uniform(1, 15))
        self.proxy.mend()

    def fault_redis_becomes_a_replica_for_a_while(self) -> None:
        """Whose primary is nowhere: it answers READONLY to whoever writes."""
        client: Any = self.stage.redis.client
        client.execute_command("replicaof", "localhost", free_port())
        time.sleep(self.chance.uniform(1, 6))
        client.execute_command("replicaof", "no", "one")

    def fault_redis_wants_another_password_for_a_while(self) -> None:
        client: Any = self.stage.redis.client
        client.config_set("requirepass", "another")
        client.client_kill_filter(_type="normal", skipme=True)
        time.sleep(self.chance.uniform(1, 6))
        client.config_set("requirepass", "")

    def fault_redis_is_full(self) -> None:
        client = self.stage.redis.client
        client.config_set("maxmemory", 100_000)
        time.sleep(self.chance.uniform(1, 4))
        client.config_set("maxmemory", 0)

    def fault_the_disk_is_full(self) -> None:
        """No file of a worker's processes may grow, which the system tells as an error of writing;
        the results' folder is a file system of its own in no place where tests run."""
        family = [p for worker in self._workers for p in worker.family()[1:]]
        old: list[tuple[int, tuple[int, int]]] = []
        for process in family:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                unlimited = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (512, unlimited[1]))
                old.append((process.pid, unlimited))
        time.sleep(self.chance.uniform(1, 3))
        for pid, unlimited in old:
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)

    def fault_submit_is_killed(self) -> None:
        words = ("batch", "submit", self.stage.scans, "-o", self.stage.results, "--model", "tiny")
        self._kill(words)
        self._patiently(lambda: self.stage.call(*words))
        self.batch = self._patiently(lambda: self.stage.status()["batch"])

    def fault_cancel_and_retry_are_killed(self) -> None:
        self._kill(("batch", "cancel", self.batch))
        self._patiently(lambda: self.stage.call("batch", "cancel", self.batch))
        self._kill(("batch", "retry", self.batch))
        self._patiently(lambda: self.stage.call("batch", "retry", self.batch))

    def fault_the_batch_is_paused(self) -> None:
        self._patiently(lambda: self.stage.call("batch", "pause", self.batch))
        time.sleep(self.chance.uniform(0.5, 2))
        self._patiently(lambda: self.stage.call("batch", "resume", self.batch))

    def _kill(self, words: tuple[object, ...]) -> None:
        process = self.stage.start(*words)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(self.chance.uniform(0.5, 4))
        process.send_signal(signal.SIGKILL)
        process.communicate()

    def _new_worker(self) -> Worker:
        return self.stage.worker(
            "--broker",
            self.proxy.url,
            trouble="slow",
            # A fault that may pass comes again and again here.
            patience={
                "DEATHS": 1000,
                "SCAN_FAULTS": 1000,
                "SHARED_FAULTS": 1000,
                "LONGEST_PAUSE": 2.0,
            },
        )

    def _patiently(self, step: Callable[[], Any]) -> Any:
        """Redis may just have been killed, or be reading its file."""
        end = time.monotonic() + 60
        while True:
            try:
                return step()
            except (AssertionError, redis.RedisError):
                if time.monotonic() > end:
                    raise
                time.sleep(0.5)


FAULTS = sorted(name for name in vars(Soak) if name.startswith("fault_"))


@pytest.fixture
def soak(stage: Stage, tmp_path: Path) -> Iterator[Soak]:
    proxy = Proxy(stage.redis.port)
    make_scans(stage.scans, SCANS)
    log = Path(os.environ.get("PHOTOCHROM_SOAK_LOG", tmp_path / "soak.log"))
    soak = Soak(stage, proxy, random.Random(SEED), log)
    soak.say(f"seed {SEED}, {SECONDS:.0f} s, Python {sys.version.split()[0]}")
    yield soak
    soak.end()
    proxy.close()


@pytest.mark.soak
@pytest.mark.timeout(int(SECONDS) + 1800)
def test_whatever_happens_no_scan_is_forgotten_and_work_goes_on(soak: Soak):
    end = time.monotonic() + SECONDS
    happened = dict.fromkeys(FAULTS, 0)
    while time.monotonic() < end:
        # Each kind once, then whichever comes.
        unseen = [name for name in FAULTS if not happened[name]]
        name = soak.chance.choice(unseen or FAULTS)
        happened[name] += 1
        soak.say(name.removeprefix("fault_").replace("_", " "))
        getattr(soak, name)()
        soak.start_again()
        soak.assert_moves()
        soak.assert_invariant()
        soak.go_on()
    wait_until(lambda: soak.stage.finished(soak.batch), "the last batch to finish", 300)
    soak.go_on()
    kinds = ", ".join(f"{count} {name}" for name, count in happened.items())
    soak.say(f"{soak.done} scans, {sum(happened.values())} faults: {kinds}")
    assert all(happened.values())
