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

from smppbridge.net.tls_listener import CLIENT, FAILED, NOT_COMMON, NOT_TRUSTED
from smppbridge.observe.names import NAMES
from smppbridge.service.admin import LOGIN_REFUSED
from smppbridge.smpp.constants import CommandStatus, MessageState

CONFIG = Path(__file__).parents[1] / "config"
DASHBOARD = CONFIG / "grafana" / "smppbridge.json"
RULES = CONFIG / "prometheus" / "smppbridge.rules.yml"
TESTS = CONFIG / "prometheus" / "smppbridge.rules.test.yml"
OF_PROMETHEUS = {"instance", "job"}
OF_BUCKETS = {"le"}

SERIES = re.compile(r"(smppbridge_\w+)(?:\{([^}]*)\})?")
GROUPED = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)\s*")
AGGREGATED = re.compile(r"\b(?:sum|min|max|avg|count)\s*\(")
MATCHED = re.compile(r"(\w+)\s*(=~|!~|!=|=)\s*\"([^\"]*)\"")
CHOSEN = re.compile(r"label_values\((\w+), (\w+)\)")
STATUSES = {status.name for status in CommandStatus}
VALUES = {
    "state": {state.name for state in MessageState},
    "status": STATUSES,
    "result": STATUSES,
    "outcome": {"accepted", "refused", "postponed", "uncertain"},
    "operation": {"submit"},
    "source": {"push", "poll", "own"},
    "action": {LOGIN_REFUSED},
    "reason": {NOT_COMMON, NOT_TRUSTED, FAILED, CLIENT},
}
"""The values that are looked for, of labels that have few."""


def metric(series: str) -> str:
    """Return the metric of a series: a histogram has three kinds."""
    base = re.sub(r"_(bucket|count|sum)$", "", series)
    return base if base in NAMES and NAMES[base].kind == "histogram" else series


def labels_of(series: str) -> set[str]:
    buckets = OF_BUCKETS if series.endswith("_bucket") else set()
    return set(NAMES[metric(series)].labels) | OF_PROMETHEUS | buckets


def mistakes(expression: str) -> Iterator[str]:
    """Yield the metrics, labels and values of an expression that the bridge does not have."""
    unknown = [series for series, _ in SERIES.findall(expression) if metric(series) not in NAMES]
    if unknown:
        yield from (f"{series} is no metric" for series in unknown)
        return
    for series, selected in SERIES.findall(expression):
        for label, operator, value in MATCHED.findall(selected):
            if label not in labels_of(series):
                yield f"{series} has no label {label}"
            values = value.split("|") if operator in ("=~", "!~") else [value]
            for each in values if label in VALUES and "$" not in value else ():
                if each not in VALUES[label]:
                    yield f"{label} is never {each}"
    for match in GROUPED.finditer(expression):
        yield from misgrouped(expression, match)
    for series, label in CHOSEN.findall(expression):
        if label not in labels_of(series):
            yield f"{series} has no label {label}"


def misgrouped(expression: str, match: re.Match[str]) -> Iterator[str]:
    """Yield the labels of a grouping that one of the series has not that the grouping is about."""
    grouped = [label.strip() for label in match[2].split(",") if label.strip()]
    about = expression
    if match[1] in ("by", "without"):
        if not expression.startswith("(", match.end()):
            yield f"{match[1]} stands behind its parentheses"
            return
        about = within(expression, match.end())
    for series, _ in SERIES.findall(about):
        for label in grouped:
            if label not in labels_of(series):
                yield f"{series} cannot be grouped {match[1]} {label}"


def within(expression: str, start: int) -> str:
    """Return the text between the parenthesis at a place and the one that closes it."""
    depth = 0
    for at in range(start, len(expression)):
        depth += {"(": 1, ")": -1}.get(expression[at], 0)
        if not depth:
            return expression[start:at]
    raise AssertionError(f"a parenthesis of {expression} is never closed")


def left(expression: str) -> set[str]:
    """Return the labels that the result of an expression has for certain."""
    by = [
        set(re.split(r",\s*", match[2]))
        for match in GROUPED.finditer(expression)
        if match[1] == "by"
    ]
    if by:
        return set.intersection(*by)
    if AGGREGATED.search(expression):
        return set()
    return set.intersection(*(labels_of(series) for series, _ in SERIES.findall(expression)))


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
            'smppbridge_binds{instance="a", provider=~"d7"}',
            ["smppbridge_binds has no label provider"],
        ),
        (
            "sum by (account) (smppbridge_ready)",
            ["smppbridge_ready cannot be grouped by account"],
        ),
        (  # the other side of a fraction has that label
            "sum by (account) (smppbridge_binds) / sum by (account) (smppbridge_queue_messages)",
            ["smppbridge_queue_messages cannot be grouped by account"],
        ),
        ("sum (smppbridge_binds) by (account)", ["by stands behind its parentheses"]),
        (
            "smppbridge_binds and on (account) smppbridge_provider_up",
            ["smppbridge_provider_up cannot be grouped on account"],
        ),
        (
            "sum by (le) (rate(smppbridge_store_bytes[5m]))",
            ["smppbridge_store_bytes cannot be grouped by le"],
        ),
        ("rate(smppbridge_submit_resp_seconds_bucket[5m])", []),
        ("smppbridge_ready_count", ["smppbridge_ready_count is no metric"]),
        ("label_values(smppbridge_ready, account)", ["smppbridge_ready has no label account"]),
        (
            'smppbridge_segments_refused_total{status=~"ESME_RTHROTTLED|ESME_RTROTTLED"}',
            ["status is never ESME_RTROTTLED"],
        ),
        ('smppbridge_messages_finished_total{state!="DELIVRD"}', ["state is never DELIVRD"]),
    ],
)
def test_a_mistake_is_found(expression: str, mistake: list[str]) -> None:
    assert list(mistakes(expression)) == mistake


@pytest.mark.parametrize(
    ("expression", "labels"),
    [
        ("smppbridge_queue_messages > 1", {"provider"} | OF_PROMETHEUS),
        ("sum(smppbridge_queue_messages)", set()),
        ("sum by (provider) (smppbridge_queue_messages)", {"provider"}),
        (
            "sum by (account) (smppbridge_binds) / sum by (account, type) (smppbridge_binds)",
            {"account"},
        ),
        ("smppbridge_store_free_bytes / smppbridge_queue_messages", OF_PROMETHEUS),
    ],
)
def test_labels_that_are_left(expression: str, labels: set[str]) -> None:
    assert left(expression) == labels


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


def test_labels_that_are_shown_are_those_that_are_left() -> None:
    for rule in rules():
        shown = re.findall(r"\$labels\.(\w+)", str(rule["annotations"]))
        known = left(rule["expr"]) if SERIES.search(rule["expr"]) else OF_PROMETHEUS
        assert set(shown) <= known, rule["alert"]
    for panel in panels():
        for target in panel["targets"]:
            shown = re.findall(r"\{\{(\w+)\}\}", target.get("legendFormat", ""))
            assert not shown or set(shown) <= left(target["expr"]), panel["title"]


def test_each_value_is_shown_apart() -> None:
    """Two lines of one name are one line to who looks."""
    for panel in panels():
        for target in panel["targets"] if panel["type"] == "timeseries" else ():
            if SERIES.search(target["expr"]):
                shown = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
                wanted = left(target["expr"]) - OF_PROMETHEUS - OF_BUCKETS
                assert wanted <= shown, panel["title"]


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
