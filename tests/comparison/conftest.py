"""The command line in this process, a tiny model and a real browser."""

from tests.commands.conftest import cli, model
from tests.gradio_app.conftest import browser

__all__ = ["browser", "cli", "model"]
