"""pages: a search over all messages in bounded time, newest first, piece by piece."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from smppbridge.store.database import Database, dialect_of
from smppbridge.store.lookup import ListedMessage, MessageQuery, search

FEWEST, MOST = 5_000, 320_000
"""Messages that are looked at in one piece: more each time."""
_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class MessagePage:
    """Messages of a query, newest first.

    *before* is where the next page begins, None at the end; *searched_to* is when the oldest
    message was accepted that has been looked at, None if the search came to its end.
    """

    messages: list[ListedMessage]
    before: int | None
    searched_to: float | None


def page(db: Database, query: MessageQuery, in_time: Callable[[], bool]) -> MessagePage:
    """Return a page of messages; the search stops, after a whole piece, when *in_time* says no.

    A piece that is interrupted, as by Readers, is given up for the pieces before.  Raises
    the interruption if that was the first piece.
    """
    if query.number is not None or query.prefix is not None or query.uncertain:
        return _whole(search(db, query), query)  # an index finds these
    found, dialect = list[ListedMessage](), dialect_of(db)
    above, size = query.before, FEWEST
    while True:
        try:
            lowest = _step(db, above, size)
            within = replace(query, before=above, least=lowest, limit=query.limit - len(found))
            found += search(db, within)
        except dialect.interrupted:
            if above is None or above == query.before:
                raise
            return _as_far_as(db, above, found)
        if lowest is None or len(found) >= query.limit:
            return _whole(found, query)
        above, size = lowest, min(MOST, size * 4)
        if not in_time():
            return _as_far_as(db, above, found)


def _as_far_as(db: Database, lowest: int, found: list[ListedMessage]) -> MessagePage:
    row = db.execute("select accepted_at from message where message_id = ?", (lowest,)).fetchone()
    return MessagePage(found, lowest, row[0])


def _whole(found: list[ListedMessage], query: MessageQuery) -> MessagePage:
    more = len(found) >= query.limit
    return MessagePage(found, found[-1].message_id if more else None, None)


def _step(db: Database, above: int | None, size: int) -> int | None:
    """Return the id of the message *size* places below *above*; None: there are fewer."""
    row = db.execute(
        f"select message_id from {dialect_of(db).messages} where message_id < ? "
        "order by message_id desc limit 1 offset ?",
        (_LARGEST if above is None else above, size - 1),
    ).fetchone()
    return None if row is None else row[0]
