"""MO traffic: messages from phones, and phones that opt out of messages."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Mo:
    """A message from a phone as a provider delivers it: a whole, or one segment in *octets*.

    *source* and *destination* are E.164 digits without sign where they are numbers.  The content is
    *text*, or, if *octets* is not None, user data (with its header) to be delivered unchanged under
    *data_coding* and *esm_class*.  *received_at* is in UNIX seconds, None if the provider names no
    time.
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
    """A phone whose owner refuses further messages: E.164 digits without sign."""

    number: str
