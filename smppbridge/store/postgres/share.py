"""share: how much of each limit a node wants and claims, told by the node alone, seen by all."""

from __future__ import annotations

from typing import Any

import psycopg

_TELL = (
    "insert into share (slot, said) values (%s, %s::jsonb)"
    " on conflict (slot) do update set said = excluded.said"
)
_LOOK = "select slot, said::text from share join node using (slot) where not node.ended"


def exchange(db: psycopg.Connection[Any], slot: int, said: str | None) -> dict[int, str]:
    """Tell a node's wants and claims (JSON; None: as before), return those of all living nodes.

    They are seen after *said* is committed.  Raises psycopg.Error.
    """
    if said is not None:
        db.execute(_TELL, (slot, said))
    return dict(db.execute(_LOOK).fetchall())
