"""`photochrom compare-pictures`: its page in a real browser, and the votes that it saves."""

import json
import re
from pathlib import Path

import pytest
from PIL import Image

from tests.photographs import gray, save

FAULT = "coloured specks"


def folder_of(path: Path, colour: str, count: int = 6) -> Path:
    """A folder of `count` plain pictures, as another program would have coloured them."""
    path.mkdir()
    for number in range(count):
        Image.new("RGB", (96, 64), colour).save(path / f"{number}.png")
    return path


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    return folder_of(tmp_path / "reds", "#b43030"), folder_of(tmp_path / "blues", "#3030b4")


@pytest.fixture
def page_of(cli, browser, tmp_path: Path):
    """Makes a page by the command and opens it."""
    contexts = []

    def opened(*words: object, width: int = 1280):
        html = tmp_path / "vote.html"
        answer = cli("compare-pictures", *words, "--html", html)
        assert answer.code == 0, answer.err
        context = browser.new_context(
            viewport={"width": width, "height": 800}, accept_downloads=True, offline=True
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.goto(html.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()


def side_of(page, colour: str) -> int:
    """Which side shows the picture that is mostly 'red' or 'blue'."""
    for side in (0, 1):
        red, _, blue = page.evaluate(
            """async id => {
              const image = document.getElementById(id); await image.decode();
              const canvas = document.createElement("canvas"); canvas.width = canvas.height = 1;
              const context = canvas.getContext("2d"); context.drawImage(image, 0, 0, 1, 1);
              return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
            }""",
            f"picture{side}",
        )
        if (red > blue) == (colour == "red"):
            return side
    raise AssertionError(f"no {colour} picture")


def saved(page, path: Path) -> Path:
    with page.expect_download() as download:
        page.click("#save")
    download.value.save_as(path)
    return path


def test_a_viewer_votes_without_names_and_the_page_and_the_count_say_who_won(
    page_of,
    folders,
    cli,
    tmp_path: Path,
):
    page = page_of(*folders)
    sides = []
    for row in range(6):
        shown = page.inner_text("#vote")
        assert f"{row + 1} of 6" in shown
        assert "reds" not in shown and "blues" not in shown
        assert page.is_disabled("#next")  # not before an answer
        red = side_of(page, "red")
        sides.append(red)
        if row == 0:
            page.click("#tie")
        else:
            page.click(f"#choose{red}")
            page.get_by_label(FAULT).nth(1 - red).check()
        page.click("#next")
    assert set(sides) == {0, 1}  # drawn by chance
    assert re.search(r"preferred\s+0\s+5", page.inner_text("#result"))  # blues, reds
    votes = saved(page, tmp_path / "votes.json")
    answer = cli("compare-pictures", "--count", votes)
    assert f"{folders[1]} 0 : 5 {folders[0]}, 1 not decided" in answer.out
    assert f"{folders[1]}: {FAULT} 5" in answer.out
    assert json.loads(votes.read_text())["question"] == "better"


def test_answers_outlast_a_reload_and_can_be_changed(page_of, folders):
    page = page_of(*folders)
    page.keyboard.press("1")
    page.click("#next")
    page.reload()
    assert "2 of 6" in page.inner_text("#count")
    page.click("#back")
    assert page.get_attribute("#choose0", "aria-pressed") == "true"
    page.keyboard.press("2")
    assert page.get_attribute("#choose0", "aria-pressed") == "false"


def test_with_the_truth_the_question_is_which_is_real(page_of, folders, cli, tmp_path):
    page = page_of(folders[0], "--truth", folders[1])
    assert "real photograph" in page.inner_text("#question")
    for _ in range(6):
        page.click(f"#choose{side_of(page, 'red')}")  # taken in each time
        page.click("#next")
    votes = saved(page, tmp_path / "votes.json")
    said = cli("compare-pictures", "--count", votes).out
    assert "6 : 0 the true photograph" in said or "0 : 6" in said


def test_a_model_colours_the_photographs_and_stands_beside_a_folder(
    page_of,
    model,
    tmp_path: Path,
):
    photographs = tmp_path / "old"
    for number in range(2):
        save(photographs / f"{number}.jpg", gray(64, 96, number))
    page = page_of(model, folder_of(tmp_path / "reds", "#b43030", 2), "--photographs", photographs)
    assert "1 of 2" in page.inner_text("#count")
    assert side_of(page, "red") in (0, 1)


def test_the_page_fits_a_phone_and_names_are_shown_when_asked_for(page_of, folders):
    page = page_of(*folders, "--named", width=390)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert {page.inner_text("#name0"), page.inner_text("#name1")} == set(map(str, folders))


def test_votes_of_two_people_are_added_up_and_a_copy_is_refused(cli, tmp_path: Path):
    files = []
    for person, wins in enumerate((8, 9)):
        entries = [
            {
                "photograph": str(number),
                "sources": ["a", "b"] if number % 2 else ["b", "a"],
                "preferred": "a" if number < wins else "b",
                "faults": {"a": [], "b": []},
            }
            for number in range(10)
        ]
        content = {"photochrom_votes": 1, "comparison": "c", "question": "better", "votes": entries}
        files.append(tmp_path / f"{person}.json")
        files[-1].write_text(json.dumps(content))
    answer = cli("compare-pictures", "--count", files[0], "--count", files[1])
    # 17 of 20: the sign test gives 2 x (1140 + 190 + 20 + 1) / 2^20, Wilson's interval 64 to 95%
    assert answer.out == (
        "a 17 : 3 b, 0 not decided; a has 85% of 20 (95% between 64% and 95%; "
        "by chance alone: 0.0026)\n"
    )
    copy = tmp_path / "copy.json"
    copy.write_bytes(files[0].read_bytes())
    answer = cli("compare-pictures", "--count", files[0], "--count", copy)
    assert (answer.code, "the same votes" in answer.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "give --html"),
        (("one",), "give --html"),
        (("{reds}", "--html", "{new}"), "name another"),
        (("{reds}", "{reds}", "--html", "{new}"), "named twice"),
        (("{reds}", "{empty}", "--html", "{new}"), "no photograph to compare"),
        (("{reds}", "{blues}", "--html", "{reds}/0.png"), "is the same as"),
        (("{model}", "photochrom-lite", "--html", "{new}"), "give --photographs"),
        (("--count", "{reds}/0.png"), "no file of votes"),
    ],
)
def test_what_cannot_be_compared_is_said_in_one_line(
    cli,
    model,
    folders,
    tmp_path: Path,
    words,
    says,
):
    (tmp_path / "empty").mkdir()
    places = {
        "reds": folders[0],
        "blues": folders[1],
        "empty": tmp_path / "empty",
        "new": tmp_path / "new.html",
        "model": model,
    }
    before = (folders[0] / "0.png").read_bytes()
    answer = cli("compare-pictures", *(word.format(**places) for word in words))
    assert answer.code == 2
    assert says in answer.err
    assert answer.err.count("\n") == 1
    assert (folders[0] / "0.png").read_bytes() == before
    assert not (tmp_path / "new.html").exists()
