"""redirect: messages that wait are moved to another provider, or given up; none leaves twice."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from smppbridge.model.message import Stage
from smppbridge.model.outcome import Accepted, Postponed, Uncertain
from smppbridge.model.reasons import Reason
from smppbridge.relay.accept.optouts import Optouts
from smppbridge.relay.submit.redirect import Abandoned, Obstacle, Redirect, Redirected
from smppbridge.routing.rules import Rule
from smppbridge.smpp.constants import MessageState
from smppbridge.store.port import StoreFailure
from tests.relay.fake_store import OTHER
from tests.relay.fakes import FakeProvider, KeyedProvider, TextProvider, World, submit_sm
from tests.relay.staged import go_on, paused

RULES = [Rule("243", ("one", "two"))]


def world_of(**changes: Any) -> World:
    """Return a world with a third provider, which no route has, and in which nothing leaves."""
    names = ("one", "two", "other")
    providers = {name: FakeProvider(name) for name in names}
    return paused(**({"providers": providers, "rules": RULES} | changes))


def redirect(world: World) -> Redirect:
    return Redirect(
        world.store,
        world.lane_set,
        world.submit.backlog,
        world.reports,
        world.optouts,
        around=world.around,
    )


def accepted(world: World, count: int = 1) -> list[int]:
    numbers = [f"24381000000{each}".encode() for each in range(count)]
    answers = world.sent(*(submit_sm(destination_addr=each) for each in numbers))
    return [message_id for _, status, message_id in answers if not status]


class Asked:
    """What came of a move or a surrender."""

    def __init__(self, asked: Any) -> None:
        self.found: Any = None
        self.failed: Any = None
        asking = Deferred.fromCoroutine(asked)
        asking.addCallbacks(self._found, self._failed)

    def _found(self, found: Any) -> None:
        self.found = found

    def _failed(self, failure: Any) -> None:
        self.failed = failure.type


def moved(world: World, *ids: int, to: str = "two", off_route: bool = False) -> Redirected:
    asked = Asked(redirect(world).move(ids, to, off_route=off_route))
    world.sound()
    assert asked.failed is None
    found: Redirected = asked.found
    return found


def depths(world: World) -> dict[str, int]:
    return {name: lane.depth for name, lane in world.lanes.items() if lane.depth}


def test_messages_leave_by_the_other_provider_once() -> None:
    world = world_of()
    ids = accepted(world, 3)
    assert depths(world) == {"one": 3}
    assert moved(world, *ids) == Redirected(ids, {})
    assert depths(world) == {"two": 3}
    assert {row.provider for row in world.store.messages.values()} == {"two"}
    go_on(world)
    assert sorted(world.wire.sent) == [("two", "submit", each) for each in ids]
    assert depths(world) == {}
    facts = {"verb": "move", "provider": "one", "to": "two"}
    assert world.noted.notes[:1] == [(ids[0], "decided_by_hand", facts)]
    events = [facts for event, facts in world.said.events if event == "messages_moved_by_hand"]
    assert events == [{"provider": "one", "to": "two", "messages": 3}]


@pytest.mark.parametrize("place", [0, -1])
def test_an_odd_message_among_good_ones_stays(place: int) -> None:
    world = world_of()
    ids = accepted(world, 3)
    named = [*ids]
    named.insert(place % (len(ids) + 1), 999)
    found = moved(world, *named)
    assert (found.moved, found.obstacles) == (ids, {999: Obstacle.NOT_WAITING})


def test_what_has_left_or_has_ended_is_not_moved() -> None:
    world = world_of()
    first, second = accepted(world, 2)
    Asked(redirect(world).give_up([first]))
    go_on(world)
    assert world.wire.submitted() == [second]
    assert moved(world, first, second).obstacles == {
        first: Obstacle.NOT_WAITING,
        second: Obstacle.NOT_WAITING,
    }


@pytest.mark.parametrize("theirs", [0, -1])
def test_what_another_bridge_has_is_left_to_it(theirs: int) -> None:
    world = world_of()
    ids = accepted(world, 3)
    world.store.taken = {ids[theirs]}
    found = moved(world, *ids)
    ours = [each for each in ids if each != ids[theirs]]
    assert found == (ours, {ids[theirs]: Obstacle.ELSEWHERE}, (OTHER,), ())
    assert Asked(redirect(world).give_up(ids)).found == (ours, [ids[theirs]], (OTHER,), ())


def test_a_message_is_there_already_or_the_provider_is_not() -> None:
    world = world_of()
    ids = accepted(world)
    assert moved(world, *ids, to="one").obstacles == {ids[0]: Obstacle.THERE_ALREADY}
    assert moved(world, *ids, to="none").obstacles == {ids[0]: Obstacle.NOT_WAITING}
    assert moved(world, *ids, to="other").obstacles == {ids[0]: Obstacle.NOT_ON_ROUTE}
    assert depths(world) == {"one": 1}


def test_off_its_route_a_message_stays_with_its_provider() -> None:
    world = world_of()
    ids = accepted(world)
    assert moved(world, *ids, to="other", off_route=True).moved == ids
    go_on(world)
    assert world.wire.sent == [("other", "submit", ids[0])]
    world.wire.answer((ids[0], Postponed("busy", 5.0)))
    world.wait(6.0)
    assert world.wire.sent[1:] == [("other", "submit", ids[0])]
    assert moved(world, *ids).obstacles == {ids[0]: Obstacle.NOT_WAITING}


def test_moved_back_and_forth_it_leaves_once() -> None:
    world = world_of()
    ids = accepted(world)
    for to in ("two", "other", "one", "other", "two"):
        assert moved(world, *ids, to=to, off_route=True).moved == ids
    go_on(world)
    assert world.wire.sent == [("two", "submit", ids[0])]


@pytest.mark.parametrize("to", ["two", "other"])
def test_what_may_have_been_sent_is_not_moved(to: str) -> None:
    """An Uncertain message that somebody resends waits for its own provider alone."""
    world = world_of()
    ids = accepted(world)
    go_on(world)
    world.wire.answer((ids[0], Uncertain("silence")))
    for lane in world.lanes.values():
        lane.pause(1_000.0)
    (attempt,) = [row.attempt() for row in world.store.messages.values()]
    world.run(world.submit.resend([attempt]))
    found = moved(world, *ids, to=to, off_route=True)
    assert found.obstacles == {ids[0]: Obstacle.MAY_BE_SENT}


def test_a_message_that_waits_for_another_try_is_moved_and_tried_at_once() -> None:
    world = world_of()
    ids = accepted(world)
    go_on(world)
    world.wire.answer((ids[0], Postponed("busy", 300.0)))
    assert depths(world) == {"one": 1}
    assert moved(world, *ids).moved == ids
    world.tick()
    assert world.wire.sent[1:] == [("two", "submit", ids[0])]
    world.wire.answer((ids[0], Accepted("x")))
    assert depths(world) == {}


def test_a_message_that_is_not_due_keeps_its_time() -> None:
    world = world_of()
    pdu = submit_sm(schedule_delivery_time=b"000000010000000R")
    ((_, _, message_id),) = world.sent(pdu)
    assert moved(world, message_id).moved == [message_id]
    go_on(world)
    assert (world.wire.sent, depths(world)) == ([], {"two": 1})
    world.wait(3_601.0)
    assert world.wire.sent == [("two", "submit", message_id)]


def test_opt_outs_and_abilities_count_off_the_route() -> None:
    optouts = Optouts([("other", "243810000000")])
    optouts.change(("other", "texts"))
    providers = {
        "one": FakeProvider("one"),
        "two": FakeProvider("two"),
        "other": FakeProvider("other"),
        "texts": TextProvider("texts"),
    }
    world = world_of(optouts=optouts, providers=providers)
    text, binary = accepted(world, 1)[0], world.sent(submit_sm(data_coding=4))[0][2]
    assert moved(world, text, to="other", off_route=True).obstacles == {text: Obstacle.OPTED_OUT}
    found = moved(world, binary, text, to="texts", off_route=True)
    assert found == Redirected([text], {binary: Obstacle.NO_BINARY})


def test_to_a_provider_that_takes_batches() -> None:
    providers = {"one": FakeProvider("one"), "two": KeyedProvider("two")}
    world = world_of(providers=providers)
    ids = accepted(world, 3)
    assert moved(world, *ids).moved == ids
    go_on(world)
    assert [set(about[1:]) for about in world.wire.batches()] == [set(ids)]


# -- the store is the judge -----------------------------------------------------------------------


def test_a_store_that_fails_leaves_all_where_they_were() -> None:
    world = world_of()
    ids = accepted(world, 2)
    world.store.failing = True
    assert Asked(redirect(world).move(ids, "two", off_route=False)).failed is StoreFailure
    assert Asked(redirect(world).give_up(ids)).failed is StoreFailure
    world.store.failing = False
    assert depths(world) == {"one": 2}
    go_on(world)
    assert sorted(world.wire.sent) == [("one", "submit", each) for each in ids]


@pytest.mark.parametrize("first", ["begin", "move"])
@pytest.mark.parametrize("together", [False, True])
def test_a_lane_that_begins_messages_at_that_moment_has_them(first: str, together: bool) -> None:
    world = world_of()
    ids = accepted(world, 3)
    world.store.at_once = False
    ask = redirect(world)
    if first == "begin":
        go_on(world)  # the lane has taken them out of line; their begin is not on disk
        asked = Asked(ask.move(ids, "two", off_route=False))
    else:
        asked = Asked(ask.move(ids, "two", off_route=False))  # the store is asked
        go_on(world)
    for _ in range(30):
        if together:
            world.store.commit()
        else:
            world.store.commit(1)
        world.sound()
    world.store.at_once = True
    world.tick()
    assert sorted([*asked.found.moved, *asked.found.obstacles]) == ids
    assert sorted(world.wire.submitted()) == ids
    by = {about: name for name, _, about in world.wire.sent}
    assert all(by[each] == "two" for each in asked.found.moved)
    assert all(by[each] == "one" for each in asked.found.obstacles)
    assert depths(world) == {}


def test_a_message_that_ends_while_it_is_moved_does_not_come_in_line() -> None:
    world = world_of()
    ids = accepted(world, 2)
    world.store.at_once = False
    moving = Asked(redirect(world).move(ids, "two", off_route=False))
    world.store.commit()  # found
    failing = Asked(redirect(world).give_up(ids[:1]))
    world.store.commit_all()
    assert moving.found.moved == ids
    assert failing.found.ended == ids[:1]
    world.store.at_once = True
    go_on(world)
    world.tick()
    assert world.wire.sent == [("two", "submit", ids[1])]
    assert depths(world) == {}


# -- given up -------------------------------------------------------------------------------------


def test_messages_are_given_up_and_their_receipts_are_owed() -> None:
    world = world_of()
    pdus = [submit_sm(registered_delivery=1), submit_sm(registered_delivery=0)]
    ids = [message_id for _, _, message_id in world.sent(*pdus)]
    asked = Asked(redirect(world).give_up([999, *ids]))
    assert sorted(asked.found.ended) == ids
    rows = world.store.messages
    assert {rows[each].state for each in ids} == {int(MessageState.UNDELIVERABLE)}
    assert {rows[each].stage for each in ids} == {Stage.FINISHED}
    assert list(world.store.deliveries) == [(ids[0], int(MessageState.UNDELIVERABLE))]
    go_on(world)
    assert (world.wire.sent, depths(world)) == ([], {})
    facts = {"verb": "fail", "provider": "one"}
    assert (ids[1], "decided_by_hand", facts) in world.noted.notes
    assert world.noted.reasons[Reason.GIVEN_UP, "one"] == len(ids)
    assert Asked(redirect(world).give_up(ids)).found == Abandoned([], [])


def test_a_message_that_is_out_is_not_given_up() -> None:
    world = world_of()
    ids = accepted(world)
    go_on(world)
    assert Asked(redirect(world).give_up(ids)).found == Abandoned([], [])
    world.wire.answer((ids[0], Accepted("x")))
    assert world.store.messages[ids[0]].stage is Stage.SUBMITTED
