"""testimony: a node that was taken over, and lives, still speaks about rows that it had begun.

It writes outside the fence, and changes nobody's right to send: a row is its own as long as the row
has its slot and its epochs, and whoever begins the message again writes other ones.  A message that
a provider has accepted is SUBMITTED then, so that its report is found; one that never left waits
again, for its new owner.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import psycopg

_ACCEPTED = (
    "with v as (select * from unnest(%(ids)s::bigint[], %(names)s::text[], %(at)s::float8[],"
    " %(due)s::float8[]) as v(id, name, at, due)),"
    " done as (update out set stage = 3, unsure = null, due = v.due, wake = v.due,"
    " provider_message_id = v.name, answered_at = v.at from v where message_id = v.id"
    " and message_id = any(%(ids)s) and by_slot = %(slot)s and by_epoch between %(first)s and"
    " %(last)s and stage = 2 returning message_id, provider, v.name)"
    " insert into named (provider, name, exact, message_id)"
    " select provider, spelt, nullif(name, spelt), message_id from done,"
    " lateral (select lower(ltrim(name, '0'))) as s(spelt) returning message_id"
)
_UNSENT = (
    "with gone as (delete from out where message_id = any(%(ids)s) and by_slot = %(slot)s"
    " and by_epoch between %(first)s and %(last)s and stage = 2 returning *),"
    " back as (insert into waiting (message_id, shard, provider, system_id, priority, due,"
    " expires_at, hop, attempts) select message_id, shard, gone.provider, m.system_id, m.priority,"
    " begun_at, m.expires_at, hop, greatest(attempts - 1, 0) from gone"
    " join message m using (message_id) returning shard, provider, system_id, priority)"
    " insert into given (shard, provider, system_id, priority, messages)"
    " select shard, provider, system_id, priority, count(*) from back"
    " group by 1, 2, 3, 4 returning messages"
)
_GIVEN = "delete from given where shard = any(%s) returning provider, system_id, priority, messages"


class AttestedMessage(NamedTuple):
    """A message that its provider has accepted: by which name, when, and when to look at it.

    *at* and *due* are UNIX seconds.
    """

    message_id: int
    provider_message_id: str
    at: float
    due: float


class Given(NamedTuple):
    """How many messages of a line wait since a node gave them back."""

    provider: str
    system_id: str
    priority: int
    messages: int


def testify(
    db: psycopg.Connection[Any],
    slot: int,
    epochs: tuple[int, int],
    accepted: Sequence[AttestedMessage],
    unsent: Sequence[int],
) -> tuple[int, int]:
    """Write how rows ended that were begun in *slot* and *epochs* (first and last of this process).

    Returns how many messages were SUBMITTED by it, and how many wait again.
    """
    who = {"slot": slot, "first": epochs[0], "last": epochs[1]}
    ids, names, at, due = zip(*accepted, strict=True) if accepted else ((), (), (), ())
    known = {"ids": list(ids), "names": list(names), "at": list(at), "due": list(due)}
    with db.transaction():
        done = db.execute(_ACCEPTED, {**known, **who}).fetchall()
        back = db.execute(_UNSENT, {"ids": list(unsent), **who}).fetchall()
    return len(done), sum(count for (count,) in back)


def take_given(db: psycopg.Connection[Any], shards: Sequence[int]) -> list[Given]:
    """Return the lines in which messages wait again, each once: its owner counts them."""
    return list(map(Given._make, db.execute(_GIVEN, (list(shards),)).fetchall()))
