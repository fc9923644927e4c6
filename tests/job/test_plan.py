"""Planning: every picture once, each with a name of its own, nothing outside the folder."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.job import Job, Outcome, plan
from core.options import Options


def like(format: str = "same") -> Job:
    return Job(Path(), Path(), Options(format=format))


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def planned(sources: list[Path], destination: Path, format: str = "same") -> dict[str, str]:
    jobs = list(plan(sources, destination, like(format)))
    assert all(isinstance(job, Job) for job in jobs)
    return {job.source.name: job.destination.relative_to(destination).as_posix() for job in jobs}  # type: ignore[union-attr]


def test_a_tree_is_mirrored_and_what_is_no_picture_is_left_out(tmp_path):
    scans = tmp_path / "scans"
    touch(scans / "a.jpg", scans / "box 1/b.TIF", scans / "notes.txt", scans / ".hidden.jpg")
    touch(scans / ".trash/c.jpg")
    assert planned([scans], tmp_path / "out") == {"a.jpg": "a.jpg", "b.TIF": "box 1/b.TIF"}


def test_the_order_is_that_of_the_names(tmp_path):
    touch(*(tmp_path / "scans" / f"{n:02}.jpg" for n in (3, 1, 2)))
    assert list(planned([tmp_path / "scans"], tmp_path / "out")) == ["01.jpg", "02.jpg", "03.jpg"]


def test_another_format_changes_the_suffix(tmp_path):
    touch(tmp_path / "a.tif", tmp_path / "b.png", tmp_path / "c.PNG")
    names = planned([tmp_path / n for n in ("a.tif", "b.png", "c.PNG")], tmp_path / "o", "png")
    assert names == {"a.tif": "a.png", "b.png": "b.png", "c.PNG": "c.PNG"}


def test_what_comes_of_a_bare_codestream_is_a_jp2_file(tmp_path):
    touch(tmp_path / "s/a.j2k", tmp_path / "s/b.JPC", tmp_path / "s/b.jp2", tmp_path / "s/c.jpx")
    assert planned([tmp_path / "s"], tmp_path / "out") == {
        "a.j2k": "a.jp2",
        "b.JPC": "b.JPC.jp2",
        "b.jp2": "b.jp2",
        "c.jpx": "c.jpx",
    }


def test_names_that_would_meet_keep_their_whole_name(tmp_path):
    touch(tmp_path / "s/a.tif", tmp_path / "s/a.jpg", tmp_path / "s/A.webp", tmp_path / "s/b.jpg")
    assert planned([tmp_path / "s"], tmp_path / "out", "png") == {
        "A.webp": "A.webp.png",
        "a.jpg": "a.jpg.png",
        "a.tif": "a.tif.png",
        "b.jpg": "b.png",
    }


def test_two_files_of_one_name_from_two_folders_are_a_conflict_for_the_second(tmp_path):
    touch(tmp_path / "x/a.jpg", tmp_path / "y/a.jpg")
    first, second = plan([tmp_path / "x/a.jpg", tmp_path / "y/a.jpg"], tmp_path / "out", like())
    assert isinstance(first, Job)
    assert isinstance(second, Outcome) and second.error and second.error.kind == "conflict"


def test_two_folders_that_hold_one_name_are_a_conflict_too(tmp_path):
    touch(tmp_path / "x/a.jpg", tmp_path / "y/a.jpg")
    first, second = plan([tmp_path / "x", tmp_path / "y"], tmp_path / "out", like())
    assert isinstance(first, Job)
    assert isinstance(second, Outcome) and second.error and second.error.kind == "conflict"


def test_a_destination_inside_the_source_is_not_coloured_again(tmp_path):
    touch(tmp_path / "a.jpg", tmp_path / "out/a.jpg")
    assert planned([tmp_path], tmp_path / "out") == {"a.jpg": "a.jpg"}


def test_a_folder_that_is_its_own_destination_is_a_conflict(tmp_path):
    touch(tmp_path / "scans/a.jpg")
    (outcome,) = plan([tmp_path / "scans"], tmp_path / "scans", like())
    assert isinstance(outcome, Outcome) and outcome.error and outcome.error.kind == "conflict"


def test_a_folder_linked_into_itself_is_walked_once(tmp_path):
    touch(tmp_path / "scans/a.jpg")
    (tmp_path / "scans/again").symlink_to(tmp_path / "scans", target_is_directory=True)
    assert planned([tmp_path / "scans"], tmp_path / "out") == {"a.jpg": "a.jpg"}


def test_a_link_to_itself_is_planned_and_fails_later_with_its_reason(tmp_path):
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans/loop.jpg").symlink_to(tmp_path / "scans/loop.jpg")
    assert planned([tmp_path / "scans"], tmp_path / "out") == {"loop.jpg": "loop.jpg"}


@pytest.mark.parametrize("name", ["a b.jpg", "a\nb.jpg", "😀.jpg", "-o.jpg", "x" * 251 + ".jpg"])
def test_every_odd_name_is_kept(tmp_path, name):
    touch(tmp_path / "scans" / name)
    assert planned([tmp_path / "scans"], tmp_path / "out") == {name: name}


def test_a_name_that_no_disk_can_hold_is_planned_and_fails_later_with_its_reason(tmp_path):
    name = "x" * 300 + ".jpg"
    assert planned([tmp_path / name], tmp_path / "out") == {name: name}


def test_a_name_of_undecodable_bytes_is_kept(tmp_path):
    (tmp_path / "scans").mkdir()
    os.close(os.open(os.fsencode(tmp_path / "scans") + b"/\xff\xfe.jpg", os.O_CREAT))
    (job,) = plan([tmp_path / "scans"], tmp_path / "out", like())
    assert isinstance(job, Job)
    assert os.fsencode(job.destination).endswith(b"/out/\xff\xfe.jpg")


@settings(max_examples=60)
@given(
    st.sets(
        st.tuples(st.sampled_from("aAbB"), st.sampled_from([".jpg", ".JPG", ".png", ".tif"])),
        min_size=1,
    ),
    st.sampled_from(["same", "png", "jpeg"]),
)
def test_every_two_sources_have_two_results(tmp_path_factory, names, format):
    scans = tmp_path_factory.mktemp("scans")
    touch(*(scans / (stem + suffix) for stem, suffix in names))
    results = [item.destination for item in plan([scans], scans / "out", like(format))]  # type: ignore[union-attr]
    assert len(set(results)) == len(results) == len(names)
