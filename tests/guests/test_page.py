"""`docs/guests.md` says of the published files what the program knows of them."""

import re
from pathlib import Path

import pytest

from core.learn.guests import GUESTS
from core.learn.guests.catalogue import COST, FILES, family_of

PAGE = (Path(__file__).parents[2] / "docs" / "guests.md").read_text(encoding="utf-8")


def test_every_known_file_stands_there_with_its_hash_and_licence():
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| `([^`]+)` \|.*\| `([0-9a-f]{64})` \|$", PAGE, re.M)
    assert {(sha, guest, file) for guest, file, sha in rows} == {
        (sha, known.guest, known.file) for sha, known in FILES.items()
    }
    for name in GUESTS:
        assert family_of(name).licence in PAGE and family_of(name).repository in PAGE


def test_every_guest_stands_there_with_its_side_and_cost():
    [ours] = re.findall(r"what the bundled model multiplies \(([\d.]+) G", PAGE)
    rows = re.findall(
        r"^\| `([a-z0-9-]+)` \| [^|]+ \| (\d+) \| ([\d.]+) \| ([\d.]+) \|", PAGE, re.M
    )
    assert {name: (int(side), float(cost)) for name, side, cost, _ in rows} == {
        name: (guest.side, COST[name]) for name, guest in GUESTS.items()
    }
    for _, _, cost, ratio in rows:
        assert float(ratio) == pytest.approx(float(cost) / float(ours), rel=0.02, abs=0.05)
