"""synchronous: whether a standby has all commits: without one a fail-over breaks promises."""

from __future__ import annotations

from typing import Any, Literal

from psycopg import Connection

from smppbridge.store.migrate import UnfitStore

Wish = Literal["require", "warn", "off"]


class NotSynchronous(UnfitStore):
    """No standby confirms commits, and the configuration requires one."""


def is_synchronous(db: Connection[Any]) -> bool:
    """Return whether commits wait for a standby, as the server is set up now."""
    row = db.execute("select current_setting('synchronous_standby_names')").fetchone()
    return bool(row and row[0].strip())


def need_standby(db: Connection[Any], wish: Wish) -> bool:
    """Return whether commits wait for a standby; raises NotSynchronous if one is required."""
    found = is_synchronous(db)
    if not found and wish == "require":
        raise NotSynchronous(
            "synchronous_standby_names of the database is empty: a fail-over may lose answered"
            " messages and send others twice; name a standby, or set store.synchronous"
        )
    return found
