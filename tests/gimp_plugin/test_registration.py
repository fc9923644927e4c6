"""What GIMP knows of the plug-in, and that the recorded command starts the real server."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from core.options import declared
from gimp_plugin.commands import gimp as gimp_command
from gimp_plugin.installer import folder_in
from tests.gimp_plugin.gimp_session import GimpSession, Room
from tests.model_files import write_model


def test_all_entries_are_in_the_filters_menu_for_every_kind_of_image(gimp: GimpSession):
    found = gimp.run(
        """
        value = []
        for name in (COLORIZE, "plug-in-photochrom-recolour-selection",
                     "plug-in-photochrom-new-hints-layer"):
            procedure = Gimp.get_pdb().lookup_procedure(name)
            value.append([procedure.get_menu_label(), procedure.get_menu_paths(),
                          procedure.get_image_types()])
        """
    )
    kinds = "RGB*, GRAY*, INDEXED*"  # indexed ones are told what to do
    assert found == [
        ["_Colorize Layer…", ["<Image>/Filters/Photochrom"], kinds],
        ["_Recolour Selection…", ["<Image>/Filters/Photochrom"], kinds],
        ["New _Hints Layer", ["<Image>/Filters/Photochrom"], kinds],
    ]


def test_registering_raises_no_complaint_of_gimp(room: Room):
    """GIMP tells on its output what it dislikes, and hides the entry; looked at in a fresh one."""
    session = GimpSession(room, number=3)
    session.stop()
    said = [line for line in session.said().splitlines() if "photochrom.py" in line]
    assert [line for line in said if "CRITICAL" in line or "Error" in line] == []
    assert "Traceback" not in session.said()


@pytest.mark.parametrize("name", ["vividness", "warmth", "tint", "calm", "reach"])
def test_a_dial_is_the_option_that_it_is_everywhere_else(gimp: GimpSession, name: str):
    found = gimp.run(
        f"""
        procedure = Gimp.get_pdb().lookup_procedure(COLORIZE)
        dial = procedure.find_argument({name!r})
        value = [dial.minimum, dial.maximum, dial.default_value, dial.blurb]
        """
    )
    (about,) = [option for option in declared() if option[0] == name]
    _, _, default, limits = about
    assert found[:3] == [limits["low"], limits["high"], default]
    assert found[3].lower() == limits["help"].lower()


def test_the_recorded_command_starts_the_real_server_and_finds_it_again(tmp_path: Path):
    """The plug-in's own client code, run by this Python where GIMP's would be."""
    models = tmp_path / "models"
    models.mkdir()
    write_model(models / "photochrom-lite.onnx", name="photochrom-lite")
    state_file = tmp_path / "run" / "server.json"
    environment = os.environ | {
        "PHOTOCHROM_MODELS": str(models),
        "PHOTOCHROM_STATE": str(state_file),
        "BROWSER": "false",
    }
    ran = CliRunner(env=environment).invoke(gimp_command, ["install", "--profile", str(tmp_path)])
    assert ran.exit_code == 0, ran.output
    code = (
        "import server; first = server.ensure(); again = server.ensure(); "
        "print(first == again, server.models(first)[0]['name'])"
    )
    try:
        found = subprocess.run(
            [sys.executable, "-c", code],
            cwd=folder_in(tmp_path),
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        log = state_file.with_name("server.log")
        assert found.stdout.split() == ["True", "photochrom-lite"], found.stderr + log.read_text()
    finally:
        if state_file.exists():
            os.kill(json.loads(state_file.read_text())["pid"], signal.SIGTERM)
