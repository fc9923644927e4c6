"""`photochrom bench`: whose figures it prints, and how it ends."""

import json
from importlib.metadata import EntryPoint, entry_points

import pytest
from click.testing import CliRunner

import core.bench
import core.commands.bench as command
from core.bench import Row
from core.errors import EXIT_DONE, EXIT_SOME_FAILED

OWN = Row("own", 1.25, "x", 1.4)
MISSED = Row("speed", 2.0, "x", 3.0, at_least=True, note="busy")
NOT_MEASURED = Row("GIMP", None, "x", 1.6, note="not measured: no GIMP")


def of_another_room():
    """The rows of a room that an entry point names."""
    yield MISSED
    yield NOT_MEASURED


@pytest.fixture
def told(monkeypatch):
    """`photochrom bench ARGUMENTS` with one figure of `core` and two of another room."""
    entry = EntryPoint("room", f"{__name__}:of_another_room", "photochrom.bench")
    monkeypatch.setattr(command, "entry_points", lambda group: [entry])

    def run(*arguments: str):
        asked: list[bool] = []
        monkeypatch.setattr(core.bench, "rows", lambda quick: [asked.append(quick) or OWN])
        ran = CliRunner().invoke(command.bench, list(arguments), standalone_mode=False)
        return ran.return_value, ran.output.splitlines(), asked

    return run


def test_figures_of_all_rooms_are_printed_and_a_missed_one_is_the_exit_code(told):
    code, lines, asked = told()
    assert code == EXIT_SOME_FAILED and asked == [False]
    assert lines == [
        "ok     1.25 x  <= 1.4  own",
        "MISS   2.00 x  >= 3    speed  (busy)",
        "-           x  <= 1.6  GIMP  (not measured: no GIMP)",
    ]


def test_json_has_one_line_a_figure(told):
    _, lines, asked = told("--json", "--quick")
    assert asked == [True]
    own, missed, not_measured = map(json.loads, lines)
    assert own == {
        "what": "own",
        "value": 1.25,
        "unit": "x",
        "must": 1.4,
        "at_least": False,
        "note": "",
        "met": True,
    }
    assert missed["met"] is False and not_measured["met"] is None


def test_what_could_not_be_measured_is_no_failure(told, monkeypatch):
    monkeypatch.setattr(EntryPoint, "load", lambda self: lambda: [NOT_MEASURED])
    assert told()[0] == EXIT_DONE


def test_the_server_is_among_them():
    (server,) = entry_points(group="photochrom.bench", name="server")
    assert callable(server.load())
