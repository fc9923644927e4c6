"""Whose an upload is and how long it stays: by age, never while an open page may list it."""

import os
from pathlib import Path

import pytest

from gradio_app.page import uploads as module
from gradio_app.page.uploads import KEPT_S, LATE_S, OPEN_S, Uploads
from gradio_app.problems import Refused

HOUR = 3600


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def uploads(tmp_path, clock):
    return Uploads(tmp_path / "uploads", clock, most_bytes=100)


def send(uploads: Uploads, owner: str = "me", data: bytes = b"x" * 30) -> Path:
    incoming = uploads.begin(owner, "scan.png")
    incoming.write(data)
    return incoming.finish().path


def test_taking_a_file_uses_nothing_up(uploads, tmp_path):
    path = send(uploads)
    for number in range(3):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert uploads.take(str(path), "me", folder).read_bytes() == b"x" * 30
    assert path.exists()


def test_where_there_are_no_hard_links_it_is_copied(uploads, tmp_path, monkeypatch):
    path = send(uploads)
    monkeypatch.setattr(os, "link", lambda *_, **__: (_ for _ in ()).throw(OSError("none here")))
    taken = uploads.take(str(path), "me", tmp_path)
    assert taken.read_bytes() == b"x" * 30 and taken.stat().st_ino != path.stat().st_ino


def test_what_was_taken_stays_when_the_upload_goes(uploads, clock, tmp_path):
    taken = uploads.take(str(send(uploads)), "me", tmp_path)
    clock.now += KEPT_S
    uploads.sweep()
    assert taken.read_bytes() == b"x" * 30


def test_an_upload_stays_for_as_long_as_its_page_is_open(uploads, clock):
    uploads.mark_open("me", "page")
    path = send(uploads)
    for _ in range(10 * 24):
        clock.now += HOUR
        uploads.mark_open("me", "page")
        uploads.sweep()
    assert uploads.check(str(path), "me")
    clock.now += KEPT_S - 1
    uploads.sweep()
    assert uploads.check(str(path), "me")  # a computer that slept over night
    clock.now += 1
    uploads.sweep()
    assert not path.parent.exists()
    with pytest.raises(Refused):
        uploads.check(str(path), "me")


def test_a_page_that_came_later_or_is_another_browsers_keeps_nothing(uploads, clock):
    path = send(uploads)
    clock.now += LATE_S + 1
    for _ in range(KEPT_S // HOUR):
        uploads.mark_open("me", "reloaded")
        uploads.mark_open("another", "page")
        clock.now += HOUR
    uploads.sweep()
    assert not path.exists()


def test_a_full_house_lets_go_what_no_open_page_lists_and_refuses_the_rest(uploads, clock):
    left = [send(uploads), send(uploads)]
    clock.now += OPEN_S
    uploads.mark_open("me", "page")
    listed = [send(uploads), send(uploads)]
    assert not any(path.exists() for path in left)
    send(uploads)
    incoming = uploads.begin("me", "one.png")
    with pytest.raises(Refused, match="no room") as refusal:
        incoming.write(b"x" * 30)
    incoming.give_up()
    assert refusal.value.status == 507 and not incoming.path.parent.exists()
    assert all(path.exists() for path in listed)


def test_what_was_given_up_and_what_went_makes_room(uploads, clock):
    for _ in range(50):
        incoming = uploads.begin("me", "scan.png")
        incoming.write(b"x" * 60)
        incoming.give_up()
        send(uploads)
        clock.now += KEPT_S
        uploads.sweep()
    assert sum(1 for _ in (uploads._folder).iterdir()) == 0


def test_the_pages_that_are_remembered_are_bounded(uploads, monkeypatch):
    monkeypatch.setattr(module, "MOST_PAGES", 10)
    for number in range(50):
        uploads.mark_open("me", str(number))
    assert len(uploads._pages) == 10
