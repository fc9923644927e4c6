"""The small rules that the queue is built of: roots, messages, pauses, addresses, sources."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import KINDS, Failure, OptionsError
from core.job import Outcome
from worker import policy
from worker.broker import broker_url, tls_of, without_password
from worker.messages import fault_of
from worker.records import Batch, absolute, entry_of, relative, result_text
from worker.roots import OutsideRoots, Roots
from worker.settings import WorkerSettings, settings

NOTHING = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("roots")
    (folder / "inside" / "deep").mkdir(parents=True)
    (folder / "outside").mkdir()
    (folder / "outside" / "secret").write_text("secret")
    (folder / "inside" / "out").symlink_to(folder / "outside")
    (folder / "inside" / "back").symlink_to(folder / "inside" / "deep")
    return folder


@given(parts=st.lists(st.sampled_from(["..", ".", "deep", "out", "back", "secret", "x", ""])))
def test_every_admitted_path_really_lies_under_the_root(root: Path, parts: list[str]):
    roots = Roots([str(root / "inside")])
    path = "/".join([str(root / "inside"), *parts])
    really = os.path.realpath(path)
    inside = really.startswith(str((root / "inside").resolve()) + "/")
    try:
        roots.admit(path)
    except OutsideRoots:
        assert not inside
    else:
        assert inside


@pytest.mark.parametrize(
    "path",
    [
        "relative.jpg",
        "/etc/passwd",
        "",
        "s3://other/scans/a.jpg",
        "s3://archive/scansx/a.jpg",
        "s3://archive/scans/../secret.jpg",
        "s3://archive/scans//a.jpg",
        "s3://archive/scans",
        "S3://archive/scans/a.jpg",
        "http://archive/scans/a.jpg",
        "/srv\0/a.jpg",
    ],
)
def test_paths_outside_are_refused_by_name(tmp_path: Path, path: str):
    roots = Roots([str(tmp_path), "s3://archive/scans/"])
    roots.admit("s3://archive/scans/a/b.jpg")
    with pytest.raises(OutsideRoots, match="may touch"):
        roots.admit(path)


@given(body=JSON)
def test_every_body_but_ours_is_refused(body):
    ours = (
        isinstance(body, list)
        and len(body) == 3
        and isinstance(body[0], list)
        and len(body[0]) == 2
        and all(isinstance(word, str) for word in body[0])
    )
    if not ours:
        assert fault_of({}, body)


def test_our_message_passes_and_each_change_of_it_is_refused():
    body = [["20261121-abcdef", "AAAAAAAAA_-"], {}, NOTHING]
    headers = {"eta": None, "group": None, "stamps": {}}
    assert fault_of(headers, body) == ""
    assert fault_of(headers, [["20261121-abcdef", "short"], {}, NOTHING])
    assert fault_of(headers, [["../etc/passwd", "AAAAAAAAA_-"], {}, NOTHING])
    assert fault_of(headers, [*body[:1], {"more": 1}, NOTHING])
    assert fault_of(headers, [*body[:2], NOTHING | {"chord": {"task": "x"}}])
    assert fault_of(headers | {"expires": "2026-01-01"}, body)


@given(faults=st.integers(1, 60))
def test_every_pause_grows_and_has_an_end(faults: int):
    pauses = [policy.pause_after(faults) for _ in range(20)]
    longest = min(policy.LONGEST_PAUSE, policy.FIRST_PAUSE * 2 ** (faults - 1))
    assert all(longest / 2 <= pause <= longest for pause in pauses)
    assert len(set(pauses)) > 1  # jitter


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_failure_is_tried_again_only_where_that_can_help(kind: str):
    assert policy.is_worth_another_try(kind, 1, False) == KINDS[kind]
    assert not policy.is_worth_another_try(kind, policy.SHARED_FAULTS, True)


@given(
    source=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1),
    result=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1),
)
def test_every_pair_of_paths_comes_back_from_the_ledger(source: str, result: str):
    batch = Batch("id", "name", "/in/put", "s3://out/put", {}, "same", 1, "scans", 0.0)
    for before in (f"/in/put/{source}", "/elsewhere/x"):
        for after in (f"s3://out/put/{result}", f"s3://out/put/{source}"):
            if "://" in source + result or source[0] == "/" or result[0] == "/":
                continue  # no planner makes such names: a folder's entries hold no slash in front
            assert absolute(relative(before, after, batch), batch) == (before, after)


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome("/in/a.tif", "/out/a.tif", "done", "ab" * 32, 4800, 0.25, attempts=1),
        Outcome("/in/a.tif", "/out/a.tif", "skipped", "ab" * 32, attempts=1),
        Outcome(
            "/in/a.tif",
            "/out/a.tif",
            "done",
            "ab" * 32,
            4800,
            0.25,
            attempts=1,
            notes=("the resolution is lost", "WebP holds 8 bits of its 16"),
        ),
        Outcome(
            "/in/a.tif",
            "/out/a.tif",
            "failed",
            attempts=1,
            error=Failure("truncated", "the end is missing"),
        ),
    ],
)
def test_the_ledger_gives_an_outcome_back_as_it_was_told(outcome: Outcome):
    batch = Batch("id", "name", "/in", "/out", {}, "same", 1, "scans", 0.0)
    said = f"{outcome.status[0]}|1|0|0|{result_text(outcome, 7)}".encode()
    entry = entry_of("x", relative("/in/a.tif", "/out/a.tif", batch), said, batch, {})
    assert entry.outcome == outcome


def test_passwords_are_shown_nowhere():
    url = "rediss://user:pass%40word@redis.example:6380/2?ssl_ca_certs=/x&password=pass"
    assert without_password(url) == "rediss://redis.example:6380/2"


@pytest.mark.parametrize(
    "url",
    [
        "sentinel://:secret@a:26379/0",
        "sentinel://:secret@a:26379;sentinel://:secret@b:26379",
        "redis+sentinel://a:26379",
    ],
)
def test_sentinels_addresses_are_refused_with_what_to_give_instead(url: str):
    with pytest.raises(OptionsError, match="a name that means the primary") as refused:
        broker_url(url)
    assert "secret" not in str(refused.value)


def test_certificates_are_checked_unless_the_url_says_otherwise(caplog):
    import ssl

    options = tls_of("rediss://h/0?ssl_ca_certs=/ca.crt")
    assert options == {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_ca_certs": "/ca.crt"}
    assert tls_of("redis://h/0") is None
    unchecked = tls_of("rediss://h/0?ssl_cert_reqs=none")
    assert unchecked == {"ssl_cert_reqs": ssl.CERT_NONE} and "not checked" in caplog.text
    with pytest.raises(OptionsError, match="ssl_cert_reqs"):
        tls_of("rediss://h/0?ssl_cert_reqs=perhaps")


def test_settings_come_from_option_environment_and_file_in_this_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = tmp_path / "config.toml"
    file.write_text('[worker]\nbroker = "redis://file/0"\nroots = ["/a", "s3://b/c"]\n')
    monkeypatch.setenv("PHOTOCHROM_CONFIG", str(file))
    monkeypatch.delenv("PHOTOCHROM_BROKER", raising=False)
    monkeypatch.delenv("PHOTOCHROM_ROOTS", raising=False)
    assert settings() == WorkerSettings("redis://file/0", ("/a", "s3://b/c"))
    assert broker_url() == "redis://file/0"
    monkeypatch.setenv("PHOTOCHROM_BROKER", "redis://environment/0")
    monkeypatch.setenv("PHOTOCHROM_ROOTS", "/x:s3://y/z:/w")
    assert broker_url() == "redis://environment/0"
    assert settings().roots == ("/x", "s3://y/z", "/w")
    assert broker_url("redis://option/0") == "redis://option/0"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[worker]\nborker = 'x'", "did you mean 'broker'"),
        ("[worker]\nbroker = 5", "broker must be text"),
        ("[worker]\nroots = '/a'", "list of folders"),
        ("[worker\n", "is no TOML"),
    ],
)
def test_a_configuration_that_cannot_be_understood_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
):
    file = tmp_path / "config.toml"
    file.write_text(text)
    monkeypatch.setenv("PHOTOCHROM_CONFIG", str(file))
    with pytest.raises(OptionsError, match=said):
        settings()
    monkeypatch.setenv("PHOTOCHROM_CONFIG", str(tmp_path / "absent.toml"))
    with pytest.raises(OptionsError, match="names no file"):
        settings()


def test_what_is_notified_is_json_and_one_line():
    from worker.watch import WatchEvent

    event = WatchEvent("failed", "/a\nb.jpg", "it is no picture")
    assert json.loads(json.dumps(event.as_json()))["reason"] == "it is no picture"
    assert len(event.in_prose().splitlines()) == 1
