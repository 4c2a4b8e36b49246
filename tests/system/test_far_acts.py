"""Several daemons on one database: acts of ESMEs and of people at any of them."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import MessageState as State
from smppbridge.smpp.pdus import CancelSm, Pdu, QuerySm, ReplaceSm
from smppbridge.web.keyring import digest_of
from tests.system.cluster import Cluster
from tests.system.daemon import Daemon
from tests.system.esme import NUMBER, Esme
from tests.system.provider import Provider
from tests.system.test_acts import called

pytestmark = pytest.mark.system


@pytest.fixture
def cluster(tmp_path: Path, provider: Provider) -> Iterator[Cluster]:
    """No node is started yet; providers report by callbacks alone."""
    made = Cluster(tmp_path, provider)
    yield made
    made.close()


def started(cluster: Cluster, *names: str) -> list[Daemon]:
    """Start nodes with a token for the API, that poll nobody."""
    for name in names:
        daemon = cluster.add(name)
        daemon.keccel["reports"] = "push"
        tokens = [{"name": "a", "role": "admin", "sha256": digest_of("one")}]
        daemon.settings["web"]["tokens"] = tokens
    return [cluster.nodes[name].start() for name in names]


def paused(cluster: Cluster, *names: str) -> list[Daemon]:
    """Start nodes whose messages wait."""
    nodes = started(cluster, *names)
    assert called(nodes[0], "POST", "/providers/keccel/pause")[0] == 200
    return nodes


def waiting(cluster: Cluster, esme: Esme, *texts: str) -> list[str]:
    """Submit texts that wait; return their message_ids."""
    return [esme.submit(text).message_id.decode() for text in texts]


def named(pdu: type[Pdu], message_id: str, **fields: object) -> Pdu:
    return pdu(message_id=message_id.encode(), source_addr=b"BANK", source_addr_ton=5, **fields)  # type: ignore[call-arg, arg-type]


# -- an ESME asks at a node that does not have its message -----------------------------------------


def test_query_sm_is_answered_at_any_node(cluster: Cluster, provider: Provider) -> None:
    a, b = paused(cluster, "a", "b")
    with a.bound() as one, b.bound() as other:
        (message_id,) = waiting(cluster, one, "one")
        response = other.ask(named(QuerySm, message_id))
        assert (response.command_status, response.message_state) == (0, State.ENROUTE)
        assert one.ask(named(CancelSm, message_id)).command_status == 0
        response = other.ask(named(QuerySm, message_id))
        assert (response.command_status, response.message_state) == (0, State.DELETED)
        assert other.ask(named(QuerySm, "1")).command_status == Status.ESME_RQUERYFAIL


def test_cancel_sm_at_a_node_that_does_not_have_the_message(
    cluster: Cluster, provider: Provider
) -> None:
    """Answered by what the owner came to: once ESME_ROK, then not, and the receipt comes."""
    a, b = paused(cluster, "a", "b")
    with a.bound() as one, b.bound() as other:
        first, second = waiting(cluster, one, "one", "two")
        assert other.ask(named(CancelSm, first)).command_status == 0
        assert cluster.rows("select message_id, state from fate") == [(int(first), State.DELETED)]
        failed = Status.ESME_RCANCELFAIL
        assert other.ask(named(CancelSm, first)).command_status == failed
        assert other.ask(named(CancelSm, second, destination_addr=b"1")).command_status == failed
        assert other.ask(named(CancelSm, "1")).command_status == failed
        assert called(a, "POST", "/providers/keccel/resume")[0] == 200
        provider.await_taken(1)
        assert set(provider.taken) == {"two"}
        cluster.await_rows("select count(*) from errand", [(0,)])


def test_replace_sm_at_a_node_that_does_not_have_the_message(
    cluster: Cluster, provider: Provider
) -> None:
    a, b = paused(cluster, "a", "b")
    with a.bound() as one, b.bound() as other:
        (message_id,) = waiting(cluster, one, "first")
        response = other.ask(named(ReplaceSm, message_id, short_message=b"second"))
        assert response.command_status == 0
        response = other.ask(named(ReplaceSm, message_id, validity_period=b"nonsense"))
        assert response.command_status == Status.ESME_RINVEXPIRY
        assert called(a, "POST", "/providers/keccel/resume")[0] == 200
        provider.await_taken(1)
        assert set(provider.taken) == {"second"}
        cluster.await_rows("select stage from out", [(3,)])
        response = other.ask(named(ReplaceSm, message_id, short_message=b"third"))
        assert response.command_status == Status.ESME_RREPLACEFAIL


def by_addresses(**fields: object) -> CancelSm:
    """Return a cancel_sm of all that waits from BANK to the one number."""
    to = {"destination_addr": NUMBER.encode(), "dest_addr_ton": 1, "dest_addr_npi": 1}
    return CancelSm(source_addr=b"BANK", source_addr_ton=5, **{**to, **fields})  # type: ignore[arg-type]


def test_cancel_sm_by_addresses_is_about_the_messages_of_all_nodes(
    cluster: Cluster, provider: Provider
) -> None:
    """Segments that wait for the rest of their message too; success if one node has one."""
    a, b, c = paused(cluster, "a", "b", "c")
    for node in (b, c):
        assert called(node, "POST", "/providers/keccel/pause")[0] == 200
    with a.bound() as one, b.bound() as two, c.bound() as three:
        ids = waiting(cluster, one, "one", "more") + waiting(cluster, two, "two")
        segment = one.submit("\x05\x00\x03\x07\x02\x01part", esm_class=0x40)
        ids.append(segment.message_id.decode())
        assert three.ask(by_addresses()).command_status == 0
        ended = {(int(each), State.DELETED) for each in ids}
        assert set(cluster.rows("select message_id, state from fate")) == ended
        assert three.ask(by_addresses()).command_status == Status.ESME_RCANCELFAIL
        waiting(cluster, three, "three")
        assert one.ask(by_addresses(service_type=b"WAP")).command_status
        assert two.ask(by_addresses()).command_status == 0
        again = one.submit("\x05\x00\x03\x08\x02\x01part", esm_class=0x40).message_id.decode()
        assert two.ask(named(CancelSm, again)).command_status == 0
    nothing = {0: "select count(*) from waiting", 1: "select count(*) from segment"}
    for query in nothing.values():
        assert cluster.rows(query) == [(0,)]


def test_an_owner_that_does_not_answer_in_time(tmp_path: Path, provider: Provider) -> None:
    """The act fails, and is not carried out later."""
    cluster = Cluster(tmp_path, provider, lease=60.0)
    try:
        a, b = paused(cluster, "a", "b")
        with a.bound() as one, b.bound() as other:
            (message_id,) = waiting(cluster, one, "one")
            a.signal(signal.SIGSTOP)
            response = other.ask(named(CancelSm, message_id))
            assert response.command_status == Status.ESME_RCANCELFAIL
            assert cluster.rows("select count(*) from errand") == [(0,)]
            a.signal(signal.SIGCONT)
            assert one.ask(named(QuerySm, message_id)).message_state == State.ENROUTE
            assert other.ask(named(CancelSm, message_id)).command_status == 0
    finally:
        cluster.close()
