from __future__ import annotations

from smppbridge.bench.figures import FIGURES, TableRow, faults, machine, medians, rows
from smppbridge.bench.measurements import MEASUREMENTS

RUNS = [
    {"accepted_per_s": 1000.0, "p50_ms": 1.234, "lost": 0},
    {"accepted_per_s": 5000.0, "p50_ms": 1.231, "lost": 2},
    {"accepted_per_s": 3000.4, "p50_ms": 1.229, "lost": 0},
]


def test_figures_are_medians_and_faults_the_worst():
    assert medians(RUNS) == {"accepted_per_s": 3000.4, "p50_ms": 1.231, "lost": 2}


def test_rows_name_a_measurement_once_and_show_the_spread_where_there_is_one():
    assert list(rows({"accept": RUNS, "relay": [{"lost": 0}]})) == [
        TableRow("accept", "accepted durably", "3,000", "1,000 – 5,000", "/s"),
        TableRow("", "answered after, p50", "1.23", "", "ms"),
        TableRow("", "accepted, not relayed", "2", "0 – 2", ""),
        TableRow("relay", "accepted, not relayed", "0", "", ""),
    ]


def test_what_should_be_zero_and_is_not_is_told():
    assert list(faults({"accept": RUNS, "relay": [{"lost": 0}]})) == [
        "accept: accepted, not relayed: 2"
    ]


def test_measurements_choose_figures_that_there_are():
    for measurement in MEASUREMENTS.values():
        assert set(measurement.figures) <= FIGURES.keys()


def test_the_machine_tells_what_figures_depend_on():
    assert {"cores", "python", "sqlite", "libcurl"} <= machine().keys()
