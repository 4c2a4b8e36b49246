"""Measurements of lanes: requests of many messages, a slow neighbour, reports that are asked for."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

from smppbridge.bench import configured, processes
from smppbridge.bench.figures import Run
from smppbridge.bench.plan import Plan
from smppbridge.bench.stored import fill_submitted, fill_waiting
from smppbridge.relay.overdue import PollRules
from smppbridge.simulators.load import percentile

_LONE, _LONE_RATE = 300, 100.0
_SHARE = 0.3  # of what the bridge can relay
_SLOW, _SLOW_RATE = 2.0, 100.0  # seconds to an answer; messages a second
_FULL_AFTER = 2.0  # seconds until the slow provider's lane is full
_OPEN = 100_000
_POLLS = PollRules(polls=True, rate=100.0)

Section = Mapping[str, Any]


# -- batches --------------------------------------------------------------------------------------


def batches(plan: Plan) -> Iterator[Run]:
    """A backlog, and lone messages: in batches and one by one, by turns."""
    for _ in range(plan.runs):
        run: dict[str, float] = {}
        faults: list[int] = []
        for name, many, single in (
            ("smscx", 1000, 1),
            ("d7", "on", "off"),
        ):
            section = getattr(configured, name)
            for kind, batch in (("single", single), ("batch", many)):
                with processes.provider() as provider:
                    one = {name: section(provider.port, batch)}
                    run[f"{name}_{kind}_per_s"] = _drained(plan, one, provider)
                    faults.append(provider.counts()["doubled"])
                with processes.provider() as provider:
                    one = {name: section(provider.port, batch)}
                    run[f"{name}_{kind}_lone_ms"] = _lone(plan, one, provider)
            run[f"{name}_ratio"] = run[f"{name}_batch_per_s"] / run[f"{name}_single_per_s"]
        yield {**dict(sorted(run.items())), "doubled": sum(faults)}


def _drained(
    plan: Plan, sections: Mapping[str, Section], provider: processes.Provider
) -> float:
    """Let the bridge find a backlog in its store; return messages a second after the first."""
    (name,) = sections
    with processes.folder(plan.directory) as folder:
        store = folder / "bridge.db"
        fill_waiting(store, plan.messages, name, one_text=True)
        with processes.bridge(folder, processes.free_ports(), sections, store=store):
            provider.await_messages(plan.messages)
            counts = provider.counts()
    if counts["distinct"] < plan.messages:
        raise processes.BenchFailed(f"{counts['distinct']} of {plan.messages} messages came")
    seconds = counts["last_at"] - counts["first_at"]
    return (counts["distinct"] - counts["opening"]) / seconds if seconds > 0 else 0.0


def _lone(plan: Plan, sections: Mapping[str, Section], provider: processes.Provider) -> float:
    """Return the median of milliseconds to the provider of messages that come one by one."""
    (name,) = sections
    ports, messages = processes.free_ports(), min(plan.messages, _LONE)
    with (
        processes.folder(plan.directory) as folder,
        processes.bridge(folder, ports, sections),
    ):
        processes.load(ports, name, messages=messages, binds=1, rate=_LONE_RATE)
        provider.await_messages(messages)
        return percentile(provider.waits(), 50) * 1000
