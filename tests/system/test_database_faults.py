"""Faults of the database: refused at the start, waited for, or lived through."""

from __future__ import annotations

import shutil
import threading
import time
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.patience import PATIENCE
from tests.store.postgres.server import Server, programs
from tests.store.postgres.standby import networked, pair
from tests.system.cluster import IN_FLIGHT, LEASE, Cluster, Submitter
from tests.system.daemon import Daemon
from tests.system.esme import Closed, Esme, Load
from tests.system.provider import Provider


def refused(daemon: Daemon, **environment: str) -> str:
    """Start a node that must not start; return why not."""
    daemon.spawn(None, **environment)
    assert daemon.end() == 78
    return str(daemon.await_event("start_failed")["reason"])


def await_ready(daemon: Daemon) -> None:
    """Wait until a node says that it is ready."""
    end = time.monotonic() + PATIENCE
    while daemon.get("/readyz")[0] != 200:
        assert time.monotonic() < end, daemon.get("/readyz")
        threading.Event().wait(0.05)


def called_back(daemon: Daemon) -> int:
    """Call back about a message that nobody knows; return the HTTP status."""
    connection = HTTPConnection("127.0.0.1", daemon.callbacks, timeout=PATIENCE)
    connection.request("GET", f"{daemon.callback[1]}?messageID=kc-0&status=DELIVERED")
    status = connection.getresponse().status
    connection.close()
    return status


# -- at the start ---------------------------------------------------------------------------------


def test_without_a_standby_that_is_required_a_node_does_not_start(cluster: Cluster) -> None:
    a = cluster.add("a")
    a.settings["store"]["synchronous"] = "require"
    assert "synchronous_standby_names of the database is empty" in refused(a)


def test_on_an_empty_database_a_node_does_not_start(cluster: Cluster) -> None:
    cluster.server.execute("drop schema public cascade; create schema public", cluster.name)
    assert "smppbridge migrate" in refused(cluster.add("a"))


def test_on_a_newer_schema_a_node_does_not_start(cluster: Cluster) -> None:
    cluster.rows("insert into schema (number) values (9999) returning number")
    assert refused(cluster.add("a")).startswith("the store has schema 9999")


def test_on_the_database_of_others_a_node_does_not_start(cluster: Cluster) -> None:
    cluster.server.execute("drop table decision cascade", cluster.name)
    assert refused(cluster.add("a")) == "the database is one of another program"


@pytest.mark.parametrize(("offset", "word"), [("-6s", "slow"), ("+6s", "fast")])
def test_with_a_clock_that_is_off_by_5_s_a_node_does_not_start(
    cluster: Cluster, offset: str, word: str
) -> None:
    library = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
    if not shutil.which("faketime") or not library.exists():
        pytest.skip("NO faketime: A CLOCK THAT IS OFF IS NOT TESTED")
    faked = {"LD_PRELOAD": str(library), "FAKETIME": offset, "DONT_FAKE_MONOTONIC": "1"}
    assert f"this one is {word}" in refused(cluster.add("a"), **faked)


def test_without_a_partition_to_come_a_node_is_not_ready(cluster: Cluster) -> None:
    """Nobody can make it: a table of that name is there, and is another one."""
    tomorrow = f"note_{datetime.now(UTC) + timedelta(days=1):%Y%m%d}"
    cluster.server.execute(f"drop table {tomorrow}", cluster.name)
    cluster.server.execute(f"create table {tomorrow} (odd int)", cluster.name)
    [a] = cluster.start("a")
    event = a.await_event("partitions_not_made")
    assert event["ahead"] == 0
    status, body = a.get("/readyz")
    assert (status, '"partitions": false' in body) == (503, True)


# -- away -----------------------------------------------------------------------------------------


def test_while_the_database_is_away_nobody_is_served(tmp_path: Path, provider: Provider) -> None:
    """No ESME_ROK, no bind, no callback; sessions are gone at 0.8 of the lease; and back."""
    database = Server(programs(), fsync="on")
    database.start()
    cluster = Cluster(tmp_path, provider, database)
    try:
        a, b = cluster.start("a", "b")
        with a.bound() as esme:
            answered = {"first": esme.submit("first").message_id.decode()}
            database.stop("fast")
            at = time.monotonic()
            try:
                while True:  # each is refused, until the session ends without an answer
                    assert esme.submit("refused").command_status != 0
            except (Closed, ConnectionError):
                assert time.monotonic() - at < LEASE
        for node in (a, b):
            node.await_event("node_suspended")
            assert node.get("/readyz")[0] == 503
            assert called_back(node) == 503
            with pytest.raises((Closed, ConnectionError, AssertionError)), Esme(node.smpp) as esme:
                assert esme.bind() == 0
        database.start()
        for node in (a, b):
            node.await_event("node_goes_on")
            await_ready(node)
            with node.bound() as esme:
                answered[node.file.parent.name] = esme.submit(
                    node.file.parent.name
                ).message_id.decode()
        assert cluster.balance(answered) == 0
        assert set(provider.taken) == {"first", "a", "b"}
        assert not [e for node in (a, b) for e in node.events("node_taken_over")]
    finally:
        cluster.close()
        database.stop("immediate")
        database.remove()


def test_fail_over_to_a_synchronous_standby_that_was_cut_off_before(
    tmp_path: Path, provider: Provider
) -> None:
    """Nothing is lost, nothing is doubled: what the standby has not was never answered."""
    with pair() as servers:
        cluster = Cluster(tmp_path, provider, servers=servers)
        try:
            nodes = cluster.start("a", "b")
            submitters = [Submitter(f"s{n}", nodes, 400).start() for n in range(2)]
            provider.await_taken(20)
            servers.standby.stream.be("stopped")
            servers.await_primary("select 1 from pg_stat_activity where wait_event = 'SyncRep'")
            threading.Event().wait(0.5)
            cluster.fail_over()
            answered = {k: v for each in submitters for k, v in each.wait().items()}
            assert len(answered) > 400
            ends = [e for node in nodes for e in node.events("node_taken_over")]
            assert cluster.balance(answered) <= IN_FLIGHT * len(ends)
        finally:
            cluster.close()


HELD = """
    create function held() returns trigger language plpgsql as $$
    begin perform pg_advisory_xact_lock(12); return new; end $$;
    create trigger held before update on node for each row
    when (old.adopter is not null and new.adopter is null) execute function held();
"""
"""A slot is given back only while nobody has the lock 12."""
_ASKS = "select pid from pg_stat_activity where wait_event = 'advisory'"


@pytest.mark.parametrize("reached", ["the primary alone", "the standby too"])
def test_fail_over_while_the_answer_to_a_give_back_is_lost(
    tmp_path: Path, provider: Provider, reached: str
) -> None:
    """Whether the commit came through or not, one node alone has the shard; nothing is doubled."""
    with pair() as servers:
        cluster = Cluster(tmp_path, provider, lease=20.0, servers=servers)
        servers.primary.execute(HELD, cluster.name)
        try:
            a, b = cluster.start("a", "b")
            with provider.held(), a.bound() as esme:
                answered = {f"t{n}": esme.submit(f"t{n}").message_id.decode() for n in range(150)}
                provider.await_taken(20)
                a.kill()
            submitter = Submitter("s", [b], 300).start()
            interrupted = _give_back_unanswered(cluster, b, both=reached == "the standby too")
            cluster.fail_over()
            assert b.await_event("store_found")["committed"] is (reached == "the standby too")
            b.await_event("slot_given_back")
            assert a.start().await_event("node_started", 2)["slot"] == 1
            answered |= submitter.wait()
            for node in (a, b):
                with node.bound() as esme:
                    name = node.file.parent.name
                    answered[name] = esme.submit(name).message_id.decode()
            assert cluster.balance(answered) == interrupted
            assert cluster.rows("select slot from node where adopter is not null") == []
        finally:
            cluster.close()


def _give_back_unanswered(cluster: Cluster, heir: Daemon, *, both: bool) -> int:
    """Let *heir* have the shard of a, and commit that it gives the shard back, unanswered.

    The commit is on the primary, and on *both* servers if so said.  Returns how many attempts were
    interrupted.
    """
    import psycopg

    from smppbridge.store.postgres import members

    servers = cluster.servers
    assert servers
    with psycopg.connect(servers.primary.dsn(cluster.name), autocommit=True) as db:
        db.execute("select pg_advisory_lock(12)")
        members.evict(db, "a")
        interrupted = int(heir.await_event("shards_adopted")["interrupted"])
        [(pid,)] = servers.await_primary(_ASKS)
        servers.standby.stream.be("requests" if both else "stopped")
    commits = "select 1 from pg_stat_activity where wait_event = 'SyncRep' and pid = "
    servers.await_primary(f"{commits} {pid}")
    if both:
        servers.await_received()
    return interrupted


def test_a_node_in_a_network_of_its_own_is_cut_off(tmp_path: Path, provider: Provider) -> None:
    """Octets vanish, and nobody is told: no ESME_ROK, no session, then given up, then back."""
    with networked(2) as database:
        cluster = Cluster(tmp_path, provider, database)
        try:
            for link, name in enumerate(("a", "b")):
                node = cluster.add(name)
                address = f"postgresql://bridge@{database.address(link)}/{cluster.name}"
                node.settings["store"] = {"url": address, "synchronous": "off"}
                node.start()
            a, b = cluster.nodes.values()
            load = Load([f"t{n}" for n in range(100_000)], window=5)
            ended = threading.Thread(target=_submit, args=(a, load))
            ended.start()
            provider.await_taken(20)
            database.cut(0)
            threading.Event().wait(0.1)  # answers that had come are told
            known = len(load.answered)
            ended.join(LEASE)
            assert not ended.is_alive(), "the session has not ended within a lease"
            assert len(load.answered) == known
            assert a.get("/readyz")[0] == 503
            b.await_event("node_taken_over")
            database.heal(0)
            assert a.end() == 75
            a.start()
            for node in (a, b):
                with node.bound() as esme:
                    name = node.file.parent.name
                    load.answered[name] = esme.submit(name).message_id.decode()
            assert cluster.balance(load.answered) <= IN_FLIGHT
        finally:
            cluster.close()


def _submit(node: Daemon, load: Load) -> None:
    with node.bound() as esme:
        try:
            load.go_on(esme)
        except (Closed, OSError):
            return
    raise AssertionError("the session did not end")
