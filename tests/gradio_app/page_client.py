"""What a program, or an attacker, sends to the page over HTTP; no browser, nothing of Gradio's."""

import json
from pathlib import Path
from typing import Any

import httpx

UPLOAD = "/gradio_api/upload"
#: Good values of the parts that say how to colour (`payloads.ColourSettings`).
SETTINGS: list[Any] = ["tiny", 0, 1.0, False, 0.0, 0.0, 0.0, 1.0]
#: Each named endpoint of the page, with good values beside its file; "FILE" stands for that.
NAMED: dict[str, list[Any]] = {
    "open": ["FILE", *SETTINGS],
    "batch": [["FILE"], "tiny", 1.0, False],
    "film_frames": ["FILE", "tiny", 1.0],
    "film": ["FILE", "tiny", 1.0, "MP4, plays everywhere"],
    "full_size": ["FILE", *SETTINGS],
    "compare": ["FILE", "tiny", 0, 1.0, False, "plain", 0, 1.0, False],
    "vote": [["FILE"], "", "tiny", 0, 1.0, False, "plain", 0, 1.0, False, None, None],
}


def upload(client: httpx.Client, *files: tuple[str, bytes]) -> list[str]:
    """Uploads (name, bytes) pairs in one body; says where the server put them."""
    answer = client.post(UPLOAD, files=[("files", file) for file in files])
    assert answer.status_code == 200, answer.text
    return answer.json()


def file_data(path: str, **more: Any) -> dict[str, Any]:
    """A file as Gradio's half in the browser names it."""
    return {"path": path, "meta": {"_type": "gradio.FileData"}} | more


def with_file(value: Any, file: Any) -> Any:
    """`value` with "FILE" replaced."""
    if isinstance(value, list):
        return [with_file(entry, file) for entry in value]
    return file if value == "FILE" else value


def call(client: httpx.Client, name: str, data: list[Any]) -> str:
    """What an endpoint says to data: its whole stream of events, or the refusal's body."""
    started = client.post(f"/gradio_api/call/{name}", json={"data": data})
    if started.status_code != 200:
        return f"{started.status_code} {started.text}"
    return client.get(f"/gradio_api/call/{name}/{started.json()['event_id']}").text


def last_data(events: str) -> list[Any]:
    """The values that an endpoint's events end with."""
    assert "event: complete" in events, events
    return json.loads(events.rpartition("event: complete\ndata: ")[2].splitlines()[0])


def opened(client: httpx.Client, path: str) -> str:
    """The id under which the page has opened an upload."""
    return last_data(call(client, "open", with_file(NAMED["open"], file_data(path))))[0]


def archive_address(events: str) -> str:
    """Where the ZIP lies that a batch ended with."""
    report = last_data(events)[1]
    assert 'href="' in report, report
    return report.partition('href="')[2].partition('"')[0]


def folder_of(path: str) -> Path:
    """The server's folder of all uploads, given where one lies."""
    return Path(path).parents[1]
