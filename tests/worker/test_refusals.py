"""What is not ours is refused: foreign messages, paths outside the roots, Redis that loses work."""

import base64
import json
import pickle
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.photographs import gray, save
from tests.worker.stage import Stage, free_port, make_model, make_scans, wait_until


class Mischief:
    """What a pickle makes happen when it is read: a file appears."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self):
        return Path.touch, (self.witness,)


def send(stage: Stage, body: bytes | str, *, task: str = "photochrom.scan", **more: Any) -> None:
    """Puts a message into the queue as Celery would, with whatever body."""
    identity = str(uuid.uuid4())
    raw = body.encode() if isinstance(body, str) else body
    message = {
        "body": base64.b64encode(raw).decode(),
        "content-encoding": more.pop("encoding", "utf-8"),
        "content-type": more.pop("content_type", "application/json"),
        "headers": {
            "lang": "py",
            "task": task,
            "id": identity,
            "root_id": identity,
            "parent_id": None,
            "group": None,
            "retries": 0,
        }
        | more,
        "properties": {
            "correlation_id": identity,
            "reply_to": identity,
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": "scans"},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": identity,
        },
    }
    stage.redis.client.lpush("photochrom:scans", json.dumps(message))


def test_foreign_messages_are_refused_logged_and_never_executed(stage: Stage):
    witness = stage.folder / "witness"
    make_scans(stage.scans, 3)
    worker = stage.worker(concurrency=1)
    nothing = '{"callbacks": null, "errbacks": null, "chain": null, "chord": null}'
    pickled = pickle.dumps(((Mischief(witness),), {}, {}))
    send(stage, pickled, content_type="application/x-python-serialize", encoding="binary")
    send(stage, f'[["{witness}", "x"], {{}}, {nothing}]')
    send(stage, f'[["../../etc", "AAAAAAAAAAA"], {{}}, {nothing}]')
    send(stage, "5")
    send(stage, "no JSON at all")
    chained = '{"callbacks": [{"task": "os.system", "args": ["id"]}]}'
    send(stage, f'[["20260101-aaaaaa", "AAAAAAAAAAA"], {{}}, {chained}]')
    send(stage, f'[["20260101-aaaaaa", "AAAAAAAAAAA"], {{}}, {nothing}]', eta="2099-01-01T00:00:00")
    for name in ("os.system", "celery.map", "celery.backend_cleanup"):
        send(stage, f'[["touch {witness}"], {{}}, {nothing}]', task=name)
    stage.redis.client.lpush("photochrom:scans", "raw junk")
    stage.redis.client.lpush("photochrom:scans", json.dumps({"body": 1}))
    stage.wait(stage.submit())
    wait_until(lambda: stage.redis.client.llen("photochrom:scans") == 0, "the queue to be empty")
    assert worker.is_alive() and not witness.exists()
    log = worker.log.read_text()
    for said in (
        "os.system",
        "celery.map",
        "it names no batch",
        "it asks for further tasks",
        "it sets eta",
        "its body is none of ours",
    ):
        assert said in log, said


def test_paths_outside_the_roots_are_neither_read_nor_written(stage: Stage, tmp_path: Path):
    outside = tmp_path / "outside"
    secret = save(outside / "secret.jpg", gray(60, 80))
    make_scans(stage.scans, 1)
    (stage.scans / "link.jpg").symlink_to(secret)
    (stage.scans / "folder").symlink_to(outside)
    batch = stage.submit()
    key = f"photochrom:batch:{batch}"
    client: Any = stage.redis.client
    for number, asked in enumerate(
        (
            f"{secret}\0stolen.jpg",
            "../../outside/secret.jpg\0stolen.jpg",
            f"000/00000.jpg\0{outside}/planted.jpg",
            "000/00000.jpg\0../../outside/planted.jpg",
            "/etc/hostname\0stolen.txt",
        )
    ):
        scan = f"foreign{number:04d}"
        client.hset(f"{key}:asked", scan, asked)
        client.hincrby(key, "scans", 1)
        client.rpush(f"{key}:backlog", scan)
    stage.worker(concurrency=1, roots=(stage.scans, stage.results))
    numbers = stage.wait(batch)
    assert (numbers["done"], numbers["failed"]) == (1, 7)
    lines = [line for line in stage.report(batch) if line["status"] == "failed"]
    assert {line["error"]["kind"] for line in lines} == {"outside-roots"}
    assert [path.name for path in outside.iterdir()] == ["secret.jpg"]
    assert [path.name for path in stage.results.rglob("*.*")] == ["00000.jpg"]


def test_an_option_that_the_ledger_made_up_fails_its_scans_by_name(stage: Stage):
    make_scans(stage.scans, 2)
    batch = stage.submit()
    client: Any = stage.redis.client
    description = json.loads(client.hget(f"photochrom:batch:{batch}", "batch"))
    description["options"]["vividness"] = 99
    client.hset(f"photochrom:batch:{batch}", "batch", json.dumps(description))
    stage.worker(concurrency=1)
    assert stage.wait(batch)["failed"] == 2
    assert {line["error"]["kind"] for line in stage.report(batch)} == {"options"}


def test_a_worker_with_another_model_is_given_nothing_and_status_shows_it(
    stage: Stage, tmp_path: Path
):
    make_scans(stage.scans, 30)
    make_model(tmp_path / "other", gain=(-0.3, 0.4))
    both = [
        stage.worker(trouble="slow", concurrency=1),
        stage.worker(trouble="slow", concurrency=1, PHOTOCHROM_MODELS=str(tmp_path / "other")),
    ]
    wait_until(lambda: stage.redis.client.zcard("photochrom:workers") == 2, "both workers")
    batch = stage.submit()
    wait_until(lambda: "ANOTHER MODEL" in stage.call("batch", "status", batch), "status to tell")
    stage.wait(batch)
    workers = {person["name"]: person for person in stage.status(batch)["workers"]}
    assert sorted(person["done"] for person in workers.values()) == [0, 30]
    assert len({line["model"] for line in stage.report(batch)}) == 1
    keys = {line["key"] for line in stage.report(batch)}
    name = next(name for name, person in workers.items() if person["done"])
    winner = next(worker for worker in both if name.endswith(f"-{worker.process.pid}"))
    winner.end()
    stage.results = stage.folder / "again"
    again = stage.submit()
    stage.wait(again)
    assert len(keys | {line["key"] for line in stage.report(again)}) == 60


def test_a_redis_that_would_lose_work_is_refused_by_name(new_stage, tmp_path: Path):
    stage: Stage = new_stage(settings=("--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru"))
    said = stage.call("worker", "--root", tmp_path, "--model", "tiny", code=3)
    assert "maxmemory-policy allkeys-lru" in said and "noeviction" in said
    stage.redis.client.config_set("maxmemory-policy", "noeviction")
    stage.redis.client.config_set("appendonly", "no")
    said = stage.call(
        "worker",
        "--root",
        tmp_path,
        "--model",
        "tiny",
        "--time-limit",
        600,
        "--visibility-timeout",
        300,
        code=2,
    )
    assert "visibility timeout (300 s)" in said and "time limit of one scan (600 s)" in said
    said = stage.call("worker", "--root", tmp_path, "--model", "absent", code=3)
    assert "appendonly no" in said and "unknown model 'absent'" in said


def test_brokers_that_do_not_answer_are_told_in_one_line_without_the_password(
    new_stage, tmp_path: Path
):
    stage: Stage = new_stage(settings=("--requirepass", "right-word"))
    port = free_port()
    for url, words in {
        f"redis://:the-secret@localhost:{port}/0": ("no Redis answers", "start Redis"),
        f"redis://:the-secret@localhost:{stage.redis.port}/0": ("refuses the password",),
        f"redis://localhost:{stage.redis.port}/0": ("password",),
        "amqp://user:the-secret@localhost//": ("is not Redis", "redis://"),
    }.items():
        code = 2 if url.startswith("amqp") else 3
        for command in (("batch", "list"), ("worker", "--root", tmp_path, "--model", "tiny")):
            said = stage.call(*command, "--broker", url, code=code)
            assert len(said.strip().splitlines()) == 1, said
            assert all(word in said for word in words), said
            assert "the-secret" not in said
    right = f"redis://:right-word@localhost:{stage.redis.port}/0"
    assert stage.call("batch", "list", PHOTOCHROM_BROKER=right) == ""


def test_a_redis_that_lets_anybody_in_is_told_by_name(new_stage, caplog):
    from worker.broker import check, connect

    stage: Stage = new_stage(settings=("--protected-mode", "no", "--bind", "0.0.0.0"))
    for address, said in {
        "127.0.0.1": "",
        ":word@127.0.0.1": "has no password, though the broker's URL gives one",
        "127.0.1.1": "whoever reaches it can queue work",
    }.items():
        caplog.clear()
        url = f"redis://{address}:{stage.redis.port}/0"
        check(connect(url), url, time_limit=10, visibility=20)
        assert (said in caplog.text) if said else (caplog.text == "")
        assert "word@" not in caplog.text


def test_a_worker_without_roots_is_not_started(stage: Stage):
    said = stage.call("worker", "--model", "tiny", code=2)
    assert "no --root is given" in said
    assert "is no folder" in stage.call("worker", "--root", "/nowhere", code=2)


def test_a_redis_that_is_full_is_named_and_the_submission_can_be_repeated(new_stage):
    stage: Stage = new_stage()
    make_scans(stage.scans, 40)
    stage.redis.client.config_set("maxmemory", 100_000)
    words = ("batch", "submit", stage.scans, "-o", stage.results, "--model", "tiny")
    said = stage.call(*words, code=3)
    assert "out of memory" in said and "maxmemory" in said
    stage.redis.client.config_set("maxmemory", 0)
    assert "40 scans" in stage.call(*words)


def test_a_ledger_of_a_newer_program_is_left_alone(stage: Stage):
    make_scans(stage.scans, 2)
    batch = stage.submit()
    stage.redis.client.hset(f"photochrom:batch:{batch}", "ledger", 2)
    said = stage.call("batch", "status", batch, code=3)
    assert "newer photochrom" in said
    worker = stage.worker(concurrency=1)
    wait_until(lambda: "newer photochrom" in worker.log.read_text(), "the worker to say so")
    assert stage.numbers(batch)["done"] == 0 and not list(stage.results.rglob("*.jpg"))


@pytest.mark.parametrize("verb", ["status", "cancel", "retry"])
def test_unknown_and_ambiguous_ids_are_told_apart(stage: Stage, verb: str):
    for number in range(2):
        make_scans(stage.scans / str(number), 1)
        stage.submit(source=stage.scans / str(number))
    assert "there is no batch 'nonesuch'" in stage.call("batch", verb, "nonesuch", code=2)
    said = stage.call("batch", verb, "20", code=2)
    assert "may be" in said and "more of the id" in said


def test_tls_is_spoken_and_the_certificate_checked(tmp_path: Path, models: Path, new_stage):
    certificates = make_certificates(tmp_path / "tls")
    stage: Stage = new_stage(
        settings=(
            "--tls-port",
            str(port := free_port()),
            "--tls-auth-clients",
            "no",
            "--tls-cert-file",
            str(certificates / "redis.crt"),
            "--tls-key-file",
            str(certificates / "redis.key"),
            "--tls-ca-cert-file",
            str(certificates / "redis.crt"),
        )
    )
    plain = f"rediss://localhost:{port}/0"
    assert "certificate" in stage.call("batch", "list", "--broker", plain, code=3).lower()
    trusted = f"{plain}?ssl_ca_certs={certificates / 'redis.crt'}"
    make_scans(stage.scans, 2)
    batch = stage.submit("--broker", trusted)
    stage.worker("--broker", trusted, concurrency=1)
    assert stage.wait(batch)["done"] == 2


def make_certificates(folder: Path) -> Path:
    """A self-signed certificate for localhost."""
    import subprocess

    folder.mkdir()
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
            "-keyout",
            str(folder / "redis.key"),
            "-out",
            str(folder / "redis.crt"),
        ],
        check=True,
        capture_output=True,
    )
    return folder


def test_a_server_of_another_kind_is_not_taken_for_redis(stage: Stage, tmp_path: Path):
    import http.server
    import threading

    class Silent(http.server.BaseHTTPRequestHandler):
        def log_message(self, format: str, *args) -> None:
            """The test reads what the command says, not the server."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Silent)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"redis://127.0.0.1:{server.server_port}/0"
        said = stage.call("batch", "list", "--broker", url, code=3)
        assert len(said.strip().splitlines()) == 1 and str(server.server_port) in said
    finally:
        server.shutdown()
