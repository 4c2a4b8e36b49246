"""Measurements of lanes: requests of many messages, a slow neighbour, reports asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from statistics import median
from typing import Any

from smppbridge.bench import configured, processes
from smppbridge.bench.figures import FIGURES, Figures, rate
from smppbridge.bench.plan import Plan
from smppbridge.bench.stored import fill_submitted, fill_waiting
from smppbridge.bench.tally import percentile
from smppbridge.relay.submit.overdue import PollRules

_LONE, _LONE_RATE = 300, 100.0
_SHARE = 0.3  # of what the bridge can relay
_SLOW, _SLOW_RATE = 2.0, 100.0  # seconds to an answer; messages a second
_FULL_AFTER = 2.0  # seconds until the slow provider's lane is full
_OPEN = 100_000
_TICK, _ON_ITS_WAY = 1.0, 1.0  # seconds between looks; from a look to its last question
_POLLS = PollRules(polls=True, rate=100.0)

_BATCHES: tuple[tuple[str, int | str, int | str], ...] = (("smscx", 1000, 1), ("d7", "on", "off"))

SectionOf = Callable[[int], Mapping[str, Any]]
"""Returns a provider's section for a port."""


# -- batches --------------------------------------------------------------------------------------


def batches(plan: Plan) -> Iterator[Figures]:
    """A backlog, and lone messages: in batches and one by one, by turns."""
    for _ in range(plan.runs):
        run: dict[str, float] = {}
        doubled = 0
        for name, many, one in _BATCHES:
            for kind, batch in (("single", one), ("batch", many)):
                section = partial(getattr(configured, name), batch=batch)
                drained, twice = _drained(plan, name, section)
                run[f"{name}_{kind}_per_s"], doubled = drained, doubled + twice
                run[f"{name}_{kind}_lone_ms"] = _lone(plan, name, section)
            ratio = run[f"{name}_batch_per_s"] / run[f"{name}_single_per_s"]
            run[f"{name}_ratio"] = ratio
        yield {**{name: run[name] for name in FIGURES if name in run}, "doubled": doubled}


def _drained(plan: Plan, name: str, section: SectionOf) -> tuple[float, int]:
    """Let the bridge find a backlog in its store.

    Return messages a second after the first request, and how many came twice.
    """
    with processes.folder(plan.directory) as folder, processes.provider() as provider:
        store = folder / "bridge.db"
        fill_waiting(store, plan.messages, name, one_text=True)
        sections = {name: section(provider.port)}
        with processes.bridge(folder, processes.free_ports(), sections, store=store):
            provider.await_messages(plan.messages)
            counts = provider.counts()
    if counts["distinct"] < plan.messages:
        raise processes.BenchFailed(f"{counts['distinct']} of {plan.messages} messages came")
    seconds = counts["last_at"] - counts["first_at"]
    return rate(counts["distinct"] - counts["opening"], seconds), counts["doubled"]


def _lone(plan: Plan, name: str, section: SectionOf) -> float:
    """Return the median of milliseconds to the provider of messages that come one by one."""
    ports, messages = processes.free_ports(), min(plan.messages, _LONE)
    with (
        processes.folder(plan.directory) as folder,
        processes.provider() as provider,
        processes.bridge(folder, ports, {name: section(provider.port)}),
    ):
        processes.load(ports, name, messages=messages, binds=1, rate=_LONE_RATE)
        provider.await_messages(messages)
        return median(provider.waits()) * 1000


# -- isolation ------------------------------------------------------------------------------------


def isolation(plan: Plan) -> Iterator[Figures]:
    """One steady load on two bridges at once; one of them has a slow provider's traffic beside.

    At once, because other work of the machine would change p99 by more than a neighbour.
    """
    pace = _SHARE * _relayed(plan) / 2
    for number in range(plan.runs):
        arms = ("alone", "beside") if number % 2 == 0 else ("beside", "alone")
        found = dict(zip(arms, _steady(plan, pace, arms.index("beside")), strict=True))
        alone, beside = found["alone"], found["beside"]
        yield {
            "steady_per_s": pace,
            "lost": alone.pop("lost") + beside.pop("lost"),
            **{f"{name}_ratio": beside[name] / alone[name] for name in alone},
            **{f"alone_{name}_ms": value for name, value in alone.items()},
            **{f"beside_{name}_ms": value for name, value in beside.items()},
        }


def _relayed(plan: Plan) -> float:
    """Return how many messages a second a bridge without other work relays."""
    ports = processes.free_ports()
    with (
        processes.folder(plan.directory) as folder,
        processes.provider() as provider,
        processes.bridge(folder, ports, {"fast": configured.keccel(provider.port)}),
    ):
        load = processes.load(
            ports, "fast", messages=plan.messages, binds=plan.binds, window=plan.window
        )
        provider.await_messages(load["accepted"])
        counts = provider.counts()
    return rate(counts["distinct"], counts["last_at"] - load["began"])


def _steady(plan: Plan, pace: float, beside: int) -> list[dict[str, float]]:
    """Return the figures of a steady load on two bridges, by number; *beside* is one of the two."""
    seconds = plan.messages / pace + 2 * _FULL_AFTER
    traffic = {"messages": int(seconds * _SLOW_RATE), "rate": _SLOW_RATE, "binds": 1}
    with ExitStack() as stack:
        bridges = [stack.enter_context(_neighbours(plan)) for _ in range(2)]
        ports = [where for where, _ in bridges]
        stack.enter_context(processes.load_beside(ports[beside], "slow", **traffic))
        time.sleep(_FULL_AFTER)
        loads = processes.loads(ports, "fast", messages=plan.messages, rate=pace)
        return [_came_to(load, fast, pace) for load, (_, fast) in zip(loads, bridges, strict=True)]


@contextmanager
def _neighbours(plan: Plan) -> Iterator[tuple[configured.ListenPorts, processes.RunningSink]]:
    """Run a bridge with a fast provider and a slow one."""
    ports = processes.free_ports()
    with (
        processes.folder(plan.directory) as folder,
        processes.provider() as fast,
        processes.provider(delay=_SLOW) as slow,
    ):
        each = {"fast": fast, "slow": slow}
        sections = {name: configured.keccel(one.port) for name, one in each.items()}
        with processes.bridge(folder, ports, sections):
            yield ports, fast


def _came_to(
    load: Mapping[str, Any], provider: processes.RunningSink, pace: float
) -> dict[str, float]:
    """Return milliseconds to the answer and to the provider, and how many did not get there."""
    provider.await_messages(load["accepted"])
    waits = provider.waits()
    return {
        "resp_p99": load["p99_ms"],
        "relay_p50": median(waits) * 1000,
        "relay_p99": _p99(waits),
        "second_p99": median(_p99(some) for some in _seconds(waits, pace)),
        "lost": load["sent"] - provider.counts()["distinct"],
    }


def _p99(waits: Sequence[float]) -> float:
    return percentile(sorted(waits), 99) * 1000


def _seconds(waits: Sequence[float], pace: float) -> Iterator[Sequence[float]]:
    """Cut a steady load into seconds: a disturbance of one second leaves the others alone."""
    size = min(len(waits), max(1, round(pace)))
    for start in range(0, len(waits) - size + 1, size):
        yield waits[start : start + size]


# -- polls ----------------------------------------------------------------------------------------


def polls(plan: Plan) -> Iterator[Figures]:
    """A store of open messages that are asked about, and an idle bridge."""
    with processes.folder(plan.directory) as folder, processes.provider() as provider:
        section = {"mspace": configured.mspace_v2(provider.port, _POLLS.rate)}
        with processes.bridge(folder, processes.free_ports(), section) as bridge:
            idle = _cores(bridge, plan.seconds)
    with processes.folder(plan.directory) as folder, processes.provider() as provider:
        store = folder / "open.db"
        dues = fill_submitted(store, min(plan.stored, _OPEN), "mspace", _POLLS)
        section = {"mspace": configured.mspace_v2(provider.port, _POLLS.rate)}
        with processes.bridge(folder, processes.free_ports(), section, store=store) as bridge:
            begun = time.time()
            polling = _cores(bridge, plan.seconds)
            asked = _asked(provider.polls(), dues, begun)
    yield {
        **asked,
        "polling_cores": polling,
        "idle_cores": idle,
        "more_cores": polling - idle,
    }


def _cores(bridge: processes.RunningBridge, seconds: float) -> float:
    spent = bridge.cpu()
    time.sleep(seconds)
    return (bridge.cpu() - spent) / seconds


def _asked(
    asked: list[tuple[str, float]], dues: Mapping[str, tuple[float, float]], begun: float
) -> dict[str, float]:
    """Return the share of the rate used since *begun*, the messages overdue, the early questions.

    A message that is asked about again has a new due, counted from the last question.
    """
    due = {identifier: at for identifier, (at, _) in dues.items()}
    early = 0
    for identifier, at in asked:
        early += at < due[identifier]
        _, answered = dues[identifier]
        due[identifier] = _POLLS.next_look(at - _ON_ITS_WAY, answered)
    times = [at for _, at in asked if at >= begun]
    since = times[0] if times else begun
    opening = sum(at < since + _TICK / 2 for at in times)  # they come tick by tick
    found = rate(len(times) - opening, times[-1] - since) if times else 0.0
    return {
        "polls": len(times),
        "polls_per_s": found,
        "polls_used": found / _POLLS.rate,
        "overdue": sum(at < time.time() for at in due.values()),
        "early": early,
    }
