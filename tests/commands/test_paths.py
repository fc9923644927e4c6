"""What is written is never what is read: every option that writes, every name of a file."""

import os
import shutil
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path

import click
import pytest
from PIL import Image

from core.commands.arguments import ReadPath, WrittenPath
from tests.photographs import gray, save

#: Other names of the file at a path, made in the folder `elsewhere` beside its own.
NAMES: dict[str, Callable[[Path, Path], str]] = {
    "its own name": lambda file, _: str(file),
    "a relative name": lambda file, _: os.path.relpath(file),
    "a name with dots": lambda file, _: f"{file.parent}/../{file.parent.name}/{file.name}",
    "a symbolic link": lambda file, elsewhere: _linked(elsewhere / f"s-{file.name}", file),
    "a hard link": lambda file, elsewhere: _hard(elsewhere / f"h-{file.name}", file),
    "a linked folder": lambda file, elsewhere: (
        f"{_linked(elsewhere / 'folder', file.parent)}/{file.name}"
    ),
}

#: (command, option that writes, files that the command reads) -> words; TARGET is what is written.
COLORIZE = ("colorize", "photo.png", "--model", "model.onnx", "--hints", "hints.png")
EVALUATE = ("evaluate", "model.onnx", "--data", "photo.png", "--masks", "masks")
CASES: dict[tuple[str, str], tuple[tuple[str, ...], tuple[str, ...]]] = {
    ("colorize", "output"): ((*COLORIZE, "-o", "TARGET"), ("photo.png", "hints.png")),
    ("colorize", "report"): (
        (*COLORIZE, "-o", "new.png", "--report", "TARGET"),
        ("photo.png", "model.onnx", "hints.png"),
    ),
    ("colorize", "before_after"): (
        (*COLORIZE, "-o", "new.png", "--before-after", "TARGET"),
        ("photo.png", "hints.png"),
    ),
    ("video", "output"): (
        ("video", "film.mkv", "--hints", "hints.json", "-o", "TARGET"),
        ("film.mkv",),
    ),
    ("video", "report"): (
        ("video", "film.mkv", "--hints", "hints.json", "-o", "new.mkv", "--report", "TARGET"),
        ("film.mkv", "hints.json"),
    ),
    ("export", "output"): (
        ("export", "run.pt", "-o", "TARGET", "--card", "card.md"),
        ("run.pt", "card.md"),
    ),
    ("evaluate", "sheet"): ((*EVALUATE, "--sheet", "TARGET"), ("photo.png", "masks/mask.png")),
    ("evaluate", "html"): (
        (*EVALUATE, "--html", "TARGET"),
        ("model.onnx", "photo.png", "masks/mask.png"),
    ),
    ("compare-pictures", "html"): (
        ("compare-pictures", "model.onnx", "masks", "--photographs", "masks", "--html", "TARGET"),
        ("model.onnx", "masks/mask.png"),
    ),
    ("compare", "output"): (
        (
            "compare",
            "recipe.toml",
            "--data",
            "photo.png",
            "--eval",
            "photo.png",
            "-o",
            "TARGET",
            "--budget",
            "1s",
        ),
        ("recipe.toml", "photo.png"),
    ),
}
#: Options that write folders, or need a broker or GIMP: each is tested in its own room.
ELSEWHERE = {
    ("train", "out"),
    ("train", "cache"),
    ("compare", "runs"),
    ("compare", "cache"),
    ("batch submit", "output"),
    ("batch watch", "output"),
    ("batch report", "output"),
    ("batch bag", "output"),
    ("gimp install", "profile"),
    ("gimp uninstall", "profile"),
    ("gimp doctor", "profile"),
}


def _linked(link: Path, target: Path) -> str:
    link.symlink_to(target)
    return str(link)


def _hard(link: Path, target: Path) -> str:
    link.hardlink_to(target)
    return str(link)


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture
def desk(tmp_path, model, monkeypatch) -> Path:
    """A folder with a file of each kind that a command may read, which is the working folder."""
    folder = tmp_path / "desk"
    save(folder / "photo.png", gray(60, 80))
    Image.new("RGBA", (80, 60), (200, 60, 40, 255)).save(folder / "hints.png")
    save(folder / "masks/mask.png", gray(60, 80))
    shutil.copy(model, folder / "model.onnx")
    (folder / "run.pt").write_bytes(b"weights")
    (folder / "film.mkv").write_bytes(b"a film")
    (folder / "hints.json").write_text('{"points": []}')
    (folder / "card.md").write_text("# A card\n")
    (folder / "recipe.toml").write_text('[network]\nname = "compact_cnn"\n')
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("case", "file"),
    [(case, file) for case, (_, files) in CASES.items() for file in files],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_a_file_that_is_read_is_never_written_whatever_it_is_called(
    cli, desk, tmp_path, case, file, name
):
    target = NAMES[name](desk / file, tmp_path / "elsewhere")
    before = content(tmp_path)
    answer = cli(*(target if word == "TARGET" else word for word in CASES[case][0]))
    assert answer.code == 2, answer.err
    assert answer.err.count("\n") == 1 and " is the same as " in answer.err
    assert content(tmp_path) == before


@pytest.mark.parametrize("option", ["-o", "--before-after"])
def test_a_link_with_a_pictures_name_does_not_hide_the_model(cli, desk, option):
    (desk / "innocent.png").symlink_to("model.onnx")
    words = {"-o": "new.png"} | {option: "innocent.png"}
    before = content(desk)
    answer = cli(*COLORIZE, *(word for pair in words.items() for word in pair))
    assert (answer.code, content(desk)) == (2, before)
    assert "is the same as --model" in answer.err


def test_no_two_results_are_one_file(cli, desk, tmp_path):
    for first, second in (("--report", "--before-after"), ("-o", "--before-after")):
        words = {"-o": "new.png", first: "same.png", second: "same.png"}
        before = content(tmp_path)
        answer = cli(
            "colorize",
            "photo.png",
            "--model",
            desk / "model.onnx",
            *(word for pair in words.items() for word in pair),
        )
        assert (answer.code, content(tmp_path)) == (2, before)


@pytest.mark.parametrize("option", ["--report", "--before-after"])
def test_a_photograph_of_somebody_else_is_not_written_over_by_a_slip(cli, desk, option):
    save(desk / "other.png")
    before = content(desk)
    answer = cli(
        "colorize",
        "photo.png",
        "-o",
        "new.png",
        "--model",
        desk / "model.onnx",
        option,
        "other.png",
    )
    assert (answer.code, content(desk)) == (2, before)
    assert option in answer.err and "other.png" in answer.err


def test_a_sheet_and_a_report_of_the_last_run_are_taken_up_again(cli, desk):
    words = (
        "colorize",
        "photo.png",
        "-o",
        "new.png",
        "--model",
        desk / "model.onnx",
        "--report",
        "night.jsonl",
        "--before-after",
        "sheet.png",
    )
    assert [cli(*words).code for _ in range(2)] == [0, 0]
    assert len((desk / "night.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("source", "result", "sheet"),
    [
        ("photo.png", "new.png", "sheets/new.png.png"),
        ("photo.png", "out/", "sheets/photo.png.png"),
        ("masks", "out/", "sheets/mask.png.png"),
    ],
)
def test_a_folder_of_sheets_has_one_under_each_results_name(cli, desk, source, result, sheet):
    words = ("colorize", source, "-o", result, "--model", desk / "model.onnx")
    for _ in range(2):
        answer = cli(*words, "--existing", "overwrite", "--before-after", "sheets/")
        assert answer.code == 0, answer.err
    assert [str(path.relative_to(desk)) for path in (desk / "sheets").iterdir()] == [sheet]


@pytest.mark.parametrize("words", [("", "-o", "out"), ("photo.png", "-o", "")])
def test_an_empty_name_is_no_folder(cli, desk, words):
    before = content(desk)
    answer = cli("colorize", *words, "--model", desk / "model.onnx")
    assert (answer.code, content(desk)) == (2, before)


def _parameters() -> Iterator[tuple[str, click.Parameter]]:
    def of(name: str, command: click.Command) -> Iterator[tuple[str, click.Parameter]]:
        for parameter in command.params:
            yield name, parameter
        if isinstance(command, click.Group):
            for sub, inner in command.commands.items():
                yield from of(f"{name} {sub}", inner)

    for entry in entry_points(group="photochrom.commands"):
        yield from of(entry.name, entry.load())


def test_every_path_of_every_command_says_whether_it_is_read_or_written():
    written = set()
    for command, parameter in _parameters():
        types = (
            parameter.type.types if isinstance(parameter.type, click.Tuple) else [parameter.type]
        )
        for kind in types:
            if isinstance(kind, click.Path | click.File):
                assert isinstance(kind, ReadPath | WrittenPath), f"{command} {parameter.name}"
            if isinstance(kind, WrittenPath):
                written.add((command, parameter.name))
    assert written == CASES.keys() | ELSEWHERE
