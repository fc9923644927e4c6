"""What the page is sent has the values that its parts can have, and does not hold the server up."""

import contextlib
import re
import socket

import pytest

from gradio_app.page.streams import MOST_OF_ONE
from tests.gradio_app.page_client import NAMED, SETTINGS, file_data, opened, upload, with_file
from tests.gradio_app.pictures import file_of, gray

PNG = file_of(gray(60, 80), "PNG")
ODD = [None, 5, -1, 1.5, "x", True, [], {}, [[]], {"a": 1}, "x" * 5000]


@pytest.mark.parametrize("name", NAMED)
def test_an_odd_value_is_refused_in_one_plain_sentence(client, name):
    [path] = upload(client, ("a.png", PNG))
    good = with_file(NAMED[name], file_data(path))
    places = range(len(good))
    payloads = [[*good[:place], odd, *good[place + 1 :]] for place in places for odd in ODD]
    refused = 0
    for data in [*payloads, [], good[1:], [*good, 1]]:
        answer = client.post(f"/gradio_api/call/{name}", json={"data": data})
        if answer.status_code == 200:  # a value that this part may have, such as a file not given
            event = answer.json()["event_id"]
            assert "event: error" not in client.get(f"/gradio_api/call/{name}/{event}").text
            continue
        refused += 1
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.status_code == 422 and "\n" not in answer.json()["detail"], data
        assert not re.search(r"valid|pydantic|Error|gradio", answer.text), answer.text
    assert refused > 0.6 * len(payloads)


def test_a_page_whose_session_is_gone_leaves_no_traceback_in_the_log(served, client):
    """Each page that was open while the server was restarted left one of sixty lines."""
    answer = client.get("/gradio_api/queue/data", params={"session_hash": "gone"})
    assert answer.status_code == 200 and "session_not_found" in answer.text
    client.get("/v1/health")
    assert "Traceback" not in served.log.read_text()


def test_what_an_event_says_of_itself_is_looked_at_too(client):
    numbers = {one["api_name"]: one["id"] for one in client.get("/config").json()["dependencies"]}
    [path] = upload(client, ("a.png", PNG))
    id = opened(client, path)
    given, body = SETTINGS, {}
    for name, data in (("paint", [id, *given]), ("ask", [id, *given]), ("open_example", given)):
        for number, event_data in enumerate(
            (None, {}, {"index": 99, "strokes": 5, "x": "a"}, {"index": [0], "strokes": [[]]})
        ):
            session = f"odd-{name}-{number}"
            body = {
                "data": data,
                "fn_index": numbers[name],
                "session_hash": session,
                "event_data": event_data,
            }
            assert client.post("/gradio_api/queue/join", json=body).status_code == 200
            said = client.get("/gradio_api/queue/data", params={"session_hash": session}).text
            assert "process_completed" in said and not re.search("has no|Error|Traceback", said)
        answer = client.post("/gradio_api/queue/join", json=body | {"event_data": [1]})
        assert answer.status_code == 422
    for path, status in (("/gradio_api/queue/data", 422), ("/assets/nothing.js", 404)):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (
            status,
            "application/problem+json",
        )


def test_one_browser_cannot_hold_all_connections_by_streams(served, client):
    request = "GET /gradio_api/upload_progress?upload_id={} HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with contextlib.ExitStack() as held:
        said = []
        for number in range(MOST_OF_ONE + 3):
            stream = socket.create_connection(("127.0.0.1", served.state["port"]), 60)
            held.enter_context(stream)
            stream.sendall(request.format(f"flood-{number}").encode())
            said.append(stream.recv(12))
        assert said == [b"HTTP/1.1 200"] * MOST_OF_ONE + [b"HTTP/1.1 429"] * 3
        [path] = upload(client, ("a.png", PNG))  # which makes this one another browser
        assert opened(client, path)
