"""Values as rows of the store, and rows as values.

Rows that are read have their columns' names.  Rows to be written are plain tuples, in the order of
the columns of their statement in ``statements``: a name for each field would double their cost.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from smppbridge.model.address import Address
from smppbridge.model.message import (
    LIMITED,
    PLAIN,
    AsSent,
    Attempt,
    Message,
    Segment,
    Traits,
)
from smppbridge.model.outcome import explained
from smppbridge.model.parts import Part
from smppbridge.model.report import Delivery, delivery_of
from smppbridge.smpp import tlvs
from smppbridge.smpp.constants import MessageState
from smppbridge.store.port import Settlement, Verdict
from smppbridge.store.statements import SqlRow


class MessageRow(NamedTuple):
    """A message with its latest attempt, as read; `columns` names the fields in a query."""

    message_id: int
    system_id: str
    source: str
    source_plan: int
    destination: str | None
    destination_plan: int
    number: str
    body: str | bytes
    data_coding: int
    priority: int
    registered_delivery: int
    route: str
    accepted_at: float
    expires_at: float
    due: float | None
    traits: str | None
    segments: int
    provider: str
    attempts: int
    hop: int
    begun_at: float | None
    answered_at: float | None
    provider_message_id: str | None
    stage: int
    state: int
    batch: str | None
    parts: int


class DeliveryRow(NamedTuple):
    """A delivery owed, as read; *parent* is the message_id of the whole message."""

    message_id: int
    state: int
    parent: int
    error: int
    done_at: float
    due: float
    expires_at: float
    attempts: int


STAGE = "case begun when 1 then 2 else stage end"
"""The stage of a message: SUBMITTING while an attempt is out, whatever is written."""


_LIMITED = '{"limited": true}'


def columns(row: type[MessageRow | DeliveryRow]) -> str:
    """Return the columns of a row for a query."""
    return ", ".join(STAGE if name == "stage" else name for name in row._fields)


def message_row(m: Message, first: Attempt | None) -> SqlRow:
    """Return the row of an accepted message, with its first attempt, if any."""
    source, destination = m.source, m.destination
    begun = first is not None and first.number > 0
    hop = first.hop if first is not None else 0
    return (
        m.message_id,
        m.system_id,
        2 if begun else 1,
        int(begun),
        None if begun else m.due,
        m.expires_at,
        m.route[hop] if m.route else "",
        hop,
        1 if begun else 0,
        ",".join(m.route),
        source.addr,
        source.ton << 8 | source.npi,
        None if destination.addr == m.number else destination.addr,
        destination.ton << 8 | destination.npi,
        m.number,
        m.text if m.binary is None else m.binary,
        m.data_coding,
        m.priority,
        m.registered_delivery,
        None if m.traits is PLAIN else traits_text(m.traits),
        len(m.segments),
        m.accepted_at,
        m.accepted_at if begun else None,
    )


def begun_row(a: Attempt) -> SqlRow:
    """Return the columns that beginning an attempt changes in the row of its message."""
    return a.message.message_id, a.number, a.begun_at, a.batch


def accepted_row(v: Verdict) -> SqlRow:
    """Return the columns that a provider's acceptance changes in the row of its message."""
    return v.attempt.message.message_id, v.due, v.at, v.provider_message_id


def verdict_row(v: Verdict) -> SqlRow:
    """Return the columns that another verdict changes in the row of its message."""
    a = v.attempt
    return (
        a.message.message_id,
        int(v.stage),
        v.due,
        v.next_provider or a.provider,
        v.next_hop or a.hop,
        a.number,
        v.at,
    )


def recalled_row(a: Attempt) -> SqlRow:
    """Return the columns of a begun attempt that did not leave: due as it was, without the try."""
    return a.message.message_id, min(a.message.due, a.begun_at), a.number - 1


def rewritten_row(a: Attempt) -> SqlRow:
    """Return the columns that new contents of a WAITING message change in its row."""
    m = a.message
    return (
        m.message_id,
        m.due,
        m.expires_at,
        a.provider,
        a.hop,
        ",".join(m.route),
        m.text if m.binary is None else m.binary,
        m.registered_delivery,
        None if m.traits == PLAIN else traits_text(m.traits),
    )


def attempt_row(v: Verdict) -> SqlRow:
    """Return the row of an attempt that was not accepted."""
    a = v.attempt
    outcome = v.outcome
    return (
        a.message.message_id,
        a.number,
        a.provider,
        a.begun_at,
        v.at,
        type(outcome).__name__.lower(),
        explained(outcome),
    )


def settlement_row(s: Settlement) -> SqlRow:
    """Return the columns that a settlement changes in the row of its message."""
    return s.attempt.message.message_id, s.state, s.error, s.at, s.source


def delivery_row(d: Delivery) -> SqlRow:
    """Return the row of a delivery owed."""
    return (
        d.message_id,
        d.state,
        d.parent,
        d.system_id,
        d.error,
        d.done_at,
        d.due,
        d.expires_at,
    )


def postponed_row(d: Delivery) -> SqlRow:
    """Return the columns that postponing changes in the row of a delivery owed."""
    return d.message_id, d.state, d.due, d.attempts, d.postponed_by or None


@lru_cache(maxsize=64)  # all messages of a submit_multi have the same
def traits_text(traits: Traits) -> str:
    """Return traits as JSON, without the fields that have their default."""
    if traits is LIMITED:  # of an ESME that gives a validity_period, nearly all messages
        return _LIMITED
    named = {
        "service_type": traits.service_type,
        "esm_class": traits.esm_class,
        "protocol_id": traits.protocol_id,
        "user_message_reference": traits.user_message_reference,
        "udh": traits.udh.hex(),
        "sender": traits.sender,
        "scheduled": traits.scheduled,
        "transliterate": traits.transliterate,
        "multi": traits.multi,
        "destinations": traits.destinations,
        "datagram": traits.datagram,
        "tlvs": tlvs.write(traits.tlvs).hex() if traits.tlvs else "",
        "references": traits.references,
        "quiet": traits.quiet,
        "limited": traits.limited,
        "sent": traits.sent,
    }
    return json.dumps({k: v for k, v in named.items() if v or (v == 0 and k[0] == "u")})


def read_traits(text: str | None) -> Traits:
    """Return the traits that JSON stands for."""
    if text is None:
        return PLAIN
    if text == _LIMITED:
        return LIMITED
    named = json.loads(text)
    named["udh"] = bytes.fromhex(named.get("udh", ""))
    if "tlvs" in named:
        octets = bytes.fromhex(named["tlvs"])
        named["tlvs"] = tlvs.read(octets, 0, len(octets))
    named["references"] = tuple(map(tuple, named.get("references", ())))
    if "sent" in named:
        named["sent"] = AsSent(*named["sent"])
    return Traits(**named)


def read_attempt(
    row: MessageRow, segments: tuple[Segment, ...] = (), parts: tuple[Part, ...] = ()
) -> Attempt:
    """Return the latest attempt of a message, with the message."""
    body = row.body
    destination = row.number if row.destination is None else row.destination
    message = Message(
        message_id=row.message_id,
        system_id=row.system_id,
        source=read_address(row.source, row.source_plan),
        destination=read_address(destination, row.destination_plan),
        number=row.number,
        text=body if isinstance(body, str) else "",
        data_coding=row.data_coding,
        priority=row.priority,
        registered_delivery=row.registered_delivery,
        route=tuple(row.route.split(",")) if row.route else (),
        accepted_at=row.accepted_at,
        expires_at=row.expires_at,
        due=row.due or 0.0,
        binary=None if isinstance(body, str) else body,
        traits=read_traits(row.traits),
        segments=segments,
    )
    return Attempt(
        message=message,
        provider=row.provider,
        number=row.attempts,
        hop=row.hop,
        begun_at=row.begun_at or 0.0,
        answered_at=row.answered_at or 0.0,
        provider_message_id=row.provider_message_id,
        state=row.state,
        batch=row.batch,
        parts=parts,
    )


def read_segments(rows: Iterable[SqlRow]) -> dict[int, tuple[Segment, ...]]:
    """Return joined segments by parent.

    A row is (parent, message_id, number, registered_delivery, received_at).
    """
    found: dict[int, list[Segment]] = {}
    for parent, *rest in rows:
        found.setdefault(parent, []).append(Segment(*rest))
    return {k: tuple(sorted(v, key=lambda s: s.number)) for k, v in found.items()}


def read_delivery(row: DeliveryRow, attempt: Attempt, *, finished: bool) -> Delivery:
    """Return a delivery owed about the message of *attempt*.

    *finished* is whether that message is FINISHED, for a state that need not be final.
    """
    return delivery_of(
        attempt.message,
        message_id=row.message_id,
        state=row.state,
        error=row.error,
        done_at=row.done_at,
        expires_at=row.expires_at,
        due=row.due,
        attempts=row.attempts,
        final=MessageState(row.state).is_final or finished,
    )


def source_plan(address: Address) -> int:
    """Return TON and NPI of an address, an octet each."""
    return address.ton << 8 | address.npi


def read_address(addr: str, plan: int) -> Address:
    """Return an address; *plan* is TON and NPI, an octet each."""
    return Address(addr, plan >> 8, plan & 0xFF)


def marks(values: Sequence[Any]) -> str:
    """Return a ``?`` for each value, and without any a list in which nothing is."""
    return ",".join("?" * len(values)) or "null"
