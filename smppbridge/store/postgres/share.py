"""share: what each node wants and claims of each limit, told by the node alone, seen by all."""

from __future__ import annotations

from typing import Any

import psycopg

_TELL = (
    "insert into share (slot, said) values (%s, %s::jsonb)"
    " on conflict (slot) do update set said = excluded.said"
)
_LOOK = "select slot, said::text from share join node using (slot) where not node.ended"


def exchange(db: psycopg.Connection[Any], slot: int, said: str | None) -> dict[int, str]:
    """Tell what a node says (JSON; None: nothing new), then return what all living nodes say.

    What is returned was seen after *said* was committed.  Raises psycopg.Error.
    """
    if said is not None:
        db.execute(_TELL, (slot, said))
    return dict(db.execute(_LOOK).fetchall())
