from __future__ import annotations

import sys
from pathlib import Path

import pytest

from smppbridge.bench import cpu, processes
from smppbridge.bench.figures import FIGURES, medians
from smppbridge.bench.plan import Plan
from smppbridge.bench.processes import BenchFailed, Spent
from smppbridge.bench.trees import OURS, Tree


@pytest.fixture
def plan(tmp_path):
    return Plan(messages=200, runs=1, directory=tmp_path)


def test_each_stretch_is_what_it_adds_to_the_one_before(monkeypatch, plan):
    spent = {
        "accepted": Spent(0.002, 0.002, 0.0),
        "relayed": Spent(0.006, 0.004, 0.003),
        "receipted": Spent(0.030, 0.010, 0.004),
    }
    monkeypatch.setattr(cpu, "_spent", lambda plan, tree, way: spent[way])
    [run] = cpu.cpu(plan)
    assert run == pytest.approx(
        {
            "cpu_accept_us": 20.0,
            "cpu_relay_us": 45.0,
            "cpu_receipt_us": 155.0,
            "cpu_relayed_us": 65.0,
            "cpu_relayed_reactor_us": 30.0,
            "cpu_relayed_store_us": 20.0,
            "cpu_relayed_http_us": 15.0,
            "cpu_receipted_us": 220.0,
            "cpu_receipted_reactor_us": 150.0,
            "cpu_receipted_store_us": 50.0,
            "cpu_receipted_http_us": 20.0,
        }
    )


def test_two_versions_take_turns_in_each_of_a_runs_bridges(monkeypatch, tmp_path):
    asked = []

    def spent(plan, tree, way):
        asked.append("other" if tree.path == tmp_path else "ours")
        return Spent(*(seconds * (2 if asked[-1] == "other" else 1) for seconds in COSTS[way]))

    monkeypatch.setattr(cpu, "_spent", spent)
    runs = list(cpu.cpu(Plan(messages=200, runs=2, against=tmp_path)))
    assert asked == ["ours", "other"] * 3 + ["other", "ours"] * 3
    for run in runs:
        assert set(run) <= FIGURES.keys()
        assert run["other_accept_us"] == 2 * run["cpu_accept_us"]
        ratios = [value for name, value in run.items() if name.endswith("_ratio")]
        assert ratios == pytest.approx([0.5] * len(ratios))
    assert medians(runs)["cpu_receipt_ratio"] == pytest.approx(0.5)


COSTS = {
    "accepted": Spent(1.0, 2.0, 0.5),
    "relayed": Spent(3.0, 4.0, 5.0),
    "receipted": Spent(9.0, 9.0, 9.0),
}


@pytest.mark.parametrize("way", ["accepted", "receipted"])
def test_a_bridge_of_a_checkout_is_measured(plan, way):
    spent = cpu._spent(plan, Tree(OURS.path), way)
    assert spent.reactor > 0
    assert spent.store > 0
    assert spent.total > spent.http >= 0
    assert list(plan.directory.iterdir()) == []


def test_a_load_that_is_not_taken_is_no_measurement(plan, monkeypatch):
    monkeypatch.setattr(processes, "load", lambda *_, **__: {"accepted": 3, "missing": 0})
    with pytest.raises(BenchFailed, match="lost on the way to accepted"):
        list(cpu.cpu(plan))


def test_a_checkout_is_run_by_this_python_and_nobody_elses_path(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    tree = Tree(tmp_path)
    assert tree.command("run")[0] == sys.executable
    assert tree.environment()["PYTHONPATH"] == str(tmp_path.resolve())


def test_a_virtual_environment_is_run_by_its_own_python(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.symlink_to(Path(sys.executable))
    tree = Tree(tmp_path)
    assert tree.command("run")[0] == str(python)  # the link, which makes it a virtual environment
    assert "PYTHONPATH" not in tree.environment()
