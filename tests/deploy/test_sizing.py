"""The figures of SIZING.md follow from those that were measured."""

import json
import re
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"
MEASURED = json.loads((DEPLOY / "measured.json").read_text())
PAGE = (DEPLOY / "SIZING.md").read_text()

#: Seconds a scan, in a process and in Redis.
PROCESS = MEASURED["queue, seconds a scan in its process"] + MEASURED["of it children"] / 1000
REDIS = MEASURED["of it Redis"] / 1000


def rate(processes: int) -> float:
    """Scans a second at most."""
    return min(processes / PROCESS, 1 / REDIS)


def test_the_arithmetic_gives_nearly_the_measured_rate_of_two_processes():
    assert 0.9 * rate(2) < MEASURED["queue, scans a second"] < rate(2)


def test_the_pages_table_follows_from_the_measured_costs():
    rows = re.findall(r"^\| (\d+) \| (\d+) \| (\d+) \| ([\w ]+) \|$", PAGE, re.M)
    assert len(rows) == 5
    for workers, processes, stated, first in rows:
        assert int(processes) == 16 * int(workers)
        assert int(stated) == pytest.approx(rate(int(processes)), rel=0.005)
        assert first == ("Redis" if int(processes) / PROCESS > 1 / REDIS else "the processes")
