"""The page reads what its own browser uploaded and nothing else on the machine."""

import inspect
import json
import os
import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest

from tests.gradio_app.page_client import (
    NAMED,
    SETTINGS,
    UPLOAD,
    call,
    file_data,
    folder_of,
    last_data,
    opened,
    upload,
    with_file,
)
from tests.gradio_app.pictures import file_of, gray

PNG = file_of(gray(60, 80), "PNG")


@pytest.fixture(scope="module")
def secret(tmp_path_factory) -> Path:
    """A picture of somebody's that no browser has uploaded."""
    path = tmp_path_factory.mktemp("private") / "secret.png"
    path.write_bytes(file_of(gray(61, 83), "PNG"))
    return path


@pytest.fixture
def planted(client, secret):
    """Things that came into the upload folder past the server, also in an upload's own place."""
    [path] = upload(client, ("a.png", PNG))
    folder = folder_of(path)
    link, fifo, hard = folder / "link.png", folder / "fifo.png", folder / "hard.png"
    for place in (link, fifo, hard):
        place.unlink(missing_ok=True)
    link.symlink_to(secret)
    os.mkfifo(fifo)
    hard.write_bytes(PNG)
    replaced = []
    for plant in (lambda at: at.symlink_to(secret), os.mkfifo, lambda at: os.link(secret, at)):
        [once_ours] = upload(client, ("b.png", PNG))
        Path(once_ours).unlink()
        plant(Path(once_ours))
        replaced.append(once_ours)
    # The folder of an upload is a link to somebody else's, which has a file of that name.
    [once_ours] = upload(client, (secret.name, PNG))
    Path(once_ours).unlink()
    Path(once_ours).parent.rmdir()
    Path(once_ours).parent.symlink_to(secret.parent, target_is_directory=True)
    replaced.append(once_ours)
    yield [str(link), str(fifo), str(hard), *replaced, str(folder), f"{path}/", f"{path}\0"]
    replaced[-1] = str(Path(once_ours).parent)
    for place in (link, fifo, hard, *map(Path, replaced)):
        place.unlink(missing_ok=True)


def outside(secret: Path) -> list[str]:
    """Paths of everything that is not an upload, in every spelling."""
    relative = os.path.relpath(secret, Path.cwd())
    return [
        str(secret),
        "/etc/passwd",
        "/dev/zero",
        "/dev/stdin",
        "/proc/self/environ",
        relative,
        f"./{relative}",
        f"file://{secret}",
        f"file:{secret}",
        "http://127.0.0.1:9/x.png",
        "",
        ".",
        "~/.ssh/id_rsa",
        f"{secret.parent}/../{secret.parent.name}/{secret.name}",
        "\\\\host\\x",
        "/gradio_api/file=/etc/passwd",
        "data:image/png;base64,AAAA",
    ]


#: Where a file can stand in what is sent: each makes a value of a path.
SHAPES = {
    "a file": lambda path: file_data(path),
    "a path alone": lambda path: {"path": path},
    "a url alone": lambda path: {"url": path, "meta": {"_type": "gradio.FileData"}},
    "a url beside a name": lambda path: {"url": path, "orig_name": "x.png"},
    "no meta": lambda path: {"path": path, "size": 5},
    "a stream": lambda path: file_data(path, is_stream=True),
    "in meta": lambda path: {"meta": {"_type": "gradio.FileData", "path": path}},
    "in a list": lambda path: [[file_data(path)]],
    "in an object": lambda path: {"value": {"image": file_data(path)}},
}


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("shape", SHAPES)
def test_no_endpoint_takes_a_path_that_was_not_handed_out(client, secret, planted, name, shape):
    said = set()
    for path in [*outside(secret), *planted, f"{secret}.missing", "/no/such/place.png"]:
        said.add(call(client, name, with_file(NAMED[name], SHAPES[shape](path))))
    # One sentence for all: nothing tells what is there and what is not.
    [sentence] = said
    assert sentence.startswith("422 ") and "this browser has uploaded no such file" in sentence


@pytest.mark.parametrize("name", ["open", "batch", "vote"])
def test_a_bare_text_is_no_file(client, secret, planted, name):
    [own] = upload(client, ("a.png", PNG))
    for path in [own, *outside(secret), *planted]:
        said = call(client, name, with_file(NAMED[name], path))
        assert said.startswith("422 ") and "this browser has uploaded no such file" in said
    there, missing = str(secret), str(secret.with_name("absent.png"))
    answers = [call(client, name, with_file(NAMED[name], path)) for path in (there, missing)]
    assert answers[0].replace("secret", "absent") == answers[1]


@pytest.mark.parametrize("name", ["full_size", "compare"])
def test_where_no_file_belongs_a_path_is_a_name_that_is_not_known(client, secret, name):
    said = {
        call(client, name, with_file(NAMED[name], path))
        for path in (str(secret), "/etc/passwd", "/dev/zero", f"{secret}.missing")
    }
    assert len(said) == 1


def test_every_event_of_the_page_is_checked_by_whatever_number_it_is_called(client, secret):
    for number in range(30):
        for event_data in (None, file_data(str(secret))):
            body = {
                "data": [file_data(str(secret))] * 5,
                "fn_index": number,
                "session_hash": "attacker",
                "event_data": event_data,
            }
            answer = client.post("/gradio_api/queue/join", json=body)
            assert answer.status_code == 422
            assert answer.headers["content-type"] == "application/problem+json"


def test_a_file_in_what_an_event_tells_of_itself_is_dropped(client, secret, planted):
    numbers = {one["api_name"]: one["id"] for one in client.get("/config").json()["dependencies"]}
    for path in (str(secret), "/dev/zero", *planted[:6]):
        number = numbers["open_example"]
        body = {
            "data": SETTINGS,
            "fn_index": number,
            "session_hash": "attacker-2",
            "event_data": {"index": 0, "value": {"image": file_data(path)}},
        }
        assert client.post("/gradio_api/queue/join", json=body).status_code == 200
    assert client.get("/v1/health").status_code == 200


def test_what_stands_beside_a_good_path_is_not_read(client, secret):
    [path] = upload(client, ("a.png", PNG))
    file = file_data(path, url=str(secret), orig_name="/etc/passwd", size=-1, is_stream=True)
    file["meta"]["path"] = str(secret)
    assert last_data(call(client, "open", with_file(NAMED["open"], file)))[0]


def test_a_body_with_a_name_given_twice_is_read_once(client, secret):
    [path] = upload(client, ("a.png", PNG))
    meta = '"meta": {"_type": "gradio.FileData"}'
    for first, second in ((path, str(secret)), (str(secret), path)):
        file = f'{{"path": "{first}", "path": "{second}", {meta}}}'
        body = f'{{"data": [{file}, {json.dumps(SETTINGS)[1:]}}}'
        answer = client.post(
            "/gradio_api/call/open", content=body, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == (200 if second == path else 422)


def test_an_upload_belongs_to_the_browser_that_sent_it(served, client):
    [path] = upload(client, ("a.png", PNG))
    with served.client() as stranger:
        for _ in range(2):  # without a name of its own, and with one
            said = call(stranger, "open", with_file(NAMED["open"], file_data(path)))
            assert said.startswith("422 ")
            assert stranger.get(f"/gradio_api/file={path}").status_code == 404
            upload(stranger, ("b.png", PNG))
    assert client.get(f"/gradio_api/file={path}").content == PNG
    assert opened(client, path)


def test_the_browsers_name_is_kept_from_scripts_and_from_other_pages(served):
    with served.client() as fresh:
        [cookie] = fresh.get("/").headers.get_list("set-cookie")
        assert "HttpOnly" in cookie and "SameSite=Lax" in cookie
        assert "set-cookie" not in fresh.get("/").headers


def test_a_path_cannot_be_guessed_and_says_nothing_of_the_file(client):
    one, two = upload(client, ("a.png", PNG), ("a.png", PNG))
    assert one != two and len(Path(one).parent.name) >= 32
    assert Path(one).parent.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "method,path",
    [
        ("POST", "/gradio_api/run/open"),
        ("POST", "/gradio_api/api/open"),
        ("POST", "/gradio_api/call/v2/open"),
        ("POST", "/gradio_api/call/open/"),
        ("POST", "/gradio_api/component_server"),
        ("POST", "/gradio_api/component_server/"),
        ("GET", "/gradio_api/proxy=http://127.0.0.1:9/"),
        ("GET", "/gradio_api/file/etc/passwd"),
        ("GET", "/gradio_api/deep_link"),
        ("GET", "/monitoring"),
        ("GET", "/monitoring/summary"),
        ("POST", "/gradio_api/vibe-edit"),
        ("GET", "/gradio_api/vibe-code"),
        ("GET", "/runs"),
        ("POST", "/gradio_api/stream/abc"),
        ("POST", "/gradio_api/process_recording"),
        ("GET", "/gradio_api/custom_component/x/client/component/index.js"),
        ("POST", "/login/"),
        ("GET", "/gradio_api/openapi.json"),
        ("GET", "/pwa_icon"),
        ("GET", "/gradio_api/token"),
        ("GET", "/gradio_api/user"),
        ("POST", "/gradio_api/upload/"),
        ("PUT", "/gradio_api/upload"),
        ("POST", "/gradio_api/cancel"),
        ("DELETE", "/"),
        ("POST", "/gradio_api/reset"),
        ("GET", "/gradio_api/heartbeat/abc"),
        ("GET", "/dev/reload"),
    ],
)
def test_a_route_that_the_page_does_not_use_is_not_there(client, secret, method, path):
    body = {"data": [file_data(str(secret)), *SETTINGS], "session_hash": "x"}
    answer = client.request(method, path, json=body if method == "POST" else None)
    assert answer.status_code == 404 and answer.json()["detail"] == "there is nothing here"


def test_every_route_of_the_installed_gradio_is_known_to_pass_or_is_shut():
    """Whatever a newer Gradio adds stays shut until somebody looks at it."""
    from gradio.routes import App

    from gradio_app.page.routes import _EVENTS, _PASSED

    text = Path(inspect.getfile(App)).read_text()
    found = re.findall(r'@(router|app)\.(get|post|put|delete|head)\(\s*f?"([^"]+)"', text)
    paths = {("/gradio_api" if kind == "router" else "") + path for kind, _, path in found}
    assert len(paths) > 60
    example = {"{api_name}": "open", "{event_id}": "0" * 32, "{path:path}": "x"}
    passed = set()
    for path in paths:
        asked = re.sub(r"{.*?}", lambda found: example.get(found[0], "abc"), path)
        if _PASSED.fullmatch(asked) or _EVENTS.fullmatch(asked):
            passed.add(path)
    assert passed == {
        "/",
        "/config",
        "/config/",
        "/theme.css",
        "/favicon.ico",
        "/manifest.json",
        "/robots.txt",
        "/assets/{path:path}",
        "/static/{path:path}",
        "/gradio_api/info",
        "/gradio_api/info/",
        "/gradio_api/theme.css",
        "/gradio_api/startup-events",
        "/gradio_api/app_id",
        "/gradio_api/app_id/",
        "/gradio_api/queue/data",
        "/gradio_api/queue/join",
        "/gradio_api/call/{api_name}",
        "/gradio_api/call/{api_name}/{event_id}",
    }


def test_static_routes_lead_nowhere_else(client):
    for start in ("/assets", "/static", "/svelte", "/page/preview", "/page/result"):
        for path in (
            "/../../../../../../etc/passwd",
            "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
            "//etc/passwd",
            "/..%2f..%2f..%2f..%2fetc%2fpasswd",
        ):
            answer = client.get(httpx.URL(str(client.base_url), raw_path=(start + path).encode()))
            assert answer.status_code in (403, 404) and b"root:" not in answer.content


def test_only_previews_examples_and_ones_own_uploads_are_served_as_files(client, secret, planted):
    [path] = upload(client, ("page.html", b"<script>alert(1)</script>"))
    answer = client.get(f"/gradio_api/file={path}")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    page = folder_of(path).parent
    id = opened(client, upload(client, ("a.png", PNG))[0])
    [source] = page.glob(f"picture-{id}/source.*")
    links = [page / f"picture-{id}" / "left-77.jpg", page / "examples" / "link.jpg"]
    for link in links:  # which would be previews if they were files
        link.symlink_to(secret)
    said = set()
    for other in (
        *outside(secret),
        *planted,
        *map(str, links),
        str(source),
        str(page),
        f"{page}/uploads/../examples",
        f"{page}/picture-{id}/../../../x",
        f"{page}/nothing",
    ):
        if "\0" in other or other.startswith("http"):
            continue
        answer = client.get(f"/gradio_api/file={other}")
        said.add((answer.status_code, answer.text))
    links[1].unlink()
    assert len(said) == 1 and said.pop()[0] == 404


@pytest.mark.parametrize(
    "body,status",
    [
        (b"{}", 400),
        (b"[]", 400),
        (b"{", 400),
        (b'{"data": {}}', 400),
        (b'{"data": null}', 400),
        (b'{"data": ' + b"[" * 60 + b"]" * 60 + b"}", 400),
        (b'{"data": ' + b"[" * 90_000 + b"]" * 90_000 + b"}", 400),
        (b'{"data": [' + b"9" * 6000 + b"]}", 400),
        (b"\xff\xfe\x00", 400),
        (b'{"data": ["' + b"x" * (9 << 20) + b'"]}', 413),
    ],
)
def test_an_event_that_makes_no_sense_is_refused_in_a_sentence(client, body, status):
    for path in ("/gradio_api/call/open", "/gradio_api/queue/join"):
        answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"


def test_no_address_is_ever_fetched(client):
    asked = threading.Event()

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.set()
            self.send_error(404)

        do_HEAD = do_POST = do_GET

        def log_message(self, format, *args):
            pass

    with HTTPServer(("127.0.0.1", 0), Listener) as outside_server:
        threading.Thread(target=outside_server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{outside_server.server_port}/x.png"
        [path] = upload(client, ("a.png", PNG))
        for name, values in NAMED.items():
            for file in (
                *(shape(address) for shape in SHAPES.values()),
                address,
                file_data(path, url=address),
            ):
                call(client, name, with_file(values, file))
        client.get(f"/gradio_api/file={address}")
        client.get(f"/gradio_api/proxy={address}")
        outside_server.shutdown()
    assert not asked.is_set()


def test_a_handler_refuses_what_the_layer_before_it_let_through(tmp_path, secret):
    """The second check alone: nothing of the routes, nothing of Gradio's."""
    from gradio_app.page.uploads import Uploads
    from gradio_app.problems import Refused

    uploads = Uploads(tmp_path / "uploads")
    incoming = uploads.begin("me", "a.png")
    incoming.write(PNG)
    path = incoming.finish().path
    (tmp_path / "own").mkdir()
    assert uploads.take(str(path), "me", tmp_path / "own").read_bytes() == PNG
    for other in (
        str(secret),
        "/dev/zero",
        None,
        5,
        ["x"],
        {"path": str(path)},
        f"{path}/../a.png",
    ):
        with pytest.raises(Refused, match="no such file"):
            uploads.take(other, "me", tmp_path)
    with pytest.raises(Refused, match="no such file"):
        uploads.take(str(path), "", tmp_path)
    path.unlink()
    for plant in (
        lambda: path.symlink_to(secret),
        lambda: os.mkfifo(path),
        lambda: path.symlink_to("/dev/zero"),
        lambda: os.link(secret, path),
        lambda: path.mkdir(),
    ):
        plant()
        with pytest.raises(Refused, match="no such file"):
            uploads.take(str(path), "me", tmp_path)
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def test_an_upload_that_breaks_off_leaves_nothing(served, client):
    [path] = upload(client, ("a.png", PNG))
    before = set(folder_of(path).iterdir())
    head = (
        f"POST {UPLOAD} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\nContent-Disposition: "
        'form-data; name="files"; filename="half.png"\r\n\r\n12345'
    )
    with socket.create_connection(("127.0.0.1", served.state["port"]), 30) as leaver:
        leaver.sendall(head.encode())
        deadline = threading.Event()
        while len(set(folder_of(path).iterdir()) - before) == 0 and not deadline.wait(0.05):
            pass
    while set(folder_of(path).iterdir()) != before and not deadline.wait(0.05):
        pass
    assert set(folder_of(path).iterdir()) == before


@pytest.mark.parametrize(
    "headers,body,status",
    [
        ({}, b"x", 400),
        ({"Content-Type": "multipart/form-data"}, b"--", 400),
        ({"Content-Type": "multipart/form-data; boundary=x"}, b"--y\r\nrubbish", 400),
        (
            {"Content-Type": "multipart/form-data; boundary=x"},
            b'--x\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\nabc',
            400,
        ),
        (
            {"Content-Type": "multipart/form-data; boundary=x"},
            b"--x\r\nX: " + b"y" * 20_000 + b"\r\n\r\n",
            400,
        ),
    ],
)
def test_an_upload_that_is_malformed_is_refused_and_leaves_nothing(client, headers, body, status):
    [path] = upload(client, ("a.png", PNG))
    before = set(folder_of(path).iterdir())
    answer = client.post(UPLOAD, content=body, headers=headers)
    assert answer.status_code == status and answer.json()["detail"]
    assert set(folder_of(path).iterdir()) == before


def test_every_name_of_an_upload_becomes_a_harmless_one(client):
    for given in (
        "../../x.png",
        "/etc/passwd",
        "a\\b.png",
        "..",
        "é фото.png",
        "x" * 300 + ".tif",
        ".hidden",
        "a\u202egnp.exe",
        "con.png",
        "-rf.png",
    ):
        [path] = upload(client, (given, PNG))
        name = Path(path).name
        assert name and not name.startswith(".") and "/" not in name and len(name.encode()) <= 220
        assert Path(path).resolve().is_relative_to(folder_of(path).resolve())
