"""The contract of a store: messages and segments are accepted."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smppbridge.model.address import Address
from smppbridge.model.message import (
    PLAIN,
    Attempt,
    Segment,
    Stage,
    Traits,
    fingerprint,
)
from smppbridge.model.tlvs import MOST_TLVS
from smppbridge.smpp.constants import MessageState as State
from smppbridge.store.port import (
    Entry,
    Found,
    Waiting,
)
from tests.contracts.stores.asked import found, owed
from tests.store.opened import (
    NOW,
    Opened,
    first_attempt,
    key,
    message,
    segment,
    told,
)

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
