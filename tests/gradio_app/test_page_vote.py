"""A family votes on the page: which of two ways of colouring is better?"""

import re

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.gradio_app.browsing import choose
from tests.gradio_app.page_client import NAMED, call, file_data, last_data, upload
from tests.gradio_app.pictures import file_of, gray

PNG = file_of(gray(90, 120), "PNG")
TINY, PLAIN = "tiny, vividness 1", "plain, vividness 1"

# Nothing that was there before may be shown as the answer of a slow server.
SLOWLY = """const now = fetch;
fetch = (...of) => new Promise(done => setTimeout(() => done(now(...of)), 300));"""


def give_to(page: Page, part: str, *files: tuple[str, bytes]) -> None:
    page.set_input_files(
        f'#{part} input[type="file"]',
        [{"name": name, "mimeType": "image/png", "buffer": data} for name, data in files],
    )
    expect(page.locator(f"#{part} tr.file")).to_have_count(len(files))


def vote_page(page: Page) -> Page:
    page.locator("#vote-go").click()
    with page.context.expect_page() as coming:
        page.locator("#vote-said").get_by_role("link", name="Vote").click()
    coming.value.wait_for_selector("#choose0")
    return coming.value


def prefer(voting: Page, source: str, count: int) -> str:
    """Votes for a source in all rows; the text of the end."""
    for row in range(count):
        seen = voting.inner_text("#vote")
        assert f"{row + 1} of {count}" in seen and TINY not in seen and PLAIN not in seen
        side = voting.evaluate(
            "([at, name]) => facts.rows[at].sources.indexOf(name)", [row, source]
        )
        voting.click(f"#choose{side}")
        voting.click("#next")
    voting.locator("#all").wait_for()
    return voting.inner_text("#end")


def test_people_vote_without_names_one_after_another_and_hear_who_won(page, window, served):
    page.get_by_role("tab", name="Vote").click()
    page.locator("#vote-go").click()
    toast = page.get_by_test_id("toast-body")
    expect(toast).to_contain_text("Open a photograph, or choose some here")
    give_to(page, "vote-drop", *((f"{number}.png", PNG) for number in range(3)))
    anna = vote_page(page)
    assert re.search(r"preferred\s+0\s+3", prefer(anna, TINY, 3))  # plain, tiny
    # In another browser, or for the next person at this one.
    ben = window(served.url)
    ben.add_init_script(SLOWLY)
    ben.goto(anna.url)
    said = prefer(ben, PLAIN, 3)
    assert "All 2 who voted" in said and re.search(r"preferred\s+3\s+3", said)
    ben.click("#other")
    said = prefer(ben, PLAIN, 3)
    assert "All 3 who voted" in said and re.search(r"preferred\s+6\s+3", said)
    ben.click("#again")  # who changes an answer is still one person
    ben.click("#tie")
    ben.click("#next")
    expect(ben.locator("#everyone")).to_contain_text(re.compile(r"preferred\s*5\s*3"))
    expect(ben.locator("#voters")).to_contain_text("All 3")


def test_pictures_that_were_coloured_elsewhere_are_voted_on_beside_the_open_photograph(page):
    choose(page, PNG, "grandmother.png")
    page.get_by_role("tab", name="Vote").click()
    page.get_by_role("button", name="Or pictures that were coloured elsewhere").click()
    red, blue = (
        file_of(np.full((90, 120, 3), colour, np.uint8), "PNG")
        for colour in ((180, 60, 50), (50, 60, 180))
    )
    give_to(page, "vote-own-first", ("red.png", red))
    give_to(page, "vote-own-second", ("blue.png", blue))
    voting = vote_page(page)
    assert "1 of 1" in voting.inner_text("#vote")
    said = prefer(voting, "the first way's pictures", 1)
    assert re.search(r"preferred\s+1\s+0", said) and "You are the first who votes" in said


def test_a_vote_takes_whole_votes_on_its_own_rows_alone(client):
    files = [file_data(path) for path in upload(client, ("a.png", PNG), ("b.png", PNG))]
    said = last_data(call(client, "vote", [files, *NAMED["vote"][1:]]))[0]
    assert "2 pairs" in said
    address = said.partition('href="')[2].partition('"')[0]
    page = client.get(f"/{address}")
    rows = re.findall(r'"photograph": "(\w)".*?"sources": \["([^"]+)", "([^"]+)"\]', page.text)
    votes = [
        {"photograph": name, "sources": [left, right], "preferred": left, "faults": {}}
        for name, left, right in rows
    ]
    whole = {"photochrom_votes": 1, "voter": "anna", "votes": votes}
    others = [
        5,
        [],
        {},
        {"votes": votes},
        whole | {"votes": votes[:1]},
        whole | {"voter": None},
        whole | {"votes": votes[::-1] if rows[0] != rows[1] else []},
        whole | {"voter": "x" * 99},
        whole | {"votes": [votes[0], votes[1] | {"preferred": "somebody"}]},
        whole | {"votes": [votes[0], votes[1] | {"faults": {rows[1][1]: ["a <b>fault</b>"]}}]},
        whole | {"votes": 5},
        whole | {"votes": [5, 5]},
        whole | {"votes": [{}, {}]},
    ]
    for other in others:
        answer = client.post(f"/{address}", json=other)
        assert answer.status_code == 422, other
        assert answer.headers["content-type"] == "application/problem+json"
    assert client.post(f"/{address}", content=b"{").status_code == 400
    assert client.post(f"/{address}", content=b"x" * (2 << 20)).status_code == 413
    answer = client.post(f"/{address}", json=whole).json()
    assert answer["voters"] == 1 and sum(answer["pairs"][0]["won"]) == 2
    for method in ("GET", "POST"):
        answer = client.request(method, "/page/vote/unknown", json=whole)
        assert answer.status_code == 404


@pytest.mark.parametrize(
    "changes,says",
    [
        ({6: "tiny"}, "set alike"),
        ({0: None}, "choose some here"),
        ({10: ("other.png", PNG)}, "nothing to vote on"),
        ({10: ("letter.png", b"no picture")}, "is not known here: letter.png"),
    ],
)
def test_what_cannot_be_voted_on_is_said_in_a_sentence(client, changes, says):
    files = [file_data(path) for path in upload(client, ("a.png", PNG), ("b.png", PNG))]
    data = [files, *NAMED["vote"][1:]]
    for place, value in changes.items():
        is_file = isinstance(value, tuple)
        data[place] = [file_data(upload(client, value)[0])] if is_file else value
    numbers = {one["api_name"]: one["id"] for one in client.get("/config").json()["dependencies"]}
    session = f"vote-{len(says)}"
    body = {"data": data, "fn_index": numbers["vote"], "session_hash": session}
    assert client.post("/gradio_api/queue/join", json=body).status_code == 200
    answers = client.get("/gradio_api/queue/data", params={"session_hash": session}).text
    assert says in answers and "page/vote/" not in answers
