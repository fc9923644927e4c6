"""The command line and the tiny model, as the commands' own tests have them."""

from tests.commands.conftest import cli, model

__all__ = ["cli", "model"]
