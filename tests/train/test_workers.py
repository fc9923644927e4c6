"""Batches made ahead by other processes: the same ones, in order, and no process stays behind."""

import os
import signal
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

import pytest
import torch

from core.errors import PhotochromError
from core.learn.batch import TrainingBatch
from tests.train.pictures import shard
from train.data.augment_settings import Augment
from train.data.batches import BatchPlan, batches
from train.data.cache import Pictures, build
from train.data.prefetch import prefetched
from train.data.sampling import PictureSampler


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Pictures:
    folder = tmp_path_factory.mktemp("workers")
    return build(shard(folder / "data.tar", {"cats": 6, "dogs": 4}), folder / "cache")


def some(pictures: Pictures, workers: int, step: int = 0) -> list[TrainingBatch]:
    sampler = PictureSampler(pictures, range(len(pictures)), seed=3)
    sizes = ((32, 3), (48, 2))
    made = batches(BatchPlan(pictures, sampler, sizes, Augment(), 3), step=step, workers=workers)
    return list(islice(made, 6))


def test_they_make_the_batches_that_one_process_makes_from_any_step(pictures: Pictures):
    alone = some(pictures, 0)[2:]
    ahead = some(pictures, 2, step=2)[:4]
    for ours, theirs in zip(ahead, alone, strict=True):
        assert torch.equal(ours.lightness, theirs.lightness)
        assert torch.equal(ours.chroma, theirs.chroma)
        assert torch.equal(ours.hints, theirs.hints)


def _die(number: int) -> torch.Tensor:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("still alive")


def test_a_process_that_dies_is_told():
    with pytest.raises(PhotochromError, match="died; give it more memory, or fewer --workers"):
        next(prefetched(_die, 0, 1))


ORPHAN = """
import sys
from tests.train.test_workers import tell
from train.data.prefetch import prefetched
if __name__ == "__main__":
    batches = prefetched(tell, 0, 1)
    print(int(next(batches)), flush=True)
    sys.stdin.read()
"""


def tell(number: int) -> torch.Tensor:
    """Crops that say which process made them."""
    return torch.tensor(os.getpid())


def test_none_outlives_a_trainer_that_is_killed(tmp_path: Path):
    script = tmp_path / "trainer.py"
    script.write_text(ORPHAN)
    root = Path(__file__).parents[2]
    trainer = subprocess.Popen(
        [sys.executable, str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert trainer.stdout
    worker = int(trainer.stdout.readline())
    assert Path(f"/proc/{worker}").exists()
    trainer.kill()
    trainer.wait()
    waited = time.monotonic() + 20
    while Path(f"/proc/{worker}").exists() and _alive(worker):
        assert time.monotonic() < waited, "the worker still runs"
        time.sleep(0.05)


def _alive(process: int) -> bool:
    """Not gone, and not merely waiting to be buried by whoever inherited it."""
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False
