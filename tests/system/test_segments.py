"""Several daemons on one database: the segments of one message reach more than one of them."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from itertools import permutations, product

from tests.system.cluster import Cluster
from tests.system.daemon import Daemon
from tests.system.esme import Esme
from tests.system.provider import Provider
from tests.system.test_between import received

PLACES = [each for each in product((0, 1), repeat=3) if len(set(each)) == 2]
"""The node of each of three segments, where both nodes have some."""
MET = (
    "select count(*), count(distinct context::json -> 'segment' ->> 6) from segment"
    " where not arriving"
)
"""How many segments wait, and how many gatherings they are in."""


def started(cluster: Cluster, *names: str) -> list[Daemon]:
    """Start nodes that poll nobody."""
    for name in names:
        cluster.add(name).keccel["reports"] = "push"
    nodes = [cluster.nodes[name].start() for name in names]
    cluster.provider.callback = nodes[-1].callback
    return nodes


def submit(esme: Esme, reference: int, number: int) -> str:
    """Submit a segment of a message of three; return its message_id."""
    udh = bytes((5, 0, 3, reference, 3, number))
    text = b"%d.%d " % (reference, number)
    response = esme.submit("", short_message=udh + text, esm_class=0x40)
    assert response.command_status == 0
    return response.message_id.decode()


def whole(reference: int) -> str:
    return f"{reference}.1 {reference}.2 {reference}.3 "


def await_ends(
    cluster: Cluster, esmes: Sequence[Esme], ids: Sequence[str], references: Sequence[int]
) -> None:
    """Wait until all is over: each text was sent once, and each segment has had one receipt."""
    assert len(ids) == len(set(ids))
    came = received(*esmes, count=len(ids))
    for table in ("segment", "gathering", "waiting", "out", "delivery"):
        cluster.await_rows(f"select count(*) from {table}", [(0,)])
    assert sorted(came) == sorted(ids)
    assert {each.stat for esme in esmes for each in esme.receipts} == {"DELIVRD"}
    assert dict(cluster.provider.taken) == {whole(each): 1 for each in references}


def test_three_segments_in_all_orders_over_two_nodes(cluster: Cluster, provider: Provider) -> None:
    """At once, and with the last one after the others have met."""
    nodes, cases = started(cluster, "a", "b"), list(product(permutations((1, 2, 3)), PLACES))
    with nodes[0].bound() as one, nodes[1].bound() as two:
        esmes, ids = (one, two), list[str]()
        for reference, (order, places) in enumerate(cases, 1):
            ids += [
                submit(esmes[at], reference, number)
                for number, at in zip(order, places, strict=True)
            ]
        late = range(len(cases) + 1, 2 * len(cases) + 1)
        for reference, (order, places) in zip(late, cases, strict=True):
            pair = zip(order, places[:2], strict=False)
            ids += [submit(esmes[at], reference, number) for number, at in pair]
        cluster.await_rows(MET, [(2 * len(late), len(late))])
        for reference, (order, places) in zip(late, cases, strict=True):
            ids.append(submit(esmes[places[2]], reference, order[2]))
        await_ends(cluster, esmes, ids, range(1, 2 * len(cases) + 1))


def test_segments_that_two_nodes_have_answered(cluster: Cluster, provider: Provider) -> None:
    """The first, one in between, the last; twice at one node; and after they have met."""
    nodes = started(cluster, "a", "b")
    with nodes[0].bound() as a, nodes[1].bound() as b:
        ids: dict[str, None] = {}
        for reference, sent in enumerate(
            (
                ((a, 1), (b, 1), (b, 2), (a, 3)),
                ((a, 1), (a, 2), (b, 2), (b, 3)),
                ((a, 3), (b, 3), (a, 2), (b, 1)),
                ((a, 1), (a, 1), (b, 1), (b, 1), (a, 2), (a, 2), (b, 3)),
            ),
            1,
        ):
            ids |= {submit(esme, reference, number): None for esme, number in sent}
        five = dict.fromkeys([submit(a, 5, 1), submit(b, 5, 2)])
        cluster.await_rows(MET, [(2, 1)])
        five |= dict.fromkeys([submit(b, 5, 1), submit(a, 5, 2), submit(b, 5, 2)])
        cluster.await_rows(MET, [(len(five), 1)])
        five |= dict.fromkeys([submit(b, 5, 3)])
        assert 4 <= len(five) <= 5
        ids |= five
        await_ends(cluster, (a, b), list(ids), range(1, 6))


def test_the_home_is_killed(cluster: Cluster, provider: Provider) -> None:
    """With segments that it has received, those that arrive there, and those that were repeated."""
    cluster.lease = 10.0  # long enough to look at what arrives at a node that is dead
    a, b = started(cluster, "a", "b")
    with a.bound() as first, b.bound() as esme:
        ids = [submit(first, reference, 1) for reference in (1, 2, 3)]
        cluster.await_rows("select slot, count(*) from gathering group by 1", [(1, 3)])
        ids.append(submit(esme, 1, 2))
        cluster.await_rows(MET, [(4, 3)])
        a.signal(signal.SIGSTOP)
        ids += [submit(esme, 2, 3), submit(esme, 2, 1)]
        cluster.await_rows("select count(*) from segment where arriving", [(2,)])
        a.kill()
        ids += [submit(esme, 1, 2), submit(esme, 1, 3), submit(esme, 2, 2)]
        b.await_event("shards_adopted")
        ids += [submit(esme, 3, 3), submit(esme, 3, 2)]
        await_ends(cluster, [esme], ids, (1, 2, 3))


def test_the_home_is_stopped_and_a_third_node_goes_on(cluster: Cluster, provider: Provider) -> None:
    nodes = started(cluster, "a", "b", "c")
    with nodes[0].bound() as a, nodes[1].bound() as b, nodes[2].bound() as c:
        ids = [submit(a, 1, 1), submit(a, 2, 3)]
        cluster.await_rows("select slot, count(*) from gathering group by 1", [(1, 2)])
        ids.append(submit(b, 1, 2))
        cluster.await_rows(MET, [(3, 2)])
        a.socket.close()
        nodes[0].stop()
        ids += [submit(b, 2, 2), submit(c, 1, 3), submit(c, 2, 1)]
        await_ends(cluster, (b, c), ids, (1, 2))


def test_both_homes_are_killed(cluster: Cluster, provider: Provider) -> None:
    """Who starts next has all segments."""
    a, b = started(cluster, "a", "b")
    with a.bound() as first, b.bound() as second:
        ids = [submit(first, 1, 1), submit(second, 2, 1)]
        cluster.await_rows("select count(*) from gathering", [(2,)])
        ids += [submit(second, 1, 2), submit(first, 2, 2)]
        a.kill()
        b.kill()
    [c] = started(cluster, "c")
    with c.bound() as esme:
        ids += [submit(esme, 1, 3), submit(esme, 2, 3)]
        await_ends(cluster, [esme], ids, (1, 2))
