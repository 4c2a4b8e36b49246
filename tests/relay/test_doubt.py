"""A commit whose answer is lost: nobody is answered and nothing leaves until it is found out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from smppbridge.model.message import Stage
from smppbridge.model.outcome import Accepted
from smppbridge.model.report import Report
from smppbridge.relay.lanes.lane import LaneRules
from smppbridge.relay.submit.backlog import STORE_PAUSE
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import MessageState as M
from smppbridge.smpp.pdus import SubmitSm
from smppbridge.store.port import StoreFailure
from tests.relay.fake_store import FakeStore
from tests.relay.fakes import FakeReceiver, FakeSubmitter, World, segment_sm, submit_sm

LANE = LaneRules(concurrency=8)


def doubting(world: World, act: Callable[[], object]) -> None:
    """Let the answer to the commit of the verbs that *act* calls be lost; time passes."""
    store = world.store
    store.at_once = False
    act()
    store.lose_answer()
    assert store.in_doubt
    store.at_once = True
    for _ in range(3):
        world.wait(0.5)


def find_out(world: World, *, committed: bool) -> None:
    world.store.find_out(committed=committed)
    world.sound()


def submits(count: int = 3) -> list[SubmitSm]:
    return [submit_sm(sequence_number=n, destination_addr=b"24381%07d" % n) for n in range(count)]


def accepted(world: World, count: int = 3) -> list[int]:
    """Return the ids of messages that a provider has accepted as x1, x2, ..."""
    ids = [message_id for _, _, message_id in world.sent(*submits(count))]
    for each in ids:
        world.wire.answer((each, Accepted(f"x{each}")))
    return ids


def settled(world: World) -> tuple[int, ...]:
    """Return all counts of the lane that a leak would show in."""
    lane = world.lanes["one"]
    return lane.depth, lane.out, len(world.wire.out)


@pytest.mark.parametrize("committed", [True, False])
def test_submit_sm_are_not_answered_and_leave_only_if_they_were_committed(committed: bool) -> None:
    world, sessions = World(lane=LANE), [FakeSubmitter(World().rights) for _ in range(2)]
    doubting(world, lambda: [world.take(session, *submits(2)) for session in sessions])
    assert [session.answers for session in sessions] == [[], []]
    assert world.wire.submitted() == []
    find_out(world, committed=committed)
    statuses = [status for session in sessions for _, status, _ in session.answers]
    if committed:
        assert statuses == [Status.ESME_ROK] * 4
        assert len(world.wire.submitted()) == 4
    else:
        assert len(statuses) == 4
        assert Status.ESME_ROK not in statuses
        assert (world.store.messages, settled(world)) == ({}, (0, 0, 0))


@pytest.mark.parametrize("committed", [True, False])
def test_a_segment_after_one_in_doubt_is_refused_until_it_is_known(committed: bool) -> None:
    world, session = World(lane=LANE), World(lane=LANE).session()
    first, last = segment_sm(1, 2, b"one "), segment_sm(2, 2, b"two", sequence_number=2)
    doubting(world, lambda: world.take(session, first))
    world.take(session, last)
    assert session.answers == [(2, Status.ESME_RSYSERR, 0)]
    find_out(world, committed=committed)
    assert (session.answers[1][1] == Status.ESME_ROK) is committed
    world.take(session, *([last] if committed else [last, first]))
    assert len(world.wire.submitted()) == 1
    assert not world.store.segments


@pytest.mark.parametrize("committed", [True, False])
def test_attempts_whose_begin_is_in_doubt_leave_once_and_not_before(committed: bool) -> None:
    world = World(lane=LANE)
    world.lanes["one"].pause(1.0)
    ids = [message_id for _, _, message_id in world.sent(*submits())]
    doubting(world, lambda: world.wait(1.0))
    assert world.wire.submitted() == []
    find_out(world, committed=committed)
    world.wait(STORE_PAUSE)
    assert sorted(world.wire.submitted()) == ids
    assert [world.store.messages[each].number for each in ids] == [1, 1, 1]
    for each in ids:
        world.wire.answer((each, Accepted(f"x{each}")))
    assert set(world.store.stages().values()) == {Stage.SUBMITTED}
    assert settled(world) == (0, 0, 0)


@pytest.mark.parametrize("taken", [0, 2])
def test_of_a_begin_that_came_through_only_what_began_leaves(taken: int) -> None:
    world = World(lane=LANE)
    world.lanes["one"].pause(1.0)
    ids = [message_id for _, _, message_id in world.sent(*submits())]
    doubting(world, lambda: world.wait(1.0))
    world.store.taken = {ids[taken]}
    find_out(world, committed=True)
    world.wait(STORE_PAUSE)
    assert sorted(world.wire.submitted()) == [n for n in ids if n != ids[taken]]
    assert settled(world) == (0, 2, 2)


@pytest.mark.parametrize("committed", [True, False])
def test_outcomes_in_doubt_are_written_once_it_is_known(committed: bool) -> None:
    world = World(lane=LANE)
    ids = [message_id for _, _, message_id in world.sent(*submits())]

    def answer() -> None:
        for each in ids:
            world.wire.answer((each, Accepted(f"x{each}")))

    doubting(world, answer)
    assert len(world.wire.submitted()) == len(ids)
    find_out(world, committed=committed)
    for _ in range(3):
        world.wait(1.0)
    assert set(world.store.stages().values()) == {Stage.SUBMITTED}
    assert len(world.wire.submitted()) == len(ids)
    assert settled(world) == (0, 0, 0)


@pytest.mark.parametrize("committed", [True, False])
def test_reports_in_doubt_make_no_receipt_and_are_not_acknowledged(committed: bool) -> None:
    world, receiver = World(lane=LANE), FakeReceiver()
    world.deliver.bound("bank", receiver)
    ids = accepted(world)
    answers: list[list[object]] = []
    reports = [Report(f"x{each}", M.DELIVERED) for each in ids]
    doubting(world, lambda: answers.append(world.told(*reports)))
    assert (answers, receiver.ids()) == ([[]], [])
    find_out(world, committed=committed)
    assert answers == [["kept" if committed else StoreFailure]]
    if not committed:
        assert receiver.ids() == []
        assert world.told(*reports) == ["kept"]  # the provider calls again
    world.wait(1.0)
    assert sorted(receiver.ids()) == ids


@pytest.mark.parametrize("committed", [True, False])
def test_a_delivery_whose_end_is_in_doubt_is_not_sent_again_meanwhile(committed: bool) -> None:
    world, receiver = World(lane=LANE), FakeReceiver()
    world.deliver.bound("bank", receiver)
    ids = accepted(world)
    world.told(*[Report(f"x{each}", M.DELIVERED) for each in ids])
    assert receiver.ids() == ids

    def acknowledge() -> None:
        world.deliver.answered("bank", [(each, Status.ESME_ROK) for each in receiver.take()])
        world.deliver.flush()

    doubting(world, acknowledge)
    assert receiver.ids() == ids
    find_out(world, committed=committed)
    world.wait(60.0)
    world.deliver.answered("bank", [(each, Status.ESME_ROK) for each in receiver.take()])
    world.wait(60.0)
    assert not world.store.unfinished()
    assert set(receiver.ids()) == set(ids)
    if committed:
        assert len(receiver.ids()) == len(ids)


def restarted(store: FakeStore) -> World:
    """Return the world of the process after one that has ended without answers."""
    store.crash()
    restored, world = store.restored(), World(lane=LANE, store=store)
    for each in restored.waiting:
        world.lanes[each.provider].restore(each)
    world.submit.interrupted(restored.interrupted)
    world.tick()
    return world


@pytest.mark.parametrize("committed", [True, False])
def test_what_is_never_found_out_is_as_a_crash_before_the_answer(committed: bool) -> None:
    world, session = World(lane=LANE), World(lane=LANE).session()
    doubting(world, lambda: world.take(session, *submits()))
    if committed:
        for call in world.store.in_doubt:
            for _, does in call.parts:
                does()
    assert session.answers == []
    world = restarted(world.store)
    stages = set(world.store.stages().values())
    assert stages == ({Stage.SUBMITTING} if committed else set())  # begun with their acceptance
    assert world.wire.submitted() == []
