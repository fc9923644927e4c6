"""Two processes with half of each batch learn what one learns from the whole."""

import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import torch

from core.learn.checkpoint import load_checkpoint
from tests.learn.test_trainer import SETTINGS, Plain, batches, start

SCRIPT = """
    import sys
    from dataclasses import replace
    from pathlib import Path
    import torch
    from core.learn import parallel
    from core.learn.batch import TrainingBatch
    from tests.learn.test_trainer import SETTINGS, Plain, batches, start

    torch.set_num_threads(1)
    with parallel.group() as (number, count):
        def share(step):
            for batch in batches(step):
                yield TrainingBatch(*(getattr(batch, name)[number::count]
                                      for name in ("lightness", "chroma", "hints")))
        start(Path(sys.argv[1]), net=Plain(), batches=share)
        assert parallel.largest(float(number), torch.device("cpu")) == count - 1
"""


def test_two_processes_with_half_the_batch_take_the_steps_of_one(tmp_path: Path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = textwrap.dedent(SCRIPT)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path / "two")],
            cwd=Path(__file__).parents[2],
            env={
                **os.environ,
                "RANK": str(rank),
                "WORLD_SIZE": "2",
                "LOCAL_RANK": str(rank),
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port),
            },
        )
        for rank in range(2)
    ]
    assert [process.wait(timeout=240) for process in processes] == [0, 0]
    start(tmp_path / "one", net=Plain(), batches=batches, settings=SETTINGS)
    one, two = (load_checkpoint(tmp_path / name / "last.pt") for name in ("one", "two"))
    assert one["step"] == two["step"] == SETTINGS.steps
    for name, tensor in one["net"].items():
        torch.testing.assert_close(two["net"][name], tensor, atol=1e-5, rtol=1e-5)
    assert len(list((tmp_path / "two").glob("events.out.tfevents.*"))) == 1
