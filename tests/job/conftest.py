"""A colorizer with a tiny model, shared by the tests of this room."""

import pytest

from core.colorizer import Colorizer
from core.model.session import open_session
from tests.model_files import write_model


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture(scope="session")
def colorizer(model) -> Colorizer:
    return Colorizer(open_session(model, "cpu"))
