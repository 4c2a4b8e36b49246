"""What the store on PostgreSQL promises besides the contracts of all stores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from smppbridge.model.message import Attempt, Stage
from smppbridge.model.notes import Unmatched
from smppbridge.model.outcome import Refused
from smppbridge.smpp.constants import MessageState as State
from smppbridge.store.migrate import TooNew
from smppbridge.store.port import EarlyReport, StoreFailure, Verdict
from smppbridge.store.postgres.migrate import NotMigrated
from tests.store.opened import NOW, accept, message, mo_entry, taken, told, tried, unknown
from tests.store.postgres.opened import OpenedPostgres, contents


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[OpenedPostgres]:
    opened = OpenedPostgres(tmp_path)
    yield opened
    opened.close()


def execute(opened: OpenedPostgres, statement: str) -> list[Any]:
    with psycopg.connect(opened.dsn, autocommit=True) as db:
        done = db.execute(statement.encode())
        return done.fetchall() if done.description else []


def settle(opened: OpenedPostgres, attempt: Attempt) -> None:
    opened.wait(opened.store.settle([told(attempt, State.DELETED)]))


MEANWHILE: dict[str, Callable[[OpenedPostgres, Attempt], Any]] = {
    "taken over": lambda opened, a: opened.lose([a.message.message_id]),
    "ended": settle,
    "begun": lambda opened, a: opened.wait(opened.store.begin([a])),
    "gone": lambda opened, a: execute(opened, "delete from waiting where message_id = 2"),
}


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("how", MEANWHILE)
def test_only_what_waits_here_begins(opened: OpenedPostgres, how: str, first: bool) -> None:
    one, two, three = accept(opened, [message(n) for n in (1, 2, 3)])
    MEANWHILE[how](opened, two)
    begun = [two, one, three] if first else [one, three, two]
    assert opened.wait(opened.store.begin(begun)) == [one, three]
    assert opened.wait(opened.store.begin([two])) == []


def test_attempts_that_are_taken_over_while_they_are_out_are_not_ours_to_record(
    opened: OpenedPostgres,
) -> None:
    mine, lost = accept(opened, [message(1), message(2)], begun=True)
    opened.lose([2])
    before = contents(opened.dsn)
    opened.wait(opened.store.settle([told(lost, State.DELIVERED)]))
    opened.wait(opened.store.record([unknown(lost)]), opened.store.recall([lost]))
    after = contents(opened.dsn)
    assert {name for name in before if after[name] != before[name]} == {"attempt"}
    opened.wait(opened.store.settle([told(lost, State.DELIVERED), told(mine, State.DELIVERED)]))
    owed = contents(opened.dsn)["delivery"]
    assert len(owed) == len(contents(opened.dsn)["fate"]) == 1


def test_an_outcome_in_doubt_leaves_a_message_that_was_accepted_alone(
    opened: OpenedPostgres,
) -> None:
    (attempt,) = accept(opened, [message(1)], begun=True)
    opened.wait(opened.store.record([taken(attempt, "X")]))
    opened.wait(opened.store.record([unknown(attempt)]))
    found = opened.wait(opened.store.find([("keccel", "X")]))
    assert found["keccel", "X"].stage is Stage.SUBMITTED


def test_a_final_state_does_not_change(opened: OpenedPostgres) -> None:
    (attempt,) = accept(opened, [message(1)], begun=True)
    opened.wait(
        opened.store.settle([told(attempt, State.DELIVERED)]),
        opened.store.settle([told(attempt, State.EXPIRED)]),
    )
    opened.wait(opened.store.settle([told(attempt, State.REJECTED)]))
    assert [row[0] for row in execute(opened, "select state from fate")] == [State.DELIVERED]
    assert [row[0] for row in execute(opened, "select state from delivery")] == [State.DELIVERED]


def test_a_receipt_may_write_another_state_than_the_message_has(opened: OpenedPostgres) -> None:
    (attempt,) = accept(opened, [message(1)], begun=True)
    skipped = told(attempt, State.SKIPPED)
    assert [delivery.state for delivery in skipped.deliveries] == [State.UNDELIVERABLE]
    opened.wait(opened.store.settle([skipped]))
    assert execute(opened, "select f.state, d.state from fate f, delivery d") == [
        (State.SKIPPED, State.UNDELIVERABLE)
    ]


def test_an_intermediate_notification_that_was_delivered_is_not_owed_again(
    opened: OpenedPostgres,
) -> None:
    (attempt,) = accept(opened, [message(1, registered_delivery=0x11)], begun=True)
    enroute = told(attempt, State.ENROUTE)
    assert enroute.deliveries
    opened.wait(opened.store.settle([enroute]))
    opened.wait(opened.store.finish([(enroute.deliveries[0], 0)], NOW))
    opened.wait(opened.store.settle([enroute]))
    assert contents(opened.dsn)["delivery"] == []
    settle(opened, attempt)
    opened.wait(opened.store.settle([enroute]))
    assert len(contents(opened.dsn)["delivery"]) == 1  # that of the end


def test_texts_of_providers_are_kept_whatever_characters_they_have(opened: OpenedPostgres) -> None:
    first, second = accept(opened, [message(1), message(2)], begun=True)
    why = Refused("no\0", words="\0")
    opened.wait(
        opened.store.record(
            [taken(first, "a\0b"), Verdict(second, why, Stage.SUBMITTING, NOW, NOW)]
        ),
        opened.store.keep_early([EarlyReport("keccel", "c\0", State.DELIVERED, 0, NOW)]),
        opened.store.keep_mos([mo_entry(5, "d\0")]),
        opened.store.keep_noted([], [], [Unmatched(NOW, "report", "keccel", "\0", "unknown_id")]),
    )
    assert execute(opened, "select provider_message_id from out where message_id = 1") == [
        ("a\ufffdb",)
    ]
    opened.wait(opened.store.drop_early([("keccel", "c\0", NOW)]))
    assert contents(opened.dsn)["early"] == []


def test_a_request_with_a_key_has_its_members_however_they_began(opened: OpenedPostgres) -> None:
    attempts = accept(opened, [message(1), message(2)])
    keyed = [tried(a.message, batch="key") for a in attempts]
    opened.wait(opened.store.begin(keyed))
    opened.wait(opened.store.record([unknown(a) for a in keyed]))
    again = [tried(a.message, number=2, batch="key") for a in keyed]
    assert opened.wait(opened.store.begin(again)) == again
    found = opened.wait(opened.store.batches(["key"]))["key"]
    assert [each.attempt.message.message_id for each in found] == [1, 2]


def test_a_missing_partition_is_a_failure(opened: OpenedPostgres) -> None:
    execute(opened, "drop table fate_any")
    (attempt,) = accept(opened, [message(1)], begun=True)
    with pytest.raises(StoreFailure, match="partition"):
        opened.wait(opened.store.settle([told(attempt, State.DELIVERED)]))
    assert opened.wait(opened.store.find([1]))[1].stage is Stage.SUBMITTING


def test_a_schema_that_is_not_ours_is_not_opened(opened: OpenedPostgres) -> None:
    opened.store.stop()
    execute(opened, "insert into schema (number) values (999)")
    with pytest.raises(TooNew):
        opened.open()
    execute(opened, "delete from schema where number > 1")
    with pytest.raises(NotMigrated):
        opened.open()
    execute(opened, "insert into schema (number) select generate_series(2, 99)")
    with pytest.raises(TooNew):
        opened.open()
