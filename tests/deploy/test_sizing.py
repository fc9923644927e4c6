"""The simulation behind SIZING.md gives the measured rate, and the page says what it gives."""

import importlib.util
import re
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"


def load():
    specification = importlib.util.spec_from_file_location("simulate", DEPLOY / "simulate.py")
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["simulate"] = module
    specification.loader.exec_module(module)
    return module


simulate = load()


def test_the_simulation_gives_the_measured_rate_of_two_processes():
    costs, rate = simulate.measured_costs()
    assert simulate.simulate(costs, 1, 2).rate == pytest.approx(rate, rel=0.15)


def test_more_workers_are_faster_until_one_thing_is_busy_all_the_time():
    costs, _ = simulate.measured_costs()
    results = [simulate.simulate(costs, workers, 16) for workers in (1, 4, 16, 64, 128)]
    rates = [result.rate for result in results]
    assert all(later > 0.97 * earlier for earlier, later in pairwise(rates))
    assert rates[1] == pytest.approx(4 * rates[0], rel=0.05)
    last = results[-1]
    assert max(last.redis, last.tender) > 0.9 and last.bottleneck in ("Redis", "the tender")
    assert last.rate <= 1 / costs.redis


def test_slow_scans_need_more_processes_for_the_same_rate():
    costs, _ = simulate.measured_costs()
    slow = replace(costs, colour=10 * costs.colour)
    fast, slower = (simulate.simulate(each, 4, 16).rate for each in (costs, slow))
    assert slower == pytest.approx(fast / 10, rel=0.1)


def test_the_simulations_constants_are_the_queues():
    from worker import policy

    assert simulate.AHEAD == policy.AHEAD and simulate.ROUND == policy.ROUND / 4


def test_the_pages_table_is_the_simulations():
    costs, _ = simulate.measured_costs()
    costs = replace(costs, round_trip=simulate.ROUND_TRIP)
    rows = re.findall(r"^\| (\d+) \| (\d+) \| (\d+) \|", (DEPLOY / "SIZING.md").read_text(), re.M)
    assert len(rows) >= 5
    for workers, processes, rate in (map(int, row) for row in rows):
        result = simulate.simulate(costs, workers, processes // workers, max(20_000, 400 * workers))
        assert rate == pytest.approx(result.rate, rel=0.02)
