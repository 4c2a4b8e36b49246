"""Several daemons on one database: killed, stopped, cut off; books kept outside prove it.

SMPPBRIDGE_NODES_SEEDS: how many seeds of the tests with chance in them (1).
"""

from __future__ import annotations

import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.store.postgres.server import Server, programs
from tests.system.cluster import IN_FLIGHT, LEASE, Cluster, Submitter, pause
from tests.system.esme import Closed, Esme
from tests.system.provider import Provider

SEEDS = range(int(os.environ.get("SMPPBRIDGE_NODES_SEEDS", "1")))
OUT = 60
"""Requests that are out of a provider that answers none: 64, and a node without any wants 5 %."""
TEXTS = int(os.environ.get("SMPPBRIDGE_NODES_TEXTS", "400"))


def test_a_node_that_is_killed_is_gone_on_with(cluster: Cluster, provider: Provider) -> None:
    """Its messages that were out are Uncertain, those that waited are sent, its slot is free."""
    a, b = cluster.start("a", "b")
    with provider.held():
        with a.bound() as esme:
            answered = {f"t{n}": esme.submit(f"t{n}").message_id.decode() for n in range(200)}
            provider.await_taken(OUT)
            a.kill()
        at = time.monotonic()
        taken = b.await_event("node_taken_over")
        assert time.monotonic() - at < LEASE + 1.5
    assert (taken["node"], taken["slot"]) == ("a", 1)
    adopted = b.await_event("shards_adopted")
    assert adopted["slots"] == [1]
    assert adopted["interrupted"] + adopted["waiting"] == 200
    assert OUT <= adopted["interrupted"] <= IN_FLIGHT
    b.await_event("slot_given_back")
    assert cluster.balance(answered) == adopted["interrupted"]
    assert cluster.rows("select slot from node where not ended") == [(2,)]
    assert cluster.rows("select distinct shard from out") == [(2,)]
    a.start()
    assert a.await_event("node_started", 2)["slot"] == 1


def test_a_node_that_starts_again_on_its_machine_waits_for_no_lease(
    cluster: Cluster, provider: Provider
) -> None:
    [a] = cluster.start("a")
    a.await_event("node_started")  # a line that is not written yet dies with it
    with provider.held(), a.bound() as esme:
        answered = {f"t{n}": esme.submit(f"t{n}").message_id.decode() for n in range(5)}
        provider.await_taken(5)
        a.kill()
    a.start().await_event("node_started", 2)
    assert [(e["slot"], e["epoch"]) for e in a.events("node_started")] == [(1, 1), (1, 2)]
    assert cluster.balance(answered) == 5


def test_of_two_of_one_name_the_second_does_not_start(cluster: Cluster) -> None:
    [a] = cluster.start("a")
    second = cluster.add("another")
    second.settings["node"]["name"] = "a"
    second.spawn()
    assert second.end() == 78
    assert second.await_event("start_failed")["reason"].startswith("node 'a' lives: ")
    assert a.stop() == 0


def test_a_node_that_stops_hands_its_messages_over_at_once(
    cluster: Cluster, provider: Provider
) -> None:
    provider.refusal = "Internal error, try again"
    a, b = cluster.add("a"), cluster.add("b")
    a.keccel["base_url"] = "http://127.0.0.1:9/"
    a.start()
    b.start()
    provider.refusal = ""
    with a.bound() as esme:
        answered = {f"t{n}": esme.submit(f"t{n}").message_id.decode() for n in range(50)}
        assert a.stop() == 0
    at = time.monotonic()
    adopted = b.await_event("shards_adopted")
    assert time.monotonic() - at < LEASE
    assert (adopted["waiting"], adopted["interrupted"]) == (50, 0)
    assert cluster.balance(answered) == 0
    assert not b.events("node_taken_over")


@pytest.mark.parametrize("seed", SEEDS)
def test_kill_9_under_load(cluster: Cluster, seed: int) -> None:
    chance = random.Random(seed)
    nodes = cluster.start("a", "b", "c")
    submitters = [Submitter(f"s{n}", nodes, TEXTS).start() for n in range(3)]
    begun = 0
    for _ in range(2):
        threading.Event().wait(chance.uniform(0.2, 1.0))
        node = chance.choice(nodes)
        node.kill()
        begun += IN_FLIGHT
        threading.Event().wait(chance.choice((0.0, LEASE * 2)))
        node.start()
    answered = {k: v for each in submitters for k, v in each.wait().items()}
    assert cluster.balance(answered) <= begun


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("check", ["kept", "ignored"])
def test_stopped_for_longer_than_the_lease_under_load(
    cluster: Cluster, tmp_path: Path, seed: int, check: str
) -> None:
    """Without the check of its lease a node that wakes does all that it can: nothing is doubled."""
    (tmp_path / "sitecustomize.py").write_text(
        "from smppbridge.store.postgres.lease import Lease\nLease.holds = lambda *_: True\n"
    )
    path = os.environ.get("PYTHONPATH", "")
    ignoring = {"PYTHONPATH": os.pathsep.join(filter(None, (str(tmp_path), path)))}
    more: dict[str, Any] = ignoring if check == "ignored" else {}
    chance = random.Random(seed)
    nodes = [cluster.add(name).start(**more) for name in ("a", "b")]
    submitters = [Submitter(f"s{n}", nodes, TEXTS).start() for n in range(2)]
    threading.Event().wait(chance.uniform(0.2, 0.6))
    stopped, other = chance.sample(nodes, 2)
    pause(stopped, chance.uniform(LEASE * 1.5, LEASE * 2))
    other.await_event("node_taken_over")
    assert stopped.end() == 75
    assert stopped.events("node_testified")
    stopped.start(**more)
    answered = {k: v for each in submitters for k, v in each.wait().items()}
    cluster.balance(answered)


def test_stopped_in_the_middle_of_a_transaction(cluster: Cluster) -> None:
    """The server waits for the rest of it for ever, with the row of the node locked."""
    a, b = cluster.start("a", "b")
    with a.bound() as esme:
        cluster.proxies["a"].halve()
        with pytest.raises((Closed, TimeoutError)):
            esme.submit("a text")
    b.await_event("node_taken_over")
    cluster.proxies["a"].be("open")
    assert a.end() == 75
    cluster.balance({})


def test_cut_off_from_the_database(cluster: Cluster, provider: Provider) -> None:
    """No ESME_ROK; sessions are gone at 0.8 of the lease; it was given up, and starts anew."""
    a, b = cluster.start("a", "b")
    with a.bound() as esme:
        answered = {"before": esme.submit("before").message_id.decode()}
        cluster.proxies["a"].be("stopped")
        at = time.monotonic()
        with pytest.raises(Closed):
            esme.submit("never stored")
        assert time.monotonic() - at < LEASE
    assert a.get("/readyz")[0] == 503
    b.await_event("node_taken_over")
    cluster.proxies["a"].be("open")
    cluster.proxies["a"].cut()
    assert a.end() == 75
    cluster.balance(answered)


def test_a_commit_whose_answer_is_lost_is_found_out_about(
    cluster: Cluster, provider: Provider
) -> None:
    [a] = cluster.start("a")
    answered: dict[str, str] = {}
    with a.bound() as esme:
        for n in range(5):
            cluster.proxies["a"].be("answers")
            timer = threading.Timer(0.2, self_healing, (cluster, "a"))
            timer.start()
            response = esme.submit(f"t{n}")
            timer.join()
            if response.command_status == 0:
                answered[f"t{n}"] = response.message_id.decode()
            a.await_event("store_found", n + 1)
    assert answered
    assert cluster.balance(answered) == 0
    assert cluster.rows("select count(*) from message") == [(len(answered),)]


_WAITS_FOR_A_LOCK = (
    "select count(*) from pg_stat_activity"
    " where wait_event_type = 'Lock' and datname = current_database()"
)


def test_a_commit_that_is_not_found_out_about_within_the_lease(
    cluster: Cluster, provider: Provider
) -> None:
    """It came through, and nobody is told so: the session ends without an answer."""
    import psycopg

    [a] = cluster.start("a")
    dsn = cluster.server.dsn(cluster.name)
    with a.bound() as esme, ThreadPoolExecutor(1) as thread, psycopg.connect(dsn) as other:
        other.execute("lock table message in share row exclusive mode")
        answer = thread.submit(esme.submit, "stored")
        cluster.await_rows(_WAITS_FOR_A_LOCK, [(1,)])
        cluster.proxies["a"].be("answers")
        other.commit()
        with pytest.raises(Closed):
            answer.result()
    a.await_event("node_suspended")
    self_healing(cluster, "a")
    a.await_event("node_goes_on")
    provider.await_taken(1)
    assert cluster.balance({}) == 0
    assert cluster.rows("select count(*) from message") == [(1,)]
    cluster.await_ready("a")


def test_esmes_of_a_node_that_was_given_up_bind_elsewhere_all_at_once(cluster: Cluster) -> None:
    """None waits for a penalty, and none is refused: no password is wrong, and places are free."""
    a, b = cluster.add("a"), cluster.add("b")
    for node in (a, b):
        node.settings["accounts"] = [
            {"system_id": name, "password": "secret", "binds": 8} for name in ("bank", "shop")
        ]
        node.start()
    with ExitStack() as sessions:
        before = [sessions.enter_context(a.bound(system_id=n)) for n in ("bank", "shop") * 8]
        evict(cluster, "a")
        for esme in before:
            with suppress(OSError):
                esme.await_end()
        after = [sessions.enter_context(Esme(b.smpp)) for _ in before]
        with ThreadPoolExecutor(len(after)) as at_once:
            names = ("bank", "shop") * 8
            bound = [at_once.submit(e.bind, system_id=n) for e, n in zip(after, names, strict=True)]
            assert {each.result() for each in bound} == {0}
        assert after[0].submit("goes on").command_status == 0
    assert a.end() == 75
    assert not b.events("session_refused")
    assert not b.events("session_slowed")


def evict(cluster: Cluster, name: str) -> None:
    import psycopg

    from smppbridge.store.postgres import members

    with psycopg.connect(cluster.server.dsn(cluster.name), autocommit=True) as db:
        members.evict(db, name)


def self_healing(cluster: Cluster, name: str) -> None:
    cluster.proxies[name].cut()
    cluster.proxies[name].be("open")


@pytest.mark.parametrize("how", ["fast", "immediate"])
def test_the_database_restarts(tmp_path: Path, provider: Provider, how: str) -> None:
    """However long it is away, nobody is taken over, and nothing is lost."""
    database = Server(programs(), fsync="on")
    database.start()
    cluster = Cluster(tmp_path, provider, database)
    try:
        nodes = cluster.start("a", "b")
        submitters = [Submitter(f"s{n}", nodes, TEXTS).start() for n in range(2)]
        threading.Event().wait(0.5)
        database.stop(how)
        for node in nodes:
            node.await_event("node_suspended")
            assert node.get("/readyz")[0] == 503
        threading.Event().wait(LEASE)
        database.start()
        for node in nodes:
            node.await_event("node_goes_on")
        answered = {k: v for each in submitters for k, v in each.wait().items()}
        assert cluster.balance(answered) == 0
        assert not [e for node in nodes for e in node.events("node_taken_over")]
        assert [node.get("/readyz")[0] for node in nodes] == [200, 200]
    finally:
        cluster.close()
        database.stop("immediate")
        database.remove()


def test_a_node_that_is_taken_over_while_it_starts_ends(cluster: Cluster) -> None:
    """Whatever it waits for: of a store that is another's no call is answered any more."""
    import psycopg

    a = cluster.add("a")
    with psycopg.connect(cluster.server.dsn(cluster.name)) as other:
        other.execute("lock table early in access exclusive mode")  # it reads it at the start
        a.spawn()
        cluster.await_rows(_WAITS_FOR_A_LOCK, [(1,)])
        other.execute("update node set ended = true, epoch = epoch + 1 where name = 'a'")
    assert a.end() == 75
    assert a.events("node_fenced")
    assert not a.events("started")
    assert a.start().stop() == 0


def test_a_node_whose_database_goes_while_it_starts_can_be_stopped(cluster: Cluster) -> None:
    import psycopg

    a = cluster.add("a")
    with psycopg.connect(cluster.server.dsn(cluster.name)) as other:
        other.execute("lock table paused in access exclusive mode")  # it asks who is paused
        a.spawn()
        cluster.await_rows(_WAITS_FOR_A_LOCK, [(1,)])
        cluster.proxies["a"].be("closed")
        cluster.proxies["a"].cut()
        a.await_event("store_lost")
        assert a.stop() == 0
    assert not a.events("started")


def test_no_database_at_the_start_is_waited_for(cluster: Cluster) -> None:
    a = cluster.add("a")
    cluster.proxies["a"].be("closed")
    a.spawn()
    a.await_event("store_awaited")
    cluster.proxies["a"].be("open")
    a.await_notice("READY=1")
    assert a.stop() == 0


def test_who_waits_for_a_database_can_be_stopped(cluster: Cluster) -> None:
    a = cluster.add("a")
    cluster.proxies["a"].be("closed")
    a.spawn()
    a.await_event("store_awaited")
    assert a.stop() == 0
    assert not a.events("start_failed")


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ("store", "synchronous_standby_names of the database is empty"),
        ("schema", "`smppbridge migrate` makes it"),
    ],
)
def test_a_database_that_is_not_fit_is_a_matter_for_people(
    cluster: Cluster, changed: str, says: str
) -> None:
    a = cluster.add("a")
    if changed == "store":
        a.settings["store"]["synchronous"] = "require"
    else:
        cluster.rows("drop schema public, reading cascade")
        cluster.rows("create schema public")
    a.spawn()
    assert a.end() == 78
    assert says in a.await_event("start_failed")["reason"]


def test_without_a_standby_a_node_says_so_if_it_is_to_warn(cluster: Cluster) -> None:
    a = cluster.add("a")
    a.settings["store"]["synchronous"] = "warn"
    a.start()
    a.await_event("store_not_synchronous")
    assert a.stop() == 0
