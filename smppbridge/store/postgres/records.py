"""Values as rows of the tables of values, in the order of their columns in ``statements``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import inf

from smppbridge.model.identifiers import same_id
from smppbridge.model.message import PLAIN, Attempt, GatheringKey, Message
from smppbridge.model.report import NOBODY, Delivery
from smppbridge.store.gathered import context_text, joined_rows
from smppbridge.store.mo import entry_rows
from smppbridge.store.port import EarlyReport, Entry, Found, MoEntry, Settlement, Verdict
from smppbridge.store.postgres.tenure import Holders
from smppbridge.store.records import attempt_row, postponed_row, settlement_row, traits_text
from smppbridge.store.records import rewritten_row as rewritten
from smppbridge.store.statements import SqlRow

__all__ = ("postponed_row", "settlement_row")  # the same rows as on SQLite
Looks = Mapping[str, float]
"""How long after its answer a message is looked at first, in seconds, by provider."""


def sound(text: str) -> str:
    """Return a text of a provider as PostgreSQL can have it: without U+0000."""
    return text.replace("\0", "\ufffd") if "\0" in text else text


def sound_row(row: SqlRow) -> SqlRow:
    """Return a row whose texts PostgreSQL can have."""
    return tuple(sound(value) if isinstance(value, str) else value for value in row)


def message_row(m: Message) -> SqlRow:
    """Return the row of an accepted message."""
    source, destination, binary = m.source, m.destination, m.binary
    return (
        m.message_id,
        m.system_id,
        source.addr,
        source.ton << 8 | source.npi,
        None if destination.addr == m.number else destination.addr,
        destination.ton << 8 | destination.npi,
        m.number,
        m.text if binary is None else binary,
        binary is None,
        m.data_coding,
        m.priority,
        m.registered_delivery,
        ",".join(m.route),
        None if m.traits is PLAIN else traits_text(m.traits),
        len(m.segments),
        m.accepted_at,
        m.expires_at,
    )


def waiting_row(m: Message, hop: int) -> SqlRow:
    """Return the row of a message that waits for its first attempt."""
    provider = m.route[hop] if m.route else ""
    return m.message_id, provider, m.system_id, m.priority, m.due, m.expires_at, hop


def out_row(m: Message, hop: int, looks: Looks) -> SqlRow:
    """Return the row of a message that is accepted with its first attempt begun."""
    provider = m.route[hop] if m.route else ""
    return m.message_id, provider, hop, m.accepted_at, wake_of(m, provider, m.accepted_at, looks)


def wake_of(m: Message, provider: str, begun_at: float, looks: Looks) -> float:
    """Return the time, not too late, at which a message is looked at if its attempt succeeds.

    Infinite as long as no attempt at the provider has succeeded.
    """
    wake = begun_at + looks.get(provider, inf)
    return min(wake, m.expires_at) if m.traits.limited else wake


def segment_row(entry: Entry) -> SqlRow:
    """Return the row of a segment that waits for the rest of its message."""
    key, s = entry.key, entry.segment
    assert key is not None
    assert s is not None
    octets = s.octets
    return (
        s.message_id,
        s.number,
        s.registered_delivery,
        s.received_at,
        octets,
        context_text(key, s),
    )


def segment_rows(m: Message, key: GatheringKey | None) -> list[SqlRow]:
    """Return the rows of the segments of a whole message."""
    return [
        (s.message_id, parent, s.number, s.registered_delivery, s.received_at, about, fingerprint)
        for s, (_, parent, about, fingerprint) in zip(m.segments, joined_rows(m, key), strict=True)
    ]


def begun_row(a: Attempt, looks: Looks) -> SqlRow:
    """Return the row of an attempt that begins."""
    wake = wake_of(a.message, a.provider, a.begun_at, looks)
    return a.message.message_id, a.number, a.begun_at, a.batch, wake


def recalled_row(a: Attempt) -> SqlRow:
    """Return the row of a begun attempt that did not leave: due as it was, without the try."""
    m = a.message
    due = min(m.due, a.begun_at)
    return m.message_id, a.number - 1, due, m.system_id, m.priority, m.expires_at


def submitted_row(v: Verdict) -> SqlRow:
    """Return the row of an attempt that its provider accepted."""
    due = inf if v.due is None else v.due
    return v.attempt.message.message_id, due, v.at, sound(v.provider_message_id or "")


def named_row(message_id: int, provider: str, identifier: str) -> SqlRow:
    """Return the row by which a message is found by an id of its provider."""
    name = same_id(identifier)
    return message_id, provider, name, None if name == identifier else identifier


def named_rows(verdicts: Iterable[Verdict]) -> list[SqlRow]:
    """Return the rows by which the messages of verdicts are found, and by their parts."""
    found = []
    for v in verdicts:
        message_id, provider = v.attempt.message.message_id, v.attempt.provider
        if v.provider_message_id:
            found.append(named_row(message_id, provider, sound(v.provider_message_id)))
        for part in v.parts[1:]:  # the first part's id is that of the message
            found.append(named_row(message_id, provider, sound(part.provider_message_id)))
    return found


def waiting_again_row(v: Verdict) -> SqlRow:
    """Return the row of a message that waits for another attempt."""
    a = v.attempt
    m = a.message
    return (
        m.message_id,
        0.0 if v.due is None else v.due,
        v.next_provider or a.provider,
        v.next_hop or a.hop,
        a.number,
        v.at,
        m.system_id,
        m.priority,
        m.expires_at,
    )


def unsure_row(v: Verdict) -> SqlRow:
    """Return the row of a message whose attempt is Uncertain, or has failed it."""
    a = v.attempt
    due = inf if v.due is None else v.due
    provider, hop = v.next_provider or a.provider, v.next_hop or a.hop
    return a.message.message_id, due, provider, hop, a.number, v.at


def tried_row(v: Verdict) -> SqlRow:
    """Return the row of an attempt that was not accepted."""
    *rest, reason = attempt_row(v)
    return (*rest, sound(reason))


def part_rows(v: Verdict) -> list[SqlRow]:
    """Return the rows of the parts of a verdict's message."""
    message_id, provider, parts = v.attempt.message.message_id, v.attempt.provider, v.parts
    return [
        (message_id, number, provider, sound(part.provider_message_id), part.needed, len(parts))
        for number, part in enumerate(parts, 1)
    ]


def rewritten_row(a: Attempt) -> SqlRow:
    """Return the row of the new contents of a WAITING message."""
    *rest, registered_delivery, traits = rewritten(a)
    return (*rest, a.message.binary is None, registered_delivery, traits)


def renamed_row(s: Settlement) -> SqlRow:
    """Return the row of a message's new provider_message_id."""
    exact = sound(s.renamed or "")
    name = same_id(exact)
    return s.attempt.message.message_id, exact, name, None if name == exact else exact


def delivery_row(d: Delivery, holders: Holders, state: int = 0) -> SqlRow:
    """Return the row of a delivery owed.

    *holders* are the bridges that deliver, by account, and the delivery is told its own; *state* is
    the message's, which the receipt may write as another one.
    """
    holder = holders.get(d.system_id, 0)
    d.held_by = 0 if holder == holders.slot else holder or NOBODY
    return (
        d.message_id,
        d.state,
        d.parent,
        d.system_id,
        d.error,
        d.done_at,
        d.due,
        d.expires_at,
        holder,
        state,
    )


def mo_rows(entry: MoEntry) -> list[SqlRow]:
    """Return a row for each deliver_sm of an MO message."""
    owners = {d.message_id: d.system_id for d in entry.deliveries}
    rows = map(sound_row, entry_rows(entry))
    return [(message_id, parent, owners[message_id], *rest) for message_id, parent, *rest in rows]


def early_row(r: EarlyReport) -> SqlRow:
    """Return the row of a report whose message is not known."""
    name = sound(r.provider_message_id)
    renamed = sound(r.renamed)
    return r.provider, name, r.state, r.error, r.at, renamed, r.done_at, same_id(name)


def told_row(found: Found, r: EarlyReport, source: str) -> SqlRow:
    """Return the row of a report about a message that another bridge has."""
    message_id, name = found.attempt.message.message_id, sound(r.provider_message_id)
    renamed = sound(r.renamed)
    return message_id, r.provider, name, r.state, r.error, r.at, source, renamed, r.done_at


def told_named_row(r: EarlyReport, n: int, source: str) -> SqlRow:
    """Return the row of the n-th report of a list about whichever message its id names."""
    exact, renamed = sound(r.provider_message_id), sound(r.renamed)
    alike = same_id(exact) if exact == r.provider_message_id else None  # names none
    return n, r.provider, exact, alike, r.state, r.error, r.at, source, renamed, r.done_at


def used_rows(keys: Sequence[tuple[str, str, float]]) -> list[SqlRow]:
    """Return the rows of early reports to be deleted."""
    return [(provider, sound(name), till) for provider, name, till in keys]
