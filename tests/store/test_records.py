"""Every value of a row stands in the column of its name: rows to be written are plain tuples."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from smppbridge.model.address import Address
from smppbridge.model.message import Attempt, GatheringKey, Message, Segment, Stage, Traits
from smppbridge.model.outcome import Accepted, Postponed, Refused
from smppbridge.model.parts import Part
from smppbridge.model.report import Delivery, MoContent
from smppbridge.store import gathered, lookup
from smppbridge.store import records as rec
from smppbridge.store import statements as sql
from smppbridge.store.port import EarlyReport, Entry, MoEntry, PartEnd, Settlement, Verdict
from smppbridge.store.records import DeliveryRow, MessageRow
from tests.store.opened import Opened, first_attempt

MESSAGE = Message(
    message_id=7,
    system_id="bank",
    source=Address("BANK", 5, 9),
    destination=Address("0810000001", 2, 1),
    number="243810000001",
    text="Bonjour",
    data_coding=8,
    priority=3,
    registered_delivery=17,
    route=("keccel", "d7"),
    accepted_at=100.0,
    expires_at=900.0,
    due=101.0,
    traits=Traits(service_type="CMT"),
)
ATTEMPT = Attempt(MESSAGE, "d7", number=4, hop=1, begun_at=102.0, batch="key")
DELIVERY = Delivery(
    message_id=7,
    parent=6,
    system_id="bank",
    source=MESSAGE.source,
    destination=MESSAGE.destination,
    state=2,
    error=5,
    submitted_at=100.0,
    done_at=104.0,
    due=105.0,
    expires_at=106.0,
)
ACCEPTED = {
    "message_id": 7,
    "system_id": "bank",
    "stage": Stage.WAITING,
    "begun": 0,
    "due": 101.0,
    "expires_at": 900.0,
    "provider": "d7",
    "hop": 1,
    "attempts": 0,
    "route": "keccel,d7",
    "source": "BANK",
    "source_plan": 0x0509,
    "destination": "0810000001",
    "destination_plan": 0x0201,
    "number": "243810000001",
    "body": "Bonjour",
    "data_coding": 8,
    "priority": 3,
    "registered_delivery": 17,
    "traits": '{"service_type": "CMT"}',
    "segments": 0,
    "accepted_at": 100.0,
    "begun_at": None,
}
OWED = {
    "message_id": 7,
    "state": 2,
    "parent": 6,
    "system_id": "bank",
    "error": 5,
    "done_at": 104.0,
    "due": 105.0,
    "expires_at": 106.0,
    "attempts": 0,
}


class Table:
    """An opened store whose rows are read back by the names of their columns."""

    def __init__(self, folder: Path) -> None:
        self.opened = Opened(folder)
        self.write(
            self.opened.store.accept([Entry(MESSAGE, attempt=first_attempt(MESSAGE, False, hop=1))])
        )

    def write(self, written: Any) -> None:
        self.opened.wait(written)

    def row(self, table: str) -> dict[str, Any]:
        """Return the one row of a table."""
        with closing(sqlite3.connect(self.opened.path)) as db:
            db.row_factory = sqlite3.Row
            (row,) = db.execute(f"select * from {table}").fetchall()
        return dict(row)


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Table]:
    table = Table(tmp_path)
    yield table
    table.opened.store.stop()


def changed(table: Table) -> dict[str, Any]:
    """Return the columns of the message that are not as it was accepted."""
    rest = {"state": 0, "error": 0, "parts": 0} | dict.fromkeys(
        ("answered_at", "provider_message_id", "done_at", "report_source", "batch"), None
    )
    row = table.row("message")
    return {name: row[name] for name in row if row[name] != (ACCEPTED | rest)[name]}


def test_an_accepted_message(table: Table) -> None:
    assert changed(table) == {}
    begun = dict(
        zip(
            sql.INSERT_MESSAGE.columns,
            rec.message_row(MESSAGE, first_attempt(MESSAGE, hop=1)),
            strict=True,
        )
    )
    out = {"stage": 2, "begun": 1, "due": None, "attempts": 1, "begun_at": 100.0}
    assert begun == ACCEPTED | out


def test_an_attempt_that_is_begun(table: Table) -> None:
    table.write(table.opened.store.begin([ATTEMPT]))
    assert changed(table) == {"begun": 1, "attempts": 4, "begun_at": 102.0, "batch": "key"}


def test_the_verdict_on_an_accepted_attempt(table: Table) -> None:
    table.write(table.opened.store.begin([ATTEMPT]))
    verdict = Verdict(ATTEMPT, Accepted("k7"), Stage.SUBMITTED, 200.0, 103.0, "k7")
    table.write(table.opened.store.record([verdict]))
    assert changed(table) == {
        "stage": Stage.SUBMITTED,
        "due": 200.0,
        "attempts": 4,
        "begun_at": 102.0,
        "batch": "key",
        "answered_at": 103.0,
        "provider_message_id": "k7",
    }


def test_another_verdict(table: Table) -> None:
    table.write(table.opened.store.begin([ATTEMPT]))
    verdict = Verdict(replace(ATTEMPT, number=5), Postponed("busy"), Stage.SUBMITTING, 200.0, 103.0)
    table.write(table.opened.store.record([replace(verdict, next_provider="third", next_hop=2)]))
    assert changed(table) == {
        "stage": Stage.SUBMITTING,
        "due": 200.0,
        "provider": "third",
        "hop": 2,
        "attempts": 5,
        "begun_at": 102.0,
        "batch": "key",
        "answered_at": 103.0,
    }


def test_a_verdict_on_a_message_of_parts(table: Table) -> None:
    parts = (Part("k7"), Part("k8", needed=False))
    verdict = Verdict(ATTEMPT, Accepted("k7", parts), Stage.SUBMITTED, 200.0, 103.0, "k7")
    table.write(table.opened.store.record([replace(verdict, parts=parts[1:])]))
    assert changed(table)["parts"] == 1
    row = {"message_id": 7, "number": 1, "provider": "d7", "provider_message_id": "k8"}
    assert table.row("part") == row | {"needed": 0, "state": 0, "error": 0}
    table.write(table.opened.store.end_parts([PartEnd(7, 1, 5, 27)]))
    assert table.row("part") == row | {"needed": 0, "state": 5, "error": 27}


def test_an_attempt_that_was_not_accepted(table: Table) -> None:
    verdict = Verdict(ATTEMPT, Postponed("busy"), Stage.WAITING, 200.0, 103.0)
    table.write(table.opened.store.record([verdict]))
    assert table.row("attempt") == {
        "message_id": 7,
        "number": 4,
        "provider": "d7",
        "begun_at": 102.0,
        "ended_at": 103.0,
        "outcome": "postponed",
        "reason": "busy",
    }


def test_an_attempt_keeps_the_providers_words_behind_our_reason(table: Table) -> None:
    outcome = Refused("HTTP 400: destination refused", words="Bad number")
    verdict = Verdict(ATTEMPT, outcome, Stage.WAITING, 200.0, 103.0)
    table.write(table.opened.store.record([verdict]))
    assert table.row("attempt")["reason"] == "HTTP 400: destination refused: Bad number"


@pytest.mark.parametrize("final", [False, True])
def test_a_settlement(table: Table, final: bool) -> None:
    owed = [DELIVERY]
    settlement = Settlement(ATTEMPT, 2, 5, 104.0, final, "push", owed, renamed="k8")
    table.write(table.opened.store.settle([settlement]))
    ended = {"stage": Stage.FINISHED, "due": None, "done_at": 104.0} if final else {}
    assert changed(table) == ended | {
        "state": 2,
        "error": 5,
        "report_source": "push",
        "provider_message_id": "k8",
    }
    row = table.row("delivery")
    assert row == OWED | {"finished_at": None, "command_status": None}


def test_a_move_and_a_new_due(table: Table) -> None:
    table.write(table.opened.store.move([Attempt(MESSAGE, "third", hop=2)]))
    table.write(table.opened.store.revisit([(7, 300.0)]))
    assert changed(table) == {"provider": "third", "hop": 2, "due": 300.0}


def test_deliveries_that_are_postponed_and_concluded(table: Table) -> None:
    table.write(table.opened.store.settle([Settlement(ATTEMPT, 2, 5, 1.0, True, "", [DELIVERY])]))
    later = replace(DELIVERY, due=500.0, attempts=4)
    table.write(table.opened.store.postpone([later]))
    table.write(table.opened.store.finish([(later, 101)], 600.0))
    more = {"due": 500.0, "attempts": 4, "finished_at": 600.0, "command_status": 101}
    assert table.row("delivery") == OWED | more


def test_a_segment_that_waits(table: Table) -> None:
    key = GatheringKey("bank", MESSAGE.source, MESSAGE.destination, "udh", 9, 3, b"\x05")
    segment = Segment(
        message_id=8,
        number=2,
        registered_delivery=1,
        received_at=99.0,
        data_coding=8,
        priority=3,
        due=101.0,
        expires_at=900.0,
        traits=MESSAGE.traits,
        octets=b"\x00a",
        scheduled=True,
        limited=True,
        opened_by=7,
    )
    table.write(table.opened.store.accept([Entry(None, key=key, segment=segment)]))
    row = table.row("segment")
    assert row.pop("context")
    assert row == {
        "message_id": 8,
        "parent": None,
        "number": 2,
        "registered_delivery": 1,
        "received_at": 99.0,
        "octets": b"\x00a",
        "about": None,
        "fingerprint": None,
    }
    assert table.opened.reopen().segments == [(key, segment)]


def test_a_segment_of_an_older_version_that_waits() -> None:
    context = json.dumps(
        {
            "key": ["bank", ["BANK", 5, 0], ["243", 1, 1], "udh8", 9, 3, ""],
            "segment": [8, 3, 101.0, 900.0],
            "traits": None,
        }
    )
    _, segment = gathered.read_gathering((8, 2, 1, 99.0, b"x", context))
    assert (segment.due, segment.expires_at) == (101.0, 900.0)
    assert (segment.scheduled, segment.limited, segment.opened_by) == (False, False, 0)


def test_an_early_report_comes_back(table: Table) -> None:
    early = EarlyReport("keccel", "k9", 2, 5, 98.0, "k10")
    table.write(table.opened.store.keep_early([early]))
    assert table.row("early") == {each.name: getattr(early, each.name) for each in fields(early)}
    assert table.opened.reopen().early == [early]


def test_an_mo_message(table: Table) -> None:
    delivery = Delivery(
        message_id=9,
        parent=9,
        system_id="bank",
        source=Address("243990000007", 1, 1),
        destination=Address("12345", 3, 2),
        state=0,
        error=0,
        submitted_at=97.0,
        done_at=98.0,
        due=99.0,
        expires_at=900.0,
        content=MoContent(b"\xff", 8, 0x40),
    )
    table.write(table.opened.store.keep_mos([MoEntry("smscx", "X", 3, [delivery])]))
    assert table.row("mo") == {
        "message_id": 9,
        "parent": 9,
        "provider": "smscx",
        "provider_message_id": "X",
        "segment": 3,
        "source": "243990000007",
        "source_plan": 0x0101,
        "destination": "12345",
        "destination_plan": 0x0302,
        "data_coding": 8,
        "esm_class": 0x40,
        "octets": b"\xff",
        "heard_at": 97.0,
    }
    (owed,) = table.opened.wait(table.opened.store.owed("bank", 1_000.0, 9))
    assert owed == delivery


def test_an_opt_out(table: Table) -> None:
    table.write(table.opened.store.keep_optouts([("smscx", "243990000007", 97.0)]))
    assert table.row("optout") == {
        "provider": "smscx",
        "number": "243990000007",
        "at": 97.0,
        "ended": 0,
    }


def test_a_message_is_read_as_it_was_written(table: Table) -> None:
    table.write(table.opened.store.begin([ATTEMPT]))
    found = table.opened.wait(table.opened.store.find([7]))[7]
    assert found.attempt == ATTEMPT
    assert found.stage is Stage.SUBMITTING


@pytest.mark.parametrize("many", sql.ORDER, ids=lambda many: many._sql[1].split(") ")[2][:30])
def test_no_statement_goes_by_the_order_of_a_table(many: sql.Many) -> None:
    statement = many._sql[1]
    if " insert" in statement:
        assert f"({','.join(many.columns)}) select * from v" in statement


@pytest.mark.parametrize(
    ("row", "of"),
    [(MessageRow._fields, "message"), (DeliveryRow._fields, "delivery")],
    ids=["MessageRow", "DeliveryRow"],
)
def test_rows_that_are_read_have_the_names_of_columns(
    table: Table, row: tuple[str, ...], of: str
) -> None:
    with closing(lookup.open_store(table.opened.path)) as db:
        names = {column[1] for column in db.execute(f"pragma table_info({of})")}
    assert set(row) <= names
