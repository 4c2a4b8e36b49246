"""The sessions that an upstream SMSC is kept bound with, and the requests over them."""

from __future__ import annotations

from dataclasses import dataclass, field

from smppbridge.smpp.pdus import SubmitSm


@dataclass(slots=True)
class SmppRequest:
    """A submit_sm to be sent, *after* so many seconds; the driver answers with the response PDU."""

    pdu: SubmitSm = field(repr=False)
    after: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """The properties of a provider's sessions; a change of any needs a new bind."""

    host: str
    port: int
    tls: bool
    system_id: str
    password: str = field(repr=False)
    system_type: str
    bind: str
    binds: int
    window: int
    enquire_link: float
