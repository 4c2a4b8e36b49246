from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, fail

from smppbridge.model.address import Address
from smppbridge.model.message import Traits
from smppbridge.model.reasons import Reason
from smppbridge.model.receipts import Receipts
from smppbridge.model.report import Delivery, MoContent
from smppbridge.relay import deliver as delivers
from smppbridge.relay.deliver import FIRST_PAUSE
from smppbridge.relay.receipt_answers import is_end
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import Tag
from smppbridge.store.port import StoreFailure
from tests.relay.fakes import NOW, FakeReceiver, FakeStore, World, account, delivery

UNWRITABLE = "delivery_unwritable"


def owe(world: World, *ids: int, **about: Any) -> list[Delivery]:
    """Owe receipts: written down, then handed on."""
    made = [delivery(n, **about) for n in ids]
    world.store.deliveries.update({(d.message_id, d.state): replace(d) for d in made})
    world.deliver.owe(made)
    return made


def bound(world: World, window: int = 10, system_id: str = "bank") -> FakeReceiver:
    receiver = FakeReceiver(window)
    world.deliver.bound(system_id, receiver)
    return receiver


def answer(world: World, receiver: FakeReceiver, status: int = 0, count: int = 1_000) -> None:
    world.deliver.answered("bank", [(d, status) for d in receiver.take(count)])


def lose(world: World, receiver: FakeReceiver) -> None:
    world.deliver.lost("bank", receiver, receiver.take())


def test_what_cannot_be_written_ends_and_does_not_stop_the_others() -> None:
    world = World()
    receiver = bound(world)
    world.deliver.owe([])
    odd = {"traits": Traits(service_type="too long for SMPP")}

    def ask(request: Any, about: Delivery) -> None:
        request.encode()
        FakeReceiver.ask(receiver, request, about)

    receiver.ask = ask  # type: ignore[method-assign]
    made = [delivery(n, **(odd if n in (1, 4) else {})) for n in (1, 2, 3, 4)]
    world.store.deliveries.update({(d.message_id, d.state): replace(d) for d in made})
    world.deliver.owe(made)
    assert receiver.ids() == [2, 3]
    world.deliver.flush()
    assert sorted(world.store.finished) == [(1, 2), (4, 2)]
    told = [fields["message_id"] for event, fields in world.said.events if event == UNWRITABLE]
    assert told == [1, 4]
    assert world.said.counts["delivered", "bank", "refused"] == 2


# -- to whom --------------------------------------------------------------------------------------


def test_a_window_is_filled_and_filled_again() -> None:
    world = World()
    receiver = bound(world, 3)
    owe(world, *range(1, 8))
    assert receiver.ids() == [1, 2, 3]
    answer(world, receiver, count=2)
    assert receiver.ids() == [1, 2, 3, 4, 5]
    assert receiver.flushes == 2
    world.deliver.flush()
    assert sorted(world.store.finished) == [(1, 2), (2, 2)]
    assert world.deliver.outbox("bank").depth == 5


def test_any_session_of_the_account_may_take_them_and_no_other() -> None:
    world = World()
    one, two = bound(world, 2), bound(world, 3)
    stranger = bound(world, 10, "shop")
    owe(world, *range(1, 9))
    assert sorted(one.ids() + two.ids()) == [1, 2, 3, 4, 5]
    assert (len(one.out), len(two.out)) == (2, 3)
    assert stranger.ids() == []
    answer(world, one)  # one that never answers does not hold up the others
    assert one.ids()[2:] == [6, 7]


def test_what_nobody_takes_is_kept_and_replayed_on_bind_in_order_and_paced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(delivers, "MANY", 7)
    monkeypatch.setattr(delivers, "FEW", 3)
    world = World()
    for n in range(1, 31):  # the account is bound as TX alone
        owe(world, n, due=NOW + n / 100)
    line = world.deliver.outbox("bank")
    assert (len(line.waiting), line.depth) == (0, 30)
    world.clock.now += 1.0
    receiver = bound(world, 4)
    while receiver.out:
        assert len(receiver.out) <= 4
        assert len(line.waiting) <= 3 + 7
        answer(world, receiver, count=1)
        world.tick()
    assert receiver.ids() == list(range(1, 31))
    assert len(world.store.finished) == 30
    assert (line.depth, line.held) == (0, set())


def test_memory_holds_so_many_and_the_store_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in (("IN_MEMORY", 3), ("FEW", 2), ("MANY", 2)):
        monkeypatch.setattr(delivers, name, size)
    world = World()
    receiver = bound(world, 1)
    owe(world, *range(1, 10))
    line = world.deliver.outbox("bank")
    while receiver.out:
        assert len(line.waiting) <= 3
        answer(world, receiver)
        world.tick()
    assert receiver.ids() == list(range(1, 10))
    assert line.depth == 0


def test_what_is_on_its_way_is_not_sent_again() -> None:
    world = World()
    receiver = bound(world)
    (made,) = owe(world, 1)
    world.deliver.owe([replace(made)])
    world.tick()
    assert receiver.ids() == [1]
    assert world.deliver.outbox("bank").depth == 1


def test_what_comes_while_more_is_read_back_is_sent_once() -> None:
    world = World()
    receiver = bound(world)
    owe(world, 1)
    answer(world, receiver, Status.ESME_RX_T_APPN)
    world.clock.now += FIRST_PAUSE
    world.store.at_once = False
    world.deliver.tick()
    world.store.deliveries[2, 2] = delivery(2)
    world.deliver.owe([delivery(2)])
    world.store.commit_all()
    assert receiver.ids() == [1, 2, 1]


# -- how it ends ----------------------------------------------------------------------------------

ENDS = [Status.ESME_ROK, Status.ESME_RX_P_APPN, Status.ESME_RX_R_APPN, Status.ESME_RINVMSGLEN]
ENDS += [Status.ESME_RINVDSTADR, Status.ESME_RINVOPTPARAMVAL]
AGAIN: list[int] = [
    Status.ESME_RX_T_APPN,
    Status.ESME_RSYSERR,
    Status.ESME_RMSGQFUL,
    Status.ESME_RTHROTTLED,
]
AGAIN += [Status.ESME_RINVBNDSTS, Status.ESME_RUNKNOWNERR, 0x400, 0xFFFFFFFF]


@pytest.mark.parametrize(
    ("status", "ends"), [(s, True) for s in ENDS] + [(s, False) for s in AGAIN]
)
def test_a_status_ends_a_delivery_or_puts_it_off(status: int, ends: bool) -> None:
    assert is_end(status) is ends
    world = World()
    receiver = bound(world)
    owe(world, 1, 2)
    world.deliver.answered("bank", [(receiver.take(1)[0], status)])
    answer(world, receiver)
    world.wait(FIRST_PAUSE - 0.1)
    assert receiver.ids() == [1, 2]
    world.wait(0.1)
    assert receiver.ids() == ([1, 2] if ends else [1, 2, 1])
    how = ("delivered" if status == 0 else "refused") if ends else "postponed"
    assert world.said.counts["delivered", "bank", how] == (2 if status == 0 else 1)


def test_pauses_double_up_to_ten_minutes() -> None:
    world = World()
    receiver = bound(world)
    owe(world, 1)
    pauses = []
    for _ in range(12):
        world.deliver.unanswered("bank", receiver.take())
        row = world.store.deliveries[1, 2]
        pauses.append(row.due - world.clock.now)
        world.clock.now = row.due
        world.tick()
    assert pauses[:4] == [5.0, 10.0, 20.0, 40.0]
    assert pauses[-1] == 600.0
    assert world.store.deliveries[1, 2].attempts == 12


def test_silence_does_not_hold_up_the_others() -> None:
    world = World()
    receiver = bound(world, 1)
    owe(world, 1, 2)
    world.deliver.unanswered("bank", receiver.take())
    world.deliver.go_on("bank")
    assert receiver.ids() == [1, 2]


def test_a_lost_session_gives_back_what_it_had_not_answered() -> None:
    world = World()
    one = bound(world)
    owe(world, 1, 2)
    two = bound(world)
    lose(world, one)
    world.tick()
    assert sorted(two.ids()) == [1, 2]
    answer(world, two)
    world.tick()
    assert len(world.store.finished) == 2


def test_a_receipt_that_ends_sessions_does_not_hold_up_the_others() -> None:
    world = World()
    owe(world, 1, due=NOW - 10)
    owe(world, 2)
    first = bound(world, 1)
    assert first.ids() == [1]
    lose(world, first)
    second = bound(world, 1)
    assert second.ids() == [1]  # once is bad luck
    lose(world, second)
    third = bound(world, 1)
    assert third.ids() == [2]
    answer(world, third)
    world.wait(2 * FIRST_PAUSE)
    assert third.ids() == [2, 1]


@pytest.mark.parametrize("flushed", [True, False])
def test_what_was_acknowledged_does_not_come_again_on_the_next_bind(flushed: bool) -> None:
    world = World(store=FakeStore(at_once=False))
    receiver = bound(world)
    world.store.commit_all()
    owe(world, 1)
    answer(world, receiver)
    if flushed:
        world.deliver.flush()
    lose(world, receiver)
    again = bound(world)
    world.store.commit_all()
    world.tick()
    world.store.commit_all()
    world.tick()
    world.store.commit_all()
    assert again.ids() == []
    assert list(world.store.finished) == [(1, 2)]
    assert world.deliver.outbox("bank").depth == 0


def test_an_acknowledgement_that_cannot_be_written_is_written_later() -> None:
    world = World()
    receiver = bound(world)
    owe(world, 1)
    answer(world, receiver)
    world.store.failing = True
    for _ in range(5):
        world.wait(1.0)
    assert world.store.finished == {}
    world.store.failing = False
    world.tick()
    assert list(world.store.finished) == [(1, 2)]
    assert receiver.ids() == [1]
    assert world.said.counts["delivered", "bank", "delivered"] == 1


def test_many_acknowledgements_are_written_at_once() -> None:
    world = World()
    receiver = bound(world, 300)
    owe(world, *range(1, 301))
    answer(world, receiver, count=255)
    assert not world.store.finished
    answer(world, receiver, count=1)
    assert len(world.store.finished) == 256


def test_a_delivery_lapses_when_nobody_took_it_in_time() -> None:
    world = World()
    owe(world, 1, expires_at=NOW + 60)
    owe(world, 2)
    world.clock.now += 60.0
    world.store.failing = True
    world.run(world.deliver.lapse())
    assert world.store.finished == {}
    world.store.failing = False
    world.run(world.deliver.lapse())
    assert world.said.counts["delivered", "bank", "expired"] == 1
    assert bound(world).ids() == [2]


def test_after_a_restart_what_is_owed_is_replayed() -> None:
    before = World()
    bound(before)
    owe(before, 1, 2)
    after = World(store=before.store)
    after.deliver.outbox("bank").depth = 2
    assert bound(after).ids() == [1, 2]


ACTS = [
    *("owe", "owe", "bind", "lose", "ack", "ack", "temporary", "silence"),
    *("commit", "fail", "flush", "tick", "wait", "lapse"),
]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(ACTS), min_size=15, max_size=60))
def test_every_delivery_is_taken_once_in_the_end(acts: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delivers, "IN_MEMORY", 4)
        patch.setattr(delivers, "FEW", 2)
        patch.setattr(delivers, "MANY", 3)
        _run(World(store=FakeStore(at_once=False)), acts)


def _run(world: World, acts: list[str]) -> None:
    store = world.store
    receivers: list[FakeReceiver] = []
    ids = iter(range(1, 100))
    owed: list[int] = []
    taken: list[int] = []

    def owe_one() -> None:
        owed.append(next(ids))
        owe(world, owed[-1])

    def ack() -> None:
        for receiver in receivers[-1:]:
            taken.extend(d.message_id for d in receiver.out[:2])
            answer(world, receiver, count=2)

    do: dict[str, Callable[[], Any]] = {
        "owe": owe_one,
        "bind": lambda: len(receivers) < 3 and receivers.append(bound(world, 2)),
        "lose": lambda: receivers and lose(world, receivers.pop()),
        "ack": ack,
        "temporary": lambda: [answer(world, r, Status.ESME_RX_T_APPN, 1) for r in receivers[-1:]],
        "silence": lambda: [world.deliver.unanswered("bank", r.take(1)) for r in receivers[-1:]],
        "commit": lambda: store.commit(min(1, len(store.pending))),
        "fail": lambda: store.fail(min(1, len(store.pending))),
        "flush": world.deliver.flush,
        "tick": world.tick,
        "wait": lambda: world.wait(7.0),
        "lapse": lambda: world.spawn(world.deliver.lapse()),
    }
    for act in [*acts, "bind"]:
        do[act]()
        held = [d.message_id for r in receivers for d in r.out]
        assert len(set(held)) == len(held)
    for _ in range(90):  # in the end all goes well
        store.commit_all()
        ack()
        receivers.insert(0, receivers.pop())
        world.wait(60.0)
    store.commit_all()
    world.sound()
    assert sorted(taken) == owed
    assert len(store.finished) == len(owed)
    line = world.deliver.outbox("bank")
    assert (line.depth, line.held, list(line.waiting)) == (0, set(), [])


VONAGES = (0x08, 0x14, 0x45, 0x58, 0x67, 0xFE, 0xFF)
"""The statuses after which Vonage sends a receipt again."""


@pytest.mark.parametrize("status", VONAGES)
def test_what_others_send_again_we_send_again(status: int) -> None:
    assert not is_end(status)
    assert not is_end(status, frozenset(VONAGES))


@pytest.mark.parametrize(("status", "ends"), [(0x08, True), (0x14, False), (0, True), (0x0B, True)])
def test_an_account_says_after_which_statuses_a_receipt_is_sent_again(
    status: int, ends: bool
) -> None:
    world = World()
    terms = Receipts(retry_on=frozenset((0x14, 0x65)))
    world.deliver.change({"bank": account(receipts=terms)})
    receiver = bound(world)
    owe(world, 1, 2, 3)
    first, second, third = receiver.take()
    world.deliver.answered("bank", [(first, 0x65), (second, status), (third, 0x65)])
    world.deliver.flush()
    assert sorted(world.store.finished) == ([(2, 2)] if ends else [])
    assert world.deliver.outbox("bank").depth == (2 if ends else 3)


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
