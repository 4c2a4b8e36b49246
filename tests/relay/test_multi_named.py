"""The message_id that a submit_multi was answered names all of its messages."""

from __future__ import annotations

import pytest

from smppbridge.model.message import Attempt, Stage, Traits
from smppbridge.model.outcome import Accepted
from smppbridge.model.report import Report
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import MessageState as State
from smppbridge.store.port import Entry
from tests.relay.fakes import World, message
from tests.relay.staged import go_on, restarted
from tests.relay.test_cancel import cancel
from tests.relay.test_query import query
from tests.relay.test_replace import replace

SHARED = Traits(multi=1, destinations=3)


def of_three() -> World:
    """Three messages of one submit_multi, in the store; nothing leaves until `go_on`."""
    world = World()
    messages = [message(n, traits=SHARED, number=f"24381000000{n}") for n in (1, 2, 3)]
    world.store.accept([Entry(m, attempt=Attempt(m, "one")) for m in messages])
    world = restarted(world)
    for lane in world.lanes.values():
        lane.pause(1_000.0)
    return world


def test_a_query_tells_the_state_that_they_have_in_common() -> None:
    world = of_three()
    go_on(world)
    assert world.wire.submitted() == [1, 2, 3]
    world.wire.answer((1, Accepted("A")), (2, Accepted("B")), (3, Accepted("C")))
    found = []
    for name, state in (("C", State.DELIVERED), ("A", State.DELIVERED), ("B", State.EXPIRED)):
        world.told(Report(name, state))
        found += [a.message_state for a in world.asked(query()).answers]
    assert found == [State.ENROUTE, State.ENROUTE, State.EXPIRED]


def test_a_cancellation_ends_all_that_are_here() -> None:
    world = of_three()
    (attempt,) = [world.store.messages[2].attempt()]
    attempt.number = 1
    world.store.begin([attempt])
    assert world.asked(cancel()).answers[0].command_status == 0
    assert world.store.stages() == {1: Stage.FINISHED, 2: Stage.SUBMITTING, 3: Stage.FINISHED}
    assert world.asked(cancel()).answers[0].command_status == Status.ESME_RCANCELFAIL


def test_a_replacement_is_of_all_that_wait_or_of_none() -> None:
    world = of_three()
    assert world.asked(replace(b"")).statuses() == [Status.ESME_RINVMSGLEN]
    assert world.asked(replace()).statuses() == [0]
    assert [world.store.messages[n].message.text for n in (1, 2, 3)] == ["new"] * 3
    assert world.store.messages[3].message.traits == SHARED
    world.store.failing = True
    assert world.asked(replace(b"newer")).statuses() == [Status.ESME_RSYSERR]
    world.store.failing = False
    go_on(world)
    go_on(world)
    assert sorted(world.wire.submitted()) == [1, 2, 3]


@pytest.mark.parametrize("source", [b"ELSE", b""])
def test_from_another_source_none_of_them_is_there(source: bytes) -> None:
    world = of_three()
    asked = world.asked(query(source_addr=source), cancel(source_addr=source))
    assert asked.statuses() == [Status.ESME_RQUERYFAIL, Status.ESME_RCANCELFAIL]
