from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from smppbridge.model.identifiers import Identifiers
from smppbridge.model.message import Segment, Stage, Traits
from smppbridge.model.outcome import Postponed
from smppbridge.smpp.constants import MessageState as State
from smppbridge.store.lookup import (
    LONGEST_GATHERING,
    MessageQuery,
    NotAStore,
    decide,
    first_since,
    named,
    open_file,
    search,
)
from smppbridge.store.migrate import TooNew
from smppbridge.store.port import Entry, PartEnd
from smppbridge.store.timeline import timeline
from tests.store.opened import (
    NOW,
    Opened,
    accept,
    again,
    in_parts,
    key,
    message,
    segment,
    taken,
    told,
    tried,
    unknown,
)


@pytest.fixture
def db(opened: Opened) -> Iterator[sqlite3.Connection]:
    db = open_file(opened.path)
    yield db
    db.close()


def ids(db: sqlite3.Connection, **wanted: Any) -> list[int]:
    return [found.message_id for found in search(db, MessageQuery(**wanted))]


@pytest.fixture
def many(opened: Opened) -> None:
    """Put in: 1 WAITING, 2 out, 3 Uncertain, 4 SUBMITTED, 5 DELIVERED, 6 REJECTED; 10 s apart."""
    accept(opened, [message(1, accepted_at=NOW, number="243999999999")])
    rest = [message(i, accepted_at=NOW + 10 * (i - 1)) for i in range(2, 7)]
    rest[2].system_id = "shop"
    _, three, four, five, six = accept(opened, rest, begun=True)
    verdicts = [unknown(three), taken(four, "0aB"), taken(five, "X5"), taken(six, "X6")]
    opened.wait(opened.store.record(verdicts))
    opened.wait(opened.store.settle([told(five, State.DELIVERED), told(six, State.REJECTED)]))


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, [6, 5, 4, 3, 2, 1]),
        ({"limit": 2}, [6, 5]),
        ({"limit": 2, "before": 5}, [4, 3]),
        ({"number": "243999999999"}, [1]),
        ({"number": "243810000001", "system_id": "shop"}, [4]),
        ({"system_id": "nobody"}, []),
        ({"stage": Stage.WAITING}, [1]),
        ({"stage": Stage.SUBMITTING}, [3, 2]),
        ({"stage": Stage.FINISHED}, [6, 5]),
        ({"state": State.DELIVERED}, [5]),
        ({"uncertain": True}, [3]),
        ({"uncertain": True, "number": "243999999999"}, []),
        ({"since": NOW + 30}, [6, 5, 4]),
        ({"until": NOW + 30}, [3, 2, 1]),
        ({"since": NOW + 10, "until": NOW + 20}, [2]),
        ({"since": NOW + 10, "stage": Stage.SUBMITTING, "limit": 1}, [3]),
        ({"since": NOW + 999}, []),
        ({"until": NOW}, []),
    ],
)
@pytest.mark.usefixtures("many")
def test_messages_are_found_newest_first(
    db: sqlite3.Connection, wanted: dict[str, Any], expected: list[int]
) -> None:
    assert ids(db, **wanted) == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [("1", [1]), ("x5", [5]), ("AB", [4]), ("000ab", [4]), ("7", []), ("", []), ("9" * 25, [])],
)
@pytest.mark.usefixtures("many")
def test_a_message_is_found_by_any_of_its_names(
    db: sqlite3.Connection, word: str, expected: list[int]
) -> None:
    assert [found.message_id for found in named(db, word)] == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("60a24181e4000", [1_700_000_000_000_000]),
        ("060A24181E4000", [1_700_000_000_000_000]),
        ("1700000000000000", [1_700_000_000_000_000]),
        ("00000000000000001700000000000000", [1_700_000_000_000_000]),
        ("17", [17, 0x17]),
        ("f" * 16, []),
        ("0x17", []),
    ],
)
def test_a_message_is_found_by_its_id_as_the_account_writes_it(
    opened: Opened, db: sqlite3.Connection, word: str, expected: list[int]
) -> None:
    accept(opened, [message(i) for i in (17, 0x17, 1_700_000_000_000_000)])
    assert [found.message_id for found in named(db, word)] == expected


def test_the_same_word_can_name_several_messages(opened: Opened, db: sqlite3.Connection) -> None:
    one, two, three = accept(opened, [message(i) for i in (1, 2, 3)], begun=True)
    same = [taken(one, "3"), taken(replace(two, provider="d7"), "003"), taken(three, "4")]
    opened.wait(opened.store.record(same))
    ours, *theirs = [found.message_id for found in named(db, "3")]
    assert (ours, set(theirs)) == (3, {1, 2})


def test_a_submit_multi_is_found_by_the_id_that_was_answered(
    opened: Opened, db: sqlite3.Connection
) -> None:
    multi = Traits(multi=2, destinations=3)
    accept(opened, [message(1, traits=Traits(multi=1, destinations=1))])
    accept(opened, [message(i, traits=multi) for i in (2, 3, 4)])
    accept(opened, [message(5, traits=Traits(service_type="CMT")), message(6)])
    for word, expected in (("1", [1]), ("2", [2, 3, 4]), ("3", [3]), ("4", [4]), ("5", [5])):
        assert [found.message_id for found in named(db, word)] == expected
    assert [found.multi for found in search(db, MessageQuery())] == [None, None, 2, 2, 2, 1]


def test_a_submit_multi_is_found_whichever_bridge_gave_its_ids(
    opened: Opened, db: sqlite3.Connection
) -> None:
    identifiers = Identifiers(0, NOW, 7)
    before, row, after = identifiers.take(), identifiers.take_row(120), identifiers.take()
    accept(opened, [message(each) for each in (before, after)])
    traits = Traits(multi=row[0], destinations=120)
    accept(opened, [message(each, traits=traits) for each in row])
    assert [found.message_id for found in named(db, str(row[0]))] == list(row)
    assert [found.message_id for found in named(db, str(row[119]))] == [row[119]]


def test_a_segment_leads_to_its_message_once_it_is_joined(
    opened: Opened, db: sqlite3.Connection
) -> None:
    first, second = segment(1, 1), segment(2, 2, received_at=NOW + 4)
    opened.wait(opened.store.accept([Entry(None, key=key(), segment=first)]))
    (alone,) = named(db, "1")
    assert (alone.stage, alone.segments, alone.system_id) == (Stage.GATHERING, 2, "bank")
    assert [event.name for event in timeline(db, alone)] == ["segment_received"]

    whole = message(1, segments=(first, second), accepted_at=NOW + 4)
    opened.wait(opened.store.accept([Entry(whole, key=key(), segment=second)]))
    (joined,) = named(db, "2")
    assert (joined.message_id, joined.stage) == (1, Stage.WAITING)
    events = [(event.at, event.name) for event in timeline(db, joined)]
    segments = [(NOW, "segment_received"), (NOW + 4, "segment_received")]
    expected = [*segments, (NOW + 4, "joined"), (NOW + 4, "routed")]
    assert events == expected


@pytest.mark.parametrize("late", [0.0, 300.0])
def test_times_are_found_among_ids_that_say_nothing_of_them(
    opened: Opened, db: sqlite3.Connection, late: float
) -> None:
    # Ids lag behind the clock, and a joined message is younger than its id.
    times = {i * i * 1_000: NOW + 100 * i + (late if i % 3 == 0 else 0) for i in range(1, 40)}
    accept(opened, [message(i, accepted_at=at) for i, at in times.items()])
    for since in (NOW, *(at + d for at in times.values() for d in (-0.5, 0.0, 0.5))):
        expected = sorted((i for i, at in times.items() if at >= since), reverse=True)
        assert ids(db, since=since) == expected
        assert ids(db, until=since) == sorted(set(times) - set(expected), reverse=True)
        if not late:
            assert first_since(db, since) <= min(expected, default=1 + max(times))
    assert late < LONGEST_GATHERING


def test_a_timeline_tells_all_that_happened(opened: Opened, db: sqlite3.Connection) -> None:
    parts = segment(1, 1, received_at=NOW - 3), segment(2, 2, received_at=NOW - 2)
    opened.wait(opened.store.accept([Entry(None, key=key(), segment=part) for part in parts]))
    whole = message(1, segments=parts)
    opened.wait(opened.store.accept([Entry(whole)]))
    first, second, third = (tried(whole, number=i, begun_at=NOW + 10 * i) for i in (1, 2, 3))
    third.provider, third.hop = "d7", 1
    opened.wait(opened.store.begin([first]))
    busy = replace(again(first, NOW), at=NOW + 11, outcome=Postponed("busy"))
    opened.wait(opened.store.record([busy]))
    opened.wait(opened.store.begin([second]))
    resent = replace(unknown(second), stage=Stage.WAITING, next_provider="d7", next_hop=1)
    opened.wait(opened.store.record([replace(resent, at=NOW + 25)]))
    opened.wait(opened.store.begin([third]))
    (out,) = named(db, "1")
    last = timeline(db, out)[-1]
    assert (last.name, last.facts) == ("attempt_out", {"number": 3, "provider": "d7"})

    opened.wait(opened.store.record([replace(taken(third, "X"), at=NOW + 30.25)]))
    joined = replace(third, message=replace(whole, segments=(Segment(1, 1, 1, NOW), parts[1])))
    opened.wait(opened.store.settle([told(joined, State.DELIVERED, NOW + 40)]))
    one, two = opened.wait(opened.store.owed("bank", NOW + 50, 9))
    opened.wait(opened.store.finish([(one, 0x65)], NOW + 41))
    two.attempts, two.due = 2, NOW + 60
    opened.wait(opened.store.postpone([two]))
    (found,) = named(db, "1")
    state = int(State.DELIVERED)
    assert [(e.at, e.name, e.facts) for e in timeline(db, found)] == [
        (NOW - 3, "segment_received", {"message_id": 1, "number": 1}),
        (NOW - 2, "segment_received", {"message_id": 2, "number": 2}),
        (NOW, "joined", {}),
        (NOW, "routed", {"via": ["keccel", "d7"]}),
        (
            NOW + 10,
            "attempt_postponed",
            attempted(1, "keccel", 1.0, reason="busy", why="put_off"),
        ),
        (NOW + 20, "attempt_uncertain", attempted(2, "keccel", 5.0, reason="silence")),
        (NOW + 30, "attempt_accepted", attempted(3, "d7", 0.25, provider_message_id="X")),
        (NOW + 40, "state_final", {"state": state, "error": 0, "source": "push"}),
        (
            NOW + 40,
            "receipt_owed",
            {"message_id": 2, "state": state, "postponed": 2}
            | {"due": NOW + 60, "expires_at": two.expires_at},
        ),
        (
            NOW + 41,
            "receipt_refused",
            {"message_id": 1, "state": state, "postponed": 0, "command_status": 0x65},
        ),
    ]
    opened.wait(opened.store.lapse(two.expires_at, 9))
    assert timeline(db, found)[-1].name == "receipt_lapsed"


def test_parts_are_names_of_their_message_and_steps_of_its_life(
    opened: Opened, db: sqlite3.Connection
) -> None:
    (attempt, other) = accept(opened, [message(1), message(2)], begun=True)
    opened.wait(opened.store.record([in_parts(attempt, "X", "0Y"), taken(other, "Z")]))
    opened.wait(opened.store.end_parts([PartEnd(1, 2, State.EXPIRED, 7)]))
    for word in ("x", "0Y", "y"):
        (found,) = named(db, word)
        assert (found.message_id, found.provider_message_id) == (1, "X")
    assert named(db, "yy") == []
    assert [event.facts for event in timeline(db, found) if event.name == "part"] == [
        {"number": 1, "provider_message_id": "X", "state": 0, "error": 0},
        {"number": 2, "provider_message_id": "0Y", "state": State.EXPIRED, "error": 7},
    ]
    assert "part" not in [event.name for event in timeline(db, *named(db, "Z"))]


def attempted(number: int, provider: str, took: float, **why: str) -> dict[str, Any]:
    return {"number": number, "provider": provider, **why, "seconds": took}


# -- what is decided by hand --------------------------------------------------------------------


@pytest.mark.usefixtures("many")
def test_only_uncertain_messages_can_be_decided_about(opened: Opened) -> None:
    assert decide(opened.path, [1, 2, 3, 4, 5, 99], "resend") == [3]
    ((found, verb),) = opened.wait(opened.store.decisions())
    assert (found.attempt.message.message_id, found.stage, verb) == (3, Stage.SUBMITTING, "resend")
    assert opened.wait(opened.store.decisions()) == []


@pytest.mark.usefixtures("many")
def test_the_last_decision_counts_and_is_there_after_a_restart(opened: Opened) -> None:
    decide(opened.path, [3], "resend")
    decide(opened.path, [3], "fail")
    opened.reopen()
    ((_, verb),) = opened.wait(opened.store.decisions())
    assert verb == "fail"


# -- opening ------------------------------------------------------------------------------------


def test_a_store_is_only_read(db: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        db.execute("delete from message")


def test_a_store_is_read_when_no_bridge_runs(opened: Opened) -> None:
    accept(opened, [message()])
    opened.store.stop()
    db = open_file(opened.path)
    assert ids(db) == [1]
    db.close()


def test_what_is_no_store_is_named(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("x" * 5_000)
    (tmp_path / "empty").touch()
    other = sqlite3.connect(tmp_path / "other")
    other.execute("create table t (x)")
    other.close()
    for name, why in (
        ("nothing", "there is no store"),
        (".", "there is no store"),
        ("text", "file is not a database"),
        ("empty", "is not a store"),
        ("other", "is not a store"),
    ):
        with pytest.raises(NotAStore, match=why):
            open_file(tmp_path / name)


@pytest.mark.parametrize(("version", "error"), [(999, TooNew), (0, NotAStore)])
def test_another_schema_is_told_of(opened: Opened, version: int, error: type[Exception]) -> None:
    with closing(sqlite3.connect(opened.path)) as db:
        db.execute(f"pragma user_version = {version}")
    with pytest.raises(error, match=f"schema {version}"):
        open_file(opened.path)


def test_a_store_that_may_not_be_looked_into_is_no_fault_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(self: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", refused)
    with pytest.raises(NotAStore, match="Permission denied: look as the bridge's user"):
        open_file(tmp_path / "bridge.db")
