"""errands: the rows by which a bridge has others act on messages and providers of theirs.

The methods are for the reactor thread.  Nobody is notified here: whoever calls does so after the
commit.  Times are those of the database's clock: bridges need not agree on theirs.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from twisted.internet.defer import Deferred

from smppbridge.store.postgres.found import Connection, ask
from smppbridge.store.postgres.writer import PostgresWriter

TAKEN_AT_ONCE: Final = 20
_LEFT_FOR: Final = 60.0
"""Seconds after which an errand is deleted whose asker has not come back for its answer."""
_FORGET = """
    delete from errand where ctid = any(array(
        select ctid from errand where until < clock_timestamp() - make_interval(secs => %s)
        order by id limit 100
    ))
"""
_LIVING = """
    select slot, name from node where not ended and slot <> %s
    and (%s::int2[] is null or slot = any(array(
        select coalesce(n.adopter, n.slot) from node n where n.slot = any(%s::int2[])
    ))) order by slot
"""
_SEND = """
    insert into errand (asker, slot, kind, body, until)
    select %s, v.slot, %s, %s, clock_timestamp() + make_interval(secs => %s)
    from unnest(%s::int2[]) as v(slot) returning id, slot
"""
_ANY = "select 1 from errand where slot = %s and not taken limit 1"
_TAKE = """
    update errand set taken = true where id = any(array(
        select id from errand where slot = %s and not taken and until > clock_timestamp()
        order by id limit %s
    )) returning id, asker, kind, body
"""
_ANSWER = "update errand set answer = %s where id = %s"
_ANSWERED = "select id, answer from errand where id = any(%s::int8[]) and answer is not null"
_END = "delete from errand where id = any(%s::int8[]) returning id, answer"


class SentErrand(NamedTuple):
    """An errand on its way: its number, and the bridge that is to carry it out."""

    number: int
    slot: int
    name: str


class Errand(NamedTuple):
    """An errand of another bridge, the *asker*; *body* is JSON."""

    number: int
    asker: int
    kind: str
    body: str


class ErrandRows:
    """The rows of errands."""

    def __init__(self, writer: PostgresWriter) -> None:
        self._writer = writer

    def send(
        self, slots: Collection[int] | None, kind: str, body: str, seconds: float
    ) -> Deferred[list[SentErrand]]:
        """Write an errand for each living bridge that has one of the shards *slots*; None: for all.

        None is for this bridge itself.  It is taken up within *seconds*, or not at all.
        """
        wanted = None if slots is None else list(slots)

        def send(db: Connection) -> list[SentErrand]:
            slot = self._writer.tenure.slot
            ask(db, _FORGET, (_LEFT_FOR,))
            names = dict(ask(db, _LIVING, (slot, wanted, wanted)).fetchall())
            rows = ask(db, _SEND, (slot, kind, body, seconds, list(names)))
            return [SentErrand(number, to, names[to]) for number, to in rows]

        return self._writer.act(send)

    def take(self) -> Deferred[list[Errand]]:
        """Return errands for this bridge; each is returned once."""

        def look(db: Connection) -> bool:
            return ask(db, _ANY, (self._writer.tenure.slot,)).fetchone() is not None

        def take(db: Connection) -> list[Errand]:
            rows = ask(db, _TAKE, (self._writer.tenure.slot, TAKEN_AT_ONCE))
            return sorted(map(Errand._make, rows))

        def then(any_: bool) -> Deferred[list[Errand]] | list[Errand]:
            return self._writer.act(take) if any_ else []

        return self._writer.query(look).addCallback(then)

    def answer(self, number: int, answer: str) -> Deferred[None]:
        """Write the answer to an errand; nobody reads it if its asker waits no more."""

        def write(db: Connection) -> None:
            ask(db, _ANSWER, (answer, number))

        return self._writer.act(write)

    def answered(self, numbers: Sequence[int]) -> Deferred[dict[int, str]]:
        """Return the answers that there are, by the numbers of their errands."""
        wanted = list(numbers)
        return self._writer.query(lambda db: dict(ask(db, _ANSWERED, (wanted,)).fetchall()))

    def end(self, numbers: Sequence[int]) -> Deferred[dict[int, str]]:
        """Delete errands; return the answers that there are.  Those not taken up never will be."""
        wanted = list(numbers)

        def end(db: Connection) -> dict[int, str]:
            rows = ask(db, _END, (wanted,))
            return {number: answer for number, answer in rows if answer is not None}

        return self._writer.act(end)
