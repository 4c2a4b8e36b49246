"""submit_sm with replace_if_present_flag: in the place of a message that waits."""

from __future__ import annotations

from typing import Any

import pytest

from smppbridge.model.message import Stage
from smppbridge.model.outcome import Accepted, Refused
from smppbridge.relay.lanes.lane import LaneRules
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import MessageState as State
from tests.relay.fakes import FakeProvider, World, segment_sm, submit_sm
from tests.relay.staged import (
    ENDED,
    FINAL,
    LEFT,
    NOBODY,
    gathering,
    go_on,
    kept,
    paused,
    restarted,
    scheduled,
    stored,
    waiting,
)

PLACES = {"waiting": waiting, "stored": stored, "scheduled": scheduled}
OTHERS = {"gathering": gathering, "kept by its provider": kept, **LEFT, **ENDED, **NOBODY}


def flagged(text: bytes = b"new", sequence_number: int = 5, **changes: Any) -> Any:
    return submit_sm(text, sequence_number=sequence_number, replace_if_present_flag=1, **changes)


def open_texts(world: World) -> dict[int, str]:
    rows = world.store.messages.items()
    return {n: r.message.text for n, r in rows if r.stage is not Stage.FINISHED}


@pytest.mark.parametrize("again", [False, True], ids=["", "after a restart"])
@pytest.mark.parametrize("stage", PLACES)
def test_a_message_that_waits_is_superseded(stage: str, again: bool) -> None:
    world = PLACES[stage]()
    if again:
        world = restarted(world)
        world.accept._identifiers.take()
    assert world.sent(flagged()) == [(5, 0, 2)]
    assert open_texts(world) == {2: "new"}
    assert list(world.store.deliveries) == [(1, State.DELETED)]
    world.wait(3_601)
    go_on(world)
    assert world.wire.submitted() == [2]
    assert world.lane_set.depth == 0


@pytest.mark.parametrize("stage", OTHERS)
def test_without_a_message_that_waits_it_is_a_submission(stage: str) -> None:
    world = OTHERS[stage]()
    before = world.store.stages()
    ((_, status, message_id),) = world.sent(flagged())
    assert (status, message_id > 0) == (0, True)
    assert {n: s for n, s in world.store.stages().items() if n != message_id} == before
    assert (1, State.DELETED) not in world.store.deliveries or stage == "deleted"


@pytest.mark.parametrize(
    "differs",
    [
        {"source_addr": b"ELSE"},
        {"source_addr_ton": 0},
        {"destination_addr": b"243810000002"},
        {"service_type": b"CMT"},
    ],
)
def test_another_source_destination_or_service_type_is_another_message(differs: Any) -> None:
    world = waiting()
    world.sent(flagged(**differs))
    assert open_texts(world) == {1: "hello", 2: "new"}
    world.sent(flagged(b"newer", **differs))
    assert open_texts(world) == {1: "hello", 3: "newer"}


def test_of_several_the_newest_is_superseded() -> None:
    world = paused()
    world.sent(submit_sm(b"a"), submit_sm(b"b"), submit_sm(b"c", destination_addr=b"243810000002"))
    world.sent(flagged())
    assert open_texts(world) == {1: "a", 3: "c", 4: "new"}


def test_a_list_supersedes_what_stands_before_it_in_the_list() -> None:
    world = paused()
    answers = world.sent(
        flagged(b"a", 1),
        submit_sm(b"b", sequence_number=2),
        flagged(b"c", 3),
        flagged(b"odd", 4, priority_flag=9),
        flagged(b"d", 5, destination_addr=b"243810000002"),
    )
    statuses = {number: status for number, status, _ in answers}
    assert statuses == {1: 0, 2: 0, 3: 0, 4: Status.ESME_RINVPRTFLG, 5: 0}
    assert sorted(open_texts(world).values()) == ["c", "d"]
    assert sorted(state for _, state in world.store.deliveries) == [State.DELETED] * 2
    go_on(world)
    assert len(world.wire.submitted()) == 2


def test_lists_that_come_together_supersede_each_other() -> None:
    world = paused()
    world.store.at_once = False
    sessions = [world.session() for _ in range(4)]
    for n, session in enumerate(sessions):
        world.take(session, flagged(b"%d" % n, n))
    assert world.accept.supersede.waiting == 4
    world.store.commit_all()
    assert [s.answers[0][:2] for s in sessions] == [(n, 0) for n in range(4)]
    assert list(open_texts(world).values()) == ["3"]
    assert world.accept.supersede.waiting == 0
    go_on(world)
    world.store.commit_all()
    assert len(world.wire.submitted()) == 1


def test_a_list_about_other_numbers_does_not_wait() -> None:
    world = paused()
    world.store.at_once = False
    world.take(world.session(), flagged())
    world.take(world.session(), flagged(destination_addr=b"243810000002"))
    world.store.commit_all()
    assert world.store.log.count("stoppable") == 2


@pytest.mark.parametrize("asked", [0, 1, 2])
def test_the_old_message_has_its_own_receipt(asked: int) -> None:
    world = paused()
    world.sent(submit_sm(registered_delivery=asked))
    world.sent(flagged(registered_delivery=0))
    assert list(world.store.deliveries) == [(1, State.DELETED)] * bool(asked)


def test_both_are_one_transaction_and_the_answer_follows_it() -> None:
    world = waiting()
    world.store.at_once, world.store.log = False, []
    session = world.session()
    world.take(session, flagged())
    world.store.commit()
    assert (session.answers, world.store.log) == ([], ["stoppable", "accept"])
    world.store.commit()
    assert session.answers == [(5, 0, 2)]
    assert session.flushes == 1


@pytest.mark.parametrize("failing", ["stoppable", "accept"])
def test_a_failing_store_changes_nothing(failing: str) -> None:
    world = waiting()
    world.store.at_once = False
    session = world.session()
    if failing == "stoppable":
        world.store.stoppable = lambda _: world.store._do("stoppable")  # type: ignore[misc]
    world.take(session, flagged())
    if failing == "accept":
        world.store.commit()
    world.store.fail()
    assert session.answers == [(5, Status.ESME_RSYSERR, 0)]
    assert world.said.counts["refused", "bank", Status.ESME_RSYSERR] == 1
    world.store.at_once = True
    assert (open_texts(world), len(world.store.deliveries)) == ({1: "hello"}, 0)
    go_on(world)
    go_on(world)
    assert world.wire.submitted() == [1]
    assert world.lane_set.depth == 0


def test_a_message_that_begins_meanwhile_does_not_leave() -> None:
    world = waiting()
    world.store.at_once = False
    world.take(world.session(), flagged())
    go_on(world)
    world.store.commit_all()
    go_on(world)
    world.store.commit_all()
    assert len(open_texts(world)) == len(world.wire.submitted())
    assert world.lane_set.depth == 0


def test_the_flag_says_nothing_on_a_segment() -> None:
    world = waiting()
    segments = [segment_sm(n, 2, b"a", sequence_number=n) for n in (1, 2)]
    for segment in segments:
        segment.replace_if_present_flag = 1
    assert [status for _, status, _ in world.sent(*segments)] == [0, 0]
    assert sorted(open_texts(world).values()) == ["aa", "hello"]


def test_without_the_flag_the_store_is_not_asked() -> None:
    world = waiting()
    world.store.log = []
    world.sent(submit_sm())
    assert world.store.log == ["accept"]


TRANSACTION, FAILED = 0x02, Status.ESME_RSUBMITFAIL


@pytest.mark.parametrize(
    ("outcome", "status"), [(Accepted("X"), 0), (Refused("no", Status.ESME_RINVDSTADR), 0x0B)]
)
@pytest.mark.parametrize("by_account", [True, False])
def test_its_response_waits_as_that_of_any_other(
    outcome: Any, status: int, by_account: bool
) -> None:
    world = paused(answer="provider" if by_account else "store")
    old = world.sent(submit_sm(esm_class=TRANSACTION))
    session = world.session()
    world.take(session, flagged(esm_class=0 if by_account else TRANSACTION), flagged(b"x", 6))
    assert old == [(1, FAILED, 0)]  # instead of its receipt
    plain = [] if by_account else [(6, 0, 3)]
    assert sorted(session.answers) == [(5, FAILED, 0), *plain]  # superseded by the second
    session.answers.clear()
    world.take(session, flagged(b"y", 7, esm_class=TRANSACTION))
    go_on(world)
    assert world.wire.submitted() == [4]
    assert [number for number, _, _ in session.answers] == ([6] if by_account else [])
    world.wire.answer((4, outcome))
    assert session.answers[-1] == (7, status, 0 if status else 4)
    assert world.endings.responses.waiting == {}
    assert [n for n, _ in world.store.deliveries] == ([] if by_account else [3])


@pytest.mark.parametrize("failing", ["stoppable", "accept"])
def test_no_response_waits_for_what_the_store_does_not_have(failing: str) -> None:
    world = waiting()
    world.store.at_once = False
    session = world.session()
    other = b"243810000002"
    both = flagged(esm_class=TRANSACTION), flagged(b"b", 6, destination_addr=other)
    if failing == "stoppable":
        world.store.stoppable = lambda _: world.store._do("stoppable")  # type: ignore[misc]
    world.take(session, *both)
    if failing == "accept":
        world.store.commit(1)
    world.store.fail()
    assert session.answers == [(5, Status.ESME_RSYSERR, 0), (6, Status.ESME_RSYSERR, 0)]
    assert world.endings.responses.waiting == {}


def test_a_provider_that_is_removed_meanwhile_takes_no_message() -> None:
    world = waiting()
    world.store.at_once = False
    session = world.session()
    world.take(session, flagged())
    world.lane_set.change({"one": FakeProvider("one")}, {"one": LaneRules()})
    world.store.commit_all()
    assert session.answers == [(5, Status.ESME_RSYSERR, 0)]
    assert open_texts(world) == {1: "hello"}


def test_all_ends_are_tried() -> None:
    assert len(FINAL) == len(ENDED) == 6
