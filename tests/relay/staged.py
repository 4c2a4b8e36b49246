"""staged: a world whose message 1 is at a stage of its life, and the same after a restart."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any, ClassVar

from smppbridge.model.message import Message
from smppbridge.model.outcome import Accepted, Postponed, Uncertain
from smppbridge.model.report import Report
from smppbridge.providers.exchange import Abilities
from smppbridge.relay.accept.intake import rights_of
from smppbridge.smpp.constants import MessageState
from tests.relay.fakes import FakeProvider, World, account, segment_sm, submit_sm

HOUR = b"000000010000000R"
FINAL = (
    MessageState.DELIVERED,
    MessageState.EXPIRED,
    MessageState.DELETED,
    MessageState.UNDELIVERABLE,
    MessageState.UNKNOWN,
    MessageState.REJECTED,
)


class KeepingProvider(FakeProvider):
    """Keeps scheduled messages, and drops them if it is asked to."""

    abilities: ClassVar[Abilities] = replace(FakeProvider.abilities, schedules=True, cancels=True)

    def cancel(self, message: Message, provider_message_id: str) -> Generator[Any, Any, Any]:
        return (yield "cancel", provider_message_id)


def paused(**changes: Any) -> World:
    """Return a world in which nothing leaves until `go_on`."""
    world = World(**changes)
    for lane in world.lanes.values():
        lane.pause(1_000.0)
    return world


def go_on(world: World) -> None:
    """Let all that waits leave."""
    for lane in world.lanes.values():
        lane.paused_until = lane._begins_at = 0.0
    world.tick()
    world.tick()


def restarted(world: World, **changes: Any) -> World:
    """Return a world on the store of another one, as after a restart."""
    store = world.store
    store.crash()
    after = World(store=store, now=world.clock.now, **changes)
    restored = store.restored()
    for found in restored.waiting:
        after.lanes[found.provider].restore(found)
    after.submit.interrupted(restored.interrupted)
    after.restore_segments()
    after.run(after.reports.restore(restored.early, restored.stored_ids))
    return after


# -- stages: message 1 (its segment 1 where it is GATHERING) --------------------------------


def gathering(**changes: Any) -> World:
    world = World(**changes)
    world.sent(segment_sm(1, 2, b"a"))
    return world


def waiting(**changes: Any) -> World:
    world = paused(**changes)
    world.sent(submit_sm())
    return world


def stored(**changes: Any) -> World:
    """In the store alone: the lines in memory are empty."""
    world = waiting(**changes)
    attempts = world.lanes["one"].queue.remove(lambda _: True)
    world.lanes["one"].let_go(attempts)
    return world


def scheduled(**changes: Any) -> World:
    world = World(**changes)
    world.sent(submit_sm(schedule_delivery_time=HOUR))
    return world


def submitting(**changes: Any) -> World:
    world = World(**changes)
    world.sent(submit_sm())
    assert world.wire.submitted() == [1]
    return world


def postponed(**changes: Any) -> World:
    world = submitting(**changes)
    world.wire.answer((1, Postponed("busy", after=60.0)))
    return world


def uncertain(**changes: Any) -> World:
    world = submitting(**changes)
    world.wire.answer((1, Uncertain("silence")))
    return world


def submitted(**changes: Any) -> World:
    world = submitting(**changes)
    world.wire.answer((1, Accepted("X")))
    return world


def ended(state: MessageState) -> Callable[..., World]:
    def world_of(**changes: Any) -> World:
        world = submitted(**changes)
        assert world.told(Report("X", state)) == ["kept"]
        return world

    return world_of


def forgotten(**changes: Any) -> World:
    world = ended(MessageState.DELIVERED)(**changes)
    world.store.forget(world.clock.now + 1, 10)
    return world


def foreign(**changes: Any) -> World:
    """Message 1 is of another account."""
    world = paused(**changes)
    own, world.rights = world.rights, rights_of(account(system_id="else"), 0.0)
    world.sent(submit_sm())
    world.rights = own
    return world


def kept(**changes: Any) -> World:
    """The provider keeps the message until its time."""
    providers = {"one": KeepingProvider("one"), "two": KeepingProvider("two")}
    world = World(**{"providers": providers, **changes})
    world.sent(submit_sm(schedule_delivery_time=HOUR))
    world.wire.answer((1, Accepted("X")))
    return world


HERE = {  # the messages that have not left
    "gathering": gathering,
    "waiting": waiting,
    "in the store": stored,
    "scheduled": scheduled,
    "postponed": postponed,
}
LEFT = {"submitting": submitting, "uncertain": uncertain, "submitted": submitted}
ENDED = {state.name.lower(): ended(state) for state in FINAL}
NOBODY = {"forgotten": forgotten, "foreign": foreign, "none": World}
