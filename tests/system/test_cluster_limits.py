"""The limits of a cluster: binds, throughput and rates are those of all nodes together."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from smppbridge.smpp.constants import CommandStatus as Status
from tests.patience import PATIENCE
from tests.system.cluster import Cluster
from tests.system.daemon import Daemon
from tests.system.esme import Closed, Esme, Load
from tests.system.provider import Provider

RATE = 40
POLLS = 10
SLACK = 0.5
"""Seconds: polls are noted when they come."""
_BOUND = "select slot, count(*) from bound group by slot order by slot"


@contextmanager
def awake(*esmes: Esme) -> Iterator[None]:
    """Let sessions answer enquire_link meanwhile."""
    ended = threading.Event()

    def answer(esme: Esme) -> None:
        while not ended.is_set():
            with suppress(TimeoutError, Closed, OSError):
                esme.take_in(esme.read(0.1))

    threads = [threading.Thread(target=answer, args=(esme,)) for esme in esmes]
    for thread in threads:
        thread.start()
    yield
    ended.set()
    for thread in threads:
        thread.join()


def two(cluster: Cluster, binds: int) -> list[Daemon]:
    nodes = [cluster.add(name) for name in "ab"]
    for node in nodes:
        node.settings["accounts"][0]["binds"] = binds
        node.start()
    return nodes


def test_binds_are_counted_over_nodes_and_those_of_a_dead_node_are_free(cluster: Cluster) -> None:
    a, b = two(cluster, binds=2)
    with a.bound() as first, b.bound() as second, Esme(b.smpp) as third:
        with awake(first, second):
            assert third.bind() == Status.ESME_RBINDFAIL
        assert b.await_event("session_refused")["reason"] == "binds"
        second.socket.close()
        cluster.await_rows(_BOUND, [(1, 1)])
        with b.bound() as fourth, awake(fourth):
            a.kill()
            b.await_event("node_taken_over")
            with b.bound():
                cluster.await_rows(_BOUND, [(2, 2)])
    cluster.await_rows(_BOUND, [])


def test_throughput_of_an_account_is_that_of_all_nodes(cluster: Cluster) -> None:
    """Both nodes are asked for more than the account may send; one alone has all of it."""
    nodes = [cluster.add(name) for name in "ab"]
    for node in nodes:
        node.settings["accounts"][0] |= {"throughput": RATE}
        node.start()
    passed: list[float] = []
    asked: list[float] = []

    def submit(node: Daemon, until: float) -> None:
        with node.bound() as esme:
            while time.monotonic() < until:
                response = esme.submit("x")
                asked.append(time.monotonic())
                if response.command_status == Status.ESME_ROK:
                    passed.append(time.monotonic())
                else:
                    assert response.command_status == Status.ESME_RTHROTTLED

    for group in (nodes, nodes[:1]):
        begun = time.monotonic()
        threads = [threading.Thread(target=submit, args=(n, begun + 6.0)) for n in group]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        # answers of a busy machine come in bursts: what was taken together is counted together
        took = [at - begun for at in passed if at >= begun]
        assert len(took) <= RATE * (max(took) + 1.0) + len(nodes)
        late = [len([at for at in which if at > begun + 3.0]) for which in (passed, asked)]
        assert late[0] >= min(RATE * 3.0, late[1]) * 0.5  # a slow machine asks for less


def test_a_silent_session_at_another_node_gives_way(cluster: Cluster) -> None:
    a, b = two(cluster, binds=1)
    with a.bound(), b.bound():
        assert a.await_event("session_ended")["reason"].startswith("silent")
        cluster.await_rows(_BOUND, [(2, 1)])


def test_without_its_database_a_node_lets_nobody_bind(cluster: Cluster) -> None:
    """Nobody can say how many are bound elsewhere."""
    a, _ = two(cluster, binds=1)
    cluster.proxies["a"].be("closed")
    cluster.proxies["a"].cut()
    a.await_event("store_lost")
    with Esme(a.smpp) as esme:
        assert esme.bind() == Status.ESME_RBINDFAIL
    assert a.await_event("session_refused")["reason"] == "places_unknown"


class Asked(Provider):
    """A provider that is asked about messages that never end; it notes when, and their arrivals."""

    def __init__(self) -> None:
        super().__init__()
        self.state, self.polls, self.arrivals = "SENT", list[float](), list[float]()

    def take(self, text: str) -> str | None:
        with self.changed:
            self.arrivals.append(time.monotonic())
        return super().take(text)

    def state_of(self, identifier: str) -> str:
        with self.changed:
            self.polls.append(time.monotonic())
            self.changed.notify_all()
        return super().state_of(identifier)

    def await_polls(self, count: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.polls) >= count, PATIENCE), self.polls


@pytest.fixture
def asked() -> Iterator[Asked]:
    provider = Asked()
    yield provider
    provider.close()


def test_the_polls_of_a_provider_are_those_of_all_nodes(tmp_path: Path, asked: Asked) -> None:
    """Each node has more to ask than the provider may be asked; then one of them has all of it."""
    cluster = Cluster(tmp_path, asked)
    try:
        for name in "ab":
            cluster.add(name).keccel.update(reports="poll", poll_rate=POLLS)
        for node in [cluster.nodes[name].start() for name in "ab"]:
            with node.bound() as esme:
                for n in range(4 * POLLS):
                    assert esme.submit(f"{node.smpp}-{n}").command_status == Status.ESME_ROK
        cluster.await_rows("select count(*) from out where stage = 3", [(8 * POLLS,)])
        for alone in (False, True):
            if alone:
                cluster.nodes["b"].kill()
                cluster.nodes["a"].await_event("shards_adopted")
            before, begun = len(asked.polls), time.monotonic()
            asked.await_polls(before + 6 * POLLS)
            took = time.monotonic() - begun
            assert took > 6 - 1 - SLACK  # a bucket holds what a second brings
    finally:
        cluster.close()


def test_the_rate_of_a_provider_is_that_of_all_nodes(tmp_path: Path, asked: Asked) -> None:
    """Two nodes have more to send than it takes; then one, for the other is dead; then two again.

    In no stretch of any length are there more than the rate allows, and what a bucket holds: the
    messages of a second.
    """
    cluster = Cluster(tmp_path, asked)
    try:
        for name in "abc":
            cluster.add(name).keccel.update(reports="push", rate=RATE)
        for name, texts in zip("ab", (10 * RATE, 6 * RATE), strict=True):
            cluster.nodes[name].start()
            Load([f"{name}-{n}" for n in range(texts)]).run(cluster.nodes[name].smpp)
        asked.await_taken(len(asked.arrivals) + 3 * RATE)
        cluster.nodes["b"].kill()
        cluster.nodes["a"].await_event("shards_adopted")
        asked.await_taken(len(asked.arrivals) + 2 * RATE)
        cluster.nodes["c"].start()
        Load([f"c-{n}" for n in range(6 * RATE)]).run(cluster.nodes["c"].smpp)
        asked.await_taken(len(asked.arrivals) + 4 * RATE)
    finally:
        cluster.close()
    arrivals = asked.arrivals
    for first, begun in enumerate(arrivals):
        for last in range(first + 2 * RATE, len(arrivals)):
            most = RATE * (arrivals[last] - begun + 1.0 + SLACK)
            assert last - first <= most, (first, last, begun - arrivals[0])
