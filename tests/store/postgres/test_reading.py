"""People's questions and those of lanes have the answers on PostgreSQL that they have on SQLite."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from smppbridge.model.message import Stage
from smppbridge.smpp.constants import MessageState as State
from smppbridge.store import (
    audit,
    cdr,
    counts,
    credit,
    keys,
    lookup,
    matching,
    named,
    note_rows,
    optouts,
    phones,
    queries,
)
from smppbridge.store import oldest as sqlite_oldest
from smppbridge.store.cdr import Exported
from smppbridge.store.database import Database
from smppbridge.store.lookup import MessageQuery, NotAStore, open_file, open_store
from smppbridge.store.matching import RULES, IdRule
from smppbridge.store.note_rows import NoteQuery
from smppbridge.store.pages import page
from smppbridge.store.phones import MoQuery
from smppbridge.store.port import LineQuery
from smppbridge.store.postgres import naming, owing, questions, reading, restoring
from smppbridge.store.postgres.connection import connect
from smppbridge.store.postgres.found import Connection, ShardOwner
from smppbridge.store.timeline import timeline
from smppbridge.store.verdict_facts import case_of, segments_of
from smppbridge.store.walks import Walks
from tests.store.opened import (
    KEEP,
    NOW,
    Opened,
)
from tests.store.postgres.mirrored import SLOT, mirror
from tests.store.postgres.opened import OpenedPostgres
from tests.store.postgres.server import drop_database, made_database
from tests.store.postgres.written import LATE, written


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    opened = Opened(tmp_path_factory.mktemp("sqlite"))
    written(opened)
    opened.store.stop()
    return opened.path


@pytest.fixture(scope="module", params=["written", "mirrored"])
def dsn(path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """Return a database that the store's own verbs have written, or with the rows of the file."""
    made = made_database()
    if request.param == "mirrored":
        mirror(path, made)
    else:
        opened = OpenedPostgres(path, dsn=made)
        written(opened)
        opened.store.stop()
    yield made
    drop_database(made)


@pytest.fixture
def file(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_file(path)) as db:
        yield db


@pytest.fixture
def base(dsn: str) -> Iterator[Database]:
    with closing(reading.opened(dsn)) as db:
        yield db


Asked = Callable[[Database], Any]


def search(**wanted: Any) -> Asked:
    return lambda db: lookup.search(db, MessageQuery(**wanted))


def named_by(word: str) -> Asked:
    return lambda db: lookup.named(db, word)


def matched_by(rule: IdRule) -> Asked:
    return lambda db: matching.matched(db, "keccel", matching.kept(db, "keccel", 9), rule)


def everything(db: Database) -> list[Any]:
    return lookup.search(db, MessageQuery(limit=500))


SEARCHED: dict[str, Asked] = {
    "all": everything,
    "a page": search(limit=3, before=25),
    "number": search(number="243810000001", limit=5),
    "number and account": search(number="243810000001", system_id="shop"),
    "prefix": search(prefix="24399"),
    "prefix of all": search(prefix="243", limit=4),
    "account": search(system_id="shop"),
    "sender": search(source="BANK", limit=2),
    "provider": search(provider="d7"),
    "uncertain": search(uncertain=True),
    "uncertain of a provider": search(uncertain=True, provider="keccel"),
    "state": search(state=State.DELIVERED),
    "since": search(since=NOW + 25),
    "until": search(until=NOW + 12),
    "between": search(since=NOW + 11, until=NOW + 23, limit=4),
    **{stage.name: search(stage=stage) for stage in list(Stage)[1:]},
    **{
        f"named {word}": named_by(word)
        for word in ("1", "10", "11", "41", "43", "x5", "00ab", "p2", "0P2", "S", "nobody", "a", "")
    },
    "pieces": lambda db: page(db, MessageQuery(system_id="shop"), lambda: True),
    "out of time": lambda db: page(db, MessageQuery(state=State.DELIVERED), lambda: False),
    "since when": lambda db: [lookup.first_since(db, NOW + n) for n in (-1, 0, 10, 21, 40, 99)],
}

TOLD: dict[str, Asked] = {
    "cases": lambda db: [case_of(db, each, NOW + 99) for each in everything(db)],
    "timelines": lambda db: [timeline(db, each) for each in everything(db)],
    "a gathering": lambda db: [
        (case_of(db, each, NOW), timeline(db, each)) for each in lookup.named(db, "43")
    ],
    "notes": lambda db: [note_rows.notes_of(db, ids) for ids in ([], [20, 40, 99])],
    "refused": lambda db: note_rows.refused_page(db, NoteQuery(numbers=("2438*****001",))),
    "refused before": lambda db: note_rows.refused_page(db, NoteQuery(name="bank"), 2),
    "unmatched": lambda db: note_rows.unmatched_page(db, NoteQuery()),
    "unmatched before": lambda db: note_rows.unmatched_page(
        db, NoteQuery(since=NOW, until=LATE, limit=2), (NOW + 73, 2)
    ),
    "unmatched mo": lambda db: note_rows.unmatched_page(
        db, NoteQuery(kind="mo", numbers=("123", "4"))
    ),
    "mo": lambda db: phones.mos(db, MoQuery()),
    "mo of an account": lambda db: phones.mos(
        db, MoQuery(system_id="shop", provider="smscx", numbers=("243990000007",))
    ),
    "mo before": lambda db: phones.mos(db, MoQuery(before=60, since=NOW, until=LATE)),
    "mo by the hour": lambda db: phones.mo_hours(db, int(NOW // 3_600)),
    "credit": lambda db: [credit.kept(db, "d7", NOW + at) for at in (0, 3_600, 9_999)],
    "some messages": lambda db: lookup.listed(db, [41, 22, 3, 99]),
    "segments": lambda db: [
        segments_of(db, each, case_of(db, each, NOW))
        for each in (*lookup.named(db, "40"), *lookup.named(db, "43"))
    ],
    "opt-outs": optouts.listed,
    "opt-outs of a number": lambda db: optouts.listed(db, "1", 1),
    "opt-outs further": lambda db: optouts.listed(db, None, 9, (NOW + 1, 1)),
    "audit": lambda db: audit.listed(db, None, 9),
    "audit before": lambda db: audit.listed(db, 2, 9),
    "paused": audit.paused,
}

COUNTED: dict[str, Asked] = {
    "submitted": counts.submitted,
    "finished": lambda db: [counts.finished_since(db, NOW + n) for n in (0, 3, 42, 99)],
    "unexported": lambda db: list(cdr.unexported(db, Exported(22, frozenset((10, 21))))),
    "records": lambda db: list(cdr.finished(db, array("q", range(1, 70)))),
    "accepted": lambda db: list(cdr.accepted(db, 2, 41)),
    "gathering": lambda db: [
        cdr.gathering(db),
        cdr.gathering(db, NOW, LATE),
        cdr.gathering(db, LATE),
    ],
    "to come": lambda db: cdr.still_to_come(db, LATE),
    "kept reports": lambda db: [matching.kept(db, "keccel", 9, n) for n in (None, 3)],
    **{f"matched by {rule}": matched_by(rule) for rule in RULES},
}


@pytest.mark.parametrize("name", [*SEARCHED, *TOLD, *COUNTED])
def test_a_question_has_the_same_answer(
    file: sqlite3.Connection, base: Database, name: str
) -> None:
    ask = (SEARCHED | TOLD | COUNTED)[name]
    assert ask(base) == ask(file)


def test_the_questions_are_about_something(file: sqlite3.Connection) -> None:
    nothing = {"named nobody", "named a", "named ", "since", "matched by prefix"}
    empty = {name for name, ask in (SEARCHED | TOLD | COUNTED).items() if not ask(file)}
    assert empty <= nothing
    fits = {
        rule: matching.matched(file, "keccel", matching.kept(file, "keccel", 9), rule)
        for rule in RULES
    }
    assert {rule for rule, found in fits.items() if found.fits} == {"zeros", "hex_to_decimal"}


def test_the_first_end_is_not_later_than_it_was(file: sqlite3.Connection, base: Database) -> None:
    theirs, ours = cdr.oldest_end(file), cdr.oldest_end(base)
    assert theirs is not None
    assert ours is not None
    assert theirs - 3_600 < ours <= theirs


# -- the questions of lanes ---------------------------------------------------------------------


def fenced(db: Connection) -> AbstractContextManager[Any]:
    return db.transaction()


@pytest.fixture
def store_thread(dsn: str) -> Iterator[Connection]:
    with closing(connect(dsn)) as db:
        yield db


OWNER = ShardOwner(SLOT, [1, SLOT], fenced)
OTHER = ShardOwner(8, [8], fenced)
LINES = [LineQuery("bank", 0, ()), LineQuery("shop", 3, {1}), LineQuery("bank", 0, {3, 10})]
NAMES = [("keccel", name) for name in ("AB", "0aB", "X5", "x5", "P1", "p2", "0P2", "nobody", "")]
IDS = [1, 2, 3, 10, 11, 20, 24, 31, 40, 41, 43, 99, 2**63 - 1]
Pair = tuple[Callable[[sqlite3.Connection], Any], Callable[[Connection], Any]]

LANES: dict[str, Pair] = {
    "waiting": (
        lambda db: queries.waiting(db, "keccel", LINES, NOW + 11, 3),
        lambda db: questions.waiting(db, OWNER, "keccel", LINES, NOW + 11, 3),
    ),
    "waiting further": (
        lambda db: queries.waiting(db, "d7", LINES, LATE, 9),
        lambda db: questions.waiting(db, OWNER, "d7", LINES, LATE, 9),
    ),
    "uncertain": (
        lambda db: queries.due(db, Stage.SUBMITTING, "keccel", LATE, 9),
        lambda db: questions.due(db, OWNER, Stage.SUBMITTING, "keccel", LATE, 9),
    ),
    "submitted": (
        lambda db: queries.due(db, Stage.SUBMITTED, "keccel", NOW + 60, 9),
        lambda db: questions.due(db, OWNER, Stage.SUBMITTED, "keccel", NOW + 60, 9),
    ),
    "expired": (
        lambda db: sorted(ids(Walks().expired(db, "keccel", LATE, 99))),
        lambda db: sorted(ids(questions.expired(db, OWNER, "keccel", LATE, 99))),
    ),
    "batches": (
        lambda db: undue(queries.batches(db, ["key", "none"])),
        lambda db: undue(questions.batches(db, OWNER, ["key", "none"])),
    ),
    "found exactly": (
        lambda db: queries.find(db, [*NAMES, *IDS]),
        lambda db: naming.find(db, OWNER, [*NAMES, *IDS]),
    ),
    "found by case": (
        lambda db: queries.find(db, NAMES, {"keccel": "case"}),
        lambda db: naming.find(db, OWNER, NAMES, {"keccel": "case"}),
    ),
    "found without zeros": (
        lambda db: queries.find(db, NAMES, {"keccel": "zeros"}),
        lambda db: naming.find(db, OWNER, NAMES, {"keccel": "zeros"}),
    ),
    "states": (lambda db: named.states(db, IDS), lambda db: naming.states(db, IDS)),
    "named": (lambda db: named.messages(db, IDS), lambda db: naming.named(db, OWNER, IDS)),
    "stoppable": (
        lambda db: named.stoppable(db, [("bank", "243810000001"), ("x", "1")], None),
        lambda db: naming.stoppable(db, OWNER, [("bank", "243810000001"), ("x", "1")]),
    ),
    "stoppable before": (
        lambda db: named.stoppable(db, [("bank", "243810000001")], 12),
        lambda db: naming.stoppable(db, OWNER, [("bank", "243810000001")], 12),
    ),
    "open messages": (
        lambda db: [queries.open_messages(db, name) for name in ("keccel", "d7", "none")],
        lambda db: [questions.open_messages(db, name) for name in ("keccel", "d7", "none")],
    ),
    "since when": (sqlite_oldest.oldest_owed, owing.oldest_owed),
    "restored": (queries.restore, lambda db: ordered(restoring.restore(db, OWNER.shards))),
}


def ids(attempts: Any) -> list[int]:
    return [attempt.message.message_id for attempt in attempts]


def undue(batches: Any) -> Any:
    """Forget when messages are due: of one that is out it says nothing."""
    for found in (found for batch in batches.values() for found in batch):
        found.attempt.message.due = 0.0
    return batches


def ordered(restored: Any) -> Any:
    for attempt in restored.interrupted:
        attempt.message.due = 0.0
    return replace(restored, waiting=sorted(restored.waiting), optouts=sorted(restored.optouts))


@pytest.mark.parametrize("name", LANES)
def test_a_lane_has_the_same_answer(
    file: sqlite3.Connection, store_thread: Connection, name: str
) -> None:
    on_file, on_base = LANES[name]
    expected, found = on_file(file), on_base(store_thread)
    assert found == (ordered(expected) if name == "restored" else expected)
    assert expected


def test_messages_of_other_bridges_are_not_ours(store_thread: Connection) -> None:
    for stage in (Stage.SUBMITTING, Stage.SUBMITTED):
        assert questions.due(store_thread, OTHER, stage, "keccel", LATE, 9) == []
    assert questions.waiting(store_thread, OTHER, "keccel", LINES, LATE, 9) == [[], [], []]
    assert questions.expired(store_thread, OTHER, "keccel", LATE, 9) == []
    restored = restoring.restore(store_thread, [8])
    assert (restored.waiting, restored.interrupted, restored.segments) == ([], [], [])
    assert restored.last_id == 60


# -- what is written by hand ----------------------------------------------------------------------


@pytest.fixture
def fresh(path: Path) -> Iterator[str]:
    made = made_database()
    mirror(path, made)
    yield made
    drop_database(made)


def test_what_takes_too_long_is_stopped(dsn: str) -> None:
    with (
        closing(reading.opened(dsn, longest=0.05)) as db,
        pytest.raises(reading.Interrupted, match="took too long"),
    ):
        db.execute("select pg_sleep(9)")


def test_a_store_is_only_read(base: Database) -> None:
    with pytest.raises(NotAStore, match="read-only transaction"):
        base.execute("delete from decision")
    assert everything(base)


def test_a_decision_is_taken_by_the_bridge_that_has_the_message(fresh: str) -> None:
    with closing(reading.opened(fresh, writing=True)) as db:
        assert lookup.decided(db, [1, 20, 21, 22, 28, 99], "resend") == [21]
        assert lookup.decided(db, [21], "fail") == [21]
        assert lookup.decided(db, [], "fail") == []
    with closing(connect(fresh)) as db:
        assert questions.decisions(db, OTHER) == []
        ((found, verb),) = questions.decisions(db, OWNER)
        assert (found.attempt.message.message_id, verb) == (21, "fail")
        assert questions.decisions(db, OWNER) == []


def test_an_opt_out_that_ends_is_for_every_bridge(fresh: str) -> None:
    with closing(reading.opened(fresh, writing=True)) as db:
        assert optouts.ended(db, "1") == ["d7", "smscx"]
        assert optouts.ended(db, "1") == []
        assert optouts.ended(db, "2", "smscx") == []
    with closing(connect(fresh)) as db:
        for owner in (OWNER, OTHER):
            walks = owing.DeliveryWalks(lambda: 0.0)
            assert sorted(walks.ended_optouts(db, owner)) == [("d7", "1"), ("smscx", "1")]
            assert walks.ended_optouts(db, owner) == []
        assert owing.optouts(db) == [("d7", "2")]
        assert owing.DeliveryWalks(lambda: 9e9).ended_optouts(db, OWNER)
        assert owing.DeliveryWalks(lambda: 0.0).ended_optouts(db, OWNER) == []


def test_acts_of_people_are_written_by_the_store_thread(fresh: str) -> None:
    """The act's transaction has the readers' tables, and the next has the writer's again."""
    with closing(connect(fresh)) as db:
        claims = []
        for message_id, mark in ((70, "a"), (71, "a"), (71, "b")):
            with db.transaction():
                act = reading.for_act(db)
                claims.append(keys.claim(act, ("ann", "k"), mark, message_id, NOW, 60.0))
                audit.pause(act, "keccel", NOW, "ann")
                assert audit.paused(act) == {"keccel", "d7"}
                assert lookup.decided(act, [21], "fail") == [21]
        assert [claim.verdict for claim in claims] == ["new", "new", "other"]
        with db.transaction():
            act = reading.for_act(db)
            assert keys.claim(act, ("ann", "j"), "a", 1, NOW, 60.0) == keys.Claim("new", 1)
            assert keys.claim(act, ("ann", "j"), "a", 9, NOW, 60.0) == keys.Claim("sent", 1)
            assert note_rows.dismiss(act, "d7", LATE) == 1
            audit.resume(act, "d7")
        assert db.execute("select count(*) from message").fetchone() == (everything_of(fresh),)
        assert db.execute("show search_path").fetchone() == ('"$user", public',)


def everything_of(dsn: str) -> int:
    with closing(reading.opened(dsn)) as db:
        return len(everything(db))


def test_deliveries_are_held_by_the_bridge_that_asks(path: Path, fresh: str) -> None:
    with (
        closing(open_file(path)) as file,
        closing(connect(fresh)) as db,
        closing(connect(fresh)) as two,
    ):
        expected = queries.owed(file, "bank", LATE, 9, frozenset())
        assert owing.owed(db, OWNER, "bank", NOW - 1, 9) == []
        assert owing.owed(db, OWNER, "bank", LATE, 1) == expected[:1]
        skip = {(each.message_id, each.state) for each in expected[:1]}
        assert owing.owed(two, OTHER, "bank", LATE, 9) == expected  # its bridge has ended
        db.execute("update node set ended = false, name = slot::text where slot in (7, 8)")
        assert owing.owed(db, OWNER, "bank", LATE, 9) == []
        assert owing.owed(two, OTHER, "bank", LATE, 9, skip) == expected[1:]
        assert owing.owed(db, OWNER, "shop", LATE, 9) == queries.owed(file, "shop", LATE, 9, ())
        lapsing = LATE + KEEP
        walks, others = owing.DeliveryWalks(lambda: NOW), owing.DeliveryWalks(lambda: NOW)
        assert walks.lapse(db, OWNER, NOW, 9) == {}
        assert walks.lapse(db, OWNER, lapsing, 9) == {"shop": 1}
        assert others.lapse(two, OTHER, lapsing, 2) == {"bank": 2}
        assert others.lapse(two, OTHER, lapsing, 99) == {"bank": len(expected) - 2}
        assert owing.oldest_owed(db) == {}
        assert db.execute("select count(*) from ended where command_status is null").fetchone() == (
            len(expected) + 1,
        )


def test_a_delivery_that_another_bridge_takes_is_left_to_it(fresh: str) -> None:
    with closing(connect(fresh)) as db, closing(connect(fresh)) as two:
        first = "select 1 from delivery where system_id = 'bank' order by due limit 1 for update"
        with two.transaction():
            two.execute(first)
            rest = owing.owed(db, OWNER, "bank", LATE, 9)
        assert len(owing.owed(db, OWNER, "bank", LATE, 9)) == len(rest) + 1


def test_messages_that_were_put_off_are_made_due(fresh: str) -> None:
    line = [("bank", 0)]
    with closing(connect(fresh)) as db:
        assert questions.hasten(db, OTHER, "d7", line, NOW, 9) == 0
        assert questions.hasten(db, OWNER, "d7", line, NOW + 30, 9) == 1
        assert questions.hasten(db, OWNER, "d7", line, NOW + 30, 9) == 0
        at = db.execute("select due from waiting where message_id = 26").fetchone()
        assert at == (NOW + 26,)


def test_a_look_that_comes_too_early_is_taken_again_when_it_is_due(fresh: str) -> None:
    with closing(connect(fresh)) as db:
        db.execute("update out set wake = 0 where stage = 3")
        for limit in (1, 9):
            found = questions.due(db, OWNER, Stage.SUBMITTED, "keccel", NOW + 9, limit)
            assert ids(found) == [22]
        early = db.execute("select message_id from out where stage = 3 and wake = 0").fetchall()
        assert early == [(22,)]
        assert ids(questions.due(db, OWNER, Stage.SUBMITTED, "keccel", NOW + 60, 9))[0] == 22


# -- opening --------------------------------------------------------------------------------------


def test_what_is_no_store_is_named(dsn: str, empty: str) -> None:
    for where, why in (
        ("postgresql://127.0.0.1:1/nothing", "no database"),
        (empty, "smppbridge migrate"),
    ):
        with pytest.raises(NotAStore, match=why):
            reading.opened(where)
    with psycopg.connect(dsn) as db:
        folder = db.info.host
        url = f"postgresql:///{db.info.dbname}?host={folder}&user=bridge"
    with closing(open_store(url)) as store:
        assert everything(store)
