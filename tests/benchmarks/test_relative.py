from __future__ import annotations

import json

import pytest

from tests.benchmarks import __main__ as command
from tests.benchmarks.house import CALLERS, MESSAGES, house
from tests.benchmarks.relative import STRETCHES, compared, measured, python

KEPT = {"accept": 20.0, "relay": 30.0, "receipt": 100.0}


def test_messages_go_all_their_way_through_the_house(tmp_path):
    with house(tmp_path) as one:
        for _ in range(2):
            assert sum(1 for _ in one.accept()) == 4
            assert sum(1 for _ in one.relay()) >= 1
            assert sum(1 for _ in one.receipt()) == -(-MESSAGES // CALLERS)


def test_every_stretch_costs_some_steps_of_the_reference_loop():
    assert all(figure > 0 for figure in measured(rounds=2).values())


def test_a_stretch_that_costs_more_than_it_did_is_named_loudly():
    lines = compared({**KEPT, "relay": 31.6}, KEPT)
    assert [line for line in lines if line.startswith("!!!")] == [
        "!!! relay costs 5% more CPU a message than in the last release"
    ]
    assert lines[2].split() == ["relay", "30.0", "31.6", "+5.3%"]


@pytest.mark.parametrize("figure", [31.4, 30.0, 20.0])
def test_a_little_more_or_less_is_only_printed(figure):
    assert not any("!!!" in line for line in compared({**KEPT, "relay": figure}, KEPT))


@pytest.fixture
def told(monkeypatch, tmp_path):
    """The command, with figures that were kept in a file of its own and are measured at once."""
    figures = tmp_path / "figures.json"
    figures.write_text(json.dumps({"python": python(), "steps": KEPT}))
    monkeypatch.setattr(command, "FIGURES", figures)
    monkeypatch.setattr(command, "measured", lambda rounds: {**KEPT, "accept": 40.0})
    return figures


def test_the_command_prints_and_does_not_fail(told, capsys):
    command.main([])
    assert "!!! accept costs 100% more" in capsys.readouterr().out
    assert json.loads(told.read_text())["steps"] == KEPT


def test_figures_are_renewed_when_that_is_asked_for(told):
    command.main(["--renew"])
    assert json.loads(told.read_text())["steps"] == {**KEPT, "accept": 40.0}


def test_figures_of_another_python_are_not_compared(told, capsys):
    told.write_text(json.dumps({"python": "2.7", "steps": KEPT}))
    command.main([])
    assert "!!!" not in capsys.readouterr().out


def test_kept_figures_are_of_these_stretches():
    found = json.loads(command.FIGURES.read_text())
    assert tuple(found["steps"]) == STRETCHES
