"""Our networks against recorded answers of the published ones: `make guests` has the large ones."""

from pathlib import Path

import numpy as np
import pytest

from tests.guests import parity
from tests.guests.files import RECORDS, record

QUICK = ("eccv16", "siggraph17", "ddcolor-tiny", "icolorit-tiny")
LARGE = ("ddcolor-large", "deoldify-artistic", "deoldify-stable", "icolorit-base")


@pytest.mark.parametrize(
    "network", [*QUICK, *(pytest.param(name, marks=pytest.mark.guests) for name in LARGE)]
)
def test_it_answers_as_the_published_network(network: str):
    result = parity.run(RECORDS / f"parity-{network}-case1.npz")
    assert result.ok, str(result)


def test_every_record_is_compared():
    assert {f"parity-{name}-case1.npz" for name in (*QUICK, *LARGE)} == {
        path.name for path in RECORDS.iterdir()
    }


def test_another_answer_fails_and_the_command_leaves_with_1(tmp_path: Path, capsys):
    changed = record("icolorit-tiny")
    changed["out"] = changed["out"] + np.float32(0.001) * (changed["out"] > 0)
    np.savez(tmp_path / "changed.npz", **changed)
    (tmp_path / "broken.npz").write_bytes(b"PK")
    good = RECORDS / "parity-icolorit-tiny-case1.npz"
    assert parity.main([str(tmp_path / "changed.npz"), str(good), str(tmp_path / "broken.npz")])
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "icolorit-tiny 1 0.001 0.0001 FAIL"
    assert said[1].startswith("icolorit-tiny 1 ") and said[1].endswith(" 0.0001 ok")
    assert said[2].startswith("broken.npz: ") and said[2].endswith(" FAIL")
