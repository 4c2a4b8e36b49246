"""Transaction mode: the response waits for the verdict of a provider, and carries the verdict."""

from __future__ import annotations

from typing import Any

import pytest

from smppbridge.model.message import Stage
from smppbridge.model.outcome import Accepted, Postponed, Refused, Uncertain
from smppbridge.model.report import Report
from smppbridge.providers.exchange import NoAnswer
from smppbridge.relay.lanes.lane import LaneRules
from smppbridge.relay.lanes.retry import Policy
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import MessageState as M
from tests.relay.fakes import FakeReceiver, FakeStore, FakeSubmitter, World, segment_sm, submit_sm

TRANSACTION, STORE_AND_FORWARD = 0x02, 0x03
REFUSED = Refused("no such number", Status.ESME_RINVDSTADR)


def asked(world: World, *modes: int, **changes: Any) -> tuple[FakeSubmitter, list[int]]:
    """Return a session that submitted one submit_sm of each mode, and the messages' ids."""
    session = world.session()
    pdus = [submit_sm(sequence_number=n, esm_class=m, **changes) for n, m in enumerate(modes, 1)]
    before = set(world.store.messages)
    world.take(session, *pdus)
    return session, sorted(set(world.store.messages) - before)


def waited(world: World, outcome: str) -> int:
    return int(world.said.counts["transaction", "bank", outcome])


def owed(world: World) -> list[tuple[int, int]]:
    return [(d.message_id, d.state) for d in world.store.unfinished()]


@pytest.mark.parametrize("modes", [(TRANSACTION, 0), (0, TRANSACTION), (0x03, 0x02)])
def test_only_responses_in_transaction_mode_wait(modes: tuple[int, ...]) -> None:
    world = World()
    session, _ = asked(world, *modes)
    assert [n for n, _, _ in session.answers] == [2 - modes.index(TRANSACTION)]
    assert world.endings.responses.counts() == {("bank",): 1}
    assert world.said.counts["accepted", "bank"] == 1


def test_the_message_is_on_disk_and_accepted_before_its_response() -> None:
    world = World(store=FakeStore(at_once=False))
    session = world.session()
    world.take(session, submit_sm(esm_class=TRANSACTION))
    world.store.commit()
    (message_id,) = world.store.messages
    world.wire.answer((message_id, Accepted("p1")))
    assert session.answers == []
    world.store.commit()
    assert session.answers == [(1, 0, message_id)]
    assert session.flushes >= 1
    assert world.endings.responses.waiting == {}
    assert waited(world, "accepted") == 1
    assert world.said.counts["submit_resp", "bank", 0.0, 1] == 1


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_refusal_is_the_answer_and_no_receipt(order: tuple[int, int]) -> None:
    world = World()
    session, ids = asked(world, TRANSACTION, TRANSACTION)
    answers = [(ids[0], REFUSED), (ids[1], Accepted("p2"))]
    world.wire.answer(*[answers[n] for n in order])
    assert sorted(session.answers) == [(1, Status.ESME_RINVDSTADR, 0), (2, 0, ids[1])]
    assert owed(world) == []
    assert world.store.stages() == {ids[0]: Stage.FINISHED, ids[1]: Stage.SUBMITTED}
    assert world.said.counts["refused", "bank", Status.ESME_RINVDSTADR] == 1
    assert (waited(world, "refused"), waited(world, "accepted")) == (1, 1)


def test_a_status_of_a_vendor_is_passed_whole() -> None:
    world = World()
    session, ids = asked(world, TRANSACTION)
    world.wire.answer((ids[0], Refused("its own", 0x0401)))
    assert session.answers == [(1, 0x0401, 0)]


def test_the_next_provider_of_the_route_may_take_it() -> None:
    world = World()
    session, ids = asked(world, TRANSACTION)
    world.wire.answer((ids[0], Refused("no credit", provider_fault=True)))
    assert session.answers == []
    world.wire.answer((ids[0], Accepted("p1")))
    assert session.answers == [(1, 0, ids[0])]


@pytest.mark.parametrize("outcome", [Postponed("later"), Uncertain("who knows"), NoAnswer("gone")])
def test_a_late_verdict_is_told_by_the_receipt(outcome: Any) -> None:
    world = World(answer_within=5.0)
    session, ids = asked(world, TRANSACTION)
    world.wire.answer((ids[0], outcome))
    world.wait(4.0)
    world.endings.responses.tick()
    assert session.answers == []
    world.clock.now += 1.0
    world.endings.responses.tick()
    assert session.answers == [(1, 0, ids[0])]
    assert waited(world, "late") == 1
    if isinstance(outcome, Postponed):
        world.wait(5.0)
        world.wire.answer((ids[0], REFUSED))
        assert owed(world) == [(ids[0], M.REJECTED)]
    assert session.answers == [(1, 0, ids[0])]


def test_without_its_session_the_receipt_tells() -> None:
    world = World()
    session, ids = asked(world, TRANSACTION)
    session.gone = True
    world.wire.answer((ids[0], REFUSED))
    assert session.answers == []
    assert owed(world) == [(ids[0], M.REJECTED)]
    assert (world.endings.responses.waiting, waited(world, "lost")) == ({}, 1)


def test_a_response_of_a_lost_session_waits_no_more() -> None:
    world = World(answer_within=3_600.0)
    (stays, first), (lost, second) = asked(world, TRANSACTION), asked(world, TRANSACTION)
    lost.gone = True
    world.endings.responses.tick()
    assert world.endings.responses.counts() == {("bank",): 1}
    assert waited(world, "lost") == 1
    world.wire.answer((first[0], REFUSED), (second[0], REFUSED))
    assert stays.answers == [(1, Status.ESME_RINVDSTADR, 0)]
    assert owed(world) == [(second[0], M.REJECTED)]


def test_a_session_that_is_lost_while_the_verdict_is_written_gets_nothing() -> None:
    world = World(store=FakeStore(at_once=False))
    session = world.session()
    world.take(session, submit_sm(esm_class=TRANSACTION))
    world.store.commit()
    (message_id,) = world.store.messages
    world.wire.answer((message_id, REFUSED))
    session.gone = True
    world.store.commit_all()
    assert (session.answers, waited(world, "lost")) == ([], 1)
    assert world.store.stages() == {message_id: Stage.FINISHED}


def test_a_session_that_parts_has_its_answers_at_once() -> None:
    world = World()
    (stays, first), (parts, second) = asked(world, TRANSACTION), asked(world, TRANSACTION)
    parts.parting = True
    world.endings.responses.tick()
    assert (stays.answers, parts.answers) == ([], [(1, 0, second[0])])
    world.wire.answer((first[0], REFUSED), (second[0], REFUSED))
    assert owed(world) == [(second[0], M.REJECTED)]


def test_nothing_waits_if_the_store_fails() -> None:
    world = World(store=FakeStore(at_once=False))
    session = world.session()
    modes = (TRANSACTION, 0)
    world.take(session, *[submit_sm(sequence_number=n, esm_class=m) for n, m in enumerate(modes)])
    world.store.fail()
    assert sorted(session.answers) == [(0, Status.ESME_RSYSERR, 0), (1, Status.ESME_RSYSERR, 0)]
    assert world.endings.responses.waiting == {}


def test_no_time_runs_before_the_message_is_on_disk() -> None:
    world = World(store=FakeStore(at_once=False))
    session = world.session()
    world.take(session, submit_sm(esm_class=TRANSACTION))
    world.clock.now += 100.0
    world.endings.responses.tick()
    world.endings.responses.answer_all()
    assert session.answers == []
    world.store.commit()
    world.endings.responses.tick()
    assert session.answers == []


@pytest.mark.parametrize("outcome", [Accepted("p1"), REFUSED])
def test_a_verdict_that_the_store_failed_to_record_is_recorded_again(outcome: Any) -> None:
    world = World(store=FakeStore(at_once=False))
    session = world.session()
    world.take(session, submit_sm(esm_class=TRANSACTION))
    world.store.commit()
    (message_id,) = world.store.messages
    world.wire.answer((message_id, outcome))
    world.store.fail()
    assert session.answers == []
    world.store.at_once = True
    world.tick()
    status = getattr(outcome, "command_status", 0)
    assert session.answers == [(1, status, 0 if status else message_id)]
    assert owed(world) == []


def test_a_response_does_not_leave_between_a_claim_and_the_disk() -> None:
    world = World(store=FakeStore(at_once=False))
    session = world.session()
    world.take(session, submit_sm(esm_class=TRANSACTION))
    world.store.commit()
    (message_id,) = world.store.messages
    world.wire.answer((message_id, REFUSED))
    world.clock.now += 100.0
    world.endings.responses.tick()
    world.endings.responses.answer_all()
    assert session.answers == []
    world.store.commit_all()
    assert session.answers == [(1, Status.ESME_RINVDSTADR, 0)]


def test_a_refusal_that_is_not_on_disk_frees_the_response() -> None:
    world = World(store=FakeStore(at_once=False))
    session = world.session()
    world.take(session, submit_sm(esm_class=TRANSACTION))
    world.store.commit()
    (message_id,) = world.store.messages
    world.wire.answer((message_id, REFUSED))
    world.store.fail()
    world.clock.now += 100.0
    world.endings.responses.tick()
    assert session.answers == [(1, 0, message_id)]
    world.store.at_once = True
    world.tick()
    assert owed(world) == [(message_id, M.REJECTED)]


def test_a_response_leaves_before_the_receipt() -> None:
    world = World()
    session, order = world.session(), []
    receiver = FakeReceiver()
    world.deliver.bound("bank", receiver)
    answer, ask = session.answer, receiver.ask
    session.answer = lambda response: (order.append("response"), answer(response))[1]
    receiver.ask = lambda *about: (order.append("receipt"), ask(*about))[1]
    world.take(session, submit_sm(esm_class=TRANSACTION))
    (message_id,) = world.store.messages
    world.told(Report("", M.DELIVERED, message_id=message_id))  # overtakes the provider's answer
    world.tick()
    assert order == ["response", "receipt"]
    assert session.answers == [(1, 0, message_id)]


def test_a_failure_reported_while_the_response_waits_is_told_once() -> None:
    world = World()
    session, ids = asked(world, TRANSACTION)
    world.told(Report("", M.UNDELIVERABLE, 34, message_id=ids[0]))
    assert session.answers == [(1, Status.ESME_RSUBMITFAIL, 0)]
    assert owed(world) == []


def test_a_note_that_is_not_on_disk_leaves_the_response_to_the_end_after_it() -> None:
    world = World(store=FakeStore(at_once=False))
    session = world.session()
    world.take(session, submit_sm(esm_class=TRANSACTION, registered_delivery=0x11))
    world.store.commit()
    (message_id,) = world.store.messages
    for state in (M.ENROUTE, M.UNDELIVERABLE):
        world.told(Report("", state, message_id=message_id))
    world.store.commit(2)
    assert [call.verb for call in world.store.pending] == ["settle", "settle"]
    world.store.fail(1)
    world.store.commit_all()
    assert session.answers == [(1, Status.ESME_RSUBMITFAIL, 0)]
    assert owed(world) == []


def test_unknown_is_no_refusal() -> None:
    world = World(lane=LaneRules(policy=Policy(uncertain_deadline=1.0)))
    session, ids = asked(world, TRANSACTION)
    world.wire.answer((ids[0], Uncertain("who knows")))
    world.wait(2.0)
    assert session.answers == [(1, 0, ids[0])]
    assert owed(world) == [(ids[0], M.UNKNOWN)]


def test_the_account_may_ask_for_it() -> None:
    world = World(answer="provider")
    session, ids = asked(world, 0, STORE_AND_FORWARD)
    assert session.answers == []
    world.wire.answer((ids[1], Accepted("p2")), (ids[0], Accepted("p1")))
    assert sorted(session.answers) == [(1, 0, ids[0]), (2, 0, ids[1])]


def test_the_segment_that_completes_a_message_waits() -> None:
    world = World()
    session = world.session()
    segments = [segment_sm(n, 3, b"text", sequence_number=n) for n in (1, 2, 3)]
    for pdu in segments:
        pdu.esm_class |= TRANSACTION
        world.take(session, pdu)
    assert [n for n, _, _ in session.answers] == [1, 2]
    world.take(session, segments[0])  # again: known, and answered at once
    assert len(session.answers) == 3
    (message_id,) = world.store.messages
    world.wire.answer((message_id, REFUSED))
    assert session.answers[3:] == [(3, Status.ESME_RINVDSTADR, 0)]
    others = sorted(set(session.ids()))
    assert owed(world) == [(each, M.REJECTED) for each in others]  # who were answered ESME_ROK


def test_a_joined_message_that_cannot_be_sent_is_refused_in_the_response() -> None:
    world = World(max_parts=2)
    session = world.session()
    for number in (1, 2):
        pdu = segment_sm(number, 2, b"x" * 300, sequence_number=number)
        pdu.esm_class |= TRANSACTION
        world.take(session, pdu)
    assert session.answers[1] == (2, Status.ESME_RINVMSGLEN, 0)
    assert owed(world) == [(session.answers[0][2], M.REJECTED)]


def test_the_bridge_stops_with_every_answer_given() -> None:
    world = World()
    session, ids = asked(world, TRANSACTION, 0, TRANSACTION)
    world.endings.responses.answer_all()
    assert sorted(session.answers) == [(1, 0, ids[0]), (2, 0, ids[1]), (3, 0, ids[2])]
    world.wire.answer((ids[0], REFUSED))
    assert owed(world) == [(ids[0], M.REJECTED)]


def test_after_a_restart_the_receipt_tells() -> None:
    world = World()
    session, ids = asked(world, TRANSACTION)
    again = World(store=world.store, now=world.clock.now)
    found = list(again.store.restored().interrupted)
    again.submit.decide([(found[0], REFUSED)])
    assert session.answers == []
    assert owed(again) == [(ids[0], M.REJECTED)]


# -- datagram mode --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Postponed("later"), M.UNDELIVERABLE),
        (Refused("no credit", provider_fault=True), M.REJECTED),
        (REFUSED, M.REJECTED),
        (Uncertain("who knows"), M.UNKNOWN),
        (NoAnswer("gone"), M.UNKNOWN),
    ],
)
def test_a_datagram_has_one_attempt_and_no_receipt(outcome: Any, state: M) -> None:
    world = World()
    session, ids = asked(world, 0x01, 0x00)
    assert len(session.answers) == 2
    world.wire.answer((ids[0], outcome), (ids[1], Accepted("p")))
    assert (world.store.stages()[ids[0]], world.store.messages[ids[0]].state) == (
        Stage.FINISHED,
        state,
    )
    world.wait(400.0)
    assert world.wire.submitted() == ids
    assert owed(world) == []


def test_a_datagram_is_one_after_a_restart() -> None:
    world = World()
    _, ids = asked(world, 0x01)
    again = World(store=world.store, now=world.clock.now)
    found = list(again.store.restored().interrupted)
    again.submit.interrupted(found)
    assert again.store.messages[ids[0]].state == M.UNKNOWN
    assert owed(again) == []
