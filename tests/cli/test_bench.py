from __future__ import annotations

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from smppbridge.bench import measurements
from smppbridge.bench.measurements import MEASUREMENTS, Measurement
from smppbridge.bench.processes import BenchFailed
from smppbridge.cli import bench as command
from smppbridge.cli.bench import bench

MAIN = "from smppbridge.cli.main import main; main()"
SMALL = ("bench", "--json", "--messages", "200", "--runs", "1", "--stored", "300")


@pytest.mark.slow
def test_a_small_bench_loses_and_doubles_nothing(tmp_path):
    only = [f"--only={name}" for name in ("accept", "relay", "receipts", "finished", "waiting")]
    ended = subprocess.run(
        [sys.executable, "-c", MAIN, *SMALL, *only, "--directory", str(tmp_path)],
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr.decode()
    told = json.loads(ended.stdout)
    assert (told["plan"]["messages"], told["plan"]["directory"]) == (200, str(tmp_path))
    found = {name: each["median"] for name, each in told["measurements"].items()}
    assert list(found) == ["accept", "relay", "receipts", "waiting", "finished"]
    assert found["accept"]["refused"] == 0
    assert found["relay"]["lost"] == found["relay"]["doubled"] == 0
    receipts = found["receipts"]
    assert receipts["receipts_missing"] == receipts["receipts_doubled"] == receipts["lost"] == 0
    assert found["waiting"]["relayed_per_s"] > 0
    for median in found.values():
        figures = {name: value for name, value in median.items() if name.endswith(("_s", "ratio"))}
        assert figures
        assert min(figures.values()) > 0
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def shared(monkeypatch):
    """Two measurements of one procedure, and one more."""
    calls = []

    def load(plan):
        for number in range(plan.runs):
            calls.append(number)
            yield {"accepted_per_s": 100.0 + number, "lost": 0}

    def failing(plan):
        yield {"lost": 3}

    def broken(plan):
        raise BenchFailed("the bridge does not start")
        yield {}

    table = {
        "accept": Measurement("", load, ("accepted_per_s",)),
        "relay": Measurement("", load, ("lost",)),
        "idle": Measurement("", failing, once=True),
        "waiting": Measurement("", broken),
    }
    monkeypatch.setattr(measurements, "MEASUREMENTS", table)
    monkeypatch.setattr(command, "MEASUREMENTS", table)
    return calls


def invoke(*arguments):
    return CliRunner().invoke(bench, arguments)


def test_measurements_of_one_procedure_share_its_runs(shared):
    result = invoke("--json", "--only", "relay", "--only", "accept")
    assert result.exit_code == 0
    assert shared == [0, 1, 2]
    told = json.loads(result.stdout)["measurements"]
    assert told["accept"] == {
        "median": {"accepted_per_s": 101.0},
        "runs": [{"accepted_per_s": 100.0}, {"accepted_per_s": 101.0}, {"accepted_per_s": 102.0}],
    }
    assert told["relay"]["median"] == {"lost": 0}


def test_people_get_a_table(shared):
    result = invoke("--only", "accept")
    line = next(each for each in result.stdout.splitlines() if each.startswith("accept"))
    assert line.split() == ["accept", "accepted", "durably", "101", "100", "–", "102", "/s"]


def test_what_was_lost_is_said_and_is_the_exit_status(shared):
    result = invoke("--only", "idle")
    assert result.exit_code == 1
    assert "idle: accepted, not relayed: 3" in result.stderr


def test_a_process_that_fails_is_told_of_without_a_traceback(shared):
    result = invoke("--only", "waiting")
    assert result.exit_code == 1
    assert "Error: the bridge does not start" in result.stderr


def test_another_version_can_be_named(shared, tmp_path):
    result = invoke("--json", "--only", "accept", "--against", str(tmp_path))
    assert json.loads(result.stdout)["plan"]["against"] == str(tmp_path)
    assert json.loads(invoke("--json", "--only", "accept").stdout)["plan"]["against"] is None


def test_every_measurement_can_be_named():
    assert list(MEASUREMENTS) == [
        "accept",
        "relay",
        "receipts",
        "cpu",
        "window1",
        "idle",
        "waiting",
        "finished",
        "batches",
        "isolation",
        "polls",
    ]
