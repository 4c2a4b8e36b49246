"""Lists of deliveries with one odd element, and a store that fails."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail

from smppbridge.model.address import Address
from smppbridge.model.reasons import Reason
from smppbridge.model.receipts import Receipts
from smppbridge.model.report import Delivery, MoContent
from smppbridge.relay.deliver import FIRST_PAUSE
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import Tag
from smppbridge.store.port import StoreFailure
from tests.relay.fakes import NOW, FakeStore, World, account, delivery
from tests.relay.owing import answer, bound, lose, owe

# -- lists with one odd element, and a store that fails -------------------------------------------


@pytest.mark.parametrize("odd_first", [True, False])
def test_what_is_on_its_way_already_does_not_keep_others_from_going(odd_first: bool) -> None:
    world = World()
    receiver = bound(world)
    [on_its_way] = owe(world, 1)
    fresh = delivery(2)
    world.store.deliveries[2, 2] = replace(fresh)
    world.deliver.owe([on_its_way, fresh] if odd_first else [fresh, on_its_way])
    assert receiver.ids() == [1, 2]
    assert world.deliver.outbox("bank").depth == 2


def test_receipts_of_several_accounts_are_owed_together() -> None:
    world = World()
    bank, shop = bound(world), bound(world, system_id="shop")
    made = [delivery(1), delivery(2, system_id="shop"), delivery(3)]
    world.store.deliveries.update({(d.message_id, d.state): replace(d) for d in made})
    world.deliver.owe(made)
    assert (bank.ids(), shop.ids()) == ([1, 3], [2])


@pytest.mark.parametrize("statuses", [(0, 8, 0), (8, 0, 8), (0, 0x64, 0x65)])
def test_answers_that_come_together_have_each_its_own_end(statuses: tuple[int, ...]) -> None:
    world = World()
    receiver = bound(world)
    owe(world, *range(1, 1 + len(statuses)))
    world.deliver.answered("bank", list(zip(receiver.take(), statuses, strict=True)))
    world.deliver.flush()
    ended = [n for n, status in enumerate(statuses, 1) if status not in (8, 0x64)]
    assert sorted(n for n, _ in world.store.finished) == ended
    assert world.deliver.outbox("bank").depth == len(statuses) - len(ended)
    counts = {how: n for (*_, how), n in world.said.counts.items() if n}
    again = len(statuses) - len(ended)
    refused = sum(1 for s in statuses if s == 0x65)
    assert counts == {
        how: n
        for how, n in (
            ("delivered", len(ended) - refused),
            ("refused", refused),
            ("postponed", again),
        )
        if n
    }


def test_what_could_not_be_put_off_is_read_back_all_the_same() -> None:
    world = World()
    receiver = bound(world)
    owe(world, 1)
    world.store.failing = True
    world.deliver.unanswered("bank", receiver.take())
    world.store.failing = False
    world.deliver.go_on("bank")  # the store still calls it due
    assert receiver.ids() == [1, 1]


def test_an_outbox_that_could_not_be_read_is_read_again() -> None:
    world = World()
    owe(world, 1)
    owed, world.store.owed = world.store.owed, failing  # type: ignore[method-assign]
    receiver = bound(world)
    assert receiver.ids() == []
    world.store.owed = owed  # type: ignore[method-assign]
    world.tick()
    assert receiver.ids() == [1]


def failing(*_: Any) -> Deferred[Any]:
    return fail(StoreFailure("disk full"))


def test_who_is_lost_while_the_store_is_read_gets_nothing() -> None:
    world = World(store=FakeStore(at_once=False))
    owe(world, 1)
    receiver = bound(world)
    lose(world, receiver)
    world.store.commit_all()
    assert world.deliver.outbox("bank").waiting == deque()
    again = bound(world)
    world.store.commit_all()
    assert (receiver.ids(), again.ids()) == ([], [1])


def test_a_session_that_is_lost_leaves_the_outbox_to_the_others() -> None:
    world = World()
    one, two = bound(world, 1), bound(world, 1)
    owe(world, 1, 2, 3)
    assert (len(one.out), len(two.out)) == (1, 1)
    two.window = 2
    lose(world, one)
    assert len(two.out) == 2
    world.deliver.lost("bank", one, ())  # twice is no harm
    answer(world, two)
    world.wait(FIRST_PAUSE)
    assert sorted(one.ids() + two.ids()) == [1, 1, 2, 3]


def test_what_waited_in_memory_for_a_lost_session_is_held_no_more() -> None:
    world = World()
    receiver = bound(world, 1)
    owe(world, 1, 2, 3)
    outbox = world.deliver.outbox("bank")
    assert (len(outbox.waiting), len(outbox.held)) == (2, 3)
    lose(world, receiver)
    assert (len(outbox.waiting), outbox.held, outbox.more) == (0, set(), True)


def test_now_and_then_an_outbox_is_looked_at_where_nothing_is_known_to_be_owed() -> None:
    world = World()
    receiver = bound(world)
    world.store.deliveries[1, 2] = delivery(1)  # by another hand
    world.store.log.clear()
    for _ in range(3):
        world.deliver.tick()
    assert (receiver.ids(), world.store.log) == ([], [])
    world.deliver.tick()
    assert receiver.ids() == [1]
    for _ in range(4):
        world.deliver.tick()
    assert world.store.log == ["owed", "owed"]


def test_an_outbox_is_read_once_at_a_time() -> None:
    world = World(store=FakeStore(at_once=False))
    owe(world, 1)
    bound(world)
    for _ in range(8):
        world.deliver.tick()
    world.deliver.go_on("bank")
    assert world.store.log == ["owed"]
    world.store.commit_all()
    for _ in range(8):
        world.deliver.tick()
    assert world.store.log == ["owed", "owed"]


def test_a_delivery_whose_sessions_are_lost_waits_five_seconds_at_most() -> None:
    world = World()
    owe(world, 1)
    pauses = []
    for _ in range(5):
        receiver = bound(world)
        assert len(receiver.out) == 1
        lose(world, receiver)
        row = world.store.deliveries[1, 2]
        pauses.append(row.due - world.clock.now)
        world.clock.now = row.due
    assert pauses == [0.0, 5.0, 5.0, 5.0, 5.0]


def test_receipts_show_utc_by_default() -> None:
    world = World()
    receiver = bound(world)
    owe(world, 1, submitted_at=NOW + 59)
    assert b"submit date:2701150800 " in receiver.asked[0][0].short_message


def test_all_that_lapses_is_counted() -> None:
    world = World()
    owe(world, 1, 2, expires_at=NOW)
    owe(world, 3, expires_at=NOW, system_id="shop")
    owe(world, 4)
    world.run(world.deliver.lapse())
    assert (world.deliver.outbox("bank").depth, world.deliver.outbox("shop").depth) == (1, 0)
    assert world.said.counts["delivered", "bank", "expired"] == 2
    assert world.said.counts["delivered", "shop", "expired"] == 1
    unacknowledged = Reason.UNACKNOWLEDGED
    assert world.noted.reasons == {(unacknowledged, "bank"): 2, (unacknowledged, "shop"): 1}


def test_five_thousand_wait_in_memory_and_five_hundred_are_read_at_a_time() -> None:
    world = World()
    receiver = bound(world, 0)
    owe(world, *range(1, 5_003))
    outbox = world.deliver.outbox("bank")
    assert (len(outbox.waiting), outbox.more, outbox.depth) == (5_000, True, 5_002)
    lose(world, receiver)
    receiver = bound(world, 0)
    assert (len(outbox.waiting), outbox.more) == (500, True)
    world.store.log.clear()
    for _ in range(4):
        world.deliver.go_on("bank")
        world.deliver.tick()
    assert world.store.log == []  # enough are there
    receiver.window = 1
    world.deliver.go_on("bank")
    assert (len(outbox.waiting), world.store.log) == (999, ["owed"])


def test_what_waits_in_memory_stays_there_for_the_sessions_that_are_left() -> None:
    world = World()
    one, two = bound(world, 1), bound(world, 1)
    owe(world, 1, 2, 3, 4)
    world.store.log.clear()
    lose(world, one)
    outbox = world.deliver.outbox("bank")
    assert ([d.message_id for d in outbox.waiting], outbox.more) == ([3, 4], False)
    assert (len(two.out), world.store.log) == (1, ["postpone"])


def test_what_all_refuse_is_not_counted_as_delivered() -> None:
    world = World()
    receiver = bound(world)
    owe(world, 1)
    answer(world, receiver, Status.ESME_RX_P_APPN)
    world.deliver.flush()
    assert world.said.counts == {("delivered", "bank", "refused"): 1}


def test_a_receipt_has_the_addresses_swapped_and_the_smallest_error_as_a_tlv() -> None:
    world = World()
    receiver = bound(world)
    owe(world, 1, source=Address("1234", 2, 9), destination=Address("5678", 1, 8), error=1)
    pdu, _ = receiver.asked[0]
    assert (pdu.source_addr, pdu.source_addr_ton, pdu.source_addr_npi) == (b"5678", 1, 8)
    assert (pdu.destination_addr, pdu.dest_addr_ton, pdu.dest_addr_npi) == (b"1234", 2, 9)
    assert (Tag.NETWORK_ERROR_CODE, b"\x03\x00\x01") in pdu.tlvs


def test_a_message_from_a_phone_has_its_addresses_as_they_are() -> None:
    world = World()
    receiver = bound(world)
    said = {"source": Address("5678", 1, 8), "destination": Address("1234", 2, 9)}
    owe(world, 1, content=MoContent(b"hi"), **said)
    pdu, _ = receiver.asked[0]
    assert (pdu.source_addr, pdu.source_addr_ton, pdu.source_addr_npi) == (b"5678", 1, 8)
    assert (pdu.destination_addr, pdu.dest_addr_ton, pdu.dest_addr_npi) == (b"1234", 2, 9)


def test_receipts_are_written_as_the_account_wants_them_from_now_on() -> None:
    world = World()
    receiver = bound(world)
    owe(world, 1, text="hello")
    world.deliver.change({"bank": account(receipts=Receipts(utc_offset=7_200, quotes=False))})
    owe(world, 2, text="hello")
    before, after = (pdu.short_message for pdu, _ in receiver.asked)
    assert b"submit date:2701150800 " in before
    assert b"submit date:2701151000 " in after
    assert (b"hello" in before, b"hello" in after) == (True, False)


def test_what_the_store_held_is_counted() -> None:
    world = World()
    world.deliver.restore({"bank": 2, "shop": 1})
    depths = {name: outbox.depth for name, outbox in world.deliver.outboxes.items()}
    assert depths == {"bank": 2, "shop": 1}


def test_what_was_read_before_the_last_session_was_lost_is_read_again() -> None:
    """Another bridge has been handed some of the deliveries meanwhile: they would come twice."""
    world = World()
    waiting: list[Deferred[list[Delivery]]] = []

    def owed(*_: Any) -> Deferred[list[Delivery]]:
        waiting.append(Deferred())
        return waiting[-1]

    world.store.owed = owed  # type: ignore[method-assign]
    owe(world, 1, 2, 3)
    first = bound(world)
    lose(world, first)
    second = bound(world)
    waiting.pop().callback([delivery(n) for n in (1, 2, 3)])
    assert second.ids() == []
    waiting.pop().callback([delivery(2)])
    assert second.ids() == [2]
    assert not waiting
