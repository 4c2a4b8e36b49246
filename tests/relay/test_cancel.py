"""cancel_sm at every stage of a message, by message_id and by addresses."""

from __future__ import annotations

from typing import Any

import pytest

from smppbridge.model.message import Stage
from smppbridge.model.outcome import Accepted
from smppbridge.model.reasons import Reason
from smppbridge.model.report import Report
from smppbridge.providers.exchange import BadReply, NoAnswer, NotSent
from smppbridge.relay.cancel import ANSWERED_WITHIN, AT_ONCE
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import MessageState as State
from smppbridge.smpp.pdus import CancelSm, CancelSmResp
from tests.relay.fakes import FakeAsker, World, segment_sm, submit_sm
from tests.relay.staged import (
    ENDED,
    HERE,
    HOUR,
    LEFT,
    NOBODY,
    KeepingProvider,
    gathering,
    go_on,
    kept,
    paused,
    restarted,
    scheduled,
    waiting,
)

FAILED = Status.ESME_RCANCELFAIL


def cancel(message_id: bytes = b"1", number: int = 5, **changes: Any) -> CancelSm:
    fields = {"source_addr": b"BANK", "source_addr_ton": 5, **changes}
    return CancelSm(0, number, message_id=message_id, **fields)


def by_addresses(number: int = 5, **changes: Any) -> CancelSm:
    fields = {"destination_addr": b"243810000001", "dest_addr_ton": 1, "dest_addr_npi": 1}
    return cancel(b"", number, **{**fields, **changes})


def receipts(world: World) -> list[tuple[int, int]]:
    return sorted(world.store.deliveries)


def resp(status: int = 0) -> list[CancelSmResp]:
    return [CancelSmResp(status, 5)]


@pytest.mark.parametrize("request_", [cancel(), by_addresses()], ids=["by id", "by addresses"])
@pytest.mark.parametrize("again", [False, True], ids=["", "after a restart"])
@pytest.mark.parametrize("stage", HERE)
def test_a_message_that_is_here_is_deleted(stage: str, again: bool, request_: CancelSm) -> None:
    world = HERE[stage]()
    sent = len(world.wire.sent)
    world = restarted(world) if again else world
    assert world.asked(request_).answers == resp()
    assert world.store.stages() == {1: Stage.FINISHED}
    assert receipts(world) == [(1, State.DELETED)]
    assert world.said.counts["finished", "bank", State.DELETED] == 1
    assert world.said.counts["operated", "bank", "cancel", 0] == 1
    assert world.lane_set.depth == 0
    go_on(world)
    world.wait(7_200)
    go_on(world)
    assert len(world.wire.sent) == (0 if again else sent)  # nothing leaves any more
    assert world.asked(request_).answers == resp(FAILED)
    assert receipts(world) == [(1, State.DELETED)]


@pytest.mark.parametrize("request_", [cancel(), by_addresses()], ids=["by id", "by addresses"])
@pytest.mark.parametrize("again", [False, True], ids=["", "after a restart"])
@pytest.mark.parametrize("stage", [*LEFT, *ENDED, *NOBODY])
def test_a_message_that_has_left_stays(stage: str, again: bool, request_: CancelSm) -> None:
    world = (LEFT | ENDED | NOBODY)[stage]()
    world = restarted(world) if again else world
    before, owed = world.store.stages(), receipts(world)
    assert world.asked(request_).answers == resp(FAILED)
    assert (world.store.stages(), receipts(world)) == (before, owed)
    unknown = request_.message_id and stage in NOBODY
    why = Reason.UNKNOWN_MESSAGE if unknown else Reason.NOT_CANCELLABLE
    assert world.noted.reasons[why, "bank"] == 1


@pytest.mark.parametrize(("asked", "owed"), [(0, []), (1, [(1, 4)]), (2, [(1, 4)]), (16, [])])
def test_the_receipt_is_one_of_failure(asked: int, owed: list[Any]) -> None:
    world = paused()
    world.sent(submit_sm(registered_delivery=asked))
    assert world.asked(cancel()).answers == resp()
    assert receipts(world) == owed


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"source_addr_ton": 0}, 0),
        ({"source_addr": b"OTHER"}, FAILED),
        ({"source_addr_npi": 3}, FAILED),
        ({"destination_addr": b"243810000001", "dest_addr_ton": 1}, 0),
        ({"destination_addr": b"+243810000001"}, 0),
        ({"destination_addr": b"243810000002", "dest_addr_ton": 1}, FAILED),
        ({"destination_addr": b"nobody"}, FAILED),
        ({"destination_addr": b"\xff"}, FAILED),
        ({"service_type": b"CMT"}, 0),
        ({"service_type": b"WAP"}, FAILED),
        ({"message_id": b"2"}, FAILED),
        ({"message_id": b"x"}, FAILED),
    ],
)
def test_what_is_given_must_match(fields: dict[str, Any], status: int) -> None:
    world = paused()
    world.sent(submit_sm(service_type=b"CMT"))
    message_id = fields.pop("message_id", b"1")
    assert world.asked(cancel(message_id, **fields)).answers == resp(status)
    stage = Stage.WAITING if status else Stage.FINISHED
    assert world.store.stages() == {1: stage}
    assert sum(world.noted.reasons.values()) == bool(status)


@pytest.mark.parametrize(
    ("fields", "gone"),
    [
        ({}, [1, 2, 3, 7]),
        ({"service_type": b"CMT"}, [2]),
        ({"source_addr_ton": 0}, [1, 2, 3, 7]),
        ({"source_addr": b"ELSE"}, [4]),
        ({"destination_addr": b"243810000002"}, [5]),
    ],
)
def test_all_between_two_addresses_that_have_not_left_are_deleted(
    fields: dict[str, Any], gone: list[int]
) -> None:
    world = World()
    world.sent(submit_sm(sequence_number=9), submit_sm())  # 1 and 2 leave
    world.wire.answer((1, Accepted("X")), (2, Accepted("Y")))
    for lane in world.lanes.values():
        lane.pause(1_000.0)
    world.sent(
        submit_sm(),
        submit_sm(service_type=b"CMT"),
        submit_sm(schedule_delivery_time=HOUR),
        submit_sm(source_addr=b"ELSE"),
        submit_sm(destination_addr=b"243810000002"),
        submit_sm(service_type=b"WAP", source_addr=b"THIRD"),
        segment_sm(1, 2, b"a"),
    )
    assert world.asked(by_addresses(**fields)).answers == resp()
    ended = [n - 2 for n, stage in world.store.stages().items() if stage is Stage.FINISHED]
    assert sorted(ended) == gone


def test_a_cancellation_of_nothing_says_so() -> None:
    world = waiting()
    assert world.asked(by_addresses(destination_addr=b"243810000009")).answers == resp(FAILED)
    nowhere = world.asked(cancel(b""), by_addresses(destination_addr=b"x")).statuses()
    assert nowhere == [Status.ESME_RINVDSTADR] * 2
    odd = world.asked(by_addresses(destination_addr=b"\xff"), cancel()).statuses()
    assert odd == [Status.ESME_RINVDSTADR, 0]


def test_a_segment_names_its_whole_message() -> None:
    world = paused()
    world.sent(segment_sm(1, 2, b"a"), segment_sm(2, 2, b"b", registered_delivery=0))
    assert world.asked(cancel(b"2")).answers == resp()
    assert (world.store.stages(), receipts(world)) == ({1: Stage.FINISHED}, [(1, State.DELETED)])


def test_late_segments_of_a_cancelled_message_belong_to_none() -> None:
    world = gathering()
    assert world.asked(cancel()).answers == resp()
    assert world.said.counts["gathering_expired", "bank"] == 0
    ((_, status, _),) = world.sent(segment_sm(2, 2, b"b"))
    assert status == Status.ESME_RSUBMITFAIL
    assert (world.store.stages(), len(world.accept.gather)) == ({1: Stage.FINISHED}, 0)


def test_the_answer_follows_the_disk() -> None:
    world = waiting()
    world.store.at_once = False
    session = world.asked(cancel())
    world.store.commit(1)
    assert session.answers == []
    world.store.commit(1)
    assert session.answers == resp()
    assert session.statuses() == [0]


@pytest.mark.parametrize("made", [waiting, scheduled, gathering])
def test_a_failing_store_changes_nothing(made: Any) -> None:
    world = made()
    world.store.failing = True
    assert world.asked(cancel()).answers == resp(Status.ESME_RSYSERR)
    assert world.noted.reasons == {(Reason.STORE_FAILED, "bank"): 1}
    world.store.failing = False
    assert (receipts(world), len(world.endings.moving)) == ([], 0)
    go_on(world)
    assert world.asked(cancel()).statuses()[-1] == (FAILED if made is waiting else 0)
    assert world.wire.submitted() == ([1] if made is waiting else [])


def test_all_pages_of_a_number_are_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.relay.fake_store.questions.PAGE", 3)
    world = paused()
    world.sent(*[submit_sm(sequence_number=n) for n in range(1, 9)])
    assert world.asked(by_addresses()).answers == resp()
    assert set(world.store.stages().values()) == {Stage.FINISHED}
    assert len(receipts(world)) == 8


def test_a_message_that_ended_in_line_is_forgotten_after_a_while() -> None:
    world = paused()
    world.sent(submit_sm(), submit_sm())
    assert world.asked(cancel()).answers == resp()
    assert world.endings.moving == {1: True}
    for _ in range(3):
        world.tick()
    assert world.endings.moving == {}
    go_on(world)
    assert world.wire.submitted() == [2]


# -- races ---------------------------------------------------------------------------------------


def test_a_message_that_is_begun_and_has_not_left_does_not_leave() -> None:
    world = waiting()
    world.store.at_once = False
    session = world.asked(cancel())  # the store is asked
    go_on(world)  # and then told that the attempt begins
    assert "begin" in world.store.log
    world.store.commit(1)
    world.store.commit_all()
    go_on(world)
    world.store.commit_all()
    world.sound()
    assert session.answers == resp()
    assert (world.wire.submitted(), world.store.stages()) == ([], {1: Stage.FINISHED})
    assert receipts(world) == [(1, State.DELETED)]
    assert world.lane_set.depth == 0


def test_a_message_that_begins_before_it_is_looked_up_leaves() -> None:
    world = waiting()
    world.store.at_once = False
    go_on(world)
    session = world.asked(cancel())
    world.store.commit_all()
    assert session.answers == resp(FAILED)
    assert world.wire.submitted() == [1]


def test_a_report_that_comes_first_wins() -> None:
    world = waiting()
    world.store.at_once = False
    session = world.asked(cancel())
    answered = world.told(Report("X", State.DELIVERED, message_id=1))
    world.store.commit_all()
    assert (session.answers, answered) == (resp(), ["kept"])  # the cancellation came first
    assert receipts(world) == [(1, State.DELETED)]


def test_a_message_that_becomes_whole_meanwhile_is_cancelled() -> None:
    world = paused()
    world.sent(segment_sm(1, 2, b"a"))
    world.store.at_once = False
    session = world.asked(cancel())
    world.take(world.session(), segment_sm(2, 2, b"b"))
    world.store.commit_all()
    assert session.answers == resp()
    assert world.store.stages() == {1: Stage.FINISHED}


def test_many_are_cancelled_one_by_one() -> None:
    world = paused()
    world.sent(*[submit_sm(sequence_number=n) for n in range(1, 21)])
    ids = [b"%d" % n for n in (7, 99, 1, 20, 7)]
    asked = world.asked(*[cancel(each, number=n) for n, each in enumerate(ids)])
    assert asked.statuses() == [0, FAILED, 0, 0, FAILED]
    go_on(world)
    assert sorted(world.wire.submitted()) == [n for n in range(1, 21) if n not in (1, 7, 20)]


# -- messages that a provider keeps until their time --------------------------------------------


def test_a_message_that_its_provider_keeps_is_deleted_there() -> None:
    world = kept()
    session = world.asked(cancel())
    assert (session.answers, world.cancel.waiting) == ([], 1)
    assert world.wire.sent[-1] == ("one", "cancel", "X")
    world.store.at_once = False
    world.wire.answer(("X", True), operation="cancel")
    assert session.answers == []
    world.store.commit()
    assert (session.answers, world.cancel.waiting) == (resp(), 0)
    assert receipts(world) == [(1, State.DELETED)]
    assert world.said.counts["asked", "one", "cancel", "dropped"] == 1
    answered = world.told(Report("X", State.DELIVERED))
    world.store.commit_all()
    assert answered == ["kept"]
    assert receipts(world) == [(1, State.DELETED)]


@pytest.mark.parametrize("found", [False, BadReply("no"), NoAnswer(), NotSent(), ValueError()])
def test_a_provider_that_does_not_drop_it_keeps_it(found: Any) -> None:
    world = kept()
    session = world.asked(cancel())
    world.wire.answer(("X", found), operation="cancel")
    assert session.answers == resp(FAILED)
    assert (world.store.stages(), receipts(world)) == ({1: Stage.SUBMITTED}, [])
    assert world.cancel.waiting == 0
    assert world.noted.reasons == {(Reason.NOT_CANCELLABLE, "bank"): 1}


def test_a_silent_provider_is_not_waited_for_and_believed_later() -> None:
    world = kept()
    session = world.asked(by_addresses())
    world.clock.now += ANSWERED_WITHIN
    world.cancel.tick()
    assert session.answers == resp(FAILED)
    world.wire.answer(("X", True), operation="cancel")
    assert (session.answers, receipts(world)) == (resp(FAILED), [(1, State.DELETED)])


def test_a_store_that_fails_after_the_provider_dropped_it() -> None:
    world = kept()
    session = world.asked(cancel())
    world.store.failing = True
    world.wire.answer(("X", True), operation="cancel")
    assert session.answers == resp(Status.ESME_RSYSERR)
    assert world.noted.reasons == {(Reason.STORE_FAILED, "bank"): 1}


def test_here_and_there_are_cancelled_together() -> None:
    world = kept()
    world.sent(submit_sm(schedule_delivery_time=HOUR))
    world.wire.answer((2, Accepted("Y")))
    world.sent(submit_sm(schedule_delivery_time=HOUR, destination_addr=b"243810000002"))
    for lane in world.lanes.values():
        lane.pause(1_000.0)
    world.sent(submit_sm())
    session = world.asked(by_addresses())
    world.wire.answer(("X", False), operation="cancel")
    assert session.answers == []
    world.wire.answer(("Y", True), operation="cancel")
    assert session.answers == resp()
    assert receipts(world) == [(2, State.DELETED), (4, State.DELETED)]


@pytest.mark.parametrize("dropped", [True, False, NoAnswer()])
def test_a_provider_is_asked_about_few_messages_at_a_time(dropped: Any) -> None:
    world = kept()
    count = 2 * AT_ONCE + 1
    world.sent(*[submit_sm(schedule_delivery_time=HOUR) for _ in range(1, count)])
    world.wire.answer(*[(n, Accepted(f"Y{n}")) for n in range(2, count + 1)])
    session = world.asked(by_addresses())
    for left in (AT_ONCE, AT_ONCE, 1):
        assert session.answers == []
        out = [about for operation, about in world.wire.out if operation == "cancel"]
        assert len(out) == left
        world.wire.answer(*[(about, dropped) for about in out], operation="cancel")
    assert session.answers == resp(0 if dropped is True else FAILED)
    assert len(receipts(world)) == (count if dropped is True else 0)


def test_a_time_that_has_passed_is_not_kept() -> None:
    world = kept()
    world.clock.now += 3_601
    assert world.asked(cancel()).answers == resp(FAILED)
    assert "cancel" not in [each[1] for each in world.wire.sent]


def test_a_provider_that_cannot_drop_messages_is_not_asked() -> None:
    class Stubborn(KeepingProvider):
        abilities = KeepingProvider.abilities

    Stubborn.abilities = type(Stubborn.abilities)(schedules=True)
    world = kept(providers={"one": Stubborn("one"), "two": Stubborn("two")})
    assert world.asked(cancel()).answers == resp(FAILED)


def test_an_answer_to_a_session_that_is_gone_is_no_matter() -> None:
    world = kept()
    session = FakeAsker(world.rights)
    world.asked(cancel(), session=session)
    world.wire.answer(("X", True), operation="cancel")
    assert session.statuses() == [0]
