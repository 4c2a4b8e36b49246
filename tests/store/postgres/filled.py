"""A database with very many messages, at every stage, over some days."""

from __future__ import annotations

import psycopg

from smppbridge.model.identifiers import SLOTS
from tests.store.postgres.server import NOW

SLOT = 7
STEP = 1_000_000 * SLOTS
"""Message_ids of a second."""
FIRST = int(NOW) * STEP + SLOT
_ROWS = f"""
    insert into message
    select {FIRST} + i * {{step}}, case when i % 50 = 0 then 'shop' else 'bank' end, 'BANK', 1281,
        null, 257, '2438100' || lpad((i % 5000)::text, 5, '0'), 'Bonjour'::bytea, true, 0, 0, 1,
        'keccel,d7', null, 0, {NOW} + i * {{step}} / {STEP}.0, {NOW} + 86400
    from generate_series(1::int8, {{count}}) i;
    insert into waiting
    select message_id, {SLOT}, case when n % 8 = 0 then 'd7' else 'keccel' end, system_id,
        0, accepted_at, expires_at, 0, 0
    from (select *, (message_id - {FIRST}) / {{step}} as n from message) m where n % 4 = 0;
    insert into out (message_id, shard, stage, provider, hop, attempts, by_slot, by_epoch, begun_at,
        wake, unsure, due, answered_at, provider_message_id)
    select message_id, {SLOT}, case when n % 100 = 1 then 2 else 3 end, 'keccel', 0, 1, {SLOT}, 1,
        accepted_at, accepted_at + 60, case when n % 100 = 1 then accepted_at + 60 end,
        accepted_at + 60, accepted_at, case when n % 100 <> 1 then 'x' || n end
    from (select *, (message_id - {FIRST}) / {{step}} as n from message) m where n % 4 = 1;
    insert into fate
    select message_id, accepted_at + 5, 2, 0, 'keccel', 0, 1, accepted_at, accepted_at,
        'x' || n, null, 0, 'push'
    from (select *, (message_id - {FIRST}) / {{step}} as n from message) m where n % 4 > 1;
    insert into named
    select 'keccel', 'x' || n, null, message_id
    from (select *, (message_id - {FIRST}) / {{step}} as n from message) m where n % 4 > 0;
    insert into delivery
    select message_id, 2, message_id, system_id, {SLOT}, 0, at, at, at + 86400, 0
    from fate join message using (message_id)
    where (message_id - {FIRST}) / {{step}} % 4 = 2;
    insert into ended
    select message_id, 2, message_id, 'bank', 0, at, 0, at + 1, 0 from fate
    where (message_id - {FIRST}) / {{step}} % 4 = 3
"""


def fill(dsn: str, count: int, days: int = 3) -> None:
    """Write *count* messages, spread evenly over *days* from NOW on; statistics know of it."""
    step = days * 86_400 * STEP // count // SLOTS * SLOTS
    with psycopg.connect(dsn, autocommit=True) as db:
        for statement in _ROWS.format(step=step, count=count).split(";"):
            db.execute(statement.encode())
        db.execute("select pg_stat_force_next_flush()")


def nth(n: int, count: int, days: int = 3) -> int:
    """Return the message_id of the message that was written as the *n*th of *count*."""
    return FIRST + n * (days * 86_400 * STEP // count // SLOTS * SLOTS)
