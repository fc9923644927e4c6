"""Fixtures: a real GIMP 3 with the plug-in installed by our own installer."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from gimp_plugin.commands import gimp as gimp_command
from tests.gimp_plugin.gimp_session import GimpSession, NoGimp, Room, root_with_gimp


@pytest.fixture(scope="session")
def gimp_root() -> Path:
    """The folder with GIMP in it."""
    try:
        return root_with_gimp()
    except NoGimp as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def installed_room(gimp_root: Path) -> Iterator[Room]:
    """A room with the plug-in in GIMP's profile."""
    room = Room(gimp_root)
    ran = CliRunner().invoke(gimp_command, ["install", "--profile", str(room.profile)])
    assert ran.exit_code == 0, ran.output
    yield room
    room.remove()


@pytest.fixture(scope="session")
def running_gimp(installed_room: Room) -> Iterator[GimpSession]:
    """GIMP, kept for all tests: it takes some seconds to start."""
    installed_room.use_fake()
    session = GimpSession(installed_room)
    yield session
    session.stop()


@pytest.fixture
def room(installed_room: Room) -> Iterator[Room]:
    """The room, with a well-mannered server to be started, and none running."""
    installed_room.use_fake()
    yield installed_room
    installed_room.end_servers()


@pytest.fixture
def gimp(room: Room, running_gimp: GimpSession) -> Iterator[GimpSession]:
    """The running GIMP; pictures that a test made in it are gone after the test."""
    yield running_gimp
    running_gimp.run("for image in Gimp.get_images(): image.delete()")
