"""How many scans a second a fleet colours, and what holds it up: a simulation of the queue.

    python deploy/simulate.py --workers 10 --processes 16

Scans go round as they do in the real thing: a process asks, Redis (one thread for all) serves, the
worker's parent (one thread a worker) hands over, the process colours. What each of these costs is
read from `measured.json`, which `make bench-queue ARGS="--json deploy/measured.json"` writes; the
tests hold that the simulation of the measured machine gives the measured rate. The queue is filled
by the tender: at most `AHEAD` messages a round.
"""

import argparse
import heapq
import json
import random
from dataclasses import dataclass, replace
from pathlib import Path

MEASURED = Path(__file__).with_name("measured.json")

#: The tender's: messages that it keeps ahead, and seconds of its quickest round (worker.policy).
AHEAD = 1000
ROUND = 0.25

#: Seconds from a machine to Redis and back, in one rack, and how often a scan makes the way
#: in turn: fetch, register, claim, finish, acknowledge.
ROUND_TRIP = 0.0002
TRIPS = 5


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds a scan: `colour` in a process, with its file; `child` what the queue adds there;
    `parent` in the worker's parent; `redis` in Redis; `publish` in the tender."""

    colour: float
    child: float
    parent: float
    redis: float
    publish: float
    round_trip: float = 0.0


@dataclass(frozen=True, slots=True)
class Result:
    """Scans a second, and how busy Redis, the busiest parent and the tender are (0..1)."""

    rate: float
    redis: float
    parent: float
    tender: float
    processes: float

    @property
    def bottleneck(self) -> str:
        """What is busiest."""
        busy = {"Redis": self.redis, "a worker's parent": self.parent, "the tender": self.tender,
                "the processes": self.processes}  # fmt: skip
        return max(busy, key=lambda name: busy[name])


def measured_costs() -> tuple[Costs, float]:
    """The costs and the rate of the measured machine: one worker of two processes."""
    figures = json.loads(MEASURED.read_text())
    costs = Costs(
        colour=figures["queue, seconds a scan in its process"],
        child=figures["of it children"] / 1000,
        parent=figures["of it parent"] / 1000,
        redis=figures["of it Redis"] / 1000,
        publish=figures["of it submission"] / 1000,
    )
    return costs, figures["queue, scans a second"]


def simulate(costs: Costs, workers: int, processes: int, scans: int = 20_000) -> Result:
    """`workers` of `processes` each, until `scans` are done. Times vary by a third, as scans do."""
    chance = random.Random(1)
    redis_free = tender_free = 0.0
    parent_free = [0.0] * workers
    redis_busy = tender_busy = child_busy = 0.0
    parent_busy = [0.0] * workers
    filled, round_begun = 0, 0.0
    events = [(0.0, number % workers) for number in range(workers * processes)]
    heapq.heapify(events)
    now = 0.0
    for done in range(scans):
        now, worker = heapq.heappop(events)
        if done >= filled:  # the queue is empty: the tender's next round fills it
            round_begun = max(now, round_begun + ROUND, tender_free)
            tender_free = round_begun + AHEAD * costs.publish
            tender_busy += AHEAD * costs.publish
            filled += AHEAD
        # Messages come out of the round one after the other.
        ready = round_begun + (AHEAD - (filled - done) + 1) * costs.publish
        now = max(now, ready) + TRIPS * costs.round_trip
        redis_free = max(redis_free, now) + costs.redis
        redis_busy += costs.redis
        parent_free[worker] = max(parent_free[worker], redis_free) + costs.parent
        parent_busy[worker] += costs.parent
        work = (costs.colour + costs.child) * chance.uniform(2 / 3, 4 / 3)
        child_busy += work
        heapq.heappush(events, (parent_free[worker] + work, worker))
    end = max(now, redis_free)
    return Result(
        rate=scans / end,
        redis=redis_busy / end,
        parent=max(parent_busy) / end,
        tender=tender_busy / end,
        processes=child_busy / end / (workers * processes),
    )


def main() -> None:
    """Prints the rate for the fleet that was asked for, or a table of fleets."""
    parser = argparse.ArgumentParser(description="Simulates a fleet of workers on one Redis.")
    parser.add_argument("--workers", type=int, help="worker programs, one a machine")
    parser.add_argument("--processes", type=int, default=16, help="processes of each")
    parser.add_argument("--seconds", type=float, help="seconds to colour one scan (measured)")
    given = parser.parse_args()
    costs, _ = measured_costs()
    costs = replace(costs, round_trip=ROUND_TRIP)
    if given.seconds:
        costs = replace(costs, colour=given.seconds)
    print("| workers | processes | scans a second | Redis | parent | tender | processes | first |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for workers in [given.workers] if given.workers else (1, 4, 10, 20, 40, 80):
        result = simulate(costs, workers, given.processes, max(20_000, 400 * workers))
        busy = " | ".join(
            f"{share:.0%}"
            for share in (result.redis, result.parent, result.tender, result.processes)
        )
        print(f"| {workers} | {workers * given.processes} | {result.rate:.0f} | {busy} | "
              f"{result.bottleneck} |")  # fmt: skip


if __name__ == "__main__":
    main()
