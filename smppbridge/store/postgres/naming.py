"""Messages by their names: provider_message_ids, message_ids and those of segments, addresses."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence

from smppbridge.model.identifiers import Tolerance, row_of, same_id, spelling_of
from smppbridge.model.message import KnownState, Stage
from smppbridge.store.gathered import read_gathering
from smppbridge.store.named import PAGE
from smppbridge.store.port import EXACT, Found, Named, Stoppable
from smppbridge.store.postgres.found import (
    Connection,
    KnownMessage,
    ShardOwner,
    ask,
    by_ids,
    found_of,
    known,
    parts_of,
)
from smppbridge.store.queries import SAME_IDS
from smppbridge.store.records import MessageRow, source_plan
from smppbridge.store.statements import SqlRow

_LARGEST = 2**63 - 1
Key = tuple[str, str] | int

_NAMED = """
    select v.provider, v.name, n.message_id, n.exact
    from unnest(%s::text[], %s::text[]) as v(provider, name)
    cross join lateral (
        select message_id, coalesce(exact, name) as exact from named
        where provider = v.provider and name = v.name order by message_id desc limit %s
    ) n
"""
_GATHERING = """
    select message_id, number, registered_delivery, received_at, octets, context from segment
    where message_id = any(%s::int8[])
"""
_WHOLES = "select message_id, parent from joined where message_id = any(%s::int8[])"
# The index on the number is in order of message_id within a number.
_TO_NUMBER = """
    select m.message_id, m.system_id = %s and (
        w.message_id is not null or o.stage = 3 and m.traits like '%%"scheduled"%%'
    ) from (
        select message_id, system_id, traits from message
        where number = %s and message_id <= %s order by message_id desc limit %s
    ) m
    left join lateral (
        select message_id from waiting where message_id = m.message_id offset 0
    ) w on true
    left join lateral (select stage from out where message_id = m.message_id offset 0) o on true
    order by m.message_id desc
"""


def find(
    db: Connection,
    owner: ShardOwner,
    keys: Sequence[Key],
    tolerances: Mapping[str, Tolerance] = EXACT,
) -> dict[Key, Found]:
    """Return messages by (provider, provider_message_id) or by message_id."""
    ids = [key for key in keys if isinstance(key, int)]
    names = [key for key in keys if not isinstance(key, int) and "\0" not in key[1]]
    candidates = _candidates(db, names) if names else {}
    rows = known(db, {*ids, *(each for ours in candidates.values() for each, _ in ours)})
    current = _current(db, [each.row for each in rows.values()]) if names else {}
    chosen: dict[Key, int] = {key: key for key in ids if key in rows}
    for key in names:
        spelled = [
            (exact, rows[message_id].row)
            for message_id, exact in candidates.get((key[0], same_id(key[1])), ())
            if message_id in rows
            and rows[message_id].row.provider == key[0]
            and exact in current[message_id]
        ]
        row = _choice(key[1], spelled, tolerances.get(key[0], "exact"))
        if row is not None:
            chosen[key] = row.message_id
    found = found_of(db, [rows[each] for each in set(chosen.values())], owner)
    return {key: found[chosen[key]] for key in keys if key in chosen}


def states(db: Connection, ids: Sequence[int]) -> dict[int, tuple[KnownState, ...]]:
    """Return the states of the messages that each of the ids names."""
    rows, gathering = _rows_of(db, ids)
    multis = _rows_of_multis(db, rows.values())
    found = {
        message_id: tuple(each.state for each in multis.get(known.row.message_id, (known,)))
        for message_id, known in rows.items()
    }
    for message_id, row in gathering.items():
        key, _ = read_gathering(row)
        plan = source_plan(key.source)
        state = KnownState(key.system_id, key.source.addr, plan, Stage.GATHERING)
        found[message_id] = (state,)
    return found


def named(db: Connection, owner: ShardOwner, ids: Sequence[int]) -> dict[int, tuple[Named, ...]]:
    """Return the messages that each of the ids names."""
    rows, gathering = _rows_of(db, ids)
    multis = _rows_of_multis(db, rows.values())
    wanted = {
        message_id: multis.get(known.row.message_id, (known,)) for message_id, known in rows.items()
    }
    unique = {each.row.message_id: each for more in wanted.values() for each in more}
    messages = found_of(db, list(unique.values()), owner)
    found: dict[int, tuple[Named, ...]] = {
        message_id: tuple(messages[each.row.message_id] for each in more)
        for message_id, more in wanted.items()
    }
    return found | {each: (read_gathering(row)[0],) for each, row in gathering.items()}


def stoppable(
    db: Connection,
    owner: ShardOwner,
    queries: Sequence[tuple[str, str]],
    before: int | None = None,
) -> dict[tuple[str, str], Stoppable]:
    """Return a page of messages that can be stopped yet, by (system_id, number)."""
    found: dict[tuple[str, str], Stoppable] = {}
    first = _LARGEST if before is None else before - 1
    for system_id, number in queries:
        rows = ask(db, _TO_NUMBER, (system_id, number, first, PAGE)).fetchall()
        ids = [message_id for message_id, may_be in rows if may_be]
        messages = by_ids(db, ids, owner)
        page = [messages[each] for each in ids if each in messages and _can_stop(messages[each])]
        last = rows[-1][0] if len(rows) == PAGE else None
        found[system_id, number] = Stoppable(page, last)
    return found


def _can_stop(found: Found) -> bool:
    traits = found.attempt.message.traits
    return found.stage is Stage.WAITING or bool(traits.scheduled)


def _candidates(
    db: Connection, names: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], list[tuple[int, str]]]:
    """Return (message_id, name) by provider and like name, the newest first."""
    wanted = list(dict.fromkeys((provider, same_id(name)) for provider, name in names))
    providers, likes = zip(*wanted, strict=True)
    found: dict[tuple[str, str], list[tuple[int, str]]] = {}
    rows = ask(db, _NAMED, (list(providers), list(likes), SAME_IDS))
    for provider, like, message_id, exact in rows:
        found.setdefault((provider, like), []).append((message_id, exact))
    return found


def _current(db: Connection, rows: Sequence[MessageRow]) -> dict[int, set[str]]:
    """Return the names that messages and their parts have now: `named` keeps the former ones."""
    parts = parts_of(db, [row.message_id for row in rows if row.parts])
    return {
        row.message_id: {part.provider_message_id for part in parts.get(row.message_id, ())}
        | ({row.provider_message_id} if row.provider_message_id is not None else set())
        for row in rows
    }


def _choice(
    name: str, spelled: Sequence[tuple[str, MessageRow]], tolerance: Tolerance
) -> MessageRow | None:
    """Return the open message that was accepted first, and if all are FINISHED the newest."""
    spelling = spelling_of(name, {each for each, _ in spelled}, tolerance)
    rows = [row for each, row in spelled if each == spelling]
    open_ = [row for row in rows if row.stage != Stage.FINISHED]
    if open_:
        return min(open_, key=lambda row: (row.answered_at or 0.0, row.message_id))
    return max(rows, key=lambda row: row.message_id, default=None)


def _rows_of(
    db: Connection, ids: Sequence[int]
) -> tuple[dict[int, KnownMessage], dict[int, SqlRow]]:
    """Return the messages of ids, and the rows of segments that are GATHERING."""
    rows = known(db, ids)
    others = [each for each in ids if each not in rows]
    if not others:
        return rows, {}
    gathering = {row[0]: row for row in ask(db, _GATHERING, (others,))}
    wholes: dict[int, int] = dict(ask(db, _WHOLES, (others,)).fetchall())
    parents = known(db, set(wholes.values()))
    rows |= {each: parents[whole] for each, whole in wholes.items() if whole in parents}
    return rows, gathering


def _rows_of_multis(
    db: Connection, rows: Iterable[KnownMessage]
) -> dict[int, tuple[KnownMessage, ...]]:
    """Return the messages of each submit_multi, by the message whose id was answered."""
    multis = {each.row.message_id: multi for each in rows if (multi := _multi(each.row))}
    all_of = known(db, {each for multi in multis.values() for each in multi})
    return {
        first: tuple(all_of[each] for each in multi if each in all_of)
        for first, multi in multis.items()
    }


def _multi(row: MessageRow) -> Collection[int]:
    if row.traits is None or '"multi"' not in row.traits:
        return ()
    traits = json.loads(row.traits)
    first = traits["multi"]
    return row_of(first, traits.get("destinations", 1)) if first == row.message_id else ()
