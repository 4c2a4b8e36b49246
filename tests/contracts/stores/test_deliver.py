"""The contract of a store: deliveries and MO messages."""

from __future__ import annotations

from dataclasses import replace

from smppbridge.model.message import (
    Segment,
    Traits,
)
from smppbridge.smpp.constants import MessageState as State
from smppbridge.store.port import (
    Entry,
)
from tests.contracts.stores.asked import owed
from tests.store.opened import (
    KEEP,
    NOW,
    Opened,
    accept,
    key,
    message,
    mo_entry,
    segment,
    told,
    tried,
)


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
