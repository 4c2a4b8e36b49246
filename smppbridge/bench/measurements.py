"""The measurements, by name; each procedure starts its processes and yields figures run by run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from smppbridge.bench import processes
from smppbridge.bench.configured import keccel
from smppbridge.bench.cpu import cpu
from smppbridge.bench.figures import Figures, rate
from smppbridge.bench.lanes import batches, isolation, polls
from smppbridge.bench.plan import Plan, Procedure
from smppbridge.bench.stored import fill_finished, fill_waiting

IDLE_BINDS = 1_000
_AT_LEISURE = 2_000  # messages with nothing beside them: enough for a p99
_WATCHED = 5.0  # seconds of work on a backlog


@dataclass(frozen=True, slots=True)
class Measurement:
    """A measurement's words, procedure and *figures*; an empty tuple is all of the procedure's."""

    words: str
    procedure: Procedure
    figures: tuple[str, ...] = ()
    once: bool = False


def there(plan: Plan) -> Iterator[Figures]:
    """Messages to the provider, without receipts."""
    for _ in range(plan.runs):
        with processes.folder(plan.directory) as folder:
            yield _one_way(plan, folder, folder / "bridge.db")


def there_and_back(plan: Plan) -> Iterator[Figures]:
    """Messages to the provider, its reports back, receipts to the ESME."""
    for _ in range(plan.runs):
        with processes.folder(plan.directory) as folder:
            yield _loaded(plan, folder, folder / "bridge.db", receipts=True)


def one_at_a_time(plan: Plan) -> Iterator[Figures]:
    """One session that waits for each answer."""
    calm = Plan(messages=min(plan.messages, _AT_LEISURE), binds=1, window=1)
    for _ in range(plan.runs):
        with processes.folder(plan.directory) as folder:
            yield _one_way(calm, folder, folder / "bridge.db")


def idle(plan: Plan) -> Iterator[Figures]:
    """Sessions that only stay bound."""
    ports = processes.free_ports()
    with (
        processes.folder(plan.directory) as folder,
        processes.provider() as provider,
        processes.bridge(
            folder, ports, {"keccel": keccel(provider.port)}, binds=IDLE_BINDS
        ) as bridge,
    ):
        before = bridge.memory()
        with processes.idle_binds(ports, IDLE_BINDS):
            yield {"idle_mb": bridge.memory(), "unbound_mb": before}


def backlog(plan: Plan) -> Iterator[Figures]:
    """A start with a store full of WAITING messages, and the first seconds of work on them."""
    ports = processes.free_ports()
    with processes.folder(plan.directory) as folder, processes.provider() as provider:
        store = folder / "waiting.db"
        fill_waiting(store, plan.stored, "keccel")
        sections = {"keccel": keccel(provider.port)}
        with processes.bridge(folder, ports, sections, store=store) as bridge:
            deadline = time.monotonic() + _WATCHED
            while (counts := provider.counts())["distinct"] < plan.stored:
                if time.monotonic() > deadline:
                    break
                time.sleep(0.1)
            yield {
                "ready_s": bridge.ready_after,
                "peak_mb": bridge.memory(peak=True),
                "relayed_per_s": rate(counts["distinct"], counts["last_at"] - counts["first_at"]),
                "doubled": counts["doubled"],
            }


def with_a_past(plan: Plan) -> Iterator[Figures]:
    """The same load on an empty store and on one full of FINISHED messages, by turns."""
    with processes.folder(plan.directory) as past:
        full = past / "finished.db"
        fill_finished(full, plan.stored, "keccel")
        for _ in range(plan.runs):
            with processes.folder(plan.directory) as folder:
                empty_run = _one_way(plan, folder, folder / "bridge.db")
                full_run = _one_way(plan, folder, full)
            yield {
                "accepted_ratio": full_run["accepted_per_s"] / empty_run["accepted_per_s"],
                "relayed_ratio": full_run["relayed_per_s"] / empty_run["relayed_per_s"],
                **full_run,
            }


_FAULTS = ("refused", "lost", "doubled")

MEASUREMENTS: Mapping[str, Measurement] = MappingProxyType(
    {
        "accept": Measurement(
            "accepted durably, without receipts",
            there,
            ("accepted_per_s", "p50_ms", "p99_ms", "load_us", "refused"),
        ),
        "relay": Measurement(
            "through HTTP to the provider, without receipts",
            there,
            ("relayed_per_s", "bridge_us", "provider_us", "peak_mb", "lost", "doubled"),
        ),
        "receipts": Measurement(
            "there and back: reports pushed, receipts acknowledged", there_and_back
        ),
        "cpu": Measurement("CPU a message of the bridge process, stretch by stretch", cpu),
        "window1": Measurement(
            "one bind, window 1", one_at_a_time, ("accepted_per_s", "p50_ms", "p99_ms", *_FAULTS)
        ),
        "idle": Measurement(f"{IDLE_BINDS:,} idle binds", idle, once=True),
        "waiting": Measurement("restart with a store full of waiting messages", backlog, once=True),
        "finished": Measurement(
            "a store full of finished messages against an empty one",
            with_a_past,
            ("accepted_ratio", "relayed_ratio", "accepted_per_s", "relayed_per_s", *_FAULTS),
        ),
        "batches": Measurement(
            "a backlog in requests of many messages against single ones", batches
        ),
        "isolation": Measurement(
            "a steady load alone, and beside a provider that is slow", isolation
        ),
        "polls": Measurement(
            "a store full of messages whose reports are asked for", polls, once=True
        ),
    }
)


def steps(names: Sequence[str], plan: Plan) -> int:
    """Return how many runs there will be."""
    return sum(1 if once else plan.runs for once in _procedures(names).values())


def measure(
    names: Sequence[str], plan: Plan, after_run: Callable[[], object] = lambda: None
) -> dict[str, list[Figures]]:
    """Measure by name; measurements of one procedure share its runs.

    *after_run* is called after each run.  Raises BenchFailed, OSError.
    """
    found: dict[Procedure, list[Figures]] = {}
    for procedure in _procedures(names):
        found[procedure] = runs = []
        for run in procedure(plan):
            runs.append(run)
            after_run()
    return {name: _chosen(MEASUREMENTS[name], found) for name in names}


def _procedures(names: Sequence[str]) -> dict[Procedure, bool]:
    return {MEASUREMENTS[name].procedure: MEASUREMENTS[name].once for name in names}


def _chosen(measurement: Measurement, found: Mapping[Procedure, list[Figures]]) -> list[Figures]:
    runs = found[measurement.procedure]
    return [{name: run[name] for name in measurement.figures or run} for run in runs]


def _one_way(plan: Plan, folder: Path, store: Path) -> dict[str, float]:
    return _loaded(plan, folder, store, receipts=False)


def _loaded(plan: Plan, folder: Path, store: Path, *, receipts: bool) -> dict[str, float]:
    """Run the three processes once and return every figure there is."""
    ports = processes.free_ports()
    with (
        processes.provider(ports.report_to if receipts else None) as provider,
        processes.bridge(
            folder,
            ports,
            {"keccel": keccel(provider.port)},
            store=store,
            binds=plan.binds,
            window=plan.window,
        ) as bridge,
    ):
        spent, known = bridge.cpu(), provider.counts()
        load = processes.load(
            ports,
            messages=plan.messages,
            binds=plan.binds,
            window=plan.window,
            receipts=receipts,
        )
        provider.await_messages(load["accepted"])
        counts = provider.counts()
        spent = bridge.cpu() - spent
        peak = bridge.memory(peak=True)
    figures = {
        "accepted_per_s": load["accepted_per_s"],
        "relayed_per_s": rate(counts["distinct"], counts["last_at"] - load["began"]),
        "p50_ms": load["p50_ms"],
        "p99_ms": load["p99_ms"],
        "bridge_us": _each(spent, plan),
        "load_us": _each(load["cpu"], plan),
        "provider_us": _each(counts["cpu"] - known["cpu"], plan),
        "peak_mb": peak,
        "refused": plan.messages - load["accepted"],
        "lost": load["accepted"] - counts["distinct"],
        "doubled": counts["doubled"],
    }
    return {**_receipts(load), **figures} if receipts else figures


def _receipts(load: dict[str, Any]) -> dict[str, float]:
    return {
        "receipts_per_s": load["receipts_per_s"],
        "receipts_missing": load["missing"],
        "receipts_doubled": load["doubled"] + load["unknown"],
    }


def _each(seconds: float, plan: Plan) -> float:
    return seconds / plan.messages * 1_000_000
