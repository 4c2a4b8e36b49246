"""A node that restarts in place: its sessions pass, and no other node takes its messages over."""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.patience import PATIENCE
from tests.system.cluster import LEASE, Cluster, pause
from tests.system.esme import Esme, Load
from tests.system.provider import Provider
from tests.system.test_restart import restart

ROUNDS, SESSIONS = 2, 3
PACE = 0.3  # seconds between 10 submit_sm of a session


@pytest.fixture
def lease() -> float:
    return 10.0


def await_receipts_of(esmes: list[Esme], wanted: set[str]) -> list[str]:
    """Read receipts on all sessions until all *wanted* are there; return all, by message_id."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = [receipt.message_id for esme in esmes for receipt in esme.receipts]
        if wanted <= set(found):
            return found
        assert time.monotonic() < deadline, wanted - set(found)
        for esme in esmes:
            with suppress(TimeoutError):
                esme.take_in(esme.read(0.05))


def test_a_node_restarts_under_load(cluster: Cluster, provider: Provider) -> None:
    """Sessions and slot are kept, each message is sent once, each receipt comes once."""
    a, b = cluster.start("a", "b")
    provider.callback = a.callback
    loads, over = [Load([], window=5) for _ in range(SESSIONS)], Event()
    with ExitStack() as sessions:
        esmes = [sessions.enter_context(a.bound()) for _ in loads]

        def submit(index: int) -> None:
            load, count = loads[index], 0
            while not over.wait(PACE):
                load.texts = [f"{index} {count + n}" for n in range(10)]
                count += 10
                load.go_on(esmes[index])

        threads = [Thread(target=submit, args=(index,)) for index in range(SESSIONS)]
        for thread in threads:
            thread.start()
        for count in range(1, ROUNDS + 1):
            already = sum(len(load.answered) for load in loads)
            assert restart(a, count)["sessions"] == SESSIONS
            provider.await_taken(already)
        over.set()
        for thread in threads:
            thread.join(PATIENCE)
        assert not any(load.unanswered or load.refused for load in loads)
        answered = {k: v for load in loads for k, v in load.answered.items()}
        receipts = await_receipts_of(esmes, set(answered.values()))
        assert len(receipts) == len(set(receipts))
        assert not a.events("session_ended")
    assert cluster.balance(answered) == 0
    assert [(e["slot"], e["epoch"]) for e in a.events("node_started")] == [
        (1, n) for n in range(1, ROUNDS + 2)
    ]
    assert not [e for node in (a, b) for e in node.events("node_taken_over")]
    assert not [e for node in (a, b) for e in node.events("node_suspended")]
    assert not [e for node in (a, b) for e in node.events("unhandled_error")]
    assert cluster.rows("select slot, silent_for from node where not ended order by slot") == [
        (1, 0.0),
        (2, 0.0),
    ]
    assert (a.stop(), b.stop()) == (0, 0)


def test_without_a_database_a_node_does_not_restart(cluster: Cluster) -> None:
    [a] = cluster.start("a")
    cluster.proxies["a"].be("closed")
    cluster.proxies["a"].cut()
    a.await_event("store_lost")
    a.signal(signal.SIGUSR2)
    assert a.await_event("restart_refused")["reason"] == "the database does not answer"
    cluster.proxies["a"].be("open")
    a.await_event("store_found")
    restart(a)
    assert a.stop() == 0


def test_a_node_that_is_slow_to_restart_is_waited_for(tmp_path: Path, provider: Provider) -> None:
    """It is silent for much longer than its lease, and said so before."""
    cluster = Cluster(tmp_path, provider)
    try:
        a, b = cluster.start("a", "b")
        with a.bound() as esme:
            answered = {"before": esme.submit("before").message_id.decode()}
            a.signal(signal.SIGUSR2)
            a.await_event("restarting")
            pause(a, LEASE * 2.5)
            assert a.await_event("adopted")["sessions"] == 1
            answered["after"] = esme.submit("after").message_id.decode()
        assert cluster.balance(answered) == 0
        assert not b.events("node_taken_over")
        assert a.stop() == 0
    finally:
        cluster.close()


def test_a_version_that_the_schema_does_not_suit_is_not_started(cluster: Cluster) -> None:
    """It would end with 78 after exec, and all sessions with it."""
    [a] = cluster.start("a")
    cluster.rows("insert into schema (number) values (999)")
    with a.bound() as esme:
        a.signal(signal.SIGUSR2)
        assert "the store has schema 999" in a.await_event("restart_refused")["reason"]
        assert esme.submit("goes on").command_status == 0
    assert a.stop() == 0
