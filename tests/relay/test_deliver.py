from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smppbridge.model.message import Traits
from smppbridge.model.receipts import Receipts
from smppbridge.model.report import Delivery
from smppbridge.relay import deliver as delivers
from smppbridge.relay.deliver import FIRST_PAUSE
from smppbridge.relay.receipt_answers import is_end
from smppbridge.smpp.constants import CommandStatus as Status
from tests.relay.fakes import NOW, FakeReceiver, FakeStore, World, account, delivery
from tests.relay.owing import answer, bound, lose, owe

UNWRITABLE = "delivery_unwritable"


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
