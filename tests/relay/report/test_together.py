"""Reports about one message close together, while the message is not in memory: none is lost."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smppbridge.model.message import Stage
from smppbridge.model.outcome import Accepted
from smppbridge.model.report import Report
from smppbridge.providers.exchange import NotSent
from smppbridge.smpp.constants import MessageState as M
from smppbridge.store.port import StoreFailure
from tests.relay.fakes import FakeStore, World, submit_sm

SENT, DELIVERED = M.ENROUTE, M.DELIVERED
ORDERS = [(SENT, DELIVERED), (DELIVERED, SENT), (SENT, SENT, DELIVERED), (DELIVERED, DELIVERED)]


def says(state: M = DELIVERED, found: str = "p1", **more: Any) -> Report:
    return Report(found, state, **more)


def restarted(store: FakeStore) -> World:
    """Return a world on a store from before, as the bridge restores it."""
    world = World(store=store)
    restored = store.restored()
    world.run(world.reports.restore(restored.early, restored.stored_ids))
    return world


def forgotten(*names: str) -> tuple[World, list[int]]:
    """Return a world after a restart, and the accepted messages that its store has."""
    before = World()
    ids = [before.sent(submit_sm(sequence_number=n))[0][2] for n, _ in enumerate(names, 1)]
    before.wire.answer(*[(n, Accepted(name)) for n, name in zip(ids, names, strict=True)])
    world = restarted(before.store)
    world.store.at_once = False
    return world, ids


def out() -> tuple[World, int]:
    """Return a world whose store commits when told to, and a message that is out."""
    world = World(store=FakeStore(at_once=False))
    session = world.session()
    world.take(session, submit_sm())
    world.store.commit_all()
    return world, session.ids()[0]


def owed(world: World) -> list[tuple[int, int]]:
    return [(d.message_id, d.state) for d in world.store.unfinished()]


def quiet(world: World) -> None:
    """Let all that is pending end, and say that nothing of it is left."""
    for _ in range(3):
        world.store.commit_all()
        world.spawn(world.reports.forget_early())
    world.store.commit_all()
    world.sound()
    assert (world.store.early, len(world.reports.early)) == ({}, 0)
    assert not world.reports._unsought


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("way", ["one webhook", "two at once", "one after the other"])
def test_delivered_is_not_lost_beside_another_report_after_a_restart(
    order: tuple[M, ...], way: str
) -> None:
    world, [message_id] = forgotten("p1")
    if way == "one webhook":
        answered = world.told(*map(says, order))
    else:
        tellings = []
        for state in order:
            tellings.append(world.told(says(state)))
            if way == "one after the other":
                world.store.commit_all()
        world.store.commit_all()
        answered = [each for telling in tellings for each in telling]
    world.store.commit_all()
    assert set(answered) == {"kept"}
    assert owed(world) == [(message_id, DELIVERED)]
    quiet(world)


@pytest.mark.parametrize("odd_first", [True, False])
def test_delivered_is_not_lost_beside_reports_about_others(odd_first: bool) -> None:
    world, ids = forgotten("p1", "p2")
    reports = [says(SENT), says(SENT, "p2"), says(DELIVERED), says(DELIVERED, "p2")]
    odd = says(DELIVERED, "nobody's")
    told = world.told(*([odd, *reports] if odd_first else [*reports, odd]))
    world.store.commit_all()
    assert told == ["kept"]
    assert sorted(owed(world)) == [(n, DELIVERED) for n in ids]
    assert list(world.store.early) == [("one", "nobody's")]


STEPS = ("answer", *("commit",) * 4)


@pytest.mark.parametrize("order", ORDERS[:2])
@pytest.mark.parametrize("steps", sorted(set(permutations(("report", "again", *STEPS)))))
def test_delivered_is_not_lost_while_the_answer_is_recorded(
    steps: tuple[str, ...], order: tuple[M, M]
) -> None:
    world, message_id = out()
    states, tellings = iter(order), []
    for step in steps:
        if step == "answer":
            world.wire.answer((message_id, Accepted("p1")))
        elif step == "commit":
            world.store.commit(min(1, len(world.store.pending)))
        else:
            tellings.append(world.told(says(next(states))))
        done = [state for told, state in zip(tellings, order, strict=False) if told == ["kept"]]
        if DELIVERED in done:  # HTTP 200 means on disk
            kept = [r.state for r in world.store.early.values()]
            assert DELIVERED in kept or owed(world) == [(message_id, DELIVERED)]
    world.store.commit_all()
    assert owed(world) == [(message_id, DELIVERED)]
    quiet(world)


@pytest.mark.parametrize("order", ORDERS[:2])
@pytest.mark.parametrize("fails", range(8))
@pytest.mark.parametrize("one_webhook", [True, False])
def test_delivered_that_was_answered_is_not_lost_when_the_store_fails(
    order: tuple[M, M], fails: int, one_webhook: bool
) -> None:
    world, [message_id] = forgotten("p1")
    if one_webhook:
        tellings = {DELIVERED: world.told(*map(says, order))}
    else:
        tellings = {state: world.told(says(state)) for state in order}
    done = 0
    while world.store.pending:
        (world.store.fail if done == fails else world.store.commit)(1)
        done += 1
    if tellings[DELIVERED] == ["kept"]:
        quiet(world)
        assert owed(world) == [(message_id, DELIVERED)]
        return
    assert tellings[DELIVERED] == [StoreFailure]
    world.told(says(DELIVERED))  # a provider tells until it is answered 200
    quiet(world)
    assert owed(world) == [(message_id, DELIVERED)]


def test_early_reports_that_could_not_be_restored_are_sought_again() -> None:
    before = World()
    ids = [before.sent(submit_sm(sequence_number=n))[0][2] for n in (1, 2)]
    before.told(says(), says(found="p2"))
    for n, name in zip(ids, ("p1", "p2"), strict=True):  # on disk, but nothing was settled
        row = before.store.messages[n]
        row.stage, row.provider_message_id, row.due = Stage.SUBMITTED, name, None
    world = World(store=before.store)
    world.store.at_once = False
    restored = world.store.restored()
    world.spawn(world.reports.restore(restored.early, restored.stored_ids))
    world.store.commit(1)  # found
    world.store.fail()
    assert owed(world) == []
    assert len(world.store.early) == 2
    quiet(world)
    assert owed(world) == [(n, DELIVERED) for n in ids]


def test_a_report_under_a_new_id_may_come_before_the_id_is_known() -> None:
    world, [message_id] = forgotten("batch:1")
    assert world.told(says(found="theirs")) == []
    world.store.commit_all()
    assert list(world.store.early) == [("one", "theirs")]
    world.told(says(SENT, "batch:1", renamed="theirs"))
    world.store.commit_all()
    assert owed(world) == [(message_id, DELIVERED)]
    quiet(world)


def test_a_message_that_is_refused_while_its_id_is_written_leaves_its_line() -> None:
    world, message_id = out()
    early, naming = world.told(says()), world.told(says(SENT, message_id=message_id))
    world.wire.answer((message_id, NotSent("refused")))
    world.store.commit_all()
    assert (early, naming) == (["kept"], ["kept"])
    assert owed(world) == [(message_id, DELIVERED)]
    world.tick()
    world.store.commit_all()
    assert world.lanes["one"].depth == 0
    quiet(world)


def test_an_early_report_leaves_the_store_when_another_report_ends_the_message() -> None:
    world, message_id = out()
    world.told(says(SENT))
    world.store.commit_all()
    world.wire.answer((message_id, Accepted("p1")))  # `expect` has matched SENT
    world.told(says(DELIVERED))
    world.store.commit_all()
    assert owed(world) == [(message_id, DELIVERED)]
    quiet(world)


def test_a_report_is_on_disk_though_the_one_before_it_is_deleted_in_its_transaction() -> None:
    world, [message_id] = forgotten("p1")
    world.told(says(SENT))
    world.store.commit(2)
    world.told(says(DELIVERED))
    assert [call.verb for call in world.store.pending] == ["settle", "keep_early", "find"]
    world.store.commit(3)
    assert [r.state for r in world.store.early.values()] == [DELIVERED]
    quiet(world)
    assert owed(world) == [(message_id, DELIVERED)]


def test_a_new_id_is_not_forgotten_when_another_report_joins_it() -> None:
    world, message_id = out()
    world.told(says(SENT, "batch:1", renamed="theirs"))
    world.told(says(SENT, "batch:1"))
    world.store.commit_all()
    world.wire.answer((message_id, Accepted("batch:1")))
    world.store.commit_all()
    assert world.store.messages[message_id].provider_message_id == "theirs"


def test_a_repeated_report_that_could_not_be_deleted_is_deleted_later() -> None:
    world, [message_id] = forgotten("p1")
    world.told(says())
    world.store.commit_all()
    again = world.told(says())
    world.store.commit(2)
    world.store.fail()
    assert again == [StoreFailure]
    assert len(world.store.early) == 1
    quiet(world)
    assert owed(world) == [(message_id, DELIVERED)]


def test_early_reports_are_sought_until_the_store_finds_their_messages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, [message_id] = forgotten("p1")
    world.store.at_once = True
    find, failures = world.store.find, [StoreFailure("?")] * 3

    async def failing(*asked: Any) -> Any:
        if failures:
            raise failures.pop()
        return await find(*asked)

    monkeypatch.setattr(world.store, "find", failing, raising=False)
    assert world.told(says()) == [StoreFailure]
    for _ in range(2):
        world.run(world.reports.forget_early())
        assert owed(world) == []
    quiet(world)
    assert owed(world) == [(message_id, DELIVERED)]


@pytest.mark.parametrize("fails", [True, False])
@pytest.mark.parametrize("again", [says(), says(M.REJECTED), says(SENT)])
def test_a_report_is_not_answered_for_the_one_before_it_that_was_not_written(
    fails: bool, again: Report
) -> None:
    world, message_id = out()
    world.wire.answer((message_id, Accepted("p1")))
    world.store.commit_all()
    first = world.told(says())
    second = world.told(again)
    (world.store.fail if fails else world.store.commit)(1)
    world.store.commit_all()
    assert (first, second) == (([StoreFailure],) * 2 if fails else (["kept"],) * 2)
    world.told(says())
    quiet(world)
    assert owed(world) == [(message_id, DELIVERED)]


ACTS = ["sent", "delivered", "both", "answer", *["commit"] * 4, "fail", "seek", "crash"]


IN_SETTLEMENT = ["sent", "delivered", "answer", *["commit"] * 5, "crash"]
"""The store has both reports, and their message: after the start they are settled."""


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(ACTS), min_size=6, max_size=30))
@example([*IN_SETTLEMENT, "commit", "sent", "fail", "commit"])
@example([*IN_SETTLEMENT, "sent", "commit", "fail"])
def test_whatever_happens_what_was_answered_is_owed(acts: list[str]) -> None:
    world, message_id = out()
    tellings: list[tuple[M, list[Any]]] = []
    kept = False

    def tell(*states: M) -> None:
        telling = world.told(*map(says, states))
        tellings.append((DELIVERED if DELIVERED in states else SENT, telling))

    def crash() -> None:
        nonlocal world
        old = world.store
        world = World(
            store=FakeStore(
                at_once=False,
                messages=old.messages,
                deliveries=old.deliveries,
                early=dict(old.early),
            )
        )
        old.pending.clear()
        tellings.clear()
        restored = world.store.restored()
        world.spawn(world.reports.restore(restored.early, restored.stored_ids))

    do: dict[str, Callable[[], Any]] = {
        "sent": lambda: tell(SENT),
        "delivered": lambda: tell(DELIVERED),
        "both": lambda: tell(SENT, DELIVERED),
        "answer": lambda: world.wire.out and world.wire.answer((message_id, Accepted("p1"))),
        "commit": lambda: world.store.commit(min(1, len(world.store.pending))),
        "fail": lambda: world.store.fail(min(1, len(world.store.pending))),
        "seek": lambda: world.spawn(world.reports.forget_early()),
        "crash": crash,
    }
    for act in acts:
        row = world.store.messages[message_id]
        if act == "crash" and row.stage is Stage.SUBMITTING:
            continue  # nobody can know
        do[act]()
        kept = kept or any(s is DELIVERED and told == ["kept"] for s, told in tellings)
        if kept:
            states = [r.state for r in world.store.early.values()]
            assert DELIVERED in states or owed(world) == [(message_id, DELIVERED)]
    if world.wire.out:
        world.wire.answer((message_id, Accepted("p1")))
    for _ in range(3):
        world.store.commit_all()
        world.tick()
        world.spawn(world.reports.forget_early())
        world.store.commit_all()
    assert not world.failures
    kept = kept or any(s is DELIVERED and told == ["kept"] for s, told in tellings)
    if kept:
        assert owed(world) == [(message_id, DELIVERED)]
    row = world.store.messages[message_id]
    if (row.stage, row.provider_message_id) == (Stage.FINISHED, "p1"):
        assert (world.store.early, len(world.reports.early)) == ({}, 0)
