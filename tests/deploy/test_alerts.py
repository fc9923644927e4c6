"""The alert rules for Prometheus: their form, and that they ask for what workers tell.

promtool is a program of Prometheus' own that no package registry has; where it is installed it has
the last word, elsewhere the rules are checked against the form of a rule file and every expression
for balanced brackets and metrics, labels and states that exist.
"""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from tests.worker.stage import RedisServer, Stage, make_model
from tests.worker.test_invariant import make_empty_scans

RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "photochrom.rules.yaml"
_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
#: What Prometheus takes for a file of rules (its documentation, "alerting rules").
FORM = {
    "type": "object",
    "required": ["groups"],
    "additionalProperties": False,
    "properties": {
        "groups": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["name", "rules"],
                "additionalProperties": False,
                "properties": {
                    "name": {"type": "string"},
                    "interval": {"type": "string"},
                    "rules": {
                        "type": "array",
                        "minItems": 1,
                        "items": {
                            "type": "object",
                            "required": ["alert", "expr", "labels", "annotations"],
                            "additionalProperties": False,
                            "properties": {
                                "alert": {"type": "string", "pattern": "^[A-Z][A-Za-z]+$"},
                                "expr": {"type": "string"},
                                "for": {"type": "string", "pattern": r"^\d+(s|m|h)$"},
                                "labels": _TEXTS,
                                "annotations": _TEXTS,
                            },
                        },
                    },
                },
            },
        }
    },
}


def alerts() -> list[dict[str, Any]]:
    return [
        rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
    ]


def test_the_rules_have_the_form_of_a_rule_file():
    jsonschema.validate(yaml.safe_load(RULES.read_text()), FORM)
    assert len({alert["alert"] for alert in alerts()}) == len(alerts())
    if promtool := shutil.which("promtool"):
        done = subprocess.run([promtool, "check", "rules", RULES], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_asks_for_metrics_labels_and_states_that_workers_tell(tmp_path: Path):
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.parser import text_string_to_metric_families

    from worker.broker import connect
    from worker.ledger import Ledger
    from worker.metrics import WorkerCollector

    stage = Stage(tmp_path, make_model(tmp_path / "models").parent, RedisServer(tmp_path / "redis"))
    try:
        make_empty_scans(stage, 1)
        stage.submit()
        registry = CollectorRegistry()
        registry.register(
            WorkerCollector(Ledger(stage.redis.url, connect(stage.redis.url)), "nobody", ["scans"])
        )
        page = generate_latest(registry).decode()
    finally:
        stage.end()
    told = {
        sample.name: sample.labels
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }
    states = set(re.findall(r'state="(\w+)"', page))
    for alert in alerts():
        expression = alert["expr"]
        for opening, closing in ("()", "{}", "[]"):
            assert expression.count(opening) == expression.count(closing), alert["alert"]
        for name, selected in re.findall(r"(photochrom_\w+)(?:\{([^}]*)\})?", expression):
            assert name in told, name
            for label, values in re.findall(r'(\w+)=~?"([^"]*)"', selected):
                assert label in told[name] and set(values.split("|")) <= states, selected
        # Each worker tells the same of a batch: a sum over workers would count it many times.
        assert not re.search(r"sum[^(]*(?:\(\w+\) )?\(photochrom_batch_scans", expression)
