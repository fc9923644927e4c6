"""What Windows does differently, as far as another system can tell."""

import os
import subprocess
import sys
import threading

import pytest

from core import system
from core.errors import DestinationError
from core.image.atomic import new_file


@pytest.mark.parametrize(
    "name", ["aux.jpg", "CON", "nul.tar.gz", "Com1.png", "lpt¹.tif", "a.jpg.", "a ", "a:b.jpg", "?"]
)
def test_a_name_that_windows_cannot_hold_is_refused_there_before_anything_is_written(
    tmp_path, monkeypatch, name
):
    assert system.fault_of_name(name, on_windows=True)
    assert not system.fault_of_name(name, on_windows=False)
    monkeypatch.setattr(
        "core.image.atomic.fault_of_name", lambda n: system.fault_of_name(n, on_windows=True)
    )
    with pytest.raises(DestinationError, match="Windows"), new_file(tmp_path / name, replace=True):
        raise AssertionError("nothing is opened")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name", ["auxiliary.jpg", "a.aux", "com10.png", "con1.tif", ".a", "ä b.jpg"]
)
def test_a_name_that_windows_can_hold_is_not_refused(name):
    assert not system.fault_of_name(name, on_windows=True)


def test_reading_by_seeking_gives_what_reading_at_a_place_gives_to_every_thread(tmp_path):
    file = tmp_path / "a"
    file.write_bytes(bytes(range(256)) * 400)
    descriptor = os.open(file, system.READ_FLAGS)
    wrong = []

    def read(start: int) -> None:
        for offset in range(start, 102_400, 977):
            expected = os.pread(descriptor, 100, offset)
            if system._seek_and_read(descriptor, 100, offset) != expected:
                wrong.append(offset)

    threads = [threading.Thread(target=read, args=(start,)) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.close(descriptor)
    assert wrong == []


def test_a_machine_without_a_runtime_folder_is_nothing_to_warn_of(monkeypatch, recwarn):
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    assert system.user_runtime_folder().name == "photochrom"
    assert not recwarn.list


def test_a_process_is_alive_until_it_has_ended():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert system.is_alive(process.pid) and system.is_alive(os.getpid())
    process.communicate(b"\n")
    assert not system.is_alive(process.pid)


def test_a_lock_holds_until_its_file_is_closed(tmp_path):
    first, second = (os.open(tmp_path / "a", os.O_RDWR | os.O_CREAT) for _ in range(2))
    assert system.lock(first) is True
    assert system.lock(second) is False
    os.close(first)
    assert system.lock(second) is True
    os.close(second)


def test_a_file_that_another_program_has_open_is_called_that(tmp_path, monkeypatch):
    def refuse(*_, **__):
        error = PermissionError(13, "in use")
        setattr(error, "winerror", 32)  # noqa: B010 -- Windows alone has the attribute
        raise error

    monkeypatch.setattr("core.image.atomic._put", refuse)
    with (
        pytest.raises(DestinationError, match="another program has it open"),
        new_file(tmp_path / "a", replace=True) as file,
    ):
        file.write(b"x")
    assert not list(tmp_path.iterdir())
