"""A worker with a large model runs as many processes as fit, each with room for it."""

import pytest

from core.errors import PhotochromError
from core.model import memory
from tests.model.test_memory import sparse
from worker.application import Limits
from worker.roots import Roots
from worker.service import Service, with_room_for_its_model


def test_as_many_processes_as_fit_each_with_room_for_the_model(tmp_path, monkeypatch):
    model = sparse(tmp_path / "large.onnx", 1_000_000_000)
    service = Service(
        "", Roots((str(tmp_path),)), [], 8, str(model), limits=Limits(600, 700, 1000, 10)
    )
    monkeypatch.setattr(memory, "available_memory", lambda: 15e9)
    roomy = with_room_for_its_model(service)
    assert roomy.concurrency == 2 and roomy.limits.memory * 2**20 > memory.needed(model)
    monkeypatch.setattr(memory, "available_memory", lambda: 6e9)
    with pytest.raises(PhotochromError, match=r"takes 7\.0 GB of memory and this machine has 6\.0"):
        with_room_for_its_model(service)
    sparse(model, 1_000_000)
    assert with_room_for_its_model(service) == service
