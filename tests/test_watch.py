"""The dashboard and the alerts in config/ speak of metrics and labels that the bridge has."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from smppbridge.observe.names import NAMES

CONFIG = Path(__file__).parents[1] / "config"
DASHBOARD = CONFIG / "grafana" / "smppbridge.json"
RULES = CONFIG / "prometheus" / "smppbridge.rules.yml"
TESTS = CONFIG / "prometheus" / "smppbridge.rules.test.yml"
OF_PROMETHEUS = {"instance", "job", "le"}

SERIES = re.compile(r"(smppbridge_\w+)(?:\{([^}]*)\})?")
GROUPED = re.compile(r"\b(?:by|on)\s*\(([^)]*)\)")
LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"")


def metric(series: str) -> str:
    """Return the metric of a series: a histogram has three kinds."""
    base = re.sub(r"_(bucket|count|sum)$", "", series)
    return base if base in NAMES and NAMES[base].kind == "histogram" else series


def mistakes(expression: str) -> Iterator[str]:
    """Yield the metrics and labels of an expression that the bridge does not have."""
    known = set(OF_PROMETHEUS)
    for series, selected in SERIES.findall(expression):
        name = metric(series)
        if name not in NAMES:
            yield f"{series} is no metric"
            continue
        labels = set(NAMES[name].labels)
        known |= labels
        for label in LABEL.findall(selected):
            if label not in labels | OF_PROMETHEUS:
                yield f"{name} has no label {label}"
    for grouped in GROUPED.findall(expression):
        for label in filter(None, map(str.strip, grouped.split(","))):
            if label not in known:
                yield f"no metric of this expression has the label {label}"


def panels() -> list[dict[str, Any]]:
    board = json.loads(DASHBOARD.read_text())
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def expressions_of_the_dashboard() -> list[str]:
    board = json.loads(DASHBOARD.read_text())
    shown = [target["expr"] for panel in panels() for target in panel["targets"]]
    noted = [note["expr"] for note in board["annotations"]["list"]]
    chosen = [each["query"] for each in board["templating"]["list"][1:]]
    return [*shown, *noted, *chosen]


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def promtool(*arguments: object) -> None:
    program = shutil.which("promtool")
    if not program:
        pytest.skip("ALERTS AND DASHBOARD ARE NOT HELD BY PROMTOOL: it is in Debian's prometheus")
    done = subprocess.run(
        [program, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("expression", "mistake"),
    [
        ("smppbridge_redy == 0", ["smppbridge_redy is no metric"]),
        ('smppbridge_ready{provider="d7"}', ["smppbridge_ready has no label provider"]),
        (
            "sum by (account) (smppbridge_ready)",
            ["no metric of this expression has the label account"],
        ),
        ("rate(smppbridge_submit_resp_seconds_bucket[5m])", []),
        ("smppbridge_ready_count", ["smppbridge_ready_count is no metric"]),
    ],
)
def test_a_mistake_is_found(expression: str, mistake: list[str]) -> None:
    assert list(mistakes(expression)) == mistake


def test_the_dashboard_speaks_of_what_there_is() -> None:
    expressions = expressions_of_the_dashboard()
    assert len(expressions) > 40
    assert [found for each in expressions for found in mistakes(each)] == []


def test_panels_do_not_overlap_and_each_has_its_own_id() -> None:
    board = json.loads(DASHBOARD.read_text())
    places = [panel["gridPos"] for panel in board["panels"]]
    cells = [
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))


def test_alerts_speak_of_what_there_is() -> None:
    assert [found for rule in rules() for found in mistakes(rule["expr"])] == []


def test_each_alert_says_what_is_wrong_and_what_to_do() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names)) >= 20
    for rule in rules():
        assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]
        assert set(rule["annotations"]) == {"summary", "action"}, rule["alert"]


def test_labels_that_an_alert_shows_are_those_it_has() -> None:
    for rule in rules():
        series = [metric(name) for name, _ in SERIES.findall(rule["expr"])]
        labels = {label for name in series for label in NAMES[name].labels} | OF_PROMETHEUS
        shown = re.findall(r"\$labels\.(\w+)", str(rule["annotations"]))
        assert set(shown) <= labels, rule["alert"]


def test_promtool_takes_the_rules() -> None:
    promtool("check", "rules", RULES)


def test_the_rules_fire_when_they_should() -> None:
    promtool("test", "rules", TESTS)


def test_promtool_takes_every_expression_of_the_dashboard(tmp_path: Path) -> None:
    made = [
        {"record": f"panel_{number}", "expr": re.sub(r"\$__rate_interval", "1m", expression)}
        for number, expression in enumerate(expressions_of_the_dashboard())
        if not expression.startswith("label_values")
    ]
    path = tmp_path / "panels.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": made}]}))
    promtool("check", "rules", path)
