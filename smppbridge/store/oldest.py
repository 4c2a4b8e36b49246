"""Since when deliveries are owed: the oldest of each account, found without reading them all."""

from __future__ import annotations

import sqlite3

_LOOKED_AT = 200
# Index delivery_owed: from one account to the next, and the first of each by due.
_QUERY = f"""
with recursive account (system_id) as (
    select min(system_id) from delivery where finished_at is null
    union all
    select (select min(system_id) from delivery
            where finished_at is null and system_id > account.system_id)
    from account where system_id is not null
)
select system_id, (
    select min(done_at) from (
        select done_at from delivery
        where finished_at is null and delivery.system_id = account.system_id
        order by due limit {_LOOKED_AT}
    )
) from account where system_id is not null
"""


def oldest_owed(db: sqlite3.Connection) -> dict[str, float]:
    """Return when the oldest delivery owed to each account began to be owed, in UNIX seconds.

    The oldest of the 200 that are due first: exact while no more than 200 of an account wait.
    """
    return dict(db.execute(_QUERY).fetchall())
