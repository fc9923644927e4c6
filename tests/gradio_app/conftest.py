"""One real server for all tests of this room that do not end it."""

import pytest

from tests.gradio_app.serving import server


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    """A running server with two tiny models, `tiny` (its own) and `plain` (takes no hints)."""
    with server(tmp_path_factory.mktemp("served"), "--workers", "2") as running:
        yield running


@pytest.fixture
def client(served):
    """A client of that server."""
    with served.client() as client:
        yield client
