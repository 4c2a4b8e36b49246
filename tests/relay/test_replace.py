"""replace_sm at every stage of a message: text, times, receipts, route, line and group."""

from __future__ import annotations

from typing import Any

import pytest

from smppbridge.model.habits import Habits
from smppbridge.model.message import Stage
from smppbridge.model.outcome import Accepted, Uncertain
from smppbridge.model.reasons import Reason
from smppbridge.model.receipts import Receipts
from smppbridge.model.report import Report
from smppbridge.routing.rules import Rule
from smppbridge.routing.table import Table
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import MessageState as State
from smppbridge.smpp.pdus import CancelSm, ReplaceSm, ReplaceSmResp
from tests.relay.fakes import (
    NOW,
    FakeProvider,
    KeyedProvider,
    TextProvider,
    World,
    segment_sm,
    submit_sm,
)
from tests.relay.staged import (
    ENDED,
    HOUR,
    LEFT,
    NOBODY,
    gathering,
    go_on,
    kept,
    paused,
    postponed,
    restarted,
    scheduled,
    stored,
    submitting,
    waiting,
)

FAILED = Status.ESME_RREPLACEFAIL
DAY = 86_400.0
WAITS = {"waiting": waiting, "stored": stored, "scheduled": scheduled, "postponed": postponed}
GONE = {"gathering": gathering, "kept by its provider": kept, **LEFT, **ENDED, **NOBODY}


def replace(text: bytes = b"new", number: int = 5, **changes: Any) -> ReplaceSm:
    fields = {"source_addr": b"BANK", "source_addr_ton": 5, "registered_delivery": 1, **changes}
    return ReplaceSm(0, number, fields.pop("message_id", b"1"), short_message=text, **fields)


def resp(status: int = 0) -> list[ReplaceSmResp]:
    return [ReplaceSmResp(status, 5)]


def texts(world: World) -> dict[int, str]:
    """Return the texts as they left."""
    return {about: world.store.messages[about].message.text for about in world.wire.submitted()}


def row(world: World, message_id: int = 1) -> Any:
    return world.store.messages[message_id].message


@pytest.mark.parametrize("again", [False, True], ids=["", "after a restart"])
@pytest.mark.parametrize("stage", WAITS)
def test_a_message_that_waits_gets_another_text(stage: str, again: bool) -> None:
    world = WAITS[stage]()
    out = len(world.wire.submitted())
    world = restarted(world) if again else world
    for lane in world.lanes.values():
        lane.pause(1_000.0)
    assert world.asked(replace()).answers == resp()
    assert world.store.stages() == {1: Stage.WAITING}
    assert row(world).text == "new"
    assert world.lane_set.depth == 1
    assert world.said.counts["operated", "bank", "replace", 0] == 1
    world.clock.now += 3_601 if stage in ("scheduled", "postponed") else 0
    go_on(world)
    go_on(world)
    assert world.wire.submitted() == [1] * (1 if again else out + 1)
    ((carried, about),) = [(c, a) for (op, a), c in world.wire.out.items() if op == "submit"]
    assert (about, carried.about.message.text) == (1, "new")
    world.wire.answer((1, Accepted("X")))
    world.told(Report("X", State.DELIVERED))
    assert list(world.store.deliveries) == [(1, 2)]
    assert world.lane_set.depth == 0


@pytest.mark.parametrize("again", [False, True], ids=["", "after a restart"])
@pytest.mark.parametrize("stage", GONE)
def test_any_other_message_stays(stage: str, again: bool) -> None:
    world = GONE[stage]()
    if again:
        providers = {name: lane.provider for name, lane in world.lanes.items()}
        world = restarted(world, providers=providers)
    before = {n: r.message for n, r in world.store.messages.items()}
    assert world.asked(replace()).answers == resp(FAILED)
    assert {n: r.message for n, r in world.store.messages.items()} == before
    assert world.said.events[-1][0] == "replace_refused"
    ((why, about),) = world.noted.reasons
    assert about == "bank"
    assert why == (Reason.UNKNOWN_MESSAGE if stage in NOBODY else Reason.NOT_REPLACEABLE)


@pytest.mark.parametrize("message_id", [b"1", b"2"])
def test_a_long_message_is_not_replaced_in_part(message_id: bytes) -> None:
    world = paused()
    world.sent(segment_sm(1, 2, b"a"), segment_sm(2, 2, b"b"))
    assert world.asked(replace(message_id=message_id)).answers == resp(FAILED)
    assert row(world).text == "ab"
    assert world.noted.reasons == {(Reason.NOT_REPLACEABLE, "bank"): 1}


def test_a_replacement_of_no_message_says_why() -> None:
    world = paused()
    assert world.asked(replace(message_id=b"x")).answers == resp(FAILED)
    assert world.noted.reasons == {(Reason.UNKNOWN_MESSAGE, "bank"): 1}


def test_octets_with_a_header_are_not_replaced() -> None:
    world = paused()
    world.sent(submit_sm(b"\x05\x04\x0b\x84\x23\xf0x", esm_class=0x40, data_coding=4))
    assert world.asked(replace()).answers == resp(FAILED)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"text": b""}, Status.ESME_RINVMSGLEN),
        ({"text": b"", "sm_default_msg_id": 1}, Status.ESME_RINVDFTMSGID),
        ({"sm_default_msg_id": 1}, 0),
        ({"text": b"x" * 254}, Status.ESME_RINVMSGLEN),  # two parts
        ({"schedule_delivery_time": b"x"}, Status.ESME_RINVSCHED),
        ({"validity_period": b"000000000000001-"}, Status.ESME_RINVEXPIRY),
        ({"validity_period": b"200101000000000+"}, Status.ESME_RINVEXPIRY),
        (
            {"schedule_delivery_time": b"000002000000000R", "validity_period": HOUR},
            Status.ESME_RINVEXPIRY,
        ),
        ({"source_addr": b"ELSE"}, FAILED),
        ({"message_id": b""}, FAILED),
        ({"message_id": b"x"}, FAILED),
    ],
)
def test_a_replacement_is_judged_as_a_submission(fields: dict[str, Any], status: int) -> None:
    world = waiting(max_parts=1)
    before = row(world)
    text = fields.pop("text", b"new")
    good = replace(b"good", number=6)
    odd = replace(text, **fields)
    assert sorted(world.asked(odd).statuses()) == [status]
    assert (row(world) == before) is bool(status)
    assert sorted(world.asked(odd, good, odd).statuses()) == sorted([status, 0, status])
    assert world.lane_set.depth == 1
    go_on(world)
    assert world.wire.submitted() == [1]


def test_the_coding_stays_that_of_the_submission() -> None:
    world = paused()
    world.sent(submit_sm("привет".encode("utf-16-be"), data_coding=8))
    assert world.asked(replace("пока".encode("utf-16-be"))).answers == resp()
    assert (row(world).text, row(world).data_coding) == ("пока", 8)
    assert world.asked(replace(b"odd")).answers == resp(Status.ESME_RINVMSGLEN)  # half a character


@pytest.mark.parametrize(
    ("submitted", "given", "due", "expires_at"),
    [
        ({}, {}, 0, DAY),
        ({}, {"validity_period": HOUR}, 0, 3_600),
        ({"validity_period": HOUR}, {}, 0, 3_600),
        ({}, {"schedule_delivery_time": b"000002000000000R"}, 2 * DAY, 3 * DAY),  # not EXPIRED
        ({"schedule_delivery_time": HOUR}, {}, 3_600, 3_600 + DAY),
        (
            {"schedule_delivery_time": HOUR},
            {"validity_period": b"000002000000000R"},
            3_600,
            2 * DAY,
        ),
        (
            {"schedule_delivery_time": HOUR},
            {"schedule_delivery_time": b"200101000000000+"},
            0,
            DAY,
        ),
    ],
)
def test_times_that_are_not_given_stay(
    submitted: dict[str, Any], given: dict[str, Any], due: float, expires_at: float
) -> None:
    world = paused()
    world.sent(submit_sm(**submitted))
    assert world.asked(replace(**given)).answers == resp()
    assert (world.store.messages[1].due, row(world).expires_at) == (NOW + due, NOW + expires_at)
    world.clock.now += due
    go_on(world)
    assert world.wire.submitted() == [1]


def test_a_validity_that_was_given_does_not_go_along_with_the_schedule() -> None:
    world = paused()
    world.sent(submit_sm(validity_period=HOUR))
    later = replace(schedule_delivery_time=b"000002000000000R")
    assert world.asked(later).answers == resp(Status.ESME_RINVEXPIRY)
    assert world.store.messages[1].due == NOW


@pytest.mark.parametrize(("asked", "owed"), [(0, []), (1, [(1, 2)]), (2, []), (3, [(1, 2)])])
def test_the_receipts_are_those_of_the_replacement(asked: int, owed: list[Any]) -> None:
    world = waiting()
    assert world.asked(replace(registered_delivery=asked)).answers == resp()
    go_on(world)
    world.wire.answer((1, Accepted("X")))
    world.told(Report("X", State.DELIVERED))
    assert list(world.store.deliveries) == owed


@pytest.mark.parametrize(
    ("intermediate", "asked", "wanted"),
    [("asked", 1, 1), ("asked", 0x11, 0x11), ("always", 1, 0x11), ("never", 0x11, 1)],
)
def test_the_receipts_are_those_of_the_account(intermediate: Any, asked: int, wanted: int) -> None:
    world = waiting(receipts=Receipts(intermediate=intermediate))
    assert world.asked(replace(registered_delivery=asked)).answers == resp()
    assert row(world).registered_delivery == wanted


@pytest.mark.parametrize("forced", ["always", "never"])
def test_the_receipts_are_those_that_the_account_is_forced_to(forced: Any) -> None:
    world = waiting(habits=Habits(registered_delivery=forced))
    assert world.asked(replace(registered_delivery=2)).answers == resp()
    assert row(world).registered_delivery == (forced == "always")


def test_a_datagram_has_no_receipt_still() -> None:
    world = paused()
    world.sent(submit_sm(esm_class=1))
    assert world.asked(replace(registered_delivery=0x11)).answers == resp()
    assert (row(world).registered_delivery, row(world).traits.datagram) == (0, True)


def test_a_header_that_the_account_has_looked_for_replaces_nothing() -> None:
    world = waiting(habits=Habits(detect_udh=True))
    assert world.asked(replace(b"\5\0\3\7\2\1new")).answers == resp(FAILED)
    assert row(world).text == "hello"
    assert world.asked(replace()).answers == resp()


def test_a_replaced_message_keeps_its_place_in_the_line() -> None:
    world = paused()
    world.sent(*[submit_sm(sequence_number=n) for n in range(1, 8)])
    ids = [b"%d" % n for n in (7, 3, 1, 8)]
    found = world.asked(*[replace(message_id=each) for each in ids]).statuses()
    assert sorted(found) == [0, 0, 0, FAILED]
    go_on(world)
    assert list(texts(world)) == [1, 2, 3, 4, 5, 6, 7]
    assert [n for n, text in texts(world).items() if text == "new"] == [1, 3, 7]


def test_a_replaced_message_leaves_its_group() -> None:
    world = paused(providers={"one": KeyedProvider("one"), "two": KeyedProvider("two")})
    numbers = [b"24381000000%d" % n for n in range(1, 4)]
    world.sent(*[submit_sm(b"same", destination_addr=number) for number in numbers])
    world.sent(submit_sm(b"new", destination_addr=b"243810000009"))
    assert world.asked(replace(message_id=b"2")).answers == resp()
    go_on(world)
    assert sorted(batch[1:] for batch in world.wire.batches()) == [(1, 3), (2, 4)]


def test_a_replacement_is_routed_anew() -> None:
    world = waiting()
    world.accept.change(Table([Rule("243", ("two",))]))
    assert world.asked(replace()).answers == resp()
    assert [lane.depth for lane in world.lanes.values()] == [0, 1]
    go_on(world)
    assert [each[0] for each in world.wire.sent] == ["two"]


def test_a_replacement_without_a_route_is_none() -> None:
    world = waiting()
    world.accept.change(Table([Rule("1", ("two",))]))
    assert world.asked(replace()).answers == resp(Status.ESME_RINVDSTADR)
    world.accept.change(Table([Rule("243", ("one", "two"))]))
    world.optouts.change(frozenset({"one", "two"}))
    world.optouts.add("one", "243810000001")
    assert world.asked(replace()).answers == resp(Status.ESME_RINVDSTADR)
    go_on(world)
    assert texts(world) == {1: "hello"}


def test_octets_need_a_provider_that_takes_octets() -> None:
    world = paused(providers={"one": TextProvider("one"), "two": FakeProvider("two")})
    world.sent(submit_sm(b"\0\1", data_coding=4))
    assert row(world).route == ("two",)
    assert world.asked(replace(b"\2")).answers == resp()
    assert (row(world).binary, row(world).route) == (b"\2", ("two",))


def test_a_message_that_may_have_been_sent_is_not_replaced() -> None:
    world = submitting()
    world.wire.answer((1, Uncertain("silence")))
    attempt = world.store.messages[1].attempt()
    for lane in world.lanes.values():
        lane.pause(1_000.0)
    world.run(world.submit.resend([attempt]))
    assert world.store.stages() == {1: Stage.WAITING}
    assert world.asked(replace()).answers == resp(FAILED)


def test_a_schedule_is_left_to_a_provider_that_keeps_messages() -> None:
    world = kept()
    for lane in world.lanes.values():
        lane.pause(1_000.0)
    world.sent(submit_sm(schedule_delivery_time=HOUR))
    later = replace(message_id=b"2", schedule_delivery_time=b"000000020000000R")
    assert world.asked(later).answers == resp()
    assert (row(world, 2).traits.scheduled, row(world, 2).due) == (NOW + 7_200, NOW)
    now = replace(b"now", message_id=b"2", schedule_delivery_time=b"200101000000000+")
    assert world.asked(now).answers == resp()
    assert (row(world, 2).traits.scheduled, row(world, 2).due) == (None, NOW)


def test_a_throttled_replacement_is_none() -> None:
    world = waiting(throughput=1.0)
    assert world.asked(replace()).answers == resp(Status.ESME_RTHROTTLED)
    world.clock.now += 1
    assert world.asked(replace()).answers == resp()


# -- the store and races ---------------------------------------------------------------------------


@pytest.mark.parametrize("stage", WAITS)
def test_a_failing_store_changes_nothing(stage: str) -> None:
    world = WAITS[stage]()
    before = row(world)
    world.store.failing = True
    assert world.asked(replace()).answers == resp(Status.ESME_RSYSERR)
    assert world.noted.reasons[Reason.STORE_FAILED, "bank"] == 1
    world.store.failing = False
    assert (row(world), world.lane_set.depth) == (before, 1)
    world.clock.now += 3_601 if stage in ("scheduled", "postponed") else 0
    go_on(world)
    go_on(world)
    assert world.store.stages() == {1: Stage.SUBMITTING}
    assert row(world).text == "hello"


def test_the_answer_follows_the_disk() -> None:
    world = waiting()
    world.store.at_once = False
    session = world.asked(replace())
    world.store.commit(1)
    go_on(world)  # out of its line it does not leave
    assert (session.answers, world.replace.waiting, world.wire.submitted()) == ([], 1, [])
    world.store.commit_all()
    assert (session.statuses(), world.replace.waiting) == ([0], 0)
    assert texts(world) == {1: "new"}


def test_replacements_of_one_message_follow_each_other() -> None:
    world = waiting()
    world.store.at_once = False
    session = world.asked(*[replace(b"%d" % n, number=n) for n in range(1, 5)])
    world.store.commit_all()
    assert [(a.sequence_number, a.command_status) for a in session.answers] == [
        (n, 0) for n in range(1, 5)
    ]
    assert row(world).text == "4"
    go_on(world)
    world.store.commit_all()
    assert texts(world) == {1: "4"}


@pytest.mark.parametrize("first", ["replace", "cancel"])
def test_a_cancellation_beside_a_replacement(first: str) -> None:
    world = waiting()
    world.store.at_once = False
    cancel = CancelSm(0, 6, message_id=b"1", source_addr=b"BANK")
    both = (replace(), cancel) if first == "replace" else (cancel, replace())
    session = world.asked(*both)
    world.store.commit_all()
    statuses = {type(a).__name__: a.command_status for a in session.answers}
    assert statuses["CancelSmResp"] == 0
    assert statuses["ReplaceSmResp"] == (0 if first == "replace" else FAILED)
    go_on(world)
    world.store.commit_all()
    assert (world.wire.submitted(), world.store.stages()) == ([], {1: Stage.FINISHED})
    assert world.lane_set.depth == 0
    assert list(world.store.deliveries) == [(1, State.DELETED)]


def test_a_message_that_begins_meanwhile_is_not_replaced() -> None:
    world = waiting()
    world.store.at_once = False
    session = world.asked(replace())
    go_on(world)
    world.store.commit_all()
    assert session.answers == resp(FAILED)
    assert texts(world) == {1: "hello"}


def test_a_message_that_expires_meanwhile_is_not_replaced_and_not_sent() -> None:
    world = waiting()
    world.store.at_once = False
    session = world.asked(replace())
    world.clock.now += DAY
    world.spawn(world.submit.backlog.expire())
    world.store.commit_all()
    assert session.answers == resp(FAILED)
    go_on(world)
    world.store.commit_all()
    assert (world.wire.submitted(), world.store.stages()) == ([], {1: Stage.FINISHED})
    assert world.lane_set.depth == 0


def test_a_replaced_message_that_was_tried_keeps_its_tries() -> None:
    world = postponed()
    assert world.asked(replace()).answers == resp()
    world.clock.now += 61
    go_on(world)
    assert (world.store.messages[1].number, texts(world)) == (2, {1: "new"})
