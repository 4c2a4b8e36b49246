"""The receiver of an account that we call by outbind, as a section of the account."""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from smppbridge.model.account import OutbindTarget
from smppbridge.settings.section import Section, wrong
from smppbridge.settings.values import Off, SecretText, Text

_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?")  # RFC 1123, 2.1: no other can be looked up
_LONGEST_NAME = 253
_LONGEST_PASSWORD = 8  # SMPP 3.4, 4.1.7.1: nine octets with the NUL


def host_and_port(value: str) -> tuple[str, int]:
    """Return the host and the port in HOST:PORT or [IPV6]:PORT; raises ValueError."""
    host, colon, port = value.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = _ipv6(host[1:-1])
    elif ":" in host or not host:
        raise ValueError("must be HOST:PORT, as 192.0.2.7:2775, or [ADDRESS]:PORT for IPv6")
    elif len(host) > _LONGEST_NAME or not _NAME.fullmatch(host):
        raise ValueError("has no host name before its port: letters, digits, hyphens and dots")
    if not (colon and port.isascii() and port.isdecimal() and 1 <= int(port[:6]) <= 65_535):
        raise ValueError("must end with a port from 1 to 65535, as in 192.0.2.7:2775")
    return host, int(port)


def _ipv6(address: str) -> str:
    try:
        return str(IPv6Address(address))
    except ValueError:
        raise ValueError("has no IPv6 address between its brackets") from None


def _checked(value: str) -> str:
    host_and_port(value)
    return value


def _password(value: str) -> str:
    if not value.isascii() or len(value) > _LONGEST_PASSWORD:
        raise ValueError(
            f"must be ASCII, at most {_LONGEST_PASSWORD} characters: an outbind has"
            " no room for more"
        )
    return value


class OutbindSection(Section):
    """Whom we call, and how the ESME knows that it is us."""

    to: Annotated[Annotated[Text, AfterValidator(_checked)] | None, Off] = Field(
        default=None,
        description="Where it listens for us, as 192.0.2.7:2775; absent: it is never called",
    )
    password: Annotated[Annotated[SecretText, AfterValidator(_password)] | None, Off] = Field(
        default=None,
        repr=False,
        description="What we show it, beside smpp.system_id; absent: nothing",
    )

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.password is not None and self.to is None:
            raise wrong([("to", "is required beside password: who is shown it?")])
        return self

    def record(self) -> OutbindTarget | None:
        """Return the record of a receiver to be called, None without one."""
        if self.to is None:
            return None
        host, port = host_and_port(self.to)
        return OutbindTarget(host, port, self.password or "")


def _named(value: Any) -> Any:
    return value if isinstance(value, dict | OutbindSection) else {"to": value}


OutbindOf = Annotated[OutbindSection, BeforeValidator(_named)]
"""An OutbindSection, or its `to` alone."""
