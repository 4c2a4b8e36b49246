"""Questions go by the index, however full the tables become after their texts were prepared.

A plan is made anew when the statistics of its tables are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest

from smppbridge.model.message import Stage
from smppbridge.smpp.constants import MessageState as State
from smppbridge.store import counts, lookup
from smppbridge.store.lookup import MessageQuery
from smppbridge.store.pages import page
from smppbridge.store.port import LineQuery
from smppbridge.store.postgres import naming, owing, questions, reading, restoring
from smppbridge.store.postgres.connection import connect
from smppbridge.store.postgres.found import Connection, ShardOwner
from smppbridge.store.timeline import timeline
from smppbridge.store.verdict_facts import case_of
from tests.store.postgres.filled import SLOT, fill, nth
from tests.store.postgres.server import NOW, database

COUNT = 20_000
OWNER = ShardOwner(SLOT, [SLOT], lambda db: db.transaction())
LATE = NOW + 10 * 86_400
IDS = [nth(n, COUNT) for n in range(100, 140)]
NAMES = [("keccel", f"X{n}") for n in range(100, 140)]
LINES = [LineQuery("bank", 0, ()), LineQuery("shop", 0, ())]

LANES: dict[str, Callable[[Connection], Any]] = {
    "waiting": lambda db: questions.waiting(db, OWNER, "keccel", LINES, LATE, 40),
    "uncertain": lambda db: questions.due(db, OWNER, Stage.SUBMITTING, "keccel", LATE, 40),
    "submitted": lambda db: questions.due(db, OWNER, Stage.SUBMITTED, "keccel", LATE, 40),
    "expired": lambda db: questions.expired(db, OWNER, "keccel", LATE, 40),
    "hasten": lambda db: questions.hasten(db, OWNER, "keccel", [("bank", 0)], LATE, 40),
    "batches": lambda db: questions.batches(db, OWNER, ["key"]),
    "decisions": lambda db: questions.decisions(db, OWNER),
    "open messages": lambda db: questions.open_messages(db, "keccel"),
    "by id": lambda db: naming.find(db, OWNER, IDS),
    "by name": lambda db: naming.find(db, OWNER, NAMES, {"keccel": "zeros"}),
    "states": lambda db: naming.states(db, [*IDS, 2**62]),
    "named": lambda db: naming.named(db, OWNER, IDS),
    "stoppable": lambda db: naming.stoppable(db, OWNER, [("bank", "243810000100")]),
    "owed": lambda db: owing.owed(db, OWNER, "bank", LATE, 40),
    "oldest": owing.oldest_owed,
    "mo": lambda db: owing.kept_mos(db, IDS),
    "last id": restoring.last_id,
}
Asked = Callable[[reading.Reading], Any]


def search(**wanted: Any) -> Asked:
    return lambda db: lookup.search(db, MessageQuery(**wanted))


def told(db: reading.Reading) -> Any:
    return [(case_of(db, m, LATE), timeline(db, m)) for m in lookup.named(db, str(IDS[0]))]


PEOPLE: dict[str, Asked] = {
    "the newest": search(),
    "of a number": search(number="243810000100"),
    "of a number and account": search(number="243810000101", system_id="bank"),
    "beginning with": search(prefix="24381000010"),
    "of an account": search(system_id="shop"),
    "of a sender": search(source="BANK"),
    "of a provider": search(provider="d7"),
    "of a state": search(state=State.DELIVERED),
    "uncertain": search(uncertain=True),
    **{stage.name: search(stage=stage) for stage in list(Stage)[1:]},
    "by a name": lambda db: lookup.named(db, "X101"),
    "by an id": lambda db: lookup.named(db, str(IDS[0])),
    "a case": told,
    "since": lambda db: lookup.first_since(db, NOW + 86_400),
    "pieces": lambda db: page(db, MessageQuery(system_id="shop"), lambda: True),
    "finished lately": lambda db: counts.finished_since(db, LATE),
}


def scanned(dsn: str) -> tuple[int, int]:
    """Return how often a table of messages was read as a whole, and entries read in indexes."""
    question = (
        "select (select sum(seq_scan) from pg_stat_user_tables where relname ~ "
        "'^(message|waiting|out|fate|named|delivery|ended|joined|segment|attempt)'), "
        "(select sum(idx_tup_read) from pg_stat_user_indexes)"
    )
    with psycopg.connect(dsn) as db:
        found = db.execute(question).fetchone()
    assert found is not None
    return int(found[0]), int(found[1])


def analyze(dsn: str) -> None:
    """Make the statistics of all tables."""
    with psycopg.connect(dsn, autocommit=True) as db:
        db.execute("analyze")


@pytest.fixture(scope="module", params=["of empty tables", "of full tables"])
def statistics(request: pytest.FixtureRequest) -> str:
    """Return which tables the statistics describe: plans are made by them."""
    return str(request.param)


@pytest.fixture(scope="module")
def dsn(statistics: str) -> Iterator[str]:
    with database("days") as made:
        yield made


@pytest.fixture(scope="module")
def prepared(statistics: str, dsn: str) -> Iterator[Connection]:
    """Return a connection that has prepared every question while all tables were empty."""
    with closing(connect(dsn)) as db:
        for question in LANES.values():
            for _ in range(2):
                question(db)
        fill(dsn, COUNT)
        if statistics == "of full tables":
            analyze(dsn)
        yield db


@pytest.fixture(scope="module")
def read_by_people() -> Iterator[str]:
    """Return a full database with statistics."""
    with database("days") as made:
        fill(made, COUNT)
        analyze(made)
        yield made


@pytest.fixture(scope="module")
def reader(read_by_people: str) -> Iterator[reading.Reading]:
    with closing(reading.opened(read_by_people)) as reader:
        yield reader


def flushed(db: Any) -> None:
    db.execute("select pg_stat_force_next_flush()")
    db.execute("select 1")


@pytest.mark.parametrize("name", LANES)
def test_a_question_prepared_on_empty_tables_goes_by_the_index(
    dsn: str, prepared: Connection, name: str
) -> None:
    flushed(prepared)
    scans, entries = scanned(dsn)
    answer = LANES[name](prepared)
    flushed(prepared)
    after = scanned(dsn)
    assert after[0] == scans
    assert after[1] - entries < 3_000, answer


@pytest.mark.parametrize("name", PEOPLE)
def test_a_question_of_people_walks_an_index(
    read_by_people: str, reader: reading.Reading, name: str
) -> None:
    flushed(reader)
    scans, entries = scanned(read_by_people)
    answer = PEOPLE[name](reader)
    flushed(reader)
    after = scanned(read_by_people)
    assert after[0] == scans
    assert after[1] - entries < (60_000 if name == "pieces" else 12_000), answer
    assert answer or name == "finished lately"


def test_the_questions_find_something(prepared: Connection) -> None:
    nothing = {"hasten", "decisions", "mo"}
    assert {name for name, ask in LANES.items() if not ask(prepared)} == nothing
