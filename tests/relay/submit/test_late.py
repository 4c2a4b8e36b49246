"""Answers that come after their time settle attempts that are Uncertain still."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any

import pytest
from twisted.internet.defer import fail

from smppbridge.model.message import Message, Stage
from smppbridge.model.outcome import Accepted, Postponed, Refused
from smppbridge.model.report import Report
from smppbridge.providers.exchange import NoAnswerYet
from smppbridge.relay.submit.carry import Carried
from smppbridge.relay.submit.late import LateAnswers
from smppbridge.smpp.constants import MessageState as M
from smppbridge.store.port import StoreFailure
from tests.relay.fakes import FakeProvider, World, submit_sm

SILENT = NoAnswerYet("no answer in time")


class TwoSegments(FakeProvider):
    """Submits a message in two requests."""

    def submit(self, message: Message) -> Generator[Any, Any, Any]:
        first = yield "submit", message.message_id
        if not isinstance(first, Accepted):
            return first
        return (yield "rest", message.message_id)


def silent(world: World) -> tuple[LateAnswers, Carried, int]:
    """Return a world's late answers, and a request that had no answer in time."""
    late = LateAnswers(world.store, world.wire.carrier, world.submit.decide, world.around)
    message_id = world.sent(submit_sm(registered_delivery=1))[0][2]
    carried = world.wire.out["submit", message_id]
    world.wire.answer((message_id, SILENT))
    assert world.store.stages() == {message_id: Stage.SUBMITTING}
    assert [e for e, _ in world.said.events if e == "message_uncertain"] == ["message_uncertain"]
    return late, carried, message_id


def events(world: World) -> list[str]:
    return [event for event, _ in world.said.events]


def test_a_late_id_is_the_messages_and_its_receipt_comes() -> None:
    world = World()
    late, carried, message_id = silent(world)
    late.receive([(carried, Accepted("p1"))])
    row = world.store.messages[message_id]
    assert (row.stage, row.provider_message_id) == (Stage.SUBMITTED, "p1")
    assert dict(world.said.events)["message_answered_late"]["outcome"] == "accepted"
    assert world.lanes["one"].out == 0
    world.told(Report("p1", M.DELIVERED))
    assert world.store.messages[message_id].state == M.DELIVERED
    assert [d.state for d in world.store.unfinished()] == [M.DELIVERED]


def test_a_receipt_that_overtook_the_late_id_counts() -> None:
    world = World()
    late, carried, message_id = silent(world)
    world.told(Report("p1", M.DELIVERED))
    late.receive([(carried, Accepted("p1"))])
    assert world.store.messages[message_id].state == M.DELIVERED


@pytest.mark.parametrize(
    ("outcome", "stage"), [(Refused("no"), Stage.FINISHED), (Postponed("busy"), Stage.WAITING)]
)
def test_a_late_refusal_counts_too(outcome: Refused | Postponed, stage: Stage) -> None:
    world = World()
    late, carried, message_id = silent(world)
    late.receive([(carried, outcome)])
    assert world.store.stages() == {message_id: stage}


def test_what_has_ended_meanwhile_stays_ended() -> None:
    world = World()
    late, carried, message_id = silent(world)
    world.wait(601.0)  # uncertain_deadline
    assert world.store.messages[message_id].state == M.UNKNOWN
    late.receive([(carried, Accepted("p1"))])
    assert world.store.messages[message_id].state == M.UNKNOWN
    assert "message_answered_late" not in events(world)


def test_what_was_sent_again_by_hand_goes_by_the_new_request() -> None:
    world = World()
    late, carried, message_id = silent(world)
    world.run(world.submit.resend([replace(carried.about)]))  # as the store returns it
    world.tick()
    late.receive([(carried, Accepted("p1"))])
    assert world.store.stages() == {message_id: Stage.SUBMITTING}
    world.wire.answer((message_id, Accepted("p2")))
    assert world.store.messages[message_id].provider_message_id == "p2"


def test_the_other_segments_follow_a_late_answer() -> None:
    world = World(providers={"one": TwoSegments("one"), "two": FakeProvider("two")})
    late, carried, message_id = silent(world)
    late.receive([(carried, Accepted("p1"))])
    assert world.store.stages() == {message_id: Stage.SUBMITTING}
    world.wire.answer((message_id, Accepted("p2")), operation="rest")
    row = world.store.messages[message_id]
    assert (row.stage, row.provider_message_id) == (Stage.SUBMITTED, "p2")


def test_of_several_late_answers_each_goes_its_own_way() -> None:
    world = World()
    late, gone, first = silent(world)
    world.wait(601.0)
    second = world.sent(submit_sm())[0][2]
    carried = world.wire.out["submit", second]
    world.wire.answer((second, SILENT))
    odd = Carried("a balance", "one", gone.exchange, lambda _: None)
    late.receive([(odd, 7), (gone, Accepted("p1")), (carried, Accepted("p2"))])
    assert world.store.stages() == {first: Stage.FINISHED, second: Stage.SUBMITTED}


def test_a_store_that_fails_leaves_the_message_in_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    late, carried, message_id = silent(world)
    with monkeypatch.context() as failing:
        failing.setattr(world.store, "find", lambda keys: fail(StoreFailure("no disk")))
        late.receive([(carried, Accepted("p1"))])
    world.sound()
    assert world.store.stages() == {message_id: Stage.SUBMITTING}
