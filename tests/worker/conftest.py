"""A stage for each test: its own Redis, folders and workers."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.worker.stage import RedisServer, Stage, make_model


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    make_model(folder)
    return folder


@pytest.fixture
def new_stage(tmp_path: Path, models: Path) -> Iterator[Callable[..., Stage]]:
    stages: list[Stage] = []

    def make(**redis_settings) -> Stage:
        folder = tmp_path / f"stage{len(stages)}"
        stages.append(Stage(folder, models, RedisServer(folder / "redis", **redis_settings)))
        return stages[-1]

    yield make
    for stage in stages:
        stage.end()


@pytest.fixture
def stage(new_stage) -> Stage:
    return new_stage()
