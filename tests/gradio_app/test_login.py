"""The token where it is needed: asked of programs and of people, also on loopback."""

import asyncio
import importlib
import re
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import expect
from starlette.requests import Request
from starlette.responses import Response

from gradio_app import upload
from gradio_app.login import ONCE_S, Login
from gradio_app.problems import Refused
from gradio_app.settings import ServerSettings
from gradio_app.wrong_tokens import FORGOTTEN_S, FREE, WrongTokens
from tests.gradio_app.browsing import choose
from tests.gradio_app.page_client import UPLOAD
from tests.gradio_app.pictures import file_of, gray
from tests.gradio_app.serving import TOKEN, server
from tests.gradio_app.test_life import demo
from tests.gradio_app.test_refusals import request_with

HTML = {"Accept": "text/html"}


def test_a_token_that_was_given_is_asked_for_on_loopback_everywhere(guarded):
    with guarded.client() as client:
        for method, path in (
            ("GET", "/v1/health"),
            ("GET", "/v1/models"),
            ("POST", "/v1/colorize"),
            ("GET", "/config"),
            ("GET", "/gradio_api/info"),
            ("POST", UPLOAD),
            ("POST", "/gradio_api/queue/join"),
            ("GET", "/gradio_api/file=/etc/passwd"),
            ("GET", "/assets/index.js"),
            ("GET", "/"),
            ("POST", "/page/open/abcdefgh"),
            ("GET", "/page/preview/x/after"),
            ("POST", "/login/once"),
            ("GET", "/gradio_api/startup-events"),
            ("GET", "/v1/reference"),
            ("GET", "/nothing"),
        ):
            answer = client.request(method, path)
            assert answer.status_code == 401, path
            assert answer.json()["kind"] == "token"
        good = {"Authorization": f"Bearer {TOKEN}"}
        assert client.get("/v1/health", headers=good).status_code == 200
        assert "needs its token" not in client.get("/", headers=good | HTML).text


def test_the_state_file_has_the_token_for_gimp_and_for_nobody_else(guarded):
    path = Path(guarded.environment["PHOTOCHROM_STATE"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and guarded.state["token"] == TOKEN


def test_gimps_client_sends_the_token_of_the_state_file(guarded, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "gimp_plugin" / "photochrom"))
    gimps_server = importlib.import_module("server")  # as GIMP finds it: in the plug-in's folder

    found = gimps_server._local(Path(guarded.environment["PHOTOCHROM_STATE"]))
    assert found is not None
    assert next(model["name"] for model in gimps_server.models(found)) == "tiny"


def test_a_person_enters_the_token_in_a_browser(browser, guarded):
    context = browser.new_context()
    page = context.new_page()
    page.goto(guarded.url)
    page.get_by_label("token").fill("not-the-token")
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("alert")).to_contain_text("not the token")
    page.get_by_label("token").fill(TOKEN)
    page.get_by_role("button", name="Open").click()
    page.wait_for_selector("#drop")
    choose(page, file_of(gray(60, 80), "PNG"))
    page.goto(guarded.url)
    page.wait_for_selector("#drop")
    context.close()


def test_demo_opens_a_browser_that_is_logged_in_and_tells_nobody_the_way(browser, tmp_path):
    told = tmp_path / "told"
    script = tmp_path / "browser"
    script.write_text(f'#!/bin/sh\necho "$1" >> {told}\n')
    script.chmod(0o755)
    with server(
        tmp_path, "--open", "--token", TOKEN, environment={"BROWSER": str(script)}
    ) as running:
        second = demo(tmp_path, "--open", environment={"BROWSER": str(script)})
        assert f"runs already at {running.url}/" in second.stdout
        wait_until(lambda: told.exists() and len(told.read_text().split()) == 2)
        [address] = set(told.read_text().split())
        opener = Path(address.removeprefix("file://"))
        assert stat.S_IMODE(opener.stat().st_mode) == 0o600 and TOKEN not in opener.read_text()
        assert "once" not in address and "once" not in running.log.read_text()
        context = browser.new_context()
        page = context.new_page()
        page.goto(address)
        page.wait_for_selector("#drop")
        assert page.url == f"{running.url}/"
        context.close()
        other = browser.new_context().new_page()
        other.goto(address)  # it was good for one time
        expect(other.get_by_role("alert")).to_contain_text("one time")
        other.context.close()
    assert not opener.exists()


def test_where_there_is_no_display_the_address_that_logs_in_once_is_printed(tmp_path):
    with server(tmp_path, "--open", "--token", TOKEN) as running, running.client() as client:
        found = re.search(rf"{running.url}(/login\?once=\S+)", running.log.read_text())
        assert found
        assert client.get("/", headers=HTML).status_code == 401
        answer = client.get(found[1])
        assert answer.status_code == 303 and answer.headers["location"] == "/"
        assert client.get("/", headers=HTML).status_code == 200
        client.cookies.clear()
        assert client.get(found[1]).status_code == 401


def test_without_a_token_given_nobody_is_asked(served, client):
    assert client.get("/", headers=HTML).status_code == 200
    assert client.get("/login").headers["location"] == "/"


def test_an_address_that_logs_in_is_good_for_a_while():
    now = [0.0]
    login = Login(ServerSettings(token=TOKEN, ask_token=True), lambda: now[0])
    codes = [login.address().partition("once=")[2] for _ in range(40)]
    assert len(login._codes) == 32 and not login._is_redeemed(codes[0])
    assert login._is_redeemed(codes[-1]) and not login._is_redeemed(codes[-1])
    now[0] += ONCE_S
    assert not login._is_redeemed(codes[-2])
    assert TOKEN not in login.address()


def test_after_ten_wrong_tokens_the_form_lets_a_client_wait(tmp_path):
    with server(tmp_path, "--token", TOKEN) as running, running.client() as client:
        for _ in range(FREE):
            answer = client.post("/login", data={"token": "wrong"})
            assert answer.status_code == 401 and "retry-after" not in answer.headers
        for token in ("wrong", TOKEN):  # the right one neither: it would be told from a wrong one
            answer = client.post("/login", data={"token": token})
            assert answer.status_code == 429 and int(answer.headers["retry-after"]) == 1
            assert 'role="alert"' in answer.text and "try again in 1 s" in answer.text
        good = {"Authorization": f"Bearer {TOKEN}"}
        answer = client.get(
            "/v1/health", headers=good
        )  # a token that a person chose can be guessed
        assert answer.status_code == 429 and answer.json()["kind"] == "token"
        wait_until(lambda: client.get("/v1/health", headers=good).status_code == 200)


def test_a_stranger_cannot_ask_by_the_url_whether_a_text_is_the_token(guarded):
    with guarded.client() as client:
        for path in (f"/v1/health?side={TOKEN}", f"/v1/health?side=x{TOKEN}", f"/?{TOKEN}={TOKEN}"):
            answer = client.get(path)
            assert (answer.status_code, answer.json()["kind"]) == (401, "token"), path
        good = {"Authorization": f"Bearer {TOKEN}"}
        answer = client.get(f"/v1/health?side={TOKEN}", headers=good)
        assert answer.status_code == 400 and "in the URL" in answer.json()["detail"]


def test_wrong_tokens_of_programs_do_not_count_where_the_server_made_the_token(served):
    wrong = {"Authorization": "Bearer of-something-else"}
    with served.client() as client:
        for _ in range(2 * FREE):
            assert client.get("/v1/health", headers=wrong).status_code == 401
        token = {"Authorization": f"Bearer {served.state['token']}"}
        assert client.get("/v1/health", headers=token).status_code == 200


def test_each_wrong_token_after_the_tenth_doubles_the_wait_of_its_client_and_of_no_other():
    now = [0.0]
    tokens = WrongTokens(lambda: now[0])
    for _ in range(FREE - 1):
        tokens.add("192.0.2.7")
    assert tokens.wait("192.0.2.7") == 0
    for wanted in (1, 2, 4, 8, 16, 32, 60, 60):
        tokens.add("192.0.2.7")
        assert tokens.wait("192.0.2.7") == wanted and tokens.wait("192.0.2.8") == 0
        now[0] += wanted
        assert tokens.wait("192.0.2.7") == 0
    now[0] += FORGOTTEN_S
    tokens.add("192.0.2.8")
    assert list(tokens._clients) == ["192.0.2.8"]


def test_a_client_with_a_whole_network_of_addresses_is_one_client():
    tokens = WrongTokens(lambda: 0.0)
    for number in range(FREE):
        tokens.add(f"2001:db8::{number:x}")
    assert tokens.wait("2001:db8::ffff") and not tokens.wait("2001:db8:0:1::")
    for number in range(5000):
        tokens.add(f"2001:db8:{number:x}::1")
    assert len(tokens._clients) <= 4096


def answered(login: Login, request: Request) -> Response:
    """What the form answers; in a thread of its own: a browser's tests have a loop in ours."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(login.answer(request))).result()


def test_a_form_that_stalls_is_given_up(monkeypatch):
    """Whoever is not known yet cannot hold a connection."""
    monkeypatch.setattr(upload, "GRACE_S", 0.1)
    login = Login(ServerSettings(token=TOKEN, ask_token=True))
    with pytest.raises(Refused, match="stopped coming"):
        answered(login, request_with((0, b"token=", True), (60, b"x", False)))
    with pytest.raises(Refused, match="larger than 4 KiB"):
        answered(login, request_with((0, b"x" * 5000, False)))


def test_no_secret_stands_in_the_log_in_an_answer_or_in_a_referrer(tmp_path):
    with server(tmp_path, "--open", "--token", TOKEN) as running, running.client() as client:
        once = re.search(r"once=(\S+)", running.log.read_text())
        assert once
        before = running.log.read_text()
        answers = [
            client.post("/login", data={"token": f"{TOKEN}x"}),
            client.get("/v1/health", headers={"Authorization": f"Bearer {TOKEN}x"}),
            client.get("/v1/health", headers={"Authorization": f"Bearer {TOKEN}"}),
            client.get(f"/login?once={once[1]}x"),
            client.head(f"/login?once={once[1]}"),  # who only looks does not use it up
            client.get(f"/login?once={once[1]}"),
            client.get(f"/login?once={once[1]}", headers={"Cookie": ""}),
            client.get(f"/?token={TOKEN}"),
        ]
        assert [answer.status_code for answer in answers][3:6] == [401, 401, 303]
        for answer in answers:
            shown = answer.text + str(answer.headers)
            assert TOKEN not in shown and once[1] not in shown
            assert answer.headers["referrer-policy"] == "same-origin"
        cookie = answers[5].headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=lax" in cookie
        added = running.log.read_text().removeprefix(before)
        assert TOKEN not in added and once[1] not in added


def test_a_short_token_is_refused_on_loopback_too(tmp_path):
    answer = demo(tmp_path, "--no-open", "--token", "short")
    assert answer.returncode == 2 and "12 characters" in answer.stderr


def wait_until(comes_true) -> None:
    """Waits for what another program does."""
    deadline = time.monotonic() + 30
    while not comes_true() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert comes_true()
