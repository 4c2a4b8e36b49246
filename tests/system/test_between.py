"""Several daemons on one database: what reaches one of them is for another."""

from __future__ import annotations

import select
import time
from contextlib import suppress

from smppbridge.service.nodes.between import LOOKED_EVERY
from smppbridge.smpp.pdus import BindReceiver, BindTransmitter
from tests.patience import PATIENCE
from tests.system.cluster import Cluster
from tests.system.daemon import Daemon
from tests.system.esme import NUMBER, Esme
from tests.system.provider import Provider

SLOWNESS = 3.0
"""Seconds that a busy machine may take for what takes it no time otherwise."""
FORWARDED = "smppbridge_receipts_forwarded_total{"
_LISTENERS = (  # a look at the nodes ends with this question
    "select pid from pg_stat_activity where datname = current_database()"
    " and query like 'delete from given%'"
)
_ALL_BUT_WRITERS = (
    "select pid, pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()"
    " and datname = current_database() and application_name not like 'smppbridge %'"
)


def started(cluster: Cluster, *names: str) -> list[Daemon]:
    """Start nodes that poll nobody."""
    for name in names:
        cluster.add(name).keccel["reports"] = "push"
    return [cluster.nodes[name].start() for name in names]


def report(provider: Provider, at: Daemon, text: str, status: str = "DELIVERED") -> int:
    """Call a node back about a text; return the HTTP status."""
    provider.callback = at.callback
    try:
        return provider.report(provider.ids[text], status)
    finally:
        provider.callback = None


def submitted(cluster: Cluster, provider: Provider, esme: Esme, text: str) -> str:
    """Submit a text, and wait until its provider's answer is recorded; return its message_id."""
    response = esme.submit(text)
    assert response.command_status == 0
    message_id = str(response.message_id.decode())
    query = f"select stage from out where message_id = {message_id}"
    cluster.await_rows(query, [(3,)])
    return message_id


def nothing_left(cluster: Cluster) -> None:
    """Wait until no report and no delivery is on its way."""
    for table in ("told", "early", "delivery", "out", "waiting"):
        cluster.await_rows(f"select count(*) from {table}", [(0,)])


# -- reports --------------------------------------------------------------------------------------


def test_a_report_is_received_at_any_node(cluster: Cluster, provider: Provider) -> None:
    """At the owner, at another, and at another twice: each message has one receipt."""
    a, b, c = started(cluster, "a", "b", "c")
    with a.bound() as esme:
        ids = [submitted(cluster, provider, esme, text) for text in ("one", "two", "three")]
        assert report(provider, a, "one") == 200
        assert report(provider, b, "two") == 200
        assert report(provider, c, "three", "FAILED") == 200
        assert report(provider, b, "three", "FAILED") == 200
        receipts = {each.message_id: each.stat for each in esme.await_receipts(3)}
        assert receipts == dict(zip(ids, ["DELIVRD", "DELIVRD", "UNDELIV"], strict=True))
        nothing_left(cluster)
        assert len(esme.receipts) == 3
    assert cluster.rows("select count(*) from fate") == [(3,)]


def test_a_report_overtakes_its_answer_at_another_node(
    cluster: Cluster, provider: Provider
) -> None:
    a, b = started(cluster, "a", "b")
    with a.bound() as esme:
        with provider.held():
            early = esme.submit("early").message_id.decode()
            provider.await_taken(1)
            assert report(provider, b, "early") == 200
            assert cluster.rows("select count(*) from early") == [(1,)]
            assert not cluster.rows("select * from fate")
        [only] = esme.await_receipts(1)
        assert (only.message_id, only.stat) == (early, "DELIVRD")
        nothing_left(cluster)


def test_a_report_about_the_message_of_a_node_that_is_dead(
    cluster: Cluster, provider: Provider
) -> None:
    """It is answered at once, and settled by whoever goes on with the message."""
    a, b = started(cluster, "a", "b")
    with a.bound() as esme:
        message_id = submitted(cluster, provider, esme, "last")
        a.kill()
    assert report(provider, b, "last") == 200
    b.await_event("shards_adopted")
    cluster.await_rows("select message_id, state from fate", [(int(message_id), 2)])
    with b.bound() as esme:
        assert [each.message_id for each in esme.await_receipts(1)] == [message_id]
        nothing_left(cluster)


def test_a_report_that_cannot_be_told_on_is_refused_and_comes_again(
    cluster: Cluster, provider: Provider
) -> None:
    a, b = started(cluster, "a", "b")
    with a.bound() as esme:
        ids = [submitted(cluster, provider, esme, text) for text in ("one", "two")]
        change = "alter table told {} constraint is_full"
        cluster.server.execute(change.format("add") + " check (false)", cluster.name)
        assert report(provider, b, "one") == 503
        assert cluster.rows("select count(*) from early") == [(1,)]
        assert report(provider, a, "two") == 200
        cluster.server.execute(change.format("drop"), cluster.name)
        assert report(provider, b, "one") == 200
        assert {each.message_id for each in esme.await_receipts(2)} == {*ids}
        nothing_left(cluster)
        assert len(esme.receipts) == 2


def test_what_is_told_on_while_nobody_listens_is_looked_for(
    cluster: Cluster, provider: Provider
) -> None:
    """The connection on which the owner listens is gone, and there is no other for it."""
    a, b = started(cluster, "a", "b")
    with a.bound() as esme:
        message_id = submitted(cluster, provider, esme, "unheard")
        cluster.proxies["a"].be("closed")
        assert len(cluster.rows(_ALL_BUT_WRITERS)) >= 2
        cluster.await_rows(f"select count(*) from ({_LISTENERS}) as listeners", [(1,)])
        assert report(provider, b, "unheard") == 200
        began = time.monotonic()
        [only] = esme.await_receipts(1)
        assert only.message_id == message_id
        assert time.monotonic() - began < LOOKED_EVERY + SLOWNESS
        assert len(cluster.rows(_LISTENERS)) <= 1
        nothing_left(cluster)


# -- receipts -------------------------------------------------------------------------------------


def test_a_receipt_goes_to_the_node_that_has_the_receiver(
    cluster: Cluster, provider: Provider
) -> None:
    a, b = started(cluster, "a", "b")
    with a.bound(BindTransmitter) as esme, b.bound(BindReceiver) as receiver:
        deadline, ids = time.monotonic() + PATIENCE, []
        while FORWARDED not in a.get("/metrics")[1]:  # a may not have heard of b's receiver yet
            assert time.monotonic() < deadline
            ids.append(submitted(cluster, provider, esme, f"text {len(ids)}"))
            assert report(provider, a, f"text {len(ids) - 1}") == 200
            receipts = receiver.await_receipts(len(ids))
            assert [each.message_id for each in receipts] == ids
        nothing_left(cluster)


def test_bound_nowhere_and_then_there(cluster: Cluster, provider: Provider) -> None:
    a, b = started(cluster, "a", "b")
    with a.bound(BindTransmitter) as esme:
        ids = {submitted(cluster, provider, esme, text) for text in ("one", "two")}
        assert (report(provider, a, "one"), report(provider, b, "two")) == (200, 200)
        cluster.await_rows("select holder, count(*) from delivery group by 1", [(0, 2)])
        owed_by_metrics(a, 2)  # nobody holds them: one node counts them
        owed_by_metrics(b, 0)
    with b.bound(BindReceiver) as receiver:
        assert {each.message_id for each in receiver.await_receipts(2)} == ids
        nothing_left(cluster)
        assert len(receiver.receipts) == 2
        for node in (a, b):
            owed_by_metrics(node, 0)
        await_metric(b, 'reports_forwarded_total{provider="keccel"} 1.0')
        assert FORWARDED not in b.get("/metrics")[1]


def owed_by_metrics(node: Daemon, count: int) -> None:
    """Wait until a node says how many deliveries are owed."""
    await_metric(node, f'deliveries_waiting{{account="bank"}} {count}.0')


def await_metric(node: Daemon, wanted: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while f"smppbridge_{wanted}" not in node.get("/metrics")[1]:
        assert time.monotonic() < deadline, wanted
        select.select([], [], [], 0.1)


def test_the_last_receiver_goes_and_another_node_delivers(
    cluster: Cluster, provider: Provider
) -> None:
    """The receipt that it had not acknowledged too."""
    a, b = started(cluster, "a", "b")
    with a.bound() as esme:
        esme.acknowledges = False
        ids = [submitted(cluster, provider, esme, text) for text in ("one", "two")]
        assert report(provider, a, "one") == 200
        esme.await_receipts(1)
        with b.bound(BindReceiver) as receiver:
            cluster.await_rows("select slot from receiving order by 1", [(1,), (2,)])
            esme.socket.close()
            assert [each.message_id for each in receiver.await_receipts(1)] == ids[:1]
            cluster.await_rows("select slot from receiving", [(2,)])
            assert report(provider, a, "two") == 200
            assert [each.message_id for each in receiver.await_receipts(2)] == ids
            nothing_left(cluster)
            assert len(receiver.receipts) == 2


def test_bound_at_two_and_rebound_elsewhere_each_receipt_comes_once(
    cluster: Cluster, provider: Provider
) -> None:
    a, b = started(cluster, "a", "b")
    wanted: set[str] = set()
    with a.bound() as one, b.bound(BindReceiver) as other:
        cluster.await_rows("select count(*) from receiving", [(2,)])
        for n in range(6):
            wanted.add(submitted(cluster, provider, one, f"t{n}"))
            assert report(provider, (a, b)[n % 2], f"t{n}") == 200
        came = [*received(one, other, count=6)]
        nothing_left(cluster)
        later = submitted(cluster, provider, one, "later")
    cluster.await_rows("select count(*) from receiving", [(0,)])
    assert report(provider, b, "later") == 200
    with b.bound() as again:
        came += received(again, count=1)
        nothing_left(cluster)
        came += again_nothing(again)
    assert sorted(came) == sorted({*wanted, later})


def received(*esmes: Esme, count: int) -> list[str]:
    """Return the message_ids of receipts, once *count* have come to the ESMEs in all."""
    deadline = time.monotonic() + PATIENCE
    while sum(len(esme.receipts) for esme in esmes) < count:
        assert time.monotonic() < deadline
        ready = [esme for esme in esmes if esme.holds_pdu]
        if not ready:
            sockets, _, _ = select.select([esme.socket for esme in esmes], [], [], 1.0)
            ready = [esme for esme in esmes if esme.socket in sockets]
        for esme in ready:
            esme.take_in(esme.read())
    return [each.message_id for esme in esmes for each in esme.receipts]


def again_nothing(esme: Esme) -> list[str]:
    """Return the message_ids of receipts that have come unasked for."""
    before = len(esme.receipts)
    with suppress(TimeoutError):
        esme.await_receipts(before + 1, seconds=0.2)
    return [each.message_id for each in esme.receipts[before:]]


# -- what one node does, and all know -------------------------------------------------------------


def test_one_node_asks_for_the_credit_and_all_know(cluster: Cluster, provider: Provider) -> None:
    for name in ("a", "b"):
        cluster.add(name).keccel.update(balance_every=1, low_balance=200)
    a, b = (cluster.nodes[name].start() for name in ("a", "b"))
    for node in (a, b):
        assert node.await_event("balance_low")["balance"] == 100
    assert cluster.rows("select name, slot from job") == [("balance:keccel", 1)]
    before = cluster.rows("select at from provider_state")
    a.kill()
    cluster.await_rows("select slot from job", [(2,)])
    cluster.await_rows(f"select at > {before[0][0]} from provider_state", [(True,)])


def test_an_optout_is_heard_by_all(cluster: Cluster, provider: Provider) -> None:
    for name in ("a", "b"):
        cluster.add(name).keccel["optouts"] = "refuse"
    nodes = [cluster.nodes[name].start() for name in ("a", "b")]
    at = time.time()
    cluster.server.execute(f"insert into optout values ('keccel', '{NUMBER}', {at})", cluster.name)
    for node in nodes:
        with node.bound() as esme:
            deadline = time.monotonic() + PATIENCE
            while esme.submit("not wanted").command_status == 0:
                assert time.monotonic() < deadline
                esme.await_receipts(len(esme.receipts) + 1)


def test_a_decision_is_carried_out_by_the_owner_of_the_message(
    cluster: Cluster, provider: Provider
) -> None:
    a, b = started(cluster, "a", "b")
    provider.reset_every = 1
    with a.bound() as esme, b.bound(BindReceiver):
        message_id = esme.submit("unsure").message_id.decode()
        cluster.await_rows("select unsure is null from out", [(False,)])
        cluster.server.execute(f"insert into decision values ({message_id}, 'fail')", cluster.name)
        assert [(each.message_id, each.stat) for each in esme.await_receipts(1)] == [
            (message_id, "UNDELIV")
        ]
    cluster.await_rows("select count(*) from decision", [(0,)])
