"""The words for measurements: names, units, medians, the table's rows, the machine."""

from __future__ import annotations

import os
import platform
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from types import MappingProxyType
from typing import NamedTuple

import pycurl
import twisted

from smppbridge import __version__

Figures = Mapping[str, float]
"""The figures of one run, by name."""


class Figure(NamedTuple):
    """The words and unit of a figure; a *fault* should be 0."""

    words: str
    unit: str
    digits: int = 0
    fault: bool = False


_STRETCHES = {
    "accept": "accept",
    "relay": "relay",
    "receipt": "report and receipt",
    "relayed": "accept and relay",
    "relayed_reactor": "of these, the reactor's thread",
    "relayed_store": "of these, the store's",
    "relayed_http": "of these, libcurl's",
    "receipted": "all three",
    "receipted_reactor": "of these, the reactor's thread",
    "receipted_store": "of these, the store's",
    "receipted_http": "of these, libcurl's",
}

FIGURES: Mapping[str, Figure] = MappingProxyType(
    {
        "accepted_per_s": Figure("accepted durably", "/s"),
        "relayed_per_s": Figure("relayed to the provider", "/s"),
        "receipts_per_s": Figure("receipts acknowledged", "/s"),
        "p50_ms": Figure("answered after, p50", "ms", 2),
        "p99_ms": Figure("answered after, p99", "ms", 2),
        "accepted_ratio": Figure("accepted, full to empty", "", 2),
        "relayed_ratio": Figure("relayed, full to empty", "", 2),
        "ready_s": Figure("ready after", "s", 2),
        "idle_mb": Figure("memory", "MB", 1),
        "unbound_mb": Figure("memory before", "MB", 1),
        "peak_mb": Figure("memory at most", "MB", 1),
        "smscx_ratio": Figure("SMS.CX, 1,000 to 1 a request", "", 2),
        "smscx_batch_per_s": Figure("1,000 a request", "/s"),
        "smscx_batch_lone_ms": Figure("lone: relayed after, p50", "ms", 2),
        "smscx_single_per_s": Figure("1 a request", "/s"),
        "smscx_single_lone_ms": Figure("lone: relayed after, p50", "ms", 2),
        "d7_ratio": Figure("D7, 100 to 1 a request", "", 2),
        "d7_batch_per_s": Figure("100 a request", "/s"),
        "d7_batch_lone_ms": Figure("lone: relayed after, p50", "ms", 2),
        "d7_single_per_s": Figure("1 a request", "/s"),
        "d7_single_lone_ms": Figure("lone: relayed after, p50", "ms", 2),
        "steady_per_s": Figure("messages", "/s"),
        "resp_p99_ratio": Figure("answered, p99, beside to alone", "", 2),
        "relay_p50_ratio": Figure("relayed, p50, beside to alone", "", 2),
        "relay_p99_ratio": Figure("relayed, p99, beside to alone", "", 2),
        "second_p99_ratio": Figure("the same of each second", "", 2),
        "alone_resp_p99_ms": Figure("alone: answered after, p99", "ms", 2),
        "alone_relay_p50_ms": Figure("alone: relayed after, p50", "ms", 2),
        "alone_relay_p99_ms": Figure("alone: relayed after, p99", "ms", 2),
        "alone_second_p99_ms": Figure("alone: of each second", "ms", 2),
        "beside_resp_p99_ms": Figure("beside: answered after, p99", "ms", 2),
        "beside_relay_p50_ms": Figure("beside: relayed after, p50", "ms", 2),
        "beside_relay_p99_ms": Figure("beside: relayed after, p99", "ms", 2),
        "beside_second_p99_ms": Figure("beside: of each second", "ms", 2),
        "polls": Figure("questions", ""),
        "polls_per_s": Figure("questions", "/s", 1),
        "polls_used": Figure("of the rate that was set", "", 3),
        "overdue": Figure("overdue at the end", ""),
        "polling_cores": Figure("CPU a second: asking", "s", 3),
        "idle_cores": Figure("CPU a second: idle", "s", 3),
        "more_cores": Figure("CPU a second: more than idle", "s", 3),
        "bridge_us": Figure("CPU a message: bridge", "us", 1),
        "load_us": Figure("CPU a message: load", "us", 1),
        "provider_us": Figure("CPU a message: provider", "us", 1),
        **{f"cpu_{name}_us": Figure(words, "us", 1) for name, words in _STRETCHES.items()},
        **{
            f"other_{name}_us": Figure(f"the other's: {words}", "us", 1)
            for name, words in _STRETCHES.items()
        },
        **{
            f"cpu_{name}_ratio": Figure(f"ours to the other's: {words}", "", 3)
            for name, words in _STRETCHES.items()
        },
        "refused": Figure("refused", "", fault=True),
        "lost": Figure("accepted, not relayed", "", fault=True),
        "doubled": Figure("relayed twice", "", fault=True),
        "early": Figure("questions before their time", "", fault=True),
        "receipts_missing": Figure("receipts missing", "", fault=True),
        "receipts_doubled": Figure("receipts doubled", "", fault=True),
    }
)


class TableRow(NamedTuple):
    """One line of the table."""

    measurement: str
    figure: str
    median: str
    spread: str
    unit: str


def medians(runs: Sequence[Figures]) -> dict[str, float]:
    """Return the median of each figure; of a fault, the worst."""
    return {
        name: max(values) if FIGURES[name].fault else median(values)
        for name in runs[0]
        if (values := [run[name] for run in runs])
    }


def rows(measured: Mapping[str, Sequence[Figures]]) -> Iterator[TableRow]:
    """Yield the lines of the table; a measurement is named in its first line."""
    for measurement, runs in measured.items():
        title = measurement
        for name, value in medians(runs).items():
            figure = FIGURES[name]
            values = [run[name] for run in runs]
            low, high = (f"{each:,.{figure.digits}f}" for each in (min(values), max(values)))
            spread = f"{low} – {high}" if low != high else ""
            yield TableRow(title, figure.words, f"{value:,.{figure.digits}f}", spread, figure.unit)
            title = ""


def faults(measured: Mapping[str, Sequence[Figures]]) -> Iterator[str]:
    """Yield a line for each figure that should be 0 and is not."""
    for measurement, runs in measured.items():
        for name, value in medians(runs).items():
            if FIGURES[name].fault and value:
                yield f"{measurement}: {FIGURES[name].words}: {value:,.0f}"


def rate(count: int, seconds: float) -> float:
    """Return *count* a second; 0 if no time has passed."""
    return count / seconds if seconds > 0 else 0.0


def machine() -> dict[str, str | int]:
    """Return the properties of the machine that figures depend on."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "libcurl": pycurl.version_info()[1],
        "twisted": twisted.__version__,
        "smppbridge": __version__,
    }
