"""Which files of a folder are sources, and what is said of the others: through the command line."""

import json
from pathlib import Path

import pytest

from core.job.selection import PassedOver, Selection
from tests.photographs import gray, save

SMALL = gray(24, 32)


@pytest.fixture
def scans(tmp_path) -> Path:
    """A folder as a network drive, a phone and people leave it."""
    folder = tmp_path / "scans"
    for name in (
        "a.png",
        "box/b.png",
        "box/b_web.png",
        "drafts/c.png",
        "drafts/deep/d.png",
        "@eaDir/a.png",
        "box/@eaDir/b.png",
        "#recycle/old.png",
        "$RECYCLE.BIN/x.png",
        ".thumbnails/t.png",
        "box/._b.png",
        ".hidden.png",
    ):
        save(folder / name, SMALL)
    for name in ("1.gif", "2.GIF", "box/3.gif", "notes.txt", "README", "a.xmp", "Thumbs.db"):
        (folder / name).write_bytes(b"not a picture of ours")
    return folder


def results(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.png"))


def test_folders_of_systems_are_left_out_and_the_end_says_what_was_passed_over(
    cli, scans, tmp_path, model
):
    answer = cli("colorize", scans, "-o", tmp_path / "out", "--model", model, "--jobs", 1)
    assert answer.code == 0, answer.err
    assert results(tmp_path / "out") == [
        "a.png",
        "box/b.png",
        "box/b_web.png",
        "drafts/c.png",
        "drafts/deep/d.png",
    ]
    (line,) = [line for line in answer.err.splitlines() if line.startswith("passed over: ")]
    assert "3 GIF, 1 TXT, 1 without a suffix: not read" in line
    assert "1: hidden" in line
    assert (
        "1 folder #recycle, 1 folder $RECYCLE.BIN, 1 folder .thumbnails, 2 folders @eaDir" in line
    )


@pytest.mark.parametrize(
    ("patterns", "left"),
    [
        (["*_web.png"], ["a.png", "box/b.png", "drafts/c.png", "drafts/deep/d.png"]),
        (["drafts"], ["a.png", "box/b.png", "box/b_web.png"]),
        (["drafts/", "box/*_web.png"], ["a.png", "box/b.png"]),
        (["deep", "./box/b.png"], ["a.png", "box/b_web.png", "drafts/c.png"]),
        (["*"], []),
    ],
)
def test_a_pattern_excludes_names_below_the_source_or_whole_paths(
    cli, scans, tmp_path, model, patterns, left
):
    words = [word for pattern in patterns for word in ("--exclude", pattern)]
    answer = cli("colorize", scans, "-o", tmp_path / "out", "--dry-run", *words)
    planned = [Path(line.split(" -> ")[1]) for line in answer.out.splitlines()]
    assert [path.relative_to(tmp_path / "out").as_posix() for path in planned] == left
    assert "--exclude" in answer.err or "folder" in answer.err


@pytest.mark.parametrize("form", ["{0}/**/*.png", "{0}/*/*.png"])
def test_a_glob_leaves_out_what_a_walk_leaves_out(cli, scans, tmp_path, form):
    words = ("-o", tmp_path / "out", "--dry-run", "--exclude", "drafts", "--exclude", "*_web.png")
    answer = cli("colorize", form.format(scans), *words)
    names = [line.split(" -> ")[0] for line in answer.out.splitlines()]
    assert names == [f"{scans}/{name}" for name in ("a.png", "box/b.png")[form.count("/*/*") :]]


def test_a_file_that_is_named_is_excluded_by_its_name_and_a_folder_that_is_named_is_entered(
    cli, scans, tmp_path
):
    words = (scans / "a.png", scans / "box/b_web.png", scans / "@eaDir")
    answer = cli("colorize", *words, "-o", tmp_path / "out", "--dry-run", "--exclude", "*_web*")
    assert "b_web" not in answer.out
    assert f"{scans}/@eaDir/a.png" in answer.out or "another source" in answer.err


def test_verify_passes_over_the_same_files(cli, scans, tmp_path, model):
    words = ("--exclude", "drafts")
    cli("colorize", scans, "-o", tmp_path / "out", "--model", model, "--jobs", 1, *words)
    answer = cli("verify", scans, tmp_path / "out", "--json", *words)
    assert answer.code == 0, answer.err
    assert len(answer.out.splitlines()) == 3


def test_nothing_is_said_where_nothing_was_passed_over(cli, tmp_path, model):
    save(tmp_path / "scans/a.png", SMALL)
    answer = cli("colorize", tmp_path / "scans", "-o", tmp_path / "out", "--model", model)
    assert "passed over" not in answer.err


def test_many_kinds_are_added_up():
    selection = Selection()
    for number, suffix in enumerate("abcdefgh"):
        for _ in range(9 - number):
            assert not selection.takes_file(f"x.{suffix}")
    words = selection.passed.in_words()
    assert words == "9 A, 8 B, 7 C, 6 D, 5 E, 4 F, 5 others: not read"
    assert json.dumps(selection.passed.as_mapping())
    assert not PassedOver()
