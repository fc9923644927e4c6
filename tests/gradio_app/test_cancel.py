"""Work that nobody wants any more ends at its next strip."""

import asyncio
import threading
import time

import numpy as np
import pytest

from core.errors import InterruptedJob
from core.options import Options
from gradio_app import raw
from gradio_app.colorizer_pool import ColorizerPool
from gradio_app.settings import ServerSettings
from tests.model_files import write_model

SIDE = 3000
QUERY = {
    "width": SIDE,
    "height": SIDE,
    "channels": 3,
    "depth": 16,
    "space": "srgb",
    "want": "chroma",
}
RAW = {"Content-Type": "application/octet-stream"}


@pytest.fixture
def pool(tmp_path):
    model = write_model(tmp_path / "tiny.onnx")
    pool = ColorizerPool(ServerSettings(model=str(model), workers=1, queue=4))
    pool.warm_up()
    yield pool
    pool.close()


def test_painting_stops_at_the_next_strip(pool, tmp_path):
    source = tmp_path / "samples"
    np.full((SIDE, SIDE, 3), 30000, np.uint16).tofile(source)
    shape = raw.Shape(SIDE, SIDE, 3, 16, "rgb")
    asked: list[float] = []

    def check() -> None:
        asked.append(time.thread_time())
        if len(asked) == 4:
            raise InterruptedJob("cancelled")

    with pytest.raises(InterruptedJob):
        raw.colour(source, tmp_path / "out", shape, Options(), pool.colorizer, check)
    assert len(asked) == 4
    assert max(np.diff(asked[1:])) < 0.2  # of the processor's time, which others do not lengthen


def test_a_closer_look_stops_at_the_next_tile(pool, tmp_path):
    source = tmp_path / "samples"
    np.full((300, 400), 30000, np.uint16).tofile(source)
    shape = raw.Shape(400, 300, 1, 16, "rgb")
    asked = []

    def check() -> None:
        asked.append(1)
        if len(asked) == 3:
            raise InterruptedJob("cancelled")

    options = Options(side=64, detail=4)
    with pytest.raises(InterruptedJob):
        raw.colour(source, tmp_path / "out", shape, options, pool.colorizer, check)
    assert len(asked) == 3 and not (tmp_path / "out").exists()


def test_a_request_that_waits_for_its_turn_is_cancelled_at_once(pool):
    release = threading.Event()

    async def scenario() -> bool:
        with pool.slot("first") as first, pool.slot("second") as second:
            holding = asyncio.create_task(first.run(release.wait, 30))
            waiting = asyncio.create_task(second.run(time.sleep, 0))
            await asyncio.sleep(0.05)
            assert pool.cancel("second")
            with pytest.raises(InterruptedJob):
                await waiting
            first_goes_on = not holding.done()
            release.set()
            await holding
            return first_goes_on

    assert asyncio.run(scenario())
    assert not pool.cancel("second")


def test_a_closed_socket_stops_the_work(pool):
    stopped = threading.Event()
    left = threading.Event()
    steps_alone = 0

    def work(check) -> None:
        nonlocal steps_alone
        for _ in range(3000):
            time.sleep(0.01)
            steps_alone += left.is_set()
            try:
                check()
            except InterruptedJob:
                stopped.set()
                raise

    async def scenario() -> None:
        gone = asyncio.Event()
        with pool.slot() as slot:
            task = asyncio.create_task(slot.run_while(gone.wait(), work, slot.stop.check))
            await asyncio.sleep(0.1)
            left.set()
            gone.set()
            with pytest.raises(InterruptedJob):
                await task

    asyncio.run(scenario())
    assert stopped.wait(30)
    assert steps_alone <= 20  # 200 ms in steps of its own, which a loaded machine lengthens too


def test_a_cancelled_request_is_answered_as_such(served, client):
    body = np.full((SIDE, SIDE, 3), 30000, np.uint16).tobytes()
    answers = []

    def ask() -> None:
        with served.client() as own:
            query = QUERY | {"id": "me"}
            answers.append(own.post("/v1/colorize", params=query, content=body, headers=RAW))

    asking = threading.Thread(target=ask)
    asking.start()
    deadline = time.monotonic() + 20
    while client.post("/v1/cancel/me").status_code == 404 and time.monotonic() < deadline:
        pass
    asking.join(60)
    assert answers[0].status_code == 409 and answers[0].json()["kind"] == "interrupted"
    assert client.post("/v1/cancel/me").status_code == 404
