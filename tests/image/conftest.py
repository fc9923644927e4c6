"""The command line for the tests of this room, as those of the commands have it."""

from tests.commands.conftest import cli

__all__ = ["cli"]
