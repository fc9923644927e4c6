"""A converted guest by its name: over HTTP, on the page, in GIMP's client, in the queue."""

import io
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.gradio_app.serving import Running, environment_for, server
from tests.photographs import gray
from tests.worker.stage import RedisServer, Stage, make_scans

PLUG_IN = Path(__file__).parents[2] / "gimp_plugin" / "photochrom"
#: GIMP's own client without GIMP: which models there are, and a layer's gray sent and coloured.
IN_GIMP = """
import json, sys
from client import Colouring, Request
from server import Server, models
server = Server("127.0.0.1", int(sys.argv[1]), sys.argv[2])
asked = Request(96, 64, 1, 8, model="icolorit-tiny")
work = Colouring(server, asked)
work.send([bytes(range(96)) * 64])
work.wait(lambda: None)
rows = bytes(next(work.rows([64])))
work.close()
print(json.dumps([[(m["name"], m["hints"]) for m in models(server)], len(rows), len(set(rows))]))
"""


@pytest.fixture(scope="module")
def served(converted: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The real server, whose user has converted a guest."""
    folder = tmp_path_factory.mktemp("served")
    shutil.copy(converted, environment_for(folder)["PHOTOCHROM_MODELS"])
    with server(folder, "--workers", "1") as running:
        yield running


def test_the_server_lists_it_and_colours_with_it_by_name(served: Running):
    png = io.BytesIO()
    Image.fromarray(gray(90, 120)).save(png, "PNG")
    hints = {"points": [{"x": 60, "y": 45, "radius": 20, "colour": "#c03028"}]}
    pictures = []
    with served.client() as client:
        models = {model["name"]: model for model in client.get("/v1/models").json()["models"]}
        for more in ({}, {"hints": ("h.json", json.dumps(hints), "application/json")}):
            answer = client.post(
                "/v1/colorize",
                params={"model": "icolorit-tiny"},
                files={"image": ("a.png", png.getvalue(), "image/png"), **more},
            )
            assert answer.status_code == 200, answer.text
            assert answer.headers["x-photochrom-model"] == "icolorit-tiny"
            pictures.append(np.asarray(Image.open(io.BytesIO(answer.content))))
    assert models["icolorit-tiny"]["hints"] is True
    assert "Licence of its code: MIT" in models["icolorit-tiny"]["card"]
    assert (pictures[0] != pictures[1]).any()


def test_the_page_offers_it(served: Running):
    # the page is made when it is asked for
    page = httpx.get(f"{served.url}/config", trust_env=False, timeout=240).json()
    [model] = [part for part in page["components"] if part["props"].get("elem_id") == "model"]
    assert ["icolorit-tiny", "icolorit-tiny"] in model["props"]["choices"]


def test_gimps_client_offers_it_and_gets_a_layer_coloured(served: Running):
    words = [sys.executable, "-c", IN_GIMP, str(served.state["port"]), served.state["token"]]
    said = subprocess.run(words, cwd=PLUG_IN, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    models, size, values = json.loads(said.stdout)
    assert ["icolorit-tiny", True] in models
    assert size == 96 * 64 * 3 and values > 90


def test_the_queue_colours_with_it_by_name(converted: Path, tmp_path: Path):
    stage = Stage(tmp_path, converted.parent, RedisServer(tmp_path / "redis"))
    try:
        make_scans(stage.scans, 2, suffix=".png")
        batch = stage.submit("--model", "icolorit-tiny")
        stage.worker(concurrency=1, model="icolorit-tiny")
        assert stage.wait(batch)["done"] == 2
        assert {line["model"] for line in stage.report(batch)} == {"icolorit-tiny"}
        assert "2 checked, 0 broken" in stage.call("batch", "verify", batch)
    finally:
        stage.end()
