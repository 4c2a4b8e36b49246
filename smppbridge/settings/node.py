"""This bridge as one node of several on PostgreSQL, in the configuration."""

from __future__ import annotations

import re
import socket
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from smppbridge.settings.section import Section, wrong
from smppbridge.settings.values import Certificates, Duration, Endpoints, Off, SecretText, Text

LONGEST_NAME: Final = 30
"""Characters: PostgreSQL cuts the name of a program, which has the node's in it, at 63."""
SHORTEST_LEASE: Final = 2.0
LONGEST_LEASE: Final = 300.0
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def _name(value: str) -> str:
    if not _NAME.fullmatch(value) or len(value) > LONGEST_NAME:
        raise ValueError(f"must be letters, digits, '-', '_' and '.', {LONGEST_NAME} at most")
    return value


def _address(value: str) -> str:
    try:
        parts = urlsplit(value)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        good = good and parts.path in ("", "/") and not (parts.query or parts.fragment)
    except ValueError:
        good, parts = False, urlsplit("")
    if not good or parts.username is not None or not value.isprintable() or " " in value:
        raise ValueError("must be as http://10.0.0.5:8777, without user and path")
    return value.rstrip("/")


def _lease(value: float) -> float:
    if not SHORTEST_LEASE <= value <= LONGEST_LEASE:
        raise ValueError(f"must be {SHORTEST_LEASE:.0f}s to {LONGEST_LEASE:.0f}s")
    return value


class NodeSection(Section):
    """This bridge among those that share its store."""

    name: Annotated[Text, AfterValidator(_name)] | None = Field(
        default=None,
        description="What this bridge is called; no two that share a store are called the same;"
        " absent: as its machine is",
    )
    address: Annotated[Text, AfterValidator(_address)] | None = Field(
        default=None,
        description="Where the other nodes reach it, as http://10.0.0.5:8777; absent: not at all",
    )
    listen: Endpoints = Field(
        default=(),
        description="Endpoint strings of the listener for the other nodes, one or a list, as"
        " tcp:8777:interface=10.0.0.5; absent: none",
    )
    ca_file: Annotated[Certificates | None, Off] = Field(
        default=None,
        description="Certificates to trust, PEM, where addresses are https://",
    )
    key: SecretText | None = Field(
        default=None,
        repr=False,
        description="What nodes that ask each other know each other by; the same for all nodes",
    )
    lease: Annotated[Duration, AfterValidator(_lease)] = Field(
        default=10.0,
        description="How long it may be silent in the store until the others take its messages"
        " over; the same for all nodes",
    )

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        for name in ("address", "listen"):
            if getattr(self, name) and self.key is None:
                raise wrong([(name, "needs a key, or anybody could ask this node")])
        if self.address is not None and not self.listen:
            raise wrong([("address", "needs listen: nobody would answer there")])
        return self

    @property
    def called(self) -> str:
        """The name of this bridge, as far as its machine's name is fit."""
        if self.name is not None:
            return self.name
        host = socket.gethostname().partition(".")[0][:LONGEST_NAME]
        fit = "".join(c if c.isascii() and c.isalnum() else "-" for c in host).strip("-")
        return fit or "node"
