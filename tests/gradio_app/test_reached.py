"""How the server is reached: by a phone of the network, through a proxy, under IPv6."""

import re
import socket
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest

from gradio_app import discovery, network
from gradio_app.qr_code import drawn
from gradio_app.settings import ServerSettings
from tests.gradio_app.browsing import after, choose, shown, stroke, to_hint_editor
from tests.gradio_app.pictures import file_of, gray
from tests.gradio_app.proxying import listening, pass_on
from tests.gradio_app.serving import TOKEN, server
from tests.gradio_app.test_life import demo
from tests.gradio_app.test_login import wait_until

HTML = {"Accept": "text/html"}
_CODE = re.compile(r"(?:\x1b\[97;40m[ ▀▄█]+\x1b\[0m\n?)+")


def scanned(printed: str) -> str:
    """What a phone reads off a terminal that shows `printed`."""
    found = _CODE.search(printed)
    assert found, printed
    lines = re.sub(r"\x1b\[[0-9;]*m", "", found[0]).splitlines()
    halves = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}
    cells = np.array([[halves[cell] for cell in line] for line in lines], np.uint8)
    rows = cells.transpose(0, 2, 1).reshape(2 * len(lines), -1) * 255
    picture = np.pad(np.kron(rows, np.ones((8, 8), np.uint8)), 40)
    # the older QRCodeDetector misses one code in twenty
    return cv2.QRCodeDetectorAruco().detectAndDecode(picture)[0]


def test_a_phone_that_scans_the_code_is_logged_in_once(browser, tmp_path):
    if not network.lan_url(ServerSettings(host="0.0.0.0", token=TOKEN)):
        answer = demo(tmp_path, "--lan", "--no-open", "--port", "0")
        assert answer.returncode == 3 and "in no network" in answer.stderr
        return
    with server(tmp_path, "--lan") as running:
        wait_until(lambda: "shows another one" in running.log.read_text())
        printed = running.log.read_text()
        address = scanned(printed)
        assert address in printed and running.state["token"] not in address
        assert running.state["token"] in printed  # for those who cannot scan
        phone = browser.new_context(viewport={"width": 390, "height": 844})
        page = phone.new_page()
        page.set_default_navigation_timeout(90_000)  # the page is made for its first request
        page.goto(address)
        page.wait_for_selector("#drop")
        assert page.url == address.partition("login")[0]
        choose(page, file_of(gray(60, 80), "PNG"))
        phone.close()
        assert httpx.get(address, headers=HTML, trust_env=False).status_code == 401
        second = demo(tmp_path, "--lan")  # the next phone
        assert second.returncode == 0 and f"{running.url}/" in second.stdout
        assert scanned(second.stdout) != address
        assert httpx.get(scanned(second.stdout), headers=HTML, trust_env=False).status_code == 303


def test_a_code_is_drawn_for_every_terminal():
    address = "http://192.0.2.7:7860/login?once=abcdefghijklmnopqrstuvwxyz012345"
    assert scanned(drawn(address, "utf-8")) == address
    plain = drawn(address, "ascii")
    assert plain.isascii()
    rows = [
        [255 * (cell == "\x1b[107m  ") for cell in re.findall(r"\x1b\[(?:107|40)m  ", line)]
        for line in plain.splitlines()
    ]
    picture = np.pad(np.kron(np.array(rows, np.uint8), np.ones((8, 8), np.uint8)), 40)
    assert cv2.QRCodeDetectorAruco().detectAndDecode(picture)[0] == address


def test_lan_and_another_host_exclude_each_other(tmp_path):
    answer = demo(tmp_path, "--lan", "--host", "192.0.2.7")
    assert answer.returncode == 2 and "--host" in answer.stderr


@pytest.mark.parametrize("host", ["::1", "[::1]", "127.0.0.2"])
def test_a_server_on_another_loopback_is_found_by_gimp_all_the_same(host, tmp_path, monkeypatch):
    with server(tmp_path, "--host", host) as running:
        monkeypatch.setenv("PHOTOCHROM_STATE", running.environment["PHOTOCHROM_STATE"])
        state = discovery.find()
        assert state is not None
        bare = host.strip("[]")
        url = f"http://[{bare}]:{state.port}" if ":" in bare else f"http://{bare}:{state.port}"
        assert f"is at {url}/" in running.log.read_text()
        for origin in (url, f"http://localhost:{state.port}"):
            headers = {"Origin": origin, "Host": origin.removeprefix("http://")}
            answer = httpx.get(f"{url}/v1/health", headers=headers, trust_env=False)
            assert answer.status_code == 200 and answer.json()["model"] == "tiny"
        answer = httpx.get(f"{url}/v1/health", headers={"Host": "[2001:db8::1]"}, trust_env=False)
        assert answer.status_code == 403 and answer.json()["kind"] == "host"


def test_the_next_port_is_one_that_is_free_at_both_loopbacks():
    with socket.socket(socket.AF_INET6) as taken:
        taken.bind(("::1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        listeners = network.listen("::1", port, try_next=True)
        assert {listener.getsockname()[1] for listener in listeners} == {
            listeners[0].getsockname()[1]
        }
        assert listeners[0].getsockname()[1] > port and len(listeners) == 2
        for listener in listeners:
            listener.close()


@pytest.fixture(scope="module")
def proxied(tmp_path_factory):
    """A server in the folder /photo/chrom of a TLS proxy: (proxy, public address, server)."""
    folder: Path = tmp_path_factory.mktemp("proxied")
    with listening(folder) as proxy:
        url = f"https://localhost:{proxy.server_address[1]}/photo/chrom"
        with server(folder, "--public-url", url, "--token", TOKEN) as running:
            yield proxy, url, running


@pytest.mark.parametrize("takes_off", [True, False])
def test_the_page_works_in_a_folder_behind_a_tls_proxy(browser, proxied, takes_off):
    proxy, url, running = proxied
    pass_on(proxy, running.state["port"], "/photo/chrom", takes_off=takes_off)
    context = browser.new_context(ignore_https_errors=True)
    page = context.new_page()
    page.set_default_navigation_timeout(90_000)
    failed: list[str] = []
    page.on("response", lambda answer: answer.status >= 400 and failed.append(answer.url))
    page.goto(f"{url}/")
    page.get_by_label("token").fill(TOKEN)
    page.get_by_role("button", name="Open").click()
    page.wait_for_selector("#drop")
    assert page.url == f"{url}/"
    assert all(
        cookie["path"] != "/" and cookie["secure"]
        for cookie in context.cookies()
        if re.fullmatch(r"photochrom-\d+", cookie["name"])
    )
    failed.clear()  # the form itself came with 401
    choose(page, file_of(gray(60, 80), "PNG"))
    to_hint_editor(page)
    before = shown(page)
    assert not np.array_equal(after(page, lambda: stroke(page, 0.4, 0.5)), before)
    with page.expect_download() as coming:
        page.locator("#download").click()
    # Chromium saves nothing from a server whose certificate it does not know.
    answer = context.request.get(coming.value.url)
    assert answer.status == 200 and answer.body().startswith(b"\x89PNG")
    assert failed == []
    context.close()


def test_programs_reach_the_api_through_the_proxy(proxied):
    proxy, url, running = proxied
    pass_on(proxy, running.state["port"], "/photo/chrom", takes_off=True)
    good = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(verify=False, trust_env=False) as client:
        assert client.get(f"{url}/v1/health").status_code == 401
        document = client.get(f"{url}/v1/openapi.json", headers=good).json()
        assert document["servers"] == [{"url": "/photo/chrom"}]
        answer = client.get(
            f"{url}/v1/health", headers=good | {"Origin": url.rpartition("/photo")[0]}
        )
        assert answer.status_code == 200 and answer.json()["model"] == "tiny"
        body, png = file_of(gray(20, 20), "PNG"), {"Content-Type": "image/png"}
        assert (
            client.post(f"{url}/v1/colorize", content=body, headers=good | png).status_code == 200
        )


def test_who_comes_past_the_proxy_needs_the_token_and_no_other_host_is_let_in(proxied):
    _, url, running = proxied
    with running.client() as client:
        assert client.get("/v1/health").status_code == 401
        good = {"Authorization": f"Bearer {TOKEN}"}
        assert client.get("/v1/health", headers=good).status_code == 200  # GIMP, on this machine
        foreign = client.get("/v1/health", headers=good | {"Host": "photos.example"})
        assert foreign.status_code == 403 and foreign.json()["kind"] == "host"
        # A proxy that changes Host is told so; its page could not work.
        origin = {"Origin": url.rpartition("/photo")[0]}
        answer = client.get("/v1/health", headers=good | origin)
        assert answer.status_code == 403 and "Host" in answer.json()["detail"]
        address = client.post("/login/once", headers=good).json()["address"]
        assert address.startswith(f"{url}/login?once=")


@pytest.mark.parametrize(
    "url",
    [
        "photos.example",
        "ftp://photos.example",
        "https://",
        "https://a.example/?x=1",
        "https://user:secret@a.example",
        "https://a.example:x/",
        "https://a.example/a b",
    ],
)
def test_an_address_that_is_none_is_refused_before_anything_starts(url, tmp_path):
    answer = demo(tmp_path, "--no-open", "--public-url", url)
    assert answer.returncode == 2 and "https://photos.example/photochrom" in answer.stderr
