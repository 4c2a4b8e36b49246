"""A node does not reach a provider, or its ESMEs: nothing else changes, and messages come once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.system.cluster import LEASE, Cluster, Submitter
from tests.system.daemon import TOKEN, Daemon
from tests.system.esme import Closed, Esme, Load
from tests.system.provider import Provider
from tests.system.proxy import Conversations, Proxy

OTHERS = "250710000001"
"""A number that another provider has the messages of."""


@pytest.fixture
def other() -> Iterator[Provider]:
    """A provider that nobody is cut off from."""
    made = Provider()
    yield made
    made.close()


@pytest.fixture
def link(provider: Provider) -> Iterator[Conversations]:
    """The way of one node to its provider."""
    made = Conversations(provider.server_port)
    yield made
    made.close()


def at_two_providers(daemon: Daemon, other: Provider) -> Daemon:
    """Let a node have a provider besides, for some numbers."""
    more = {"type": "keccel", "token": TOKEN, "base_url": other.url, "first_poll": 1}
    daemon.settings["providers"]["other"] = {**daemon.keccel, **more}
    daemon.settings["routes"] = [{"to": "250", "via": ["other"]}, {"via": ["keccel"]}]
    return daemon


def noticed(cluster: Cluster) -> list[str]:
    """Return the events so far of nodes that are not as they should be."""
    events = ("node_taken_over", "node_suspended", "node_fenced", "store_lost")
    return [e["event"] for n in cluster.nodes.values() for name in events for e in n.events(name)]


def nobody_noticed(cluster: Cluster, sessions: int, before: list[str]) -> None:
    """Check that all nodes live as *before*: no take-over, no suspension, ready, all bound."""
    assert noticed(cluster) == before
    for node in cluster.nodes.values():
        assert node.get("/readyz")[0] == 200
    cluster.await_rows("select count(*) from bound", [(sessions,)])


@pytest.mark.parametrize("heals", ["by itself", "after a reset"])
def test_cut_off_from_a_provider(
    cluster: Cluster, provider: Provider, other: Provider, link: Conversations, heals: str
) -> None:
    """Its other lane and the other node go on; what was sent and not answered is Uncertain."""
    a = at_two_providers(cluster.add("a"), other)
    a.keccel["base_url"] = f"http://127.0.0.1:{link.port}/sms/v2"
    b = at_two_providers(cluster.add("b"), other)
    a.start()
    b.start()
    answered: dict[str, str] = {}
    with a.bound() as at_a, b.bound() as at_b:
        answered["first"] = at_a.submit("first").message_id.decode()
        cluster.await_rows("select count(*) from fate", [(1,)])
        before = noticed(cluster)  # a busy machine starts them slowly
        link.be("answers")  # requests reach the provider, its answers are lost
        for n in range(100):
            answered[f"a{n}"] = at_a.submit(f"a{n}").message_id.decode()
        provider.await_taken(2)
        threading.Event().wait(LEASE * 1.5)
        answered["lane"] = at_a.submit("lane", OTHERS).message_id.decode()
        answered["node"] = at_b.submit("node").message_id.decode()
        gone_on = f"{answered['lane']}, {answered['node']}"
        cluster.await_rows(f"select count(*) from fate where message_id in ({gone_on})", [(2,)])
        nobody_noticed(cluster, 2, before)
        if heals == "after a reset":
            link.cut()
        link.be("open")
        unsure = cluster.balance(answered, besides=[other])
        nobody_noticed(cluster, 2, before)
    sent = [octets for octets in link.unanswered if b'"message"' in octets]
    assert unsure == len(sent)
    assert (unsure > 0) is (heals == "after a reset")
    assert set(provider.taken) | set(other.taken) == set(answered)


@pytest.mark.parametrize("way", ["stopped", "answers", "requests"])
def test_cut_off_from_its_esmes(cluster: Cluster, provider: Provider, way: str) -> None:
    """Sessions at the other node, and others at this one, go on; each message comes once."""
    a, b = cluster.start("a", "b")
    door = Proxy(a.smpp, holds=True)
    try:
        load = Load([f"cut{n}" for n in range(100_000)], window=5)
        ended = threading.Thread(target=_submit, args=(door.port, load))
        ended.start()
        provider.await_taken(20)
        with a.bound() as beside:
            cluster.await_rows("select count(*) from bound", [(2,)])
            before = noticed(cluster)
            door.be(way)  # type: ignore[arg-type]
            answered = {"beside": beside.submit("beside").message_id.decode()}
            submitters = [Submitter(f"s{n}", [a, b], 100).start() for n in range(2)]
            for each in submitters:
                answered |= each.wait()
            threading.Event().wait(LEASE * 1.5)
            nobody_noticed(cluster, 2, before)
            door.cut()
            door.be("open")
            ended.join()
            cluster.await_rows("select count(*) from bound", [(1,)])
            answered["after"] = _once(door.port, "after")
            assert cluster.balance(answered | load.answered) == 0
            nobody_noticed(cluster, 1, before)
        assert len(load.unanswered) <= 5
        rows = cluster.rows("select convert_from(body, 'UTF8') from message")
        stored = Counter(text for (text,) in rows)
        assert set(stored.values()) == {1}
        assert set(stored) - set(answered) - set(load.answered) <= set(load.unanswered)
    finally:
        door.close()


def _submit(port: int, load: Load) -> None:
    """Submit until the connection is cut."""
    with suppress(Closed, OSError), Esme(port) as esme:
        assert esme.bind() == 0
        load.go_on(esme)


def _once(port: int, text: str) -> str:
    with Esme(port) as esme:
        assert esme.bind() == 0
        return str(esme.submit(text).message_id.decode())
