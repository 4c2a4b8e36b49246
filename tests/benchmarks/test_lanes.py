from __future__ import annotations

import time

import pytest

from smppbridge.bench import lanes
from smppbridge.bench.figures import FIGURES
from smppbridge.bench.plan import Plan
from smppbridge.relay.submit.overdue import PollRules


@pytest.fixture
def plan(tmp_path):
    return Plan(messages=40, stored=300, runs=1, seconds=1.3, directory=tmp_path)


def test_a_backlog_leaves_in_batches_and_one_by_one(plan, monkeypatch):
    monkeypatch.setattr(lanes, "_BATCHES", (("smscx", 10, 1),))
    monkeypatch.setattr(lanes, "_LONE", 5)
    [run] = map(dict, lanes.batches(plan))
    assert run.pop("doubled") == 0
    assert set(run) == {name for name in FIGURES if name.startswith("smscx_")}
    assert min(run.values()) > 0
    assert list(plan.directory.iterdir()) == []


def test_a_steady_load_loses_nothing_beside_a_slow_provider(plan, monkeypatch):
    monkeypatch.setattr(lanes, "_SLOW", 0.1)
    monkeypatch.setattr(lanes, "_FULL_AFTER", 0.1)
    [run] = map(dict, lanes.isolation(plan))
    assert run.pop("lost") == 0
    assert min(run.values()) > 0


def test_open_messages_are_asked_about_and_none_too_early(plan, monkeypatch):
    soon = PollRules(polls=True, rate=100.0, first=0.05, longest=0.2)
    monkeypatch.setattr(lanes, "_POLLS", soon)
    [run] = lanes.polls(plan)
    assert run["early"] == 0
    assert run["polls"] >= 100
    assert run["polling_cores"] > 0


NOW = 10_000.0


def asked(polls, dues, begun=NOW):
    return lanes._asked(polls, dues, begun)


def test_a_question_before_its_due_is_early():
    dues = {"1": (NOW + 5.0, NOW - 5.0), "2": (NOW + 1.0, NOW - 9.0)}
    assert asked([("1", NOW + 4.9), ("2", NOW + 1.1)], dues)["early"] == 1


def test_a_question_that_comes_again_too_soon_is_early():
    dues = {"1": (NOW, NOW - 40.0)}  # so that the next one is 40 s later
    assert asked([("1", NOW + 1.0), ("1", NOW + 30.0)], dues)["early"] == 1
    assert asked([("1", NOW + 1.0), ("1", NOW + 41.0)], dues)["early"] == 0


def test_the_rate_is_counted_from_one_tick_to_the_last():
    polls = [(f"{n}", NOW + n // 100 + 0.001 * (n % 100)) for n in range(1_100)]
    dues = {name: (NOW - 1.0, NOW - 11.0) for name, _ in polls}
    figures = asked(polls, dues)
    assert figures["polls"] == 1_100
    assert figures["polls_per_s"] == pytest.approx(1_000 / 10.099)
    assert figures["polls_used"] == pytest.approx(figures["polls_per_s"] / 100.0)


def test_what_is_overdue_at_the_end_is_counted():
    now = time.time()
    dues = {"1": (now - 1.0, now - 11.0), "2": (now + 100.0, now - 100.0)}
    assert asked([], dues, now)["overdue"] == 1
    assert asked([], dues, now)["polls_per_s"] == 0
