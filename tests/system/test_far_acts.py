"""Several daemons on one database: acts of ESMEs and of people at any of them."""

from __future__ import annotations

import json
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from smppbridge.cli.main import main
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import MessageState as State
from smppbridge.smpp.pdus import CancelSm, Pdu, QuerySm, ReplaceSm
from smppbridge.web.keyring import digest_of
from tests.patience import PATIENCE
from tests.system.cluster import Cluster
from tests.system.daemon import Daemon
from tests.system.esme import NUMBER, Esme
from tests.system.provider import Provider
from tests.system.test_acts import BODY, called

pytestmark = pytest.mark.system


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


# -- what an ESME asks at a node that does not have its message ------------------------------------


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


# -- what a person decides at any node ------------------------------------------------------------


def obeyed(found: tuple[int, Any]) -> tuple[list[str], list[str]]:
    """Return the nodes that have done what was asked for, and those that have not answered."""
    assert found[0] == 200, found
    return found[1]["nodes"], found[1]["silent"]


def test_a_pause_holds_at_all_nodes_and_a_resume_too(cluster: Cluster, provider: Provider) -> None:
    """Also at a node that starts later, and at one that starts anew."""
    a, b = started(cluster, "a", "b")
    assert obeyed(called(a, "POST", "/providers/keccel/pause")) == (["a", "b"], [])
    assert called(b, "GET", "/providers/keccel")[1]["state"] == "held"
    [c] = started(cluster, "c")
    assert called(c, "GET", "/providers/keccel")[1]["state"] == "held"
    b.stop()
    b.start()
    with b.bound() as one, c.bound() as other:
        waiting(cluster, one, "one")
        waiting(cluster, other, "two")
        assert cluster.rows("select count(*) from waiting") == [(2,)]
        assert obeyed(called(c, "POST", "/providers/keccel/resume")) == (["a", "b", "c"], [])
        provider.await_taken(2)
    assert called(a, "GET", "/providers/keccel")[1]["state"] == "up"


def test_a_node_that_does_not_obey_in_time_is_named(tmp_path: Path, provider: Provider) -> None:
    """It obeys as soon as it can."""
    cluster = Cluster(tmp_path, provider, lease=60.0)
    try:
        a, b = started(cluster, "a", "b")
        b.signal(signal.SIGSTOP)
        assert obeyed(called(a, "POST", "/providers/keccel/pause")) == (["a"], ["b"])
        with a.bound() as esme:
            ids = waiting(cluster, esme, "one")
        b.signal(signal.SIGCONT)
        deadline = time.monotonic() + PATIENCE
        while called(b, "GET", "/providers/keccel")[1]["state"] != "held":
            assert time.monotonic() < deadline
        a.signal(signal.SIGSTOP)
        failed = called(b, "POST", "/waiting/failures", {"message_ids": ids})[1]
        assert failed == {"failed": [], "not_waiting": [], "elsewhere": ids, "silent": ["a"]}
        a.signal(signal.SIGCONT)
        failed = called(b, "POST", "/waiting/failures", {"message_ids": ids})[1]
        assert failed["failed"] == ids
    finally:
        cluster.close()


def test_messages_of_all_nodes_are_moved_and_given_up(cluster: Cluster, provider: Provider) -> None:
    other = Provider()
    for name in ("a", "b", "c"):
        daemon = cluster.add(name)
        tokens = [{"name": "a", "role": "admin", "sha256": digest_of("one")}]
        daemon.settings["web"]["tokens"] = tokens
        daemon.settings["providers"]["other"] = daemon.keccel | {"base_url": other.url}
        daemon.settings["routes"] = [{"via": ["keccel"]}]
    a, b, c = (cluster.nodes[name].start() for name in ("a", "b", "c"))
    assert called(a, "POST", "/providers/keccel/pause")[0] == 200
    with a.bound() as one, b.bound() as two:
        first, second = waiting(cluster, one, "one", "two")
        third, fourth = waiting(cluster, two, "three", "four")
        move = {"to": "other", "message_ids": ["7", third, first]}
        _, found = called(c, "POST", "/waiting/moves", move)
        whys = {each["message_id"]: each["why"] for each in found["unmoved"]}
        assert whys == {"7": "not_waiting", third: "not_on_route", first: "not_on_route"}
        _, found = called(c, "POST", "/waiting/moves", move | {"off_route": True})
        assert (sorted(found["moved"]), found["silent"]) == (sorted([first, third]), [])
        other.await_taken(2)
        assert set(other.taken) == {"one", "three"}
        some = {"filter": {"provider": "keccel"}, "expect": 2}
        _, found = called(a, "POST", "/waiting/failures", some)
        assert (sorted(found["failed"]), found["not_waiting"]) == (sorted([second, fourth]), [])
    cluster.await_rows("select count(*) from waiting", [(0,)])
    ended = "select message_id from fate where state = 5 order by 1"
    assert cluster.rows(ended) == sorted([(int(second),), (int(fourth),)])
    assert provider.taken.total() == 0
    other.close()


def test_an_uncertain_message_is_decided_about_at_another_node(
    cluster: Cluster, provider: Provider
) -> None:
    a, b = started(cluster, "a", "b")
    provider.reset_every = 1
    with a.bound() as esme:
        ids = [esme.submit(text).message_id.decode() for text in ("one", "two")]
        cluster.await_rows("select count(*) from out where unsure is not null", [(2,)])
        decision = {"verb": "fail", "message_ids": ["7", *ids]}
        _, found = called(b, "POST", "/uncertain/decisions", decision)
        assert (found["decided"], found["not_uncertain"]) == (ids, ["7"])
        stats = {each.message_id: each.stat for each in esme.await_receipts(2)}
        assert stats == dict.fromkeys(ids, "UNDELIV")


def test_a_key_sends_one_message_at_whichever_nodes_it_is_given(
    cluster: Cluster, provider: Provider
) -> None:
    """At both at one time, many times; at another one once the first is dead; with another text."""
    nodes = started(cluster, "a", "b")
    with ThreadPoolExecutor(8) as pool:
        asked = [
            pool.submit(called, node, "POST", "/messages", BODY, f"k-{n}")
            for n in range(12)
            for node in (*nodes, *nodes)
        ]
        found = [each.result() for each in asked]
    assert {status for status, _ in found} == {200}
    for n in range(12):
        some = [body for _, body in found[4 * n : 4 * n + 4]]
        assert len({each["message_id"] for each in some}) == 1
        assert sorted(each["replayed"] for each in some) == [False, True, True, True]
    assert cluster.rows("select count(*) from message") == [(12,)]
    a, b = nodes
    a.kill()
    assert called(b, "POST", "/messages", BODY, "k-3")[1] == found[12][1] | {"replayed": True}
    assert called(b, "POST", "/messages", BODY | {"text": "other"}, "k-3")[0] == 422
    provider.await_taken(12)


# -- who comes in, and whose figures they see -----------------------------------------------------


def test_a_token_opens_all_nodes_and_each_says_which_it_is(
    cluster: Cluster, provider: Provider, tmp_path: Path
) -> None:
    """What is done at one stands in the audit trail of all; a link of the console is of one."""
    path = tmp_path / "admin.sock"
    a = cluster.add("a")
    a.settings["admin_socket"] = str(path)
    a.settings["web"]["tokens"] = [{"name": "a", "role": "admin", "sha256": digest_of("one")}]
    a.start()
    [b] = started(cluster, "b")
    for node, name in ((a, "a"), (b, "b")):
        assert called(node, "GET", "/version")[1]["node"] == name
        assert called(node, "GET", "/overview")[1]["node"] == name
        env = {"SMPPBRIDGE_TOKEN": "one", "SMPPBRIDGE_URL": f"http://127.0.0.1:{node.web}"}
        shown = CliRunner().invoke(main, ["status"], env=env).stdout
        assert shown.splitlines()[1].startswith(f"node {name}, version ")
        assert first_event(node)["node"] == name
    paused_ = CliRunner().invoke(main, ["pause", "keccel"], env=env)
    assert paused_.stdout.rstrip().endswith("(nodes a, b)")
    assert called(a, "GET", "/audit")[1]["items"][0]["action"] == "pause_provider"
    link = CliRunner().invoke(main, ["login", "--socket", str(path)])
    assert link.stdout.startswith(f"http://127.0.0.1:{a.web}/#link=")
    assert "at node a alone" in link.stderr
    applied = CliRunner().invoke(main, ["reload"], env=env)
    assert applied.stderr == "node b alone; `smppbridge nodes` shows who differs\n"


def first_event(node: Daemon) -> Any:
    """Return the first overview of the live stream."""
    connection = HTTPConnection("127.0.0.1", node.web, timeout=PATIENCE)
    connection.request("GET", "/api/v1/events", headers={"Authorization": "Bearer one"})
    response = connection.getresponse()
    while not (line := response.readline()).startswith(b"data: "):
        assert line
    connection.close()
    return json.loads(line[6:])
