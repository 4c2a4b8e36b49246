"""The sections of the listeners: of ESMEs and of callbacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from smppbridge.settings.node import NodeSection
from smppbridge.settings.section import Section, wrong
from smppbridge.settings.values import (
    Certificates,
    Count,
    Duration,
    Endpoints,
    Networks,
    Off,
    PublicUrl,
    SystemId,
)
from smppbridge.settings.web import WebSection


def is_tls(description: object) -> bool:
    """Return whether an endpoint string is that of a listener with TLS."""
    return isinstance(description, str) and description.startswith("ssl:")


class SmppSection(Section):
    """The listener and the timers for ESMEs."""

    system_id: SystemId = Field(default="SMPPBRIDGE", description="Our name in bind responses")
    listen: Endpoints = Field(
        default=("tcp:2775",),
        description="Twisted endpoint strings, one or a list: tcp: tcp6: ssl: systemd: unix:",
    )
    enquire_link: Annotated[Duration | None, Off] = Field(
        default=50.0,
        description="Silence before enquire_link is sent; two unanswered end the session",
    )
    session_init: Duration = Field(
        default=30.0, description="How long a connection may take to bind"
    )
    inactivity: Annotated[Duration | None, Off] = Field(
        default=None,
        description="How long a session may do nothing but enquire_link; absent: for ever",
    )
    response: Duration = Field(default=60.0, description="How long a response may take")
    client_ca: Annotated[Certificates | None, Off] = Field(
        default=None,
        description="A PEM file with the certificates of those who certify clients: ssl: listeners"
        " ask for a client's certificate, and refuse one that is not theirs; see certificate of"
        " accounts",
    )
    proxies: Networks = Field(
        default=(),
        description="Balancers, as [10.0.0.5/32], each connection from which has to begin with a"
        " header of the PROXY protocol (v1 or v2), and goes by the address in that; empty: none",
    )
    max_connections: Count = Field(default=2000, description="Connections at once")
    max_unbound: Count = Field(
        default=200,
        description="Connections that have not bound, in all; one more cuts off another",
    )
    max_unbound_per_address: Count = Field(
        default=20, description="The same, from one address, or from 64 bits of IPv6"
    )

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        if self.client_ca and not any(is_tls(each) for each in self.listen):
            raise wrong([("client_ca", "needs an ssl: listener: no other asks for certificates")])
        return self


class CallbacksSection(Section):
    """The listener for providers' callbacks, and for nothing else."""

    listen: Endpoints = Field(default=("tcp:8776",), description="Endpoint strings, one or a list")
    public_url: Annotated[PublicUrl | None, Off] = Field(
        default=None,
        description="What providers call, as seen from outside: https://sms.example.org",
    )
    keep_unmatched: Duration = Field(
        default=3_600.0, description="How long a report waits for the message it is about"
    )
    max_unmatched: Count = Field(default=100_000, description="How many such reports wait, at most")
    max_connections: Count = Field(
        default=500, description="Connections at once; one more cuts off an idle one"
    )
    max_idle_per_address: Count = Field(
        default=100,
        description="Connections from one address on which no request is being answered",
    )


def listened(values: Mapping[str, Any]) -> Iterator[str]:
    """Yield the endpoint strings of a file, even if it has faults."""
    for name, section in (
        ("smpp", SmppSection),
        ("web", WebSection),
        ("callbacks", CallbacksSection),
        ("node", NodeSection),
    ):
        yield from listened_by(name, section, values)


def listened_by(name: str, section: type[Section], values: Mapping[str, Any]) -> Iterator[str]:
    """Yield the endpoint strings of one listener, which may be absent."""
    given = values.get(name, {} if name == "smpp" else None)
    if isinstance(given, Mapping):
        listen = given.get("listen", section.model_fields["listen"].default)
        listen = listen if isinstance(listen, list | tuple) else [listen]
        yield from (each for each in listen if isinstance(each, str))
