"""A store goes on with the shards of another, and gives their slots back.

SMPPBRIDGE_ADOPTED: how many messages are adopted at once (5,000); by hand 1,000,000 of each kind,
which have to be had within 10 seconds:

    SMPPBRIDGE_ADOPTED=1000000 pytest -s -k adopted_at_once tests/store/postgres/test_adoption.py
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from smppbridge.model.identifiers import Identifiers
from smppbridge.store.port import Entry, LineQuery, StoreFailure
from smppbridge.store.postgres import takeover
from smppbridge.store.postgres.restoring import last_id
from tests.store.opened import LATER, NOW, message
from tests.store.postgres.nodes import Node, Start, asked, connected, row_of
from tests.store.postgres.opened import OpenedPostgres

ADOPTED = int(os.environ.get("SMPPBRIDGE_ADOPTED", "5000"))
FILLED = """
    insert into message select n, 'bank', 'BANK', 0, null, 0, '243810000001', 'x', true, 0, 1, 1,
    'keccel', null, 1, 0, 4e9 from generate_series(1, {0} * 2) n;
    insert into waiting select n, 1, 'keccel', 'bank', 1, 0, 4e9, 0, 0
    from generate_series(1, {0}) n;
    insert into out select n, 1, 3, 'keccel', 0, 1, 1, 1, 0, 4e9, null, 4e9, 0, 0, 0, 'id-' || n
    from generate_series({0} + 1, {0} * 2) n;
    update out set stage = 2, provider_message_id = null where message_id > {0} * 2 - 50
"""


def end(dsn: str, node: Node, heir: int) -> None:
    """Let the store at *heir* have the shard of a node by the database."""
    with connected(dsn) as db:
        assert takeover.take_over(db, heir, row_of(dsn, heir).epoch, node.row)


def test_very_many_messages_are_adopted_at_once(dsn: str, start: Start, tmp_path: Path) -> None:
    dead = start("dead")
    dead.commit(FILLED.format(ADOPTED))
    heir = opened_at(dsn, tmp_path, 2)
    end(dsn, dead, 2)
    began = time.monotonic()
    restored = heir.wait(heir.store.adopt([1]))
    seconds = time.monotonic() - began
    print(f"{ADOPTED} waiting and {ADOPTED} out adopted in {seconds:.1f} s")
    assert [(each.provider, each.messages) for each in restored.waiting] == [("keccel", ADOPTED)]
    assert len(restored.interrupted) == 50
    assert ("keccel", f"id-{ADOPTED + 1}") in restored.stored_ids
    assert heir.store.tenure.shards == (2, 1)
    assert seconds < 10 or ADOPTED < 1_000_000
    [[first, *_]] = heir.wait(heir.store.waiting("keccel", [LineQuery("bank", 1, ())], NOW, 10))
    assert heir.wait(heir.store.begin([first])) == [first]
    heir.close()


def opened_at(dsn: str, folder: Path, slot: int) -> OpenedPostgres:
    """Return a store that has a slot of a database."""

    class At(OpenedPostgres):
        pass

    At.slot = slot
    return At(folder, dsn=dsn)


def test_what_is_given_back_is_gone_on_with_meanwhile(
    dsn: str, start: Start, tmp_path: Path
) -> None:
    dead = start("dead")
    dead.commit(FILLED.format(2_500))
    heir = opened_at(dsn, tmp_path, 2)
    end(dsn, dead, 2)
    heir.wait(heir.store.adopt([1]))
    line = [LineQuery("bank", 1, ())]
    steps = 0
    while not heir.wait(heir.store.give_back(1)):
        steps += 1
        [found] = heir.wait(heir.store.waiting("keccel", line, NOW, 10))
        assert len(heir.wait(heir.store.begin(found))) == 10
    assert steps > 2
    assert heir.store.tenure.shards == (2,)
    assert asked(dsn, "select distinct shard from waiting union select shard from out") == [(2,)]
    assert row_of(dsn, 1).adopter is None
    heir.close()


def test_a_slot_that_is_ours_no_more_is_not_adopted(dsn: str, start: Start, tmp_path: Path) -> None:
    dead = start("dead")
    dead.commit(dead.waits(101))
    heir = opened_at(dsn, tmp_path, 2)
    restored = heir.wait(heir.store.adopt([1]))
    assert (restored.waiting, heir.store.tenure.shards) == ([], (2,))
    end(dsn, dead, 2)
    heir.wait(heir.store.adopt([1]))
    while not heir.wait(heir.store.give_back(1)):
        pass
    assert heir.wait(heir.store.adopt([1])).waiting == []  # seen before it was given back
    assert heir.store.tenure.shards == (2,)
    assert heir.wait(heir.store.give_back(1)) is False  # nobody gives a slot back twice
    heir.close()


def test_connections_are_lost_while_a_slot_is_given_back(
    dsn: str, start: Start, tmp_path: Path
) -> None:
    """The store asks the database whose the shard is; the next owner of the slot has it alone."""
    dead = start("dead")
    dead.commit(dead.waits(101))
    heir = opened_at(dsn, tmp_path, 2)
    end(dsn, dead, 2)
    heir.wait(heir.store.adopt([1]))
    while True:
        with connected(dsn) as db:
            db.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where pid <>"
                " pg_backend_pid() and datname = current_database() and application_name = ''"
            )
        try:
            if heir.wait(heir.store.give_back(1)):
                break
        except StoreFailure:
            continue
    assert heir.store.tenure.shards == (2,)
    another = start("another")
    assert another.slot == 1
    another.commit(another.waits(201))
    [found] = heir.wait(heir.store.waiting("one", [LineQuery("bank", 0, ())], NOW, 10))
    assert [each.message.message_id for each in found] == []
    assert asked(dsn, "select message_id, shard from waiting order by 1") == [(101, 2), (201, 1)]
    heir.close()


def test_deliveries_that_a_failed_transaction_gave_up_are_looked_at_again(
    dsn: str, start: Start, tmp_path: Path
) -> None:
    """Else a delivery would be held by a slot that is somebody else's by and by."""
    dead = start("dead")
    dead.commit(
        "insert into delivery (message_id, state, parent, system_id, holder, error, done_at, due,"
        " expires_at) values (1, 2, 1, 'bank', 1, 0, 0, 0, 4e9)"
    )
    heir = opened_at(dsn, tmp_path, 2)
    end(dsn, dead, 2)
    heir.wait(heir.store.adopt([1]))
    with connected(dsn) as db:
        db.execute(
            "create function refuse() returns trigger language plpgsql as"
            " $$ begin raise 'at the end'; end $$"
        )
        db.execute(
            "create constraint trigger late after update on delivery deferrable initially deferred"
            " for each row execute function refuse()"
        )
        with pytest.raises(StoreFailure, match="at the end"):
            heir.wait(heir.store.give_back(1))
        db.execute("drop trigger late on delivery")
    while not heir.wait(heir.store.give_back(1)):
        pass
    assert asked(dsn, "select holder from delivery") == [(0,)]
    heir.close()


# -- ids ------------------------------------------------------------------------------------------


def test_ids_are_unique_whatever_the_clocks_say(dsn: str, tmp_path: Path) -> None:
    """Two nodes, one an hour behind; a slot that is used again by a clock that is behind."""
    given: list[int] = []
    for slot, now in ((1, LATER), (2, LATER - 3600), (1, LATER - 3600), (2, LATER - 7200)):
        store = opened_at(dsn, tmp_path, slot)
        with connected(dsn) as db:
            ids = Identifiers(last_id(db), now, slot)
        taken = [ids.take() for _ in range(50)]
        entries = [Entry(message(each, accepted_at=now)) for each in (*taken, *ids.take_row(50))]
        store.wait(store.store.accept(entries))
        given += [e.message.message_id for e in entries if e.message]
        assert {each % 100 for each in taken} == {slot}
        store.close()
    assert len(set(given)) == len(given) == 400
    assert asked(dsn, "select count(*) from message") == [(400,)]
