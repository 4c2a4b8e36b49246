"""Segments of one message at two bridges: one is the home, the other hands its segments over."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from smppbridge.model.message import GatheringKey
from smppbridge.store.gathered import digest_of
from smppbridge.store.port import Entry, StoreFailure
from smppbridge.store.postgres.copying import copy
from smppbridge.store.postgres.givingback import GivingBack
from smppbridge.store.postgres.homes import _HAND_OVER, HandedOver
from tests.patience import PATIENCE
from tests.store.opened import NOW, Opened, first_attempt, key, message, segment
from tests.store.postgres.nodes import Node, Start, asked, await_lock
from tests.store.postgres.opened import OpenedPostgres
from tests.store.postgres.test_adoption import end, opened_at

Both = tuple[OpenedPostgres, OpenedPostgres]
NOTHING = HandedOver(frozenset(), frozenset())
SEGMENTS = "select message_id, shard, arriving from segment order by message_id"


@pytest.fixture
def both(dsn: str, tmp_path: Path) -> Iterator[Both]:
    """Return the stores of the bridges that have the slots 1 and 2."""
    one, two = opened_at(dsn, tmp_path, 1), opened_at(dsn, tmp_path, 2)
    yield one, two
    one.close()
    two.close()


def keep(opened: Opened, *pairs: tuple[GatheringKey, int]) -> None:
    """Accept segments with these message_ids, the second of their messages."""
    entries = [Entry(None, which, segment(n, 2, opened_by=n)) for which, n in pairs]
    opened.wait(opened.store.accept(entries))


def arriving(opened: OpenedPostgres, accounts: Sequence[str] = ("bank",)) -> list[int]:
    found = opened.wait(opened.store.homes.arriving(accounts, 99))
    return [each.message_id for _, each in found]


def test_the_first_to_announce_a_message_is_its_home(both: Both) -> None:
    one, two = both
    first, second, third = key(1), key(2), key(3, udh=b"")
    assert one.wait(one.store.homes.announce([first, third])) == set()
    assert two.wait(two.store.homes.announce([second])) == set()
    assert two.wait(two.store.homes.announce([first, second, third])) == {first, third}
    assert one.wait(one.store.homes.announce([third, second, first])) == {second}
    assert one.wait(one.store.homes.ours()) == {digest_of(first), digest_of(third)}


def test_keys_that_differ_in_one_field_are_of_two_messages() -> None:
    others = [
        key(8),
        key(total=3),
        key(kind="sar"),
        key(system_id="shop"),
        key(udh=b""),
        key(source=replace(key().source, addr="SHOP")),
        key(source=replace(key().source, npi=1)),
        key(destination=replace(key().destination, addr="243810000002")),
    ]
    assert len({digest_of(each) for each in (key(), *others)}) == 9


def test_segments_are_handed_over_to_the_home(both: Both) -> None:
    """Those of messages that have another home; the first and the last have none, or are ours."""
    one, two = both
    homeless, theirs, ours = key(1), key(2), key(3)
    keep(two, (homeless, 12), (theirs, 22), (ours, 32))
    keep(one, (theirs, 21))
    one.wait(one.store.homes.announce([theirs]))
    two.wait(two.store.homes.announce([ours]))
    wanted = {homeless: [12], theirs: [99, 22, 21], ours: [32]}
    done = two.wait(two.store.homes.hand_over(wanted))
    assert done == HandedOver(frozenset({22}), frozenset({1}))
    assert asked(one.dsn, SEGMENTS) == [
        (12, 2, False), (21, 1, False), (22, 1, True), (32, 2, False)
    ]  # fmt: skip
    assert (arriving(one), arriving(two), arriving(one, ["shop"])) == ([22], [], [])
    assert [each.message_id for _, each in two.reopen().segments] == [12, 32]
    assert [each.message_id for _, each in one.reopen().segments] == [21]  # 22 arrives yet
    assert arriving(one) == [22]
    assert two.wait(two.store.homes.hand_over(wanted)) == NOTHING


def test_a_segment_that_was_received_arrives_no_more(both: Both) -> None:
    """With all that the home has changed of it."""
    one, two = both
    keep(two, (key(), 2))
    one.wait(one.store.homes.announce([key()]))
    two.wait(two.store.homes.hand_over({key(): [2]}))
    [(which, found)] = one.wait(one.store.homes.arriving(["bank"], 1))
    assert (which, found.opened_by, found.repeats) == (key(), 2, False)
    taken = replace(found, opened_by=1, octets=b"", repeats=True)
    one.wait(one.store.accept([Entry(None, which, taken)]))
    assert arriving(one) == []
    assert one.reopen().segments == [(which, taken)]


def test_a_message_is_whole_by_segments_that_arrive(both: Both) -> None:
    one, two = both
    first, second = segment(1, 1), segment(2, 2)
    one.wait(one.store.accept([Entry(None, key(), first)]))
    keep(two, (key(), 2), (key(), 3))
    one.wait(one.store.homes.announce([key()]))
    two.wait(two.store.homes.hand_over({key(): [2, 3]}))
    again = segment(3, 2, octets=b"", repeats=True)
    whole = message(1, segments=(first, second, again))
    one.wait(one.store.accept([Entry(whole, key(), attempt=first_attempt(whole))]))
    assert asked(one.dsn, SEGMENTS) == []
    assert arriving(one) == []
    joined = asked(one.dsn, "select message_id, fingerprint is null from joined order by 1")
    assert joined == [(1, False), (2, False), (3, True)]
    [attempt] = [each.attempt for each in one.wait(one.store.find([1])).values()]
    assert {each.message_id for each in attempt.message.segments} == {1, 2, 3}


def test_a_home_ends_its_own_messages_alone(both: Both) -> None:
    one, two = both
    one.wait(one.store.homes.announce([key(1)]))
    two.wait(two.store.homes.announce([key(2)]))
    one.wait(one.store.homes.end([digest_of(key(9)), digest_of(key(2)), digest_of(key(1))]))
    assert one.wait(one.store.homes.ours()) == set()
    assert two.wait(two.store.homes.ours()) == {digest_of(key(2))}
    assert two.wait(two.store.homes.announce([key(1)])) == set()


def test_no_segment_is_handed_over_while_the_store_fails(both: Both) -> None:
    one, two = both
    keep(two, (key(), 2))
    one.wait(one.store.homes.announce([key()]))
    two.fail(True)
    with pytest.raises(StoreFailure):
        two.wait(two.store.homes.announce([key(2)]))
    with pytest.raises(StoreFailure):
        two.wait(two.store.homes.hand_over({key(): [2]}))
    two.fail(False)
    assert asked(one.dsn, SEGMENTS) == [(2, 2, False)]


# -- homes that die -------------------------------------------------------------------------------


def waits(node: Node, message_id: int) -> str:
    """Return the statement by which a node has a segment."""
    context = (
        '{"key": ["bank", ["BANK", 5, 0], ["2438", 1, 1], "udh", 7, 2, ""],'
        ' "segment": [0, 0, 0, 0, false, false, 0], "traits": null}'
    )
    values = f"{message_id}, {node.slot}, 1, 1, 0, '', '{context}'"
    return f"insert into segment values ({values})"


def test_segments_of_a_home_that_died_arrive_at_its_heir(
    dsn: str, start: Start, tmp_path: Path
) -> None:
    """Those that it had received, and those that it had not."""
    dead = start("dead")
    dead.commit(waits(dead, 1), "insert into gathering values ('k', 1)")
    dead.commit(waits(dead, 2), "update segment set arriving = true where message_id = 2")
    heir = opened_at(dsn, tmp_path, 2)
    end(dsn, dead, 2)
    assert heir.wait(heir.store.adopt([1])).segments == []
    assert arriving(heir) == [2]
    while not heir.wait(heir.store.give_back(1)):
        pass
    assert arriving(heir) == [1, 2]
    assert asked(dsn, SEGMENTS) == [(1, 2, True), (2, 2, True)]
    assert heir.wait(heir.store.homes.ours()) == {"k"}
    assert heir.reopen().segments == []
    heir.close()


def test_a_slot_is_not_free_while_segments_are_handed_over_to_it(dsn: str, start: Start) -> None:
    """The home has died; whoever gives its slot back finds what comes at the last moment."""
    dead, heir, other = start("dead"), start("heir"), start("other")
    dead.commit("insert into gathering values ('k', 1)")
    other.commit(waits(other, 3))
    end(dsn, dead, heir.slot)
    giving, moved = GivingBack(heir.slot, dead.slot), list[bool]()

    def give() -> None:
        with heir.db.transaction():
            moved.append(giving.move(heir.db))

    thread = threading.Thread(target=give)
    with other.db.transaction():
        values = (["k"], [other.slot], [3], ["k"], [3], [other.slot])
        assert other.db.execute(_HAND_OVER.encode(), values).fetchall() == [(3, 1)]
        thread.start()
        await_lock(dsn)
    thread.join(PATIENCE)
    assert moved == [True]
    assert asked(dsn, "select slot from gathering") == [(heir.slot,)]
    assert giving.release(heir.db) is False
    assert giving.move(heir.db) is False
    assert giving.move(heir.db) is True
    assert giving.release(heir.db) is True
    assert asked(dsn, SEGMENTS) == [(3, heir.slot, True)]


def test_what_waits_in_a_copy_can_be_anybodys(days: str, tmp_path: Path) -> None:
    """It has no home: whoever has it, after a restart or a take-over, announces it."""
    file = Opened(tmp_path)
    file.wait(file.store.accept([Entry(None, key(), segment(1, 1))]))
    file.close()
    copy(file.path, days, NOW)
    assert asked(days, "select count(*) from gathering") == [(0,)]
    one, two = opened_at(days, tmp_path, 1), opened_at(days, tmp_path, 2)
    assert [each.message_id for _, each in one.restored.segments] == [1]
    keep(two, (key(), 2))
    two.wait(two.store.homes.announce([key()]))
    assert one.wait(one.store.homes.announce([key()])) == {key()}
    done = one.wait(one.store.homes.hand_over({key(): [1]}))
    assert done == HandedOver(frozenset({1}), frozenset({2}))
    assert arriving(two) == [1]
    one.close()
    two.close()
