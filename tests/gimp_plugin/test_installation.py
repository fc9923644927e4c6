"""`photochrom gimp install | uninstall | doctor`: profiles found, files placed, faults named."""

import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from core.errors import EXIT_MACHINE, PhotochromError
from gimp_plugin.commands import gimp
from gimp_plugin.installer import SOURCE, folder_in
from tests.gimp_plugin.gimp_session import Room

REPOSITORY = Path(__file__).parents[2]
#: What an installation says of itself whose extra `demo` needs a package that is not there.
METADATA = """Metadata-Version: 2.4
Name: photochrom
Version: 0.1.0
Provides-Extra: demo
Requires-Dist: no-such-package<1,>=0.2; extra == "demo"
"""
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
    installed = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    sources = [*SOURCE.glob("*.py"), *SOURCE.rglob("*.mo"), *SOURCE.rglob("help/*/*")]
    assert installed == {path.relative_to(SOURCE) for path in sources} | {Path("photochrom.json")}
    assert folder / "locale" / "de" / "LC_MESSAGES" / "photochrom.mo" in folder.rglob("*.mo")
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


def configure(profile: Path, *command: str, **more: str) -> None:
    path = folder_in(profile) / "photochrom.json"
    found = json.loads(path.read_text())
    path.write_text(json.dumps({**found, "command": list(command), **more}))


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


@pytest.fixture
def without_demo(home: Path) -> dict[str, str]:
    """The environment variables by which this Python is one without the extra `demo`."""
    about = home / "site" / "photochrom-0.1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(METADATA)
    (about / "entry_points.txt").write_text(
        "[photochrom.commands]\ngimp=gimp_plugin.commands:gimp\n"
    )
    return {**os.environ, "PYTHONPATH": f"{about.parent}{os.pathsep}{REPOSITORY}"}


def test_install_tells_that_the_extra_demo_is_missing_and_how_to_install_it(
    home: Path, without_demo: dict[str, str]
):
    profile = home / "3.0"
    code = "from core.commands.main import main; main()"
    words = [sys.executable, "-c", code, "gimp", "install", "--profile", str(profile)]
    ran = subprocess.run(words, env=without_demo, cwd=home, capture_output=True, text=True)
    assert ran.returncode == EXIT_MACHINE
    assert "its server needs no-such-package" in ran.stderr
    assert "pip" in ran.stderr and "demo" in ran.stderr
    assert (folder_in(profile) / "photochrom.py").exists()  # for a server on another computer


@linux_only
def test_doctor_asks_the_recorded_python_for_the_extra_demo(
    home: Path, without_demo: dict[str, str]
):
    profile = home / "3.0"
    run("install", "--profile", str(profile))
    found = json.loads((folder_in(profile) / "photochrom.json").read_text())
    assert found["python"] == sys.executable
    paths = without_demo["PYTHONPATH"]
    program(home, "its-python", f'PYTHONPATH="{paths}" exec "{sys.executable}" "$@"')
    program(home, "works", "exit 0")
    configure(profile, str(home / "bin" / "works"), "demo", python=str(home / "bin" / "its-python"))
    code, found = checks("--profile", str(profile))
    assert code == 3 and not found["server"]["works"]
    assert "its-python has no no-such-package" in found["server"]["says"]
    assert "[demo]" in found["server"]["remedy"]


@linux_only
def test_a_profile_that_cannot_be_written_is_named_as_such(home: Path):
    """Nobody, not even root, makes a folder there."""
    profile = Path("/sys/kernel")
    code, found = checks("--profile", str(profile))
    assert code == 3 and not found[f"profile {profile}"]["works"]
    assert "cannot be written" in found[f"profile {profile}"]["says"]
    with pytest.raises(PhotochromError, match="the profile cannot be written") as caught:
        run("install", "--profile", str(profile))
    assert caught.value.kind == "destination"


@linux_only
def test_one_profile_that_cannot_be_written_does_not_keep_the_others_from_the_plug_in(home: Path):
    (home / ".config" / "GIMP").mkdir(parents=True)
    (home / ".config" / "GIMP" / "3.0").symlink_to("/sys/kernel")
    (home / ".config" / "GIMP" / "3.2").mkdir()
    with pytest.raises(PhotochromError, match="cannot be written"):
        run("install")
    assert (folder_in(home / ".config" / "GIMP" / "3.2") / "photochrom.py").exists()


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


@pytest.fixture
def activated(room: Room) -> Iterator[Path]:
    """The programs of an activated environment whose Python knows nothing of GIMP.

    GIMP in its root folder and this system find it by one path.
    """
    here = Path(room.inside)
    here.symlink_to(room.path)
    programs = here / "environment" / "bin"
    programs.mkdir(parents=True)
    (programs.parent / "pyvenv.cfg").write_text("")
    python = programs / "python3"
    python.write_text("#!/bin/sh\necho \"ModuleNotFoundError: No module named 'gi'\" >&2; exit 1\n")
    python.chmod(0o755)
    yield programs
    here.unlink()


def test_doctor_asks_a_real_gimp_and_the_python_that_gimp_runs(
    home: Path, room: Room, activated: Path, monkeypatch: pytest.MonkeyPatch
):
    """GIMP lies in its root folder; this program enters it, as a GIMP on the PATH would run."""
    inside = f'"${{GIMP3_DIRECTORY#{room.root}}}"'
    settings = f'PATH="$PATH" LC_ALL=C.UTF-8 HOME={room.inside} GIMP3_DIRECTORY={inside}'
    enter = f"chroot {room.root} /usr/bin/env -i {settings}"
    program(home, "gimp-console", f'exec {enter} gimp-console "$@"')
    monkeypatch.setenv("PATH", f"{activated}:{home / 'bin'}:/usr/sbin:/usr/bin:/bin")
    run("install", "--profile", str(room.profile))
    _, found = checks("--profile", str(room.profile))
    assert found["GIMP"]["says"].startswith("GIMP 3.")
    assert found["menu entry"]["works"], found
    assert "run by /usr/bin/python3 3." in found["menu entry"]["says"]
    assert f"would take {activated / 'python3'}" in found["menu entry"]["says"]
    # A broken Python inside GIMP, as a missing gi would be.
    entry = room.installed / "photochrom.py"
    whole = entry.read_text()
    monkeypatch.setattr("gimp_plugin.doctor.faults", lambda profile: [])
    entry.write_text(whole.replace("import sys", "import no_such_module", 1))
    _, found = checks("--profile", str(room.profile))
    assert "no_such_module" in found["menu entry"]["says"]
    entry.write_text(whole)
