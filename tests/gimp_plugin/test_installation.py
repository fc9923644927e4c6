"""`photochrom gimp install | uninstall | doctor`: profiles found, files placed, faults named."""

import json
import os
import socket
import stat
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from core.errors import PhotochromError
from gimp_plugin.commands import gimp
from gimp_plugin.installer import SOURCE, folder_in
from tests.gimp_plugin.gimp_session import Room

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="Linux's own profile folders")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home of a user who has no GIMP, on a machine without one."""
    for name in ("XDG_CONFIG_HOME", "GIMP3_DIRECTORY", "PHOTOCHROM_STATE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()
    return tmp_path


def run(*arguments: str) -> Result:
    """The command's outcome; its errors are raised."""
    return CliRunner().invoke(gimp, arguments, standalone_mode=False, catch_exceptions=False)


def program(home: Path, name: str, *lines: str) -> None:
    """A program on the PATH."""
    path = home / "bin" / name
    path.write_text("\n".join(["#!/bin/sh", *lines]) + "\n")
    path.chmod(0o755)


def says_version(version: str) -> str:
    return f'echo "GNU Image Manipulation Program version {version}"'


@linux_only
def test_install_finds_every_known_profile_and_uninstall_clears_them(home: Path):
    places = [
        ".config/GIMP/3.0",
        ".config/GIMP/3.2",
        ".var/app/org.gimp.GIMP/config/GIMP/3.0",
        "snap/gimp/current/.config/GIMP/3.0",
    ]
    for place in (*places, ".config/GIMP/2.10", ".config/GIMP/2.99"):
        (home / place).mkdir(parents=True)
    assert run("install").return_value == 0
    found = {path.parent.parent.parent for path in home.rglob("plug-ins/photochrom/photochrom.py")}
    assert found == {home / place for place in places}
    others = home / places[0] / "plug-ins" / "somebody-else"
    others.mkdir()
    assert run("uninstall").return_value == 0
    assert list(home.rglob("photochrom*")) == []
    assert others.exists()
    assert "not installed" in run("uninstall").output


def test_the_installed_folder_is_the_source_with_a_run_bit_and_the_way_to_the_server(home: Path):
    profile = home / "3.0"
    run("install", "--profile", str(profile))
    folder = folder_in(profile)
    names = {path.name for path in folder.iterdir()}
    assert names == {path.name for path in SOURCE.glob("*.py")} | {"photochrom.json"}
    for path in SOURCE.glob("*.py"):
        assert (folder / path.name).read_bytes() == path.read_bytes()
    assert stat.S_IMODE((folder / "photochrom.py").stat().st_mode) == 0o755
    found = json.loads((folder / "photochrom.json").read_text())
    assert Path(found["command"][0]).is_absolute() and Path(found["command"][0]).exists()
    assert found["command"][-1] == "demo"
    assert found["state_file"] == str(home / "photochrom" / "server.json")


def test_installing_again_replaces_an_older_copy_whole(home: Path):
    profile = home / "3.0"
    run("install", "--profile", str(profile))
    folder = folder_in(profile)
    (folder / "client.py").write_text("old")
    (folder / "of_an_older_version.py").write_text("old")
    run("install", "--profile", str(profile))
    assert not (folder / "of_an_older_version.py").exists()
    assert (folder / "client.py").read_bytes() == (SOURCE / "client.py").read_bytes()
    assert [path.name for path in profile.iterdir()] == ["plug-ins"]  # nothing half-done is left


def test_a_folder_of_that_name_that_is_not_ours_is_left_alone(home: Path):
    theirs = folder_in(home / "3.0")
    theirs.mkdir(parents=True)
    (theirs / "photochrom.py").write_text("print('mine')")
    with pytest.raises(PhotochromError, match="not Photochrom's") as caught:
        run("install", "--profile", str(home / "3.0"))
    assert caught.value.kind == "exists"
    assert [path.name for path in theirs.iterdir()] == ["photochrom.py"]
    assert "not installed" in run("uninstall", "--profile", str(home / "3.0")).output


@linux_only
def test_a_gimp_3_that_was_never_started_gets_its_profile_made(home: Path):
    program(home, "gimp", says_version("3.2.1"))
    run("install")
    assert folder_in(home / ".config" / "GIMP" / "3.2").is_dir()


@pytest.mark.parametrize(
    ("profile", "words"), [(None, "no GIMP 3 is here"), (".config/GIMP/2.10", "only GIMP 2.10")]
)
@linux_only
def test_a_machine_without_gimp_3_is_told_what_to_install(
    home: Path, profile: str | None, words: str
):
    if profile:
        (home / profile).mkdir(parents=True)
    with pytest.raises(PhotochromError, match=words) as caught:
        run("install")
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(("name", "words"), [("GIMP/2.10", "Python 2"), ("a/b/3.0", "no folder")])
def test_a_wrong_profile_is_refused_before_anything_is_made(home: Path, name: str, words: str):
    with pytest.raises(PhotochromError, match=words) as caught:
        run("install", "--profile", str(home / name))
    assert caught.value.exit_code == 2
    assert [path.name for path in home.iterdir()] == ["bin"]


def checks(*arguments: str) -> tuple[int, dict[str, dict]]:
    """The doctor's exit code, and its checks by name."""
    outcome = run("doctor", "--json", *arguments)
    lines = [json.loads(line) for line in outcome.output.splitlines()]
    return outcome.return_value, {line["name"]: line for line in lines}


def test_doctor_names_the_missing_gimp_and_the_missing_profile(home: Path):
    code, found = checks()
    assert code == 3
    assert found["GIMP"]["says"] == "not found"
    assert "install GIMP 3" in found["GIMP"]["remedy"]
    assert not found["profile"]["works"]


def test_doctor_tells_that_gimp_2_cannot_be_served(home: Path):
    program(home, "gimp-2.10", says_version("2.10.36"))
    code, found = checks()
    assert code == 3
    assert "Python 2" in found["GIMP"]["says"]


def test_doctor_tells_when_gimp_runs_no_python(home: Path):
    program(home, "gimp", f"[ $1 = --version ] && {says_version('3.0.4')}", "exit 0")
    profile = home / "3.0"
    run("install", "--profile", str(profile))
    _, found = checks("--profile", str(profile))
    assert "no Python plug-in at all" in found["menu entry"]["says"]
    assert "gir1.2-gimp-3.0" in found["menu entry"]["remedy"]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: (folder / "photochrom.py").chmod(0o644), "may not be executed"),
        (lambda folder: (folder / "client.py").unlink(), "files are missing (client.py)"),
        (lambda folder: (folder / "client.py").write_text("x"), "of another version"),
        (lambda folder: (folder / "photochrom.json").write_text("{"), "missing or damaged"),
    ],
)
def test_doctor_names_what_is_wrong_with_the_installed_folder(home: Path, damage, words: str):
    profile = home / "3.0"
    run("install", "--profile", str(profile))
    damage(folder_in(profile))
    code, found = checks("--profile", str(profile))
    plug_in = found[f"plug-in in {profile}"]
    assert code == 3 and words in plug_in["says"] and "gimp install" in plug_in["remedy"]
    run("install", "--profile", str(profile))  # the remedy helps
    assert checks("--profile", str(profile))[1][f"plug-in in {profile}"]["works"]


def configure(profile: Path, *command: str) -> None:
    path = folder_in(profile) / "photochrom.json"
    found = json.loads(path.read_text())
    path.write_text(json.dumps({**found, "command": list(command)}))


def test_doctor_tells_why_the_server_cannot_be_started(home: Path):
    profile = home / "3.0"
    run("install", "--profile", str(profile))
    program(home, "broken", "echo 'the local server needs fastapi' >&2", "exit 3")
    configure(profile, str(home / "bin" / "broken"), "demo")
    _, found = checks("--profile", str(profile))
    assert "needs fastapi" in found["server"]["says"]
    configure(profile, str(home / "bin" / "gone"), "demo")
    _, found = checks("--profile", str(profile))
    assert "gone is gone" in found["server"]["says"]


def test_doctor_tells_who_has_the_port(home: Path, monkeypatch: pytest.MonkeyPatch):
    profile = home / "3.0"
    run("install", "--profile", str(profile))
    program(home, "works", "exit 0")
    configure(profile, str(home / "bin" / "works"), "demo")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        monkeypatch.setattr("gimp_plugin.doctor.DEFAULT_PORT", listener.getsockname()[1])
        monkeypatch.setattr("gimp_plugin.doctor._HEALTH_SECONDS", 0.3)
        _, found = checks("--profile", str(profile))
    assert found["server"]["works"]
    assert "taken by another program" in found["port"]["says"]


def test_doctor_asks_a_real_gimp_whether_the_plug_in_is_registered(
    home: Path, room: Room, monkeypatch: pytest.MonkeyPatch
):
    """GIMP lies in its root folder; this program enters it, as a GIMP on the PATH would run."""
    inside = f'"${{GIMP3_DIRECTORY#{room.root}}}"'
    settings = f"PATH=/usr/bin:/bin LC_ALL=C.UTF-8 HOME={room.inside} GIMP3_DIRECTORY={inside}"
    enter = f"chroot {room.root} /usr/bin/env -i {settings}"
    program(home, "gimp-console", f'exec {enter} gimp-console "$@"')
    monkeypatch.setenv("PATH", f"{home / 'bin'}{os.pathsep}/usr/sbin:/usr/bin:/bin")
    run("install", "--profile", str(room.profile))
    _, found = checks("--profile", str(room.profile))
    assert found["GIMP"]["says"].startswith("GIMP 3.")
    assert found["menu entry"]["works"], found
    # A broken Python inside GIMP, as a missing gi would be.
    entry = room.installed / "photochrom.py"
    whole = entry.read_text()
    monkeypatch.setattr("gimp_plugin.doctor.faults", lambda profile: [])
    entry.write_text(whole.replace("import sys", "import no_such_module", 1))
    _, found = checks("--profile", str(room.profile))
    assert "no_such_module" in found["menu entry"]["says"]
    entry.write_text(whole)
