"""Destinations: a result stands there whole or not at all, and takes nobody's place unasked."""

import errno
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest

from core.errors import DestinationError
from core.image import atomic
from core.image.atomic import clean_stale, new_file
from core.image.read import open_source
from core.image.write import save
from tests.image.pictures import jp2, opened, painted, pillow, repeat, tiff

NOISE = np.random.default_rng(3).integers(0, 256, (500, 700), dtype=np.uint8)
SOURCES = {
    "tiff": tiff(NOISE),
    "jpeg": pillow(NOISE, "JPEG"),
    "png": pillow(NOISE, "PNG"),
    "webp": pillow(np.dstack([NOISE] * 3), "WEBP", lossless=True),
    "jpeg2000": jp2(NOISE),
}


def _refusal(name: str, target: Path, **options) -> DestinationError:
    with open_source(SOURCES[name]) as source, pytest.raises(DestinationError) as caught:
        save(source, target, painted(source), **options)
    assert caught.value.file == str(target)
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize("name", SOURCES)
def test_a_folder_that_is_not_there_is_an_error(name, tmp_path):
    error = _refusal(name, tmp_path / "nowhere" / "a")
    assert (error.kind, error.what) == ("destination", "there is no such folder")


def test_a_file_in_the_place_of_the_folder_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    assert _refusal("png", tmp_path / "file" / "a").kind == "destination"


def test_a_folder_of_that_name_is_an_error(tmp_path):
    assert "folder" in _refusal("png", tmp_path).what


def test_a_name_too_long_for_the_disk_is_an_error(tmp_path):
    assert "too long" in _refusal("png", tmp_path / ("x" * 256)).what


def test_a_folder_that_may_not_be_written_to_is_an_error():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o555)
        user = os.geteuid()
        try:
            if user == 0:
                os.seteuid(65534)  # root writes everywhere
            error = _refusal("png", folder / "a.png")
        finally:
            os.seteuid(user)
        assert error.kind == "destination"
        assert "may not be written" in error.what
        assert list(folder.iterdir()) == []


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"nothing may be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("name", SOURCES)
def test_a_full_disk_is_an_error_and_nothing_is_left_on_it(name, small_disk):
    error = _refusal(name, small_disk / "a")
    assert (error.kind, error.what) == ("destination", "the disk is full")
    assert list(small_disk.iterdir()) == []


def test_a_read_only_disk_is_an_error(small_disk):
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    assert _refusal("png", small_disk / "a").what == "the disk is read-only"


@pytest.mark.parametrize("name", SOURCES)
def test_a_limit_of_the_files_size_is_an_error_and_nothing_is_left(name, tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        error = _refusal(name, tmp_path / "a")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert error.kind == "destination"
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_stays_unless_it_may_be_replaced(tmp_path):
    target = tmp_path / "a.png"
    target.write_bytes(b"older work")
    assert _refusal("png", target).kind == "exists"
    assert target.read_bytes() == b"older work"
    with open_source(SOURCES["png"]) as source:
        save(source, target, painted(source), replace=True)
    assert opened(target.read_bytes()).size == (700, 500)


def test_a_dangling_link_is_a_file_that_is_there(tmp_path):
    (tmp_path / "a.png").symlink_to(tmp_path / "nobody")
    assert _refusal("png", tmp_path / "a.png").kind == "exists"


def test_a_file_that_comes_up_while_the_work_is_done_stays(tmp_path):
    target = tmp_path / "a.png"

    def paint(samples, top, out):
        target.write_bytes(b"somebody was quicker")
        repeat(samples, top, out)

    with open_source(SOURCES["png"]) as source, pytest.raises(DestinationError) as caught:
        save(source, target, painted(source, paint))
    assert caught.value.kind == "exists"
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"somebody was quicker"]


def test_a_disk_without_hard_links_will_do(tmp_path, monkeypatch):
    def no_links(self, other):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", no_links)
    with open_source(SOURCES["png"]) as source:
        save(source, tmp_path / "a.png", painted(source))
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert _refusal("png", tmp_path / "a.png").kind == "exists"


def test_the_source_is_never_overwritten_unless_that_is_asked_for(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(SOURCES["png"])
    for target in (path, tmp_path / "link.png", tmp_path / "hard.png"):
        if target.name == "link.png":
            target.symlink_to(path)
        if target.name == "hard.png":
            target.hardlink_to(path)
        with open_source(path) as source, pytest.raises(DestinationError) as caught:
            save(source, target, painted(source), replace=True)
        assert caught.value.kind == "conflict"
    assert path.read_bytes() == SOURCES["png"]
    with open_source(path) as source:
        save(source, path, painted(source), in_place=True)
    assert np.asarray(opened(path.read_bytes())).shape == (500, 700, 3)


def test_the_result_has_the_permissions_that_new_files_have(tmp_path):
    before = os.umask(0o027)
    try:
        with new_file(tmp_path / "a", replace=False) as file:
            file.write(b"x")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_while_it_is_written_the_result_has_another_name(tmp_path):
    with new_file(tmp_path / "a.tif", replace=False) as file:
        file.write(b"half")
        names = [path.name for path in tmp_path.iterdir()]
        assert len(names) == 1
        assert names[0].startswith(".a.tif.photochrom-")
        assert clean_stale(tmp_path) == []  # the living are left alone
        file.write(b" and half")
    assert (tmp_path / "a.tif").read_bytes() == b"half and half"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("length", [200, 254, 255])
def test_a_long_name_has_a_temporary_name_too(length, tmp_path):
    for name in ("x" * length, "ü" * (length // 2), "漢" * (length // 3)):
        with new_file(tmp_path / name, replace=False) as file:
            file.write(b"x")
            assert all(len(os.fsencode(path.name)) <= 255 for path in tmp_path.iterdir())
        assert (tmp_path / name).exists()


KILLED = """
    import os, signal, sys
    from pathlib import Path
    sys.path.insert(0, {root!r})
    from core.image.atomic import new_file
    with new_file(Path({folder!r}) / "a.tif", replace=False) as file:
        file.write(b"half")
        os.kill(os.getpid(), signal.SIGKILL)
"""


def _killed_writer(folder: Path) -> None:
    root = str(Path(atomic.__file__).parents[2])
    code = textwrap.dedent(KILLED.format(root=root, folder=str(folder)))
    ended = subprocess.run([sys.executable, "-c", code])
    assert ended.returncode == -signal.SIGKILL


def test_what_a_killed_run_left_is_removed_and_nothing_else(tmp_path):
    _killed_writer(tmp_path)
    (left,) = tmp_path.iterdir()
    others = [".a.tif.photochrom-notes.tmp", "b.photochrom-1-00000000.tmp", ".c.tmp", "photo.tif"]
    for name in others:
        (tmp_path / name).touch()
    with new_file(tmp_path / "alive.tif", replace=False) as file:
        assert clean_stale(tmp_path) == [left]
        file.write(b"x")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*others, "alive.tif"])


def _hold(folder: str, started, ended) -> None:
    with new_file(Path(folder) / "a.tif", replace=False) as file:
        file.write(b"x")
        started.set()
        ended.wait(60)


def test_another_process_that_is_still_writing_is_left_alone(tmp_path):
    context = multiprocessing.get_context("spawn")
    started, ended = context.Event(), context.Event()
    writer = context.Process(target=_hold, args=(str(tmp_path), started, ended))
    writer.start()
    assert started.wait(60)
    assert clean_stale(tmp_path) == []
    ended.set()
    writer.join(60)
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


def test_a_folder_that_is_not_there_has_nothing_stale(tmp_path):
    assert clean_stale(tmp_path / "nowhere") == []


def test_an_interruption_leaves_nothing(tmp_path):
    def paint(samples, top, out):
        raise KeyboardInterrupt

    for name, data in SOURCES.items():
        with open_source(data) as source, pytest.raises(KeyboardInterrupt):
            save(source, tmp_path / name, painted(source, paint))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("container", ["PNG", "TIFF", "JPEG"])
def test_ctrl_c_stops_a_long_job_at_its_next_strip(container, tmp_path):
    asked = []

    def paint(samples, top, out):
        asked.append(top)
        if len(asked) == 2:  # the second strip is painted while libvips encodes the first
            os.kill(os.getpid(), signal.SIGINT)
            deadline.wait(0.5 if container != "TIFF" else 0)
        repeat(samples, top, out)

    deadline = threading.Event()
    picture = pillow(np.resize(NOISE, (9000, 1500)), container)
    with open_source(picture) as source, pytest.raises(KeyboardInterrupt):
        save(source, tmp_path / "out", painted(source, paint))
    assert len(asked) < 10
    assert list(tmp_path.iterdir()) == []
