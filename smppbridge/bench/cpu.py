"""CPU a message of the bridge process, stretch by stretch: steady on a busy machine.

A run is three bridges one after the other, each with the same load: one whose provider never
answers (accept), one that relays (accept and relay), one that also gets reports and delivers
receipts.  A stretch is the difference between two of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from smppbridge.bench import processes
from smppbridge.bench.configured import keccel
from smppbridge.bench.figures import Figures
from smppbridge.bench.plan import Plan
from smppbridge.bench.processes import Spent
from smppbridge.bench.trees import OURS, Tree

_NEVER = 3_600.0  # seconds
_WARMING = 10  # one message for so many that are measured
_REST, _AT_REST = 0.1, 0.003  # seconds between looks, and of CPU in them
_LONGEST_REST = 10.0
_WAYS = ("accepted", "relayed", "receipted")


def cpu(plan: Plan) -> Iterator[Figures]:
    """CPU a message by stretch and by thread; against another version, the two by turns."""
    trees = {"": OURS, **({"other_": Tree(plan.against)} if plan.against else {})}
    for number in range(plan.runs):
        spent: dict[tuple[str, str], Spent] = {}
        for way in _WAYS:
            for name in sorted(trees, reverse=number % 2 == 1):
                spent[name, way] = _spent(plan, trees[name], way)
        yield _figures({key: seconds.each(plan.messages) for key, seconds in spent.items()})


def _figures(spent: dict[tuple[str, str], Spent]) -> Figures:
    """Return microseconds a message, and ratios if there are two versions."""
    stretches = {name: _stretches(*(spent[name, way] for way in _WAYS)) for name, _ in spent}
    ours, other = stretches[""], stretches.get("other_")
    figures = {f"cpu_{name}_us": value for name, value in ours.items()}
    if other is None:
        return figures
    ratios = {f"cpu_{name}_ratio": ours[name] / other[name] for name in ours}
    return figures | {f"other_{name}_us": value for name, value in other.items()} | ratios


def _stretches(accepted: Spent, relayed: Spent, receipted: Spent) -> dict[str, float]:
    return {
        "accept": accepted.total,
        "relay": relayed.total - accepted.total,
        "receipt": receipted.total - relayed.total,
        "relayed": relayed.total,
        "relayed_reactor": relayed.reactor,
        "relayed_store": relayed.store,
        "relayed_http": relayed.http,
        "receipted": receipted.total,
        "receipted_reactor": receipted.reactor,
        "receipted_store": receipted.store,
        "receipted_http": receipted.http,
    }


def _spent(plan: Plan, tree: Tree, way: str) -> Spent:
    """Let one bridge relay a small load and a whole one; return the CPU of the whole load."""
    with _loaded(plan, tree, way) as (bridge, load):
        load(plan.messages // _WARMING + 1)
        before = _at_rest(bridge)
        load(plan.messages)
        return _at_rest(bridge).since(before)


@contextmanager
def _loaded(
    plan: Plan, tree: Tree, way: str
) -> Iterator[tuple[processes.RunningBridge, Callable[[int], None]]]:
    """Run a bridge with its provider; yield both the bridge and a function that makes a load."""
    ports, receipts = processes.free_ports(), way == "receipted"
    delay = _NEVER if way == "accepted" else 0.0
    with (
        processes.folder(plan.directory) as folder,
        processes.provider(ports.report_to if receipts else None, delay) as provider,
        processes.bridge(
            folder,
            ports,
            {"keccel": keccel(provider.port)},
            tree=tree,
            killed=True,
            binds=plan.binds,
            window=plan.window,
        ) as bridge,
    ):

        def load(messages: int) -> None:
            found = processes.load(
                ports,
                messages=messages,
                binds=plan.binds,
                window=plan.window,
                receipts=receipts,
            )
            if way == "relayed":
                provider.await_messages(messages)
            if found["accepted"] < messages or (receipts and found["missing"]):
                raise processes.BenchFailed(f"messages were lost on the way to {way}: {found}")

        yield bridge, load


def _at_rest(bridge: processes.RunningBridge) -> Spent:
    """Return the bridge's CPU as soon as the bridge is idle."""
    deadline = time.monotonic() + _LONGEST_REST
    before, spent = bridge.spent(), None
    while spent is None or (spent.total - before.total > _AT_REST and time.monotonic() < deadline):
        before = spent or before
        time.sleep(_REST)
        spent = bridge.spent()
    return spent
