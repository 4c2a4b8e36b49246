"""What comes from phones: messages, and the wish to get no more of them."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Mo:
    """A message from a phone, as a provider hands it over; whole, unless *octets* are one segment.

    *source* and *destination* are E.164 digits without sign where they are numbers.  It is *text*,
    or, if *octets* is not None, user data (with its header) to be passed on as it is, with
    *data_coding* and *esm_class*.  *received_at* is in UNIX seconds, None if nobody says.
    """

    provider_message_id: str
    source: str
    destination: str
    text: str = field(default="", repr=False)
    octets: bytes | None = field(default=None, repr=False)
    data_coding: int = 0
    esm_class: int = 0
    received_at: float | None = None


@dataclass(frozen=True, slots=True)
class OptOut:
    """A phone that wants no more messages: E.164 digits without sign."""

    number: str
