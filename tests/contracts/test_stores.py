"""What every store must do: a new one is a row of STORES in conftest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smppbridge.model.address import Address
from smppbridge.model.identifiers import Tolerance
from smppbridge.model.message import (
    PLAIN,
    Attempt,
    KnownState,
    Segment,
    Stage,
    Traits,
    fingerprint,
)
from smppbridge.model.outcome import Refused
from smppbridge.model.parts import Part
from smppbridge.model.tlvs import MOST_TLVS
from smppbridge.relay.report.receipts import settlement
from smppbridge.smpp.constants import MessageState as State
from smppbridge.store.named import PAGE
from smppbridge.store.port import (
    EarlyReport,
    Entry,
    Found,
    LineQuery,
    PartEnd,
    StoreFailure,
    Verdict,
    Waiting,
)
from tests.contracts.conftest import BY_MESSAGE
from tests.store.opened import (
    KEEP,
    NOW,
    Opened,
    accept,
    again,
    first_attempt,
    in_parts,
    key,
    message,
    mo_entry,
    segment,
    taken,
    told,
    tried,
    unknown,
)


def found(opened: Opened, message_id: int = 1) -> Found:
    result: Found = opened.wait(opened.store.find([message_id]))[message_id]
    return result


def ids(attempts: list[Attempt]) -> list[int]:
    return [attempt.message.message_id for attempt in attempts]


def owed(opened: Opened, now: float = NOW + 10, **more: Any) -> list[tuple[int, int]]:
    deliveries = opened.wait(opened.store.owed("bank", now, more.pop("limit", 100), **more))
    return [(d.message_id, d.state) for d in deliveries]


# -- accept -------------------------------------------------------------------------------------

SHAPES = {
    "plain": message(),
    "octets": message(text="", binary=b"\x00\xff", data_coding=4),
    "empty": message(text=""),
    "as the ESME wrote it": message(destination=Address("+243 81", 0, 0)),
    "everywhere": message(2**63 - 1, source=Address("", 255, 255), text="😀\x00\n'\"" * 100),
    "traits": message(traits=Traits("WAP", 0x40, 65, 0, b"\x05\x00")),
    "some traits": message(traits=Traits(user_message_reference=65535)),
    "tlvs": message(traits=Traits(tlvs=((0x1400, b"11\0"), (0xFFFF, b""), (0x1400, b"\xff")))),
    "references": message(traits=Traits(user_message_reference=7, references=((1, 7), (3, 0)))),
    "a wish": message(text="“hi”", traits=Traits(transliterate=True)),
    "one of many": message(traits=Traits(multi=7, destinations=254)),
    "its hours": message(traits=Traits(quiet="21:00 08:00 destination UTC", limited=True)),
    "a datagram": message(traits=Traits(datagram=True)),
    "no route": message(route=()),
    "later": message(due=NOW + 100.25, priority=3, registered_delivery=0x12),
}


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("name", SHAPES)
def test_an_accepted_message_is_the_same_after_reopening(
    opened: Opened, name: str, begun: bool
) -> None:
    whole = SHAPES[name]
    opened.wait(opened.store.accept([Entry(whole, attempt=first_attempt(whole, begun))]))
    restored = opened.reopen()
    provider = whole.route[0] if whole.route else ""
    if begun:
        expected = Attempt(replace(whole, due=0.0), provider, 1, 0, whole.accepted_at)
        assert (restored.interrupted, restored.waiting) == ([expected], [])
    else:
        expected = Attempt(whole, provider)
        waiting = Waiting(provider, expected.message.system_id, expected.message.priority, 1)
        assert (restored.interrupted, restored.waiting) == ([], [waiting])
    stage = Stage.SUBMITTING if begun else Stage.WAITING
    assert found(opened, whole.message_id) == Found(expected, stage)
    assert restored.last_id == whole.message_id


addresses = st.builds(
    Address, st.text("0123456789ABCé", max_size=20), st.integers(0, 255), st.integers(0, 255)
)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    text=st.text(st.characters(exclude_categories=["Cs"]), max_size=300),
    source=addresses,
    destination=addresses,
    traits=st.builds(
        Traits,
        st.text("ABC", max_size=5),
        st.integers(0, 255),
        st.integers(0, 255),
        st.none() | st.integers(0, 65535),
        st.binary(max_size=8),
        tlvs=st.lists(
            st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=40)), max_size=MOST_TLVS
        ).map(tuple),
    ),
    numbers=st.tuples(st.integers(0, 255), st.integers(0, 3), st.integers(0, 255)),
)
def test_any_message_is_the_same_when_it_is_found(
    all_opened: list[Opened],
    text: str,
    numbers: tuple[int, int, int],
    traits: Traits,
    **addressed: Address,
) -> None:
    data_coding, priority, asked = numbers
    whole = message(text=text, data_coding=data_coding, priority=priority)
    whole.source, whole.destination = addressed["source"], addressed["destination"]
    whole.registered_delivery, whole.traits = asked, PLAIN if traits == PLAIN else traits
    for opened in all_opened:
        opened.restored.last_id = whole.message_id = opened.restored.last_id + 1
        opened.wait(opened.store.accept([Entry(whole)]))
        assert found(opened, whole.message_id).attempt.message == whole


def test_a_segment_waits_until_its_message_is_whole(opened: Opened) -> None:
    first, second = segment(1, 1), segment(2, 2, octets=b"\x00b", traits=Traits("X"))
    other = segment(3, 2, traits=Traits(udh=b"\x01", tlvs=((0x1400, b"11"),)))
    opened.wait(
        opened.store.accept(
            [Entry(None, key=key(), segment=first), Entry(None, key=key(8), segment=other)]
        )
    )
    restored = opened.reopen()
    assert (restored.segments, restored.last_id) == ([(key(), first), (key(8), other)], 3)

    whole = message(1, segments=(first, second))
    opened.wait(opened.store.accept([Entry(whole, key=key(), segment=second)]))
    assert opened.reopen().segments == [(key(8), other)]
    joined = (Segment(1, 1, 1, NOW), Segment(2, 2, 1, NOW))
    assert found(opened).attempt.message == replace(whole, segments=joined)
    assert opened.wait(opened.store.find([2])) == {}


def test_a_segment_that_its_message_is_joined_with_is_restored_by_its_fingerprint(
    opened: Opened,
) -> None:
    parts = segment(1, 1, scheduled=True, opened_by=1), segment(2, 2, octets=b"", opened_by=1)
    other = segment(3, 1)
    opened.wait(
        opened.store.accept(
            [
                Entry(None, key=key(), segment=parts[0]),
                Entry(message(1, segments=parts), key=key(), segment=parts[1]),
                Entry(None, key=key(8), segment=other),
            ]
        )
    )
    restored = opened.reopen()
    (waiting,) = restored.segments
    assert waiting == (key(8), other)
    assert restored.joined == [
        (key(), Segment(1, 1, 1, NOW), fingerprint(parts[0].octets)),
        (key(), Segment(2, 2, 1, NOW), fingerprint(b"")),
    ]


def test_what_was_incomplete_is_not_restored_as_joined(opened: Opened) -> None:
    alone, late = segment(1, 1), segment(2, 2)
    source, destination = Address("+1 2", 1, 1), Address("0810000001", 2, 1)
    whole = message(2, segments=(late,), source=source, destination=destination)
    only = key(9, total=1, source=source, destination=destination, udh=b"")
    opened.wait(
        opened.store.accept(
            [
                Entry(None, key=key(), segment=alone),
                Entry(message(1, segments=(alone,)), key=key()),
                Entry(whole, key=only, segment=late),
            ]
        )
    )
    assert opened.reopen().joined == [(only, Segment(2, 2, 1, NOW), fingerprint(late.octets))]


def test_a_segment_that_repeats_another_one_is_in_its_message(opened: Opened) -> None:
    """It is known by its id, and not by its octets: there are none."""
    first = segment(1, 1, opened_by=1)
    again = segment(3, 1, octets=b"", opened_by=1, repeats=True)
    opened.wait(
        opened.store.accept([Entry(None, key=key(), segment=each) for each in (first, again)])
    )
    assert opened.reopen().segments == [(key(), first), (key(), again)]
    second = segment(2, 2)
    whole = message(1, segments=(first, second, again))
    opened.wait(opened.store.accept([Entry(whole, key=key(), segment=second)]))
    assert [each.message_id for _, each, _ in opened.reopen().joined] == [1, 2]
    assert {each.message_id for each in found(opened).attempt.message.segments} == {1, 2, 3}


def test_an_incomplete_message_is_not_complete_by_a_repetition(opened: Opened) -> None:
    parts = segment(1, 1), segment(2, 1, octets=b"", repeats=True)
    opened.wait(opened.store.accept([Entry(None, key=key(), segment=each) for each in parts]))
    whole = message(1, route=(), segments=parts)
    opened.wait(opened.store.accept([Entry(whole, key=key())]))
    assert opened.reopen().joined == []


def test_a_message_takes_its_segments_in_when_none_comes_with_it(opened: Opened) -> None:
    first = segment(1, 1)
    opened.wait(opened.store.accept([Entry(None, key=key(), segment=first)]))
    whole = message(1, route=(), segments=(first,))
    fate = told(Attempt(whole, ""), State.EXPIRED)
    opened.wait(opened.store.accept([Entry(whole)], [fate]))
    assert opened.reopen().segments == []
    assert found(opened).stage is Stage.FINISHED
    assert owed(opened) == [(1, State.EXPIRED)]


# -- submit -------------------------------------------------------------------------------------


def test_an_attempt_that_was_out_is_known_to_be_interrupted(opened: Opened) -> None:
    first, second = accept(opened, [message(1), message(2)])
    out = replace(second, provider="d7", hop=1, number=3, begun_at=NOW + 5)
    opened.wait(opened.store.move([out]))
    opened.wait(opened.store.begin([out]))
    restored = opened.reopen()
    (interrupted,) = restored.interrupted
    assert interrupted == replace(out, message=replace(out.message, due=interrupted.message.due))
    assert restored.waiting == [Waiting("keccel", "bank", 0, 1)]
    assert opened.wait(opened.store.due(Stage.SUBMITTING, "d7", NOW + 999, 9)) == []
    assert found(opened, first.message.message_id).stage is Stage.WAITING


def test_begin_returns_the_attempts_that_began(opened: Opened) -> None:
    attempts = accept(opened, [message(n) for n in range(1, 6)])
    ended, sent, *free = attempts
    assert opened.wait(opened.store.begin([ended, sent])) == [ended, sent]
    opened.wait(opened.store.record([taken(sent, "X")]))
    opened.wait(opened.store.settle([told(ended, State.DELIVERED)]))
    assert opened.wait(opened.store.begin([ended, free[0], sent])) == [free[0]]
    together = opened.store.begin([free[1]]), opened.store.begin([sent, free[2], ended])
    assert opened.wait(*together) == [free[2]]
    assert [found(opened, a.message.message_id).stage for a in (ended, sent)] == [
        Stage.FINISHED,
        Stage.SUBMITTED,
    ]
    assert ids(opened.reopen().interrupted) == [3, 4, 5]


@pytest.mark.parametrize("with_message", [True, False])
def test_an_attempt_that_was_begun_and_did_not_leave_is_undone(
    opened: Opened, with_message: bool
) -> None:
    (attempt,) = accept(opened, [message(due=NOW - 3)], begun=with_message)
    if not with_message:
        attempt = replace(attempt, batch="key/1", begun_at=NOW + 5)
        opened.wait(opened.store.begin([attempt]))
    opened.wait(opened.store.recall([attempt]))
    restored = opened.reopen()
    assert (restored.interrupted, restored.waiting) == ([], [Waiting("keccel", "bank", 0, 1)])
    again_ = found(opened).attempt
    assert (found(opened).stage, again_.number, again_.batch) == (Stage.WAITING, 0, None)
    lines = [LineQuery("bank", 0, ())]
    assert opened.wait(opened.store.batches(["key/1"])) == {"key/1": []}
    assert ids(opened.wait(opened.store.waiting("keccel", lines, NOW - 3, 9))[0]) == [1]
    assert opened.wait(opened.store.waiting("keccel", lines, NOW - 4, 9)) == [[]]


def test_what_is_undone_is_due_no_later_than_it_was_begun(opened: Opened) -> None:
    (attempt,) = accept(opened, [message(due=NOW + 600)])  # of a message that somebody sent again
    attempt = replace(attempt, begun_at=NOW + 5)
    opened.wait(opened.store.begin([attempt]))
    opened.wait(opened.store.recall([attempt]))
    lines = [LineQuery("bank", 0, ())]
    assert ids(opened.wait(opened.store.waiting("keccel", lines, NOW + 5, 9))[0]) == [1]


def test_only_what_is_begun_is_undone(opened: Opened) -> None:
    ended, held, sent = accept(opened, [message(1), message(2), message(3)], begun=True)
    opened.wait(
        opened.store.settle([told(ended, State.DELIVERED)]),
        opened.store.record([again(held, NOW + 60), taken(sent, "X")]),
    )
    opened.wait(opened.store.recall([ended, held, sent]))
    stages = [found(opened, n).stage for n in (1, 2, 3)]
    assert stages == [Stage.FINISHED, Stage.WAITING, Stage.SUBMITTED]
    assert found(opened, 2).attempt.number == 1


def put_off(opened: Opened, dues: dict[int, float], **about: Any) -> None:
    """Accept messages a second apart, and let their first tries put them off."""
    whole = [message(n, accepted_at=NOW + n, **about) for n in dues]
    tries = accept(opened, whole, begun=True)
    verdicts = [again(a, NOW + dues[a.message.message_id], "keccel") for a in tries]
    opened.wait(opened.store.record(verdicts))


def test_what_was_put_off_can_be_made_due_in_order_of_its_acceptance(opened: Opened) -> None:
    put_off(opened, {1: 400.0, 2: 90.0, 3: 60.0, 4: 5.0})
    put_off(opened, {5: 300.0}, system_id="shop")
    put_off(opened, {6: 300.0}, priority=2)
    accept(opened, [message(7, due=NOW + 50, accepted_at=NOW)])  # scheduled, and never tried
    store, lines = opened.store, [LineQuery("bank", 0, ())]

    def hasten(*named: tuple[str, int], limit: int = 9) -> int:
        made: int = opened.wait(store.hasten("keccel", named, NOW + 10, limit))
        return made

    def due() -> list[int]:
        return ids(opened.wait(store.waiting("keccel", lines, NOW + 10, 9))[0])

    assert due() == [4]
    assert hasten(("bank", 0), limit=2) == 2
    assert due() == [1, 2, 4]  # the longest put off first
    assert hasten(("bank", 0)) == 1
    assert due() == [1, 2, 3, 4]
    assert hasten(("shop", 0), ("bank", 2), limit=1) == 1
    assert hasten(("shop", 0), ("bank", 2)) == 1
    assert hasten(("shop", 0), ("bank", 2), ("bank", 0)) == 0
    assert opened.wait(store.hasten("d7", [("bank", 0)], NOW, 9)) == 0


def refused(attempt: Attempt) -> Verdict:
    return Verdict(attempt, Refused("credit"), Stage.SUBMITTING, NOW + 1, NOW + 1)


@pytest.mark.parametrize(
    ("verdict", "stage", "due", "provider", "hop", "name"),
    [
        (lambda a: taken(a, "X1", NOW + 60), Stage.SUBMITTED, NOW + 60, "keccel", 0, "X1"),
        (lambda a: again(a, NOW + 2), Stage.WAITING, NOW + 2, "keccel", 0, None),
        (lambda a: again(a, NOW + 2, "d7", 1), Stage.WAITING, NOW + 2, "d7", 1, None),
        (lambda a: unknown(a, NOW + 600), Stage.SUBMITTING, NOW + 600, "keccel", 0, None),
        (refused, Stage.SUBMITTING, NOW + 1, "keccel", 0, None),
    ],
)
def test_a_verdict_says_where_the_message_is(
    opened: Opened,
    verdict: Callable[[Attempt], Verdict],
    stage: Stage,
    due: float,
    provider: str,
    hop: int,
    name: str | None,
) -> None:
    (attempt,) = accept(opened, [message()], begun=True)
    opened.wait(opened.store.record([verdict(attempt)]))
    assert opened.reopen().interrupted == []
    after = found(opened)
    assert (after.stage, after.attempt.provider, after.attempt.hop) == (stage, provider, hop)
    assert (after.attempt.provider_message_id, after.attempt.answered_at) == (name, NOW + 1)
    assert looked_at(opened, stage, provider, due) == [1]
    assert looked_at(opened, stage, provider, due - 0.001) == []


def looked_at(opened: Opened, stage: Stage, provider: str, now: float) -> list[int]:
    """Return what is due in a stage."""
    if stage is Stage.WAITING:
        return waiting(opened, now, 9, LineQuery("bank", 0, ()), provider=provider)[0]
    return ids(opened.wait(opened.store.due(stage, provider, now, 9)))


def test_a_verdict_and_the_fate_it_decides_are_written_together(opened: Opened) -> None:
    (attempt,) = accept(opened, [message()], begun=True)
    opened.wait(opened.store.record([refused(attempt)], [told(attempt, State.REJECTED)]))
    assert (found(opened).stage, found(opened).attempt.state) == (Stage.FINISHED, State.REJECTED)
    assert owed(opened) == [(1, State.REJECTED)]


def test_an_uncertain_attempt_that_is_repeated_is_out_again(opened: Opened) -> None:
    attempts = accept(opened, [message(n) for n in (1, 2, 3)], begun=True)
    opened.wait(opened.store.record([unknown(a, NOW + 5) for a in attempts]))
    repeated = [replace(a, number=2, batch="key/2") for a in (attempts[0], attempts[2])]
    opened.wait(opened.store.begin(repeated))
    assert looked_at(opened, Stage.SUBMITTING, "keccel", NOW + 9) == [2]
    assert [found(opened, n).stage for n in (1, 2, 3)] == [Stage.SUBMITTING] * 3
    assert ids(opened.reopen().interrupted) == [1, 3]
    opened.wait(opened.store.record([unknown(repeated[1], NOW + 7)]))
    assert looked_at(opened, Stage.SUBMITTING, "keccel", NOW + 9) == [2, 3]


def test_an_attempt_that_is_out_is_due_by_its_outcome_alone(opened: Opened) -> None:
    waits, out, last = accept(opened, [message(n, due=NOW + 600) for n in (1, 2, 3)])
    opened.wait(opened.store.begin([out, last]))
    opened.wait(opened.store.revisit([(2, NOW + 1), (1, NOW + 2), (3, NOW + 1)]))
    assert opened.wait(opened.store.hasten("keccel", [("bank", 0)], NOW, 9)) == 0  # untried
    for stage in (Stage.WAITING, Stage.SUBMITTING):
        expected = [waits.message.message_id] if stage is Stage.WAITING else []
        assert looked_at(opened, stage, "keccel", NOW + 999) == expected
    restored = opened.reopen()
    assert ids(restored.interrupted) == [2, 3]
    assert restored.waiting == [Waiting("keccel", "bank", 0, 1)]
    assert ids(opened.wait(opened.store.expired("keccel", NOW + 999, 9))) == [1]


def test_revisit_says_when_to_look_again(opened: Opened) -> None:
    attempts = accept(opened, [message(1), message(2)], begun=True)
    opened.wait(opened.store.record([taken(a, f"X{a.message.message_id}") for a in attempts]))
    opened.wait(opened.store.revisit([(1, NOW + 90), (2, NOW + 80)]))
    assert ids(opened.wait(opened.store.due(Stage.SUBMITTED, "keccel", NOW + 99, 9))) == [2, 1]
    assert ids(opened.wait(opened.store.due(Stage.SUBMITTED, "keccel", NOW + 85, 9))) == [2]


def waiting(
    opened: Opened, now: float, limit: int, *lines: LineQuery, provider: str = "keccel"
) -> list[list[int]]:
    """Return the ids of what waits, line by line."""
    return [ids(some) for some in opened.wait(opened.store.waiting(provider, lines, now, limit))]


def test_what_waits_is_given_line_by_line_the_longest_due_first(opened: Opened) -> None:
    dues = {1: NOW + 3, 2: NOW + 1, 3: NOW + 1, 4: NOW + 2, 5: NOW + 9}
    accept(opened, [message(i, due=due) for i, due in dues.items()])
    accept(opened, [message(6, route=("d7",))])
    accept(opened, [message(7)], begun=True)
    accept(opened, [message(8, priority=3), message(9, system_id="shop")])

    def due(now: float, limit: int, *skip: int) -> list[int]:
        [found] = waiting(opened, now, limit, LineQuery("bank", 0, {*skip}))
        return found

    assert due(NOW + 5, 9) == [2, 3, 4, 1]
    assert due(NOW + 2, 9) == [2, 3, 4]
    assert due(NOW + 5, 2) == [2, 3]
    assert due(NOW + 5, 2, 2, 4) == [3, 1]
    assert due(NOW + 5, 9, 1, 2, 3, 4) == []
    others = [LineQuery("shop", 0, ()), LineQuery("bank", 3, ()), LineQuery("bank", 2, ())]
    assert waiting(opened, NOW + 9, 9, *others) == [[9], [8], []]


def test_a_message_moves_to_another_provider_while_it_waits(opened: Opened) -> None:
    attempts = accept(opened, [message(1, route=("keccel", "d7"))])
    attempts += accept(opened, [message(2, route=("keccel", "d7"))], begun=True)
    for attempt in attempts:
        attempt.provider, attempt.hop = "d7", 1
    opened.wait(opened.store.move(attempts))
    line = LineQuery("bank", 0, ())
    assert waiting(opened, NOW + 9, 9, line) == [[]]
    assert waiting(opened, NOW + 9, 9, line, provider="d7") == [[1]]
    assert (found(opened, 1).attempt.hop, found(opened, 2).attempt.provider) == (1, "keccel")


def test_a_message_can_begin_further_along_its_route(opened: Opened) -> None:
    begun, waiting = (message(n, route=("keccel", "d7")) for n in (2, 1))
    entries = [
        Entry(waiting, attempt=first_attempt(waiting, False, hop=1)),
        Entry(begun, attempt=first_attempt(begun, hop=1)),
    ]
    opened.wait(opened.store.accept(entries))
    for n in (1, 2):
        assert (found(opened, n).attempt.provider, found(opened, n).attempt.hop) == ("d7", 1)


def test_what_shared_a_request_is_found_by_its_key_whatever_became_of_it(opened: Opened) -> None:
    attempts = accept(opened, [message(n) for n in (3, 1, 2)])
    for attempt in attempts:
        attempt.number, attempt.batch = 1, "key" if attempt.message.message_id < 3 else "other"
    opened.wait(opened.store.begin(attempts))
    opened.wait(opened.store.settle([told(attempts[1], State.DELIVERED)]))
    opened.reopen()
    batches = opened.wait(opened.store.batches(["key", "none"]))
    assert [(f.attempt.message.message_id, f.stage) for f in batches["key"]] == [
        (1, Stage.FINISHED),
        (2, Stage.SUBMITTING),
    ]
    assert batches["key"][1].attempt.batch == "key"
    assert batches["none"] == []


@pytest.mark.parametrize("final", [True, False])
def test_a_receipt_is_read_back_as_final_as_it_was(opened: Opened, final: bool) -> None:
    attempts = accept(opened, [message(1, registered_delivery=0x11)], begun=True)
    made = settlement(attempts[0], State.ACCEPTED, 0, NOW, source="own", keep=KEEP, final=final)
    opened.wait(opened.store.settle([made]))
    assert opened.wait(opened.store.owed("bank", NOW + 9, 9)) == made.deliveries
    assert [d.final for d in made.deliveries] == [final]


def test_a_report_can_give_the_message_another_name(opened: Opened) -> None:
    attempts = accept(opened, [message(1), message(2)], begun=True)
    opened.wait(opened.store.record([taken(a, f"X{a.message.message_id}") for a in attempts]))
    news = [told(attempts[0], State.ENROUTE, final=False), told(attempts[1], State.DELIVERED)]
    for each in news:
        each.renamed = f"Y{each.attempt.message.message_id}"
    opened.wait(opened.store.settle(news))
    assert set(opened.wait(opened.store.find([("keccel", "Y1"), ("keccel", "Y2")]))) == {
        ("keccel", "Y1"),
        ("keccel", "Y2"),
    }
    former = [("keccel", "X1"), ("keccel", "X2")]
    assert opened.wait(opened.store.find(former, {"keccel": "zeros"})) == {}


def test_expired_are_waiting_messages_past_their_deadline(opened: Opened) -> None:
    accept(opened, [message(i, expires_at=NOW + i, due=NOW + 100) for i in range(1, 5)])
    accept(opened, [message(5, expires_at=NOW)], begun=True)
    accept(opened, [message(6, expires_at=NOW, route=("d7",))])
    assert sorted(ids(opened.wait(opened.store.expired("keccel", NOW + 3, 9)))) == [1, 2, 3]
    assert len(opened.wait(opened.store.expired("keccel", NOW + 3, 2))) == 2
    assert opened.wait(opened.store.expired("keccel", NOW, 9)) == []


# -- report -------------------------------------------------------------------------------------


def test_a_state_that_is_not_final_leaves_the_message_open(opened: Opened) -> None:
    (attempt,) = accept(opened, [message(registered_delivery=0x11)], begun=True)
    opened.wait(opened.store.record([taken(attempt, "X")]))
    opened.wait(opened.store.settle([told(attempt, State.ENROUTE)]))
    opened.reopen()
    assert found(opened).stage is Stage.SUBMITTED
    assert found(opened).attempt.state == State.ENROUTE
    opened.wait(opened.store.settle([told(attempt, State.DELIVERED)]))
    assert found(opened).stage is Stage.FINISHED
    assert owed(opened) == [(1, State.ENROUTE), (1, State.DELIVERED)]


def test_a_final_state_never_changes(opened: Opened) -> None:
    (attempt,) = accept(opened, [message()], begun=True)
    opened.wait(opened.store.settle([told(attempt, State.DELIVERED)]))
    final = found(opened)
    for call in (
        opened.store.settle([told(attempt, State.UNDELIVERABLE, deliveries=[])]),
        opened.store.settle([told(attempt, State.ENROUTE, deliveries=[])]),
        opened.store.begin([tried(attempt.message, "d7", 2)]),
        opened.store.record([again(attempt, NOW)]),
        opened.store.record([taken(attempt, "Y")]),
        opened.store.revisit([(1, NOW)]),
    ):
        opened.wait(call)
        assert found(opened) == final
    assert (final.stage, final.attempt.state) == (Stage.FINISHED, State.DELIVERED)
    restored = opened.reopen()
    assert (restored.waiting, restored.interrupted, restored.owed) == ([], [], {"bank": 1})


@pytest.mark.parametrize(
    ("names", "asked", "answer"),
    [
        (["abc"], "abc", 1),
        (["aBc"], "AbC", 1),
        (["0012"], "12", 1),
        (["12"], "000012", 1),
        (["12"], "120", None),
        (["12"], "1", None),
        (["abc", "ABC"], "ABC", 2),
        (["abc", "ABC"], "Abc", None),
        (["12", "012"], "012", 2),
        (["12", "012"], "0012", None),
        (["same", "same"], "same", 1),
        (["É"], "É", 1),
        (["É"], "é", None),
        (["000"], "0", 1),
        (["%_"], "%_", 1),
        (["abc"], "a_c", None),
    ],
)
def test_a_provider_message_id_is_matched_tolerantly_and_never_ambiguously(
    opened: Opened, names: list[str], asked: str, answer: int | None
) -> None:
    attempts = accept(opened, [message(i + 1) for i in range(len(names))], begun=True)
    verdicts = [taken(attempt, name) for attempt, name in zip(attempts, names, strict=True)]
    opened.wait(opened.store.record(verdicts))
    keys: list[tuple[str, str] | int] = [("keccel", asked), ("d7", asked), 1, 99]
    answers = opened.wait(opened.store.find(keys, {"keccel": "zeros"}))
    expected = {1: 1} | ({("keccel", asked): answer} if answer else {})
    assert {k: f.attempt.message.message_id for k, f in answers.items()} == expected


# -- parts --------------------------------------------------------------------------------------


def parts_of(opened: Opened, message_id: int = 1) -> list[tuple[str, int, int]]:
    parts = found(opened, message_id).attempt.parts
    return [(part.provider_message_id, part.state, part.error) for part in parts]


def test_a_message_is_found_by_the_id_of_any_of_its_parts(opened: Opened) -> None:
    one, several, finished = accept(opened, [message(n) for n in (1, 2, 3)], begun=True)
    verdicts = [in_parts(several, "a", "B", "c", by="last"), taken(one, "one")]
    opened.wait(opened.store.record([*verdicts, in_parts(finished, "x", "y")]))
    opened.wait(opened.store.settle([told(finished, State.REJECTED)]))
    names = ["no", "one", "a", "B", "c", "x", "y", "nobody"]
    keys: list[tuple[str, str] | int] = [("keccel", name) for name in names]
    expected = dict(zip(names, (None, 1, 2, 2, 2, 3, 3, None), strict=True))
    for _ in range(2):
        answers = opened.wait(opened.store.find([*keys, ("d7", "c")]))
        ids = {key[1]: message.attempt.message.message_id for key, message in answers.items()}
        assert ids == {name: each for name, each in expected.items() if each}
        assert answers["keccel", "y"].stage is Stage.FINISHED
        assert answers["keccel", "one"].attempt.parts == ()
        attempt = answers["keccel", "c"].attempt
        assert (attempt.provider_message_id, attempt.provider) == ("a", "keccel")
        assert attempt.parts == (Part("a", False), Part("B", False), Part("c"))
        opened.reopen()


def test_parts_end_once_and_all_parts_of_their_messages_are_the_answer(opened: Opened) -> None:
    attempts = accept(opened, [message(n) for n in (1, 2, 3)], begun=True)
    names = (["a", "b"], ["c", "d", "e"], ["f"])
    verdicts = [in_parts(a, *n) for a, n in zip(attempts, names, strict=True)]
    opened.wait(opened.store.record(verdicts))
    ended = [PartEnd(2, 3, State.EXPIRED, 7), PartEnd(1, 1, State.DELIVERED, 0)]
    nobody = [PartEnd(3, 1, State.DELIVERED, 0), PartEnd(99, 1, 2, 0), PartEnd(1, 9, 2, 0)]
    answer = opened.wait(opened.store.end_parts([nobody[0], *ended, *nobody[1:]]))
    assert answer == {
        1: (Part("a", state=State.DELIVERED), Part("b")),
        2: (Part("c"), Part("d"), Part("e", state=State.EXPIRED, error=7)),
    }
    opened.reopen()
    changed = [PartEnd(2, 3, State.DELIVERED, 0), PartEnd(2, 1, State.REJECTED, 1)]
    assert opened.wait(opened.store.end_parts(changed)) == {
        2: (
            Part("c", state=State.REJECTED, error=1),
            Part("d"),
            Part("e", state=State.EXPIRED, error=7),
        )
    }
    assert found(opened).attempt.parts == answer[1]
    assert found(opened).stage is Stage.SUBMITTED
    assert opened.wait(opened.store.end_parts([])) == {}


def test_two_who_end_parts_at_once_see_each_other(opened: Opened) -> None:
    (attempt,) = accept(opened, [message()], begun=True)
    opened.wait(opened.store.record([in_parts(attempt, "a", "b")]))
    ends = [PartEnd(1, n, State.DELIVERED, 0) for n in (1, 2)]
    calls = [opened.store.end_parts([end]) for end in ends]
    answers: list[Any] = []
    for call in calls:
        call.addCallback(answers.append)
    opened.wait(*calls)
    assert any(all(part.state for part in answer[1]) for answer in answers)


def test_parts_that_end_in_the_transaction_that_names_them_have_ended(opened: Opened) -> None:
    attempts = accept(opened, [message()], begun=True)
    opened.reopen(started=False)
    recorded = opened.store.record([in_parts(attempts[0], "a", "b")])
    ended = opened.store.end_parts([PartEnd(1, 2, State.DELIVERED, 0)])
    opened.start()
    answer = opened.wait(recorded, ended)
    assert answer == {1: (Part("a"), Part("b", state=State.DELIVERED))}


def test_the_ends_of_parts_are_not_written_where_the_store_fails(opened: Opened) -> None:
    (attempt,) = accept(opened, [message()], begun=True)
    opened.wait(opened.store.record([in_parts(attempt, "a", "b")]))
    opened.fail(True)
    with pytest.raises(StoreFailure):
        opened.wait(opened.store.end_parts([PartEnd(1, 1, State.DELIVERED, 0)]))
    opened.fail(False)
    with pytest.raises(StoreFailure):
        opened.wait(opened.store.end_parts([PartEnd(1, 1, 2**64, 0)]))
    assert parts_of(opened) == [("a", 0, 0), ("b", 0, 0)]


def test_parts_come_with_a_message_that_is_due(opened: Opened) -> None:
    first, last = accept(opened, [message(n) for n in (1, 2)], begun=True)
    opened.wait(opened.store.record([in_parts(first, "a", "b"), taken(last, "c")]))
    opened.wait(opened.store.end_parts([PartEnd(1, 2, State.DELIVERED, 0)]))
    due = opened.wait(opened.store.due(Stage.SUBMITTED, "keccel", NOW + 60, 10))
    parts = (Part("a"), Part("b", state=State.DELIVERED))
    assert [attempt.parts for attempt in due] == [parts, ()]


@pytest.mark.parametrize("opened", BY_MESSAGE, indirect=True)
def test_parts_are_forgotten_with_their_message(opened: Opened) -> None:
    attempts = accept(opened, [message(n) for n in (1, 2)], begun=True)
    verdicts = [in_parts(a, f"a{n}", f"b{n}") for n, a in enumerate(attempts, 1)]
    opened.wait(opened.store.record(verdicts))
    opened.wait(opened.store.settle([told(attempts[0], State.DELIVERED)]))
    assert opened.wait(opened.store.forget(NOW + 100, 10)) == 1
    answers = opened.wait(opened.store.find([("keccel", "b1"), ("keccel", "b2")]))
    assert list(answers) == [("keccel", "b2")]
    accept(opened, [message()], begun=True)
    assert found(opened).attempt.parts == ()
    opened.wait(opened.store.record([taken(attempts[0], "again")]))
    assert found(opened).attempt.parts == ()


def early(name: str = "X", **changes: Any) -> EarlyReport:
    return replace(EarlyReport("keccel", name, State.DELIVERED, 0, NOW), **changes)


def test_early_reports_are_kept_until_dropped_or_used_up(opened: Opened) -> None:
    kept = [early("a", at=NOW + 3), early("b", at=NOW + 1), early("c"), early("d", provider="d7")]
    opened.wait(opened.store.keep_early(kept))
    opened.wait(opened.store.keep_early([early("a", state=State.REJECTED, error=5, at=NOW + 4)]))
    opened.wait(
        opened.store.drop_early(
            [("keccel", "c", NOW + 9), ("keccel", "d", NOW + 9), ("no", "b", NOW + 9)]
        )
    )
    expected = [kept[3], kept[1], early("a", state=State.REJECTED, error=5, at=NOW + 4)]
    assert opened.reopen().early == expected

    (attempt,) = accept(opened, [message()], begun=True)
    ended = told(attempt, State.REJECTED)
    opened.wait(opened.store.settle([ended], [("keccel", "a", NOW + 4)]))
    assert opened.reopen().early == expected[:2]


def test_an_early_report_is_kept_as_it_was(opened: Opened) -> None:
    kept = early("a", state=State.REJECTED, error=5, renamed="b", done_at=NOW - 40.5)
    opened.wait(opened.store.keep_early([kept]))
    assert opened.reopen().early == [kept]


@pytest.mark.parametrize("verb", ["drop_early", "settle"])
@pytest.mark.parametrize("later", [True, False])
def test_a_report_that_comes_while_the_one_before_it_is_deleted_stays(
    opened: Opened, verb: str, later: bool
) -> None:
    store = opened.store
    used = [early("a", at=NOW + 1).key, early("b", at=NOW + 1).key]
    opened.wait(store.keep_early([early("a", at=NOW + 1), early("b")]))
    opened.reopen(started=False)  # so that both calls land in one transaction
    store = opened.store
    new = early("a", state=State.REJECTED, at=NOW + 2)
    calls = [store.drop_early(used) if verb == "drop_early" else store.settle([], used)]
    calls.insert(1 if later else 0, store.keep_early([new]))
    opened.start()
    opened.wait(*calls)
    assert opened.reopen().early == [new]


def accepted(opened: Opened, *names: str) -> None:
    """Accept messages 1, 2, ... by *names*, one a second."""
    for n, name in enumerate(names, 1):
        (attempt,) = accept(opened, [message(n)], begun=True)
        opened.wait(opened.store.record([replace(taken(attempt, name), at=NOW + n)]))


def ended(opened: Opened, *message_ids: int) -> None:
    settlements = [told(tried(message(n)), State.DELIVERED) for n in message_ids]
    opened.wait(opened.store.settle(settlements))


def who(opened: Opened, name: str, tolerance: Tolerance = "exact") -> int | None:
    answer = opened.wait(opened.store.find([("keccel", name)], {"keccel": tolerance}))
    return next((f.attempt.message.message_id for f in answer.values()), None)


def test_of_messages_with_one_id_the_oldest_open_one_is_found_and_else_the_newest(
    opened: Opened,
) -> None:
    accepted(opened, *["X"] * 5)
    ended(opened, 1, 3)
    assert who(opened, "X") == 2
    ended(opened, 2)
    assert who(opened, "X") == 4
    ended(opened, 4)
    assert who(opened, "X") == 5
    ended(opened, 5)
    assert who(opened, "X") == 5


def test_the_message_that_was_accepted_first_is_the_oldest(opened: Opened) -> None:
    first, second = accept(opened, [message(1), message(2)], begun=True)
    opened.wait(opened.store.record([taken(second, "X"), replace(taken(first, "X"), at=NOW + 2)]))
    assert who(opened, "X") == 2


@pytest.mark.parametrize(
    ("names", "asked", "found"),
    [
        (["aB"], "Ab", {"case": 1, "zeros": 1}),
        (["12"], "012", {"zeros": 1}),
        (["aB", "Ab"], "Ab", {"exact": 2, "case": 2, "zeros": 2}),
        (["aB", "Ab"], "AB", {}),
        (["aB", "0Ab"], "AB", {"case": 1}),
        (["aB", "aB"], "AB", {"case": 1, "zeros": 1}),
    ],
)
def test_an_id_in_another_spelling_is_found_as_far_as_is_tolerated(
    opened: Opened, names: list[str], asked: str, found: dict[str, int]
) -> None:
    accepted(opened, *names)
    tolerances: list[Tolerance] = ["exact", "case", "zeros"]
    assert {t: n for t in tolerances if (n := who(opened, asked, t))} == found
    ended(opened, 1)
    if len(set(names)) == len(names):
        assert {t: n for t in tolerances if (n := who(opened, asked, t))} == found


def test_the_ids_of_open_messages_are_restored(opened: Opened) -> None:
    accepted(opened, "X", "Y", "Z")
    ended(opened, 2)
    stored = opened.reopen().stored_ids
    assert [("keccel", name) in stored for name in "XYZ"] == [True, False, True]
    assert ("d7", "X") not in stored


# -- deliver ------------------------------------------------------------------------------------


def test_a_delivery_is_the_same_when_it_is_owed(opened: Opened) -> None:
    first, second = segment(1, 1), segment(2, 2)
    joined = (Segment(1, 1, 1, NOW), Segment(2, 2, 1, NOW))
    whole = message(1, text="A long text, longer than twenty", traits=Traits("WAP"))
    opened.wait(
        opened.store.accept(
            [
                Entry(None, key=key(), segment=first),
                Entry(replace(whole, segments=(first, second)), key=key(), segment=second),
            ]
        )
    )
    settled = told(tried(replace(whole, segments=joined)), State.UNDELIVERABLE, error=8)
    opened.wait(opened.store.settle([settled]))
    assert opened.reopen().owed == {"bank": 2}
    assert opened.wait(opened.store.owed("bank", NOW + 9, 9)) == settled.deliveries


def test_the_deliveries_of_a_submit_multi_have_the_answered_id_after_reopening(
    opened: Opened,
) -> None:
    multi = Traits(multi=1, destinations=3)
    accepted = accept(opened, [message(i, traits=multi) for i in (1, 2, 3)], begun=True)
    opened.wait(opened.store.settle([told(each, State.DELIVERED) for each in accepted]))
    assert opened.reopen().owed == {"bank": 3}
    owed = opened.wait(opened.store.owed("bank", NOW + 9, 9))
    assert sorted(d.message_id for d in owed) == [1, 2, 3]
    assert {d.answered_id for d in owed} == {1}


def test_there_is_at_most_one_delivery_for_a_message_and_state(opened: Opened) -> None:
    (attempt,) = accept(opened, [message()], begun=True)
    opened.wait(opened.store.settle([told(attempt, State.DELIVERED)]))
    (delivery,) = opened.wait(opened.store.owed("bank", NOW + 9, 9))
    opened.wait(opened.store.finish([(delivery, 0)], NOW + 3))
    opened.wait(opened.store.settle([told(attempt, State.DELIVERED, NOW + 5)]))
    assert (owed(opened), opened.reopen().owed) == ([], {})


def test_deliveries_are_owed_until_they_are_finished(opened: Opened) -> None:
    attempts = accept(opened, [message(i) for i in range(1, 6)], begun=True)
    (foreign,) = accept(opened, [message(9, system_id="shop")], begun=True)
    settlements = [
        told(a, State.DELIVERED, NOW + (10 - a.message.message_id)) for a in [*attempts, foreign]
    ]
    opened.wait(opened.store.settle(settlements))
    line = [(i, int(State.DELIVERED)) for i in (5, 4, 3, 2, 1)]
    assert owed(opened) == line
    assert owed(opened, NOW + 7) == line[:3]
    assert owed(opened, limit=2) == line[:2]
    assert owed(opened, limit=2, skip={line[0], line[2]}) == [line[1], line[3]]

    five, four, three, *_ = opened.wait(opened.store.owed("bank", NOW + 10, 9))
    five.due, five.attempts = NOW + 50, 1
    opened.wait(opened.store.postpone([five]))
    opened.wait(opened.store.finish([(four, 0), (three, 0x65)], NOW + 11))
    assert opened.reopen().owed == {"bank": 3, "shop": 1}
    assert owed(opened) == [line[3], line[4]]
    (latest,) = opened.wait(opened.store.owed("bank", NOW + 50, 9, {line[3], line[4]}))
    assert latest == five


def test_deliveries_lapse(opened: Opened) -> None:
    attempts = accept(
        opened,
        [message(i, system_id=name) for i, name in enumerate(("bank", "shop", "bank"), 1)],
        begun=True,
    )
    opened.wait(opened.store.settle([told(a, State.DELIVERED, NOW) for a in attempts[:2]]))
    opened.wait(opened.store.settle([told(attempts[2], State.DELIVERED, NOW + 5)]))
    assert opened.wait(opened.store.lapse(NOW + KEEP - 1, 9)) == {}
    assert opened.wait(opened.store.lapse(NOW + KEEP, 9)) == {"bank": 1, "shop": 1}
    assert opened.wait(opened.store.lapse(NOW + KEEP, 9)) == {}
    assert opened.reopen().owed == {"bank": 1}
    assert owed(opened, NOW + KEEP) == [(3, State.DELIVERED)]


# -- mo -----------------------------------------------------------------------------------------


def test_an_mo_message_is_the_same_when_it_is_owed(opened: Opened) -> None:
    long, short = mo_entry(1, "X", 3), mo_entry(4, "Y", at=NOW + 5)
    assert opened.wait(opened.store.keep_mos([short, long])) == {1, 4}
    restored = opened.reopen()
    assert (restored.owed, restored.last_id) == ({"bank": 4}, 4)
    found = opened.wait(opened.store.owed("bank", NOW + 9, 9))
    assert found == long.deliveries + short.deliveries
    assert opened.wait(opened.store.owed("bank", NOW + 4, 9)) == long.deliveries
    assert opened.wait(opened.store.owed("shop", NOW + 9, 9)) == []


def test_an_mo_message_is_kept_once(opened: Opened) -> None:
    opened.wait(opened.store.keep_mos([mo_entry(1, "X", 2)]))
    opened.reopen()
    again = [mo_entry(11, "X"), mo_entry(21, "X", 3), mo_entry(31, "x"), mo_entry(41, "X")]
    assert opened.wait(opened.store.keep_mos(again)) == {31}
    others = [mo_entry(51, "X", provider="d7"), mo_entry(61, "S"), mo_entry(71, "S", segment=2)]
    assert opened.wait(opened.store.keep_mos(others)) == {51, 61, 71}
    nameless = [mo_entry(81, ""), mo_entry(91, "")]
    assert opened.wait(opened.store.keep_mos(nameless)) == {81, 91}
    assert [i for i, _ in owed(opened, limit=99)] == [1, 2, 31, 51, 61, 71, 81, 91]


def test_receipts_and_mo_messages_are_owed_in_one_line(opened: Opened) -> None:
    (attempt,) = accept(opened, [message(1)], begun=True)
    opened.wait(opened.store.keep_mos([mo_entry(2, "X", at=NOW + 1), mo_entry(3, "Y", at=NOW + 4)]))
    opened.wait(opened.store.settle([told(attempt, State.DELIVERED, NOW + 2)]))
    assert owed(opened) == [(2, 0), (1, State.DELIVERED), (3, 0)]
    assert owed(opened, limit=2, skip={(2, 0)}) == [(1, State.DELIVERED), (3, 0)]
    first, second, third = opened.wait(opened.store.owed("bank", NOW + 9, 9))
    first.due, first.attempts = NOW + 50, 1
    opened.wait(opened.store.postpone([first]))
    opened.wait(opened.store.finish([(second, 0), (third, 0x65)], NOW + 11))
    assert opened.reopen().owed == {"bank": 1}
    assert opened.wait(opened.store.owed("bank", NOW + 50, 9)) == [first]
    assert opened.wait(opened.store.lapse(NOW + 1 + KEEP, 9)) == {"bank": 1}


def test_opt_outs_are_kept(opened: Opened) -> None:
    opened.wait(opened.store.keep_optouts([("d7", "1", NOW), ("d7", "2", NOW)]))
    opened.wait(opened.store.keep_optouts([("smscx", "1", NOW + 1), ("d7", "2", NOW)]))
    assert sorted(opened.reopen().optouts) == [("d7", "1"), ("d7", "2"), ("smscx", "1")]
    assert opened.wait(opened.store.ended_optouts()) == []


# -- all of it ----------------------------------------------------------------------------------


def finished(opened: Opened, message_id: int, done_at: float) -> None:
    """Put in a finished message of two segments, with an attempt and receipts."""
    parts = segment(message_id, 1), segment(message_id + 1, 2)
    whole = message(message_id, segments=parts)
    opened.wait(
        opened.store.accept([Entry(None, key=key(message_id), segment=part) for part in parts])
    )
    opened.wait(opened.store.accept([Entry(whole)]))
    opened.wait(opened.store.record([again(tried(whole), NOW)]))
    second = tried(whole, number=2)
    opened.wait(opened.store.begin([second]))
    opened.wait(opened.store.record([taken(second, f"X{message_id}")]))
    opened.wait(opened.store.settle([told(tried(whole), State.DELIVERED, done_at)]))


@pytest.mark.parametrize("opened", BY_MESSAGE, indirect=True)
def test_what_is_old_and_finished_is_forgotten_and_nothing_else(opened: Opened) -> None:
    for message_id, done_at in ((10, NOW), (20, NOW + 5), (30, NOW + 10)):
        finished(opened, message_id, done_at)
    accept(opened, [message(1)])
    opened.wait(opened.store.accept([Entry(None, key=key(), segment=segment(2, 1))]))
    assert opened.wait(opened.store.forget(NOW, 9)) == 0
    assert opened.wait(opened.store.forget(NOW + 10, 1)) == 1
    assert sorted(opened.wait(opened.store.find([1, 10, 20, 30]))) == [1, 20, 30]
    assert opened.wait(opened.store.forget(NOW + 10, 9)) == 1
    assert opened.wait(opened.store.forget(NOW + 10, 9)) == 0
    assert sorted(opened.wait(opened.store.find([1, 10, 20, 30, ("keccel", "X10")]))) == [1, 30]
    restored = opened.reopen()
    assert (restored.owed, restored.waiting, len(restored.segments)) == (
        {"bank": 2},
        [Waiting("keccel", "bank", 0, 1)],
        1,
    )
    assert owed(opened, NOW + 99) == [(30, State.DELIVERED), (31, State.DELIVERED)]


def test_a_list_with_a_value_that_cannot_be_kept_fails_alone(opened: Opened) -> None:
    good, bad = message(1), message(2, priority=2**64)
    poisoned = opened.store.accept([Entry(bad), Entry(message(3))])
    same = opened.store.accept([Entry(good)])
    opened.wait(same)
    with pytest.raises(StoreFailure):
        opened.wait(poisoned)
    with pytest.raises(StoreFailure):
        opened.wait(opened.store.accept([Entry(message(1))]))
    assert list(opened.wait(opened.store.find([1, 2, 3]))) == [1]


@pytest.mark.parametrize("asked", [2**64, ("keccel", "\ud800")])
def test_a_question_that_cannot_be_asked_fails_alone(
    opened: Opened, asked: int | tuple[str, str]
) -> None:
    with pytest.raises(StoreFailure):
        opened.wait(opened.store.find([asked]))
    accept(opened, [message()])
    assert found(opened).stage is Stage.WAITING


def test_questions_see_what_was_told_before_them(opened: Opened) -> None:
    (attempt,) = accept(opened, [message()])
    calls: list[Any] = [
        opened.store.begin([attempt]),
        opened.store.record([taken(attempt, "X")]),
        opened.store.settle([told(attempt, State.DELIVERED)]),
    ]
    answer = opened.wait(*calls, opened.store.find([("keccel", "X")]))
    assert answer["keccel", "X"].stage is Stage.FINISHED


def test_the_calls_of_one_transaction_are_carried_out_in_the_order_of_a_message(
    opened: Opened,
) -> None:
    (attempt,) = accept(opened, [message()], begun=True)
    opened.reopen(started=False)
    calls = [
        opened.store.settle([told(attempt, State.DELIVERED)]),
        opened.store.record([taken(attempt, "X")]),
    ]
    opened.start()
    opened.wait(*calls)
    assert (found(opened).stage, found(opened).attempt.state) == (Stage.FINISHED, State.DELIVERED)
    assert found(opened).attempt.provider_message_id == "X"


def test_empty_lists_are_answered_too(opened: Opened) -> None:
    store = opened.store
    for call in (
        store.accept([]),
        store.recall([]),
        store.record([]),
        store.revisit([]),
        store.settle([]),
        store.keep_early([]),
        store.drop_early([]),
        store.finish([], NOW),
        store.postpone([]),
        store.keep_optouts([]),
    ):
        assert opened.wait(call) is None
    assert opened.wait(store.begin([])) == []
    assert opened.wait(store.find([])) == {}
    assert opened.wait(store.hasten("keccel", [], NOW, 9)) == 0
    assert opened.wait(store.keep_mos([])) == set()


# -- messages that an ESME names -------------------------------------------------------------------


def states(opened: Opened, *message_ids: int) -> dict[int, list[tuple[int, int]]]:
    known = opened.wait(opened.store.states(message_ids))
    return {each: [(s.stage, s.state) for s in found] for each, found in known.items()}


def named(opened: Opened, *message_ids: int) -> dict[int, list[Any]]:
    known = opened.wait(opened.store.named(message_ids))
    return {
        each: [n.attempt.message.message_id if isinstance(n, Found) else n for n in found]
        for each, found in known.items()
    }


def test_the_state_of_a_message_is_known_at_every_stage(opened: Opened) -> None:
    assert states(opened, 1, 2**63 - 1) == {}
    accept(opened, [message(1), message(3)])
    (begun,) = accept(opened, [message(2)], begun=True)
    opened.wait(opened.store.record([taken(begun, "X")]))
    opened.wait(opened.store.begin([tried(message(3))]))
    assert states(opened, 9, 1, 2, 3) == {1: [(1, 0)], 2: [(3, 0)], 3: [(2, 0)]}
    opened.wait(opened.store.settle([told(begun, State.ENROUTE)]))
    assert states(opened, 2) == {2: [(3, 1)]}
    opened.wait(opened.store.settle([replace(told(begun, State.UNDELIVERABLE), error=7)]))
    (state,) = opened.wait(opened.store.states([2]))[2]
    assert state == KnownState("bank", "BANK", 5 << 8, Stage.FINISHED, 5, 7, NOW + 2)
    opened.reopen()
    assert states(opened, 2, 9) == {2: [(4, 5)]}


@pytest.mark.parametrize("opened", BY_MESSAGE, indirect=True)
def test_a_message_that_is_forgotten_has_no_state(opened: Opened) -> None:
    (begun,) = accept(opened, [message(2)], begun=True)
    opened.wait(opened.store.settle([told(begun, State.DELIVERED)]))
    opened.wait(opened.store.forget(NOW + 3, 10))
    assert (states(opened, 2), named(opened, 2)) == ({}, {})


def test_a_segment_names_its_message_and_before_that_the_gathering(opened: Opened) -> None:
    first, second = segment(1, 1), segment(2, 2)
    opened.wait(opened.store.accept([Entry(None, key(), first)]))
    assert states(opened, 1, 2) == {1: [(Stage.GATHERING, 0)]}
    assert named(opened, 1) == {1: [key()]}
    (state,) = opened.wait(opened.store.states([1]))[1]
    assert state[:3] == ("bank", "BANK", 5 << 8)
    whole = message(1, segments=(first, second))
    opened.wait(opened.store.accept([Entry(whole, key(), second, first_attempt(whole, False))]))
    assert states(opened, 2, 1) == {1: [(1, 0)], 2: [(1, 0)]}
    assert named(opened, 2, 1, 3) == {1: [1], 2: [1]}


def test_the_id_of_a_submit_multi_names_all_of_its_messages(opened: Opened) -> None:
    shared = Traits(multi=4, destinations=3)
    accept(opened, [message(n, traits=shared) for n in (4, 5, 6)] + [message(7)])
    assert states(opened, 7, 4) == {4: [(1, 0)] * 3, 7: [(1, 0)]}
    assert named(opened, 4, 7) == {4: [4, 5, 6], 7: [7]}


def stoppable(opened: Opened, number: str = "243810000001") -> list[int]:
    found = opened.wait(opened.store.stoppable([("bank", number), ("else", number)]))
    assert found["else", number] == ([], None)
    page, before = found["bank", number]
    assert before is None
    return [each.attempt.message.message_id for each in page]


def test_messages_to_a_number_can_be_stopped_until_they_leave(opened: Opened) -> None:
    later = message(4, traits=Traits(scheduled=NOW + 9))
    accept(opened, [message(n) for n in (1, 2, 3)] + [later, message(5, number="1")])
    assert stoppable(opened) == [4, 3, 2, 1]
    assert stoppable(opened, "1") == [5]
    opened.wait(opened.store.begin([tried(message(2)), tried(later)]))
    assert stoppable(opened) == [3, 1]
    opened.wait(opened.store.record([taken(tried(message(2)), "B"), taken(tried(later), "D")]))
    opened.wait(opened.store.settle([told(tried(message(1)), State.DELETED)]))
    opened.reopen()
    assert stoppable(opened) == [4, 3]  # the provider keeps the fourth until its time


def test_very_many_messages_to_a_number_come_in_pages(opened: Opened) -> None:
    count = 2 * PAGE + 1
    messages = [message(n, system_id="bank" if n % 2 else "else") for n in range(1, count + 1)]
    accept(opened, messages)
    key, before, seen = ("bank", "243810000001"), None, []
    for size in (PAGE // 2, PAGE // 2, 1):
        page, before = opened.wait(opened.store.stoppable([key], before))[key]
        assert len(page) == size
        seen += [each.attempt.message.message_id for each in page]
    assert (seen, before) == (list(range(count, 0, -2)), None)


def test_a_message_that_waits_is_rewritten(opened: Opened) -> None:
    accept(opened, [message(1), message(2, traits=Traits("CMT")), message(3)])
    opened.wait(opened.store.begin([tried(message(3))]))
    changes: dict[str, Any] = {"due": NOW + 5.5, "expires_at": NOW + 99, "route": ("d7", "keccel")}
    first = message(1, text="", binary=b"\0\xff", registered_delivery=0, **changes)
    second = message(2, text="new", registered_delivery=17, traits=Traits("CMT", sender="X"))
    new = [
        Attempt(first, "keccel", 0, 1),
        Attempt(second, "d7"),
        Attempt(message(3, text="no"), ""),
    ]
    opened.wait(opened.store.rewrite(new))
    opened.reopen()
    assert found(opened, 1) == Found(Attempt(first, "keccel", 0, 1), Stage.WAITING)
    assert found(opened, 2) == Found(Attempt(second, "d7"), Stage.WAITING)
    assert found(opened, 3).attempt.message.text == "Bonjour"  # its request has left
    line = [LineQuery("bank", 0, ())]
    assert ids(opened.wait(opened.store.waiting("keccel", line, NOW + 5, 9))[0]) == []
    assert ids(opened.wait(opened.store.waiting("keccel", line, NOW + 6, 9))[0]) == [1]
    bare = message(2, text="new")
    opened.wait(opened.store.rewrite([Attempt(bare, "d7")]))
    assert found(opened, 2).attempt.message.traits == PLAIN


def test_of_a_rewriting_that_fails_nothing_is_written(opened: Opened) -> None:
    accept(opened, [message(1), message(2)])
    for new in (
        [Attempt(message(1, text="\ud800"), "d7"), Attempt(message(2, text="new"), "d7")],
        [Attempt(message(2, text="new"), "d7"), Attempt(message(1, text="\ud800"), "d7")],
    ):
        with pytest.raises(StoreFailure):
            opened.wait(opened.store.rewrite(new))
    opened.fail(True)
    with pytest.raises(StoreFailure):
        opened.wait(opened.store.rewrite([Attempt(message(1, text="new"), "d7")]))
    opened.fail(False)
    assert [found(opened, n).attempt.message.text for n in (1, 2)] == ["Bonjour", "Bonjour"]


def test_a_message_that_is_rewritten_and_ended_at_once_has_ended(opened: Opened) -> None:
    (attempt,) = accept(opened, [message(1)])
    new = Attempt(message(1, text="new"), "keccel")
    opened.wait(opened.store.rewrite([new]), opened.store.settle([told(attempt, State.DELETED)]))
    assert found(opened, 1).stage is Stage.FINISHED
    opened.wait(opened.store.rewrite([Attempt(message(1, text="late"), "keccel")]))
    assert found(opened, 1).attempt.message.text == "new"
