"""The shape every provider has, and the little it is built from.

A provider never opens a socket, reads a clock or touches the store.  It yields the requests it
wants made, is sent the answers, and returns what they mean.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, TypeVar

from smppbridge.model.message import Message
from smppbridge.model.outcome import Outcome
from smppbridge.model.report import Report

T = TypeVar("T")


@dataclass(slots=True)
class HttpRequest:
    """A request to be made of a provider, or one that a provider made of us.

    Only the method and the *operation* (for logs and metrics) show in its repr: the rest may hold
    credentials or text.  *headers* of ours is one tuple for all requests of a kind, so that the
    client need not set it anew.
    """

    method: str
    url: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    operation: str = "submit"


@dataclass(slots=True)
class HttpResponse:
    """The answer to a request; header names are in lower case."""

    status: int
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


Exchange = Generator[Any, Any, T]
HttpExchange = Generator[HttpRequest, HttpResponse, T]


class NotSent(Exception):
    """The request never left: asking again is safe."""


class NoAnswer(Exception):
    """The request left and no complete answer came: it may have been heeded."""


class BadReply(Exception):
    """The provider said something its documentation does not describe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What a provider can do; routing and relay go by it.

    *callbacks* and *polling* tell how reports can come, *idempotent* that an uncertain attempt may
    be repeated with the same key, *correlates* that a report can carry our message_id.
    """

    binary: bool = False
    callbacks: bool = False
    polling: bool = False
    balance: bool = False
    idempotent: bool = False
    correlates: bool = False


@dataclass(frozen=True, slots=True)
class Balance:
    """Credit left at a provider, in *unit*; *expires_at* (UNIX seconds) if it can lapse."""

    amount: float
    unit: str
    expires_at: float | None = None


class Provider(Protocol):
    """What the relay needs of a provider, whatever wire it is on."""

    abilities: ClassVar[Abilities]

    def submit(self, message: Message) -> Exchange[Outcome]:
        """Hand one message over."""

    def query(self, message: Message, provider_message_id: str) -> Exchange[Report]:
        """Ask what became of a message; only where it has *polling*."""

    def read_callback(self, request: HttpRequest) -> tuple[Report, ...]:
        """Read the reports out of a request the provider made of us; raises BadReply."""

    def balance(self) -> Exchange[Balance]:
        """Ask for the credit left; only where it has *balance*."""
