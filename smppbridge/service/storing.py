"""storing: the store of a bridge: a file of its own, or a database that it shares with others."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from smppbridge.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from smppbridge.service.bridge import Bridge
    from smppbridge.service.nodes.membership import Membership
    from smppbridge.store.postgres.store import PostgresStore

Changed = Callable[[Exception | None], None]


class NotAwaited(Exception):
    """The bridge ends: its database, which is not there, is awaited no longer."""


class TakenOver(Exception):
    """The bridge ends: while it started another one has taken its messages over."""


def store_of(
    bridge: Bridge, changed: Changed
) -> tuple[SqliteStore | PostgresStore, Membership | None]:
    """Return the store that a bridge is configured for, and the bridge's place among others.

    *changed* is called as the store has it.  There is no such place if the store is a file.
    """
    settings, reactor = bridge.settings, bridge.reactor
    if settings.store.is_shared:
        from smppbridge.service.nodes.membership import Membership  # only for such a store

        membership = Membership(bridge, changed)
        return membership.store, membership
    path, committed = settings.store.address, bridge.metrics.store_commit
    return SqliteStore(path, reactor.callFromThread, committed, changed), None
