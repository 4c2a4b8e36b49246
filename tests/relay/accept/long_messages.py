"""Worlds in which long messages come, are slow, and go on after a restart."""

from __future__ import annotations

from typing import Any

from tests.relay.fakes import FakeStore, World


def slow(**options: Any) -> World:
    """A world whose store commits when it is told to."""
    return World(store=FakeStore(at_once=False), **options)


def restarted(before: World) -> World:
    """Return a world as it is after a restart on the store of *before*."""
    after = World(store=before.store)
    after.clock.now = before.clock.now
    after.restore_segments()
    after.accept._identifiers._last = before.accept._identifiers._last
    return after


def texts(world: World) -> list[str]:
    """Return the texts that were sent."""
    rows = world.store.messages.values()
    return [row.message.text for row in rows if row.message.text]


def states(world: World) -> dict[int, int]:
    return {d.message_id: d.state for d in world.store.unfinished()}
