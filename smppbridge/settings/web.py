"""The section of the web listener: health, metrics, the API, and who may use the API."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, model_validator

from smppbridge.settings import secrets
from smppbridge.settings.endpoints import BadEndpoint, parse
from smppbridge.settings.section import Section, wrong
from smppbridge.settings.values import Endpoints, Networks, Text

RoleName = Literal["viewer", "operator", "billing", "admin"]
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?|[0-9a-f:.]{2,45}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def _hashed(value: Any) -> str:
    if not isinstance(value, dict) or "hash" not in value:
        raise ValueError("must be {hash: '$argon2id$...'}: `smppbridge hash` prints one")
    return secrets.password(value, Path()).hashed


def _digest(value: Any) -> str:
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise ValueError("must be 64 hexadecimal digits: `smppbridge token` prints them")
    return value


def _host(value: str) -> str:
    if not _HOST.fullmatch(value.lower()):
        raise ValueError("must be a name or an address, without a port: sms.example.org")
    return value.lower()


def _expiry(value: Any) -> Any:
    if value is None or isinstance(value, float):
        return value
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        raise ValueError("must be a date, as 2027-06-30, or a date and a time") from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


PersonName = Annotated[Text, Field(min_length=1, max_length=64, pattern=r"^[!-~]+$")]
HostName = Annotated[Text, AfterValidator(_host)]


class UserSection(Section):
    """A person who may log in."""

    name: PersonName = Field(description="The name to log in with")
    password: Annotated[str, PlainValidator(_hashed)] = Field(
        repr=False, description="{hash: '$argon2id$...'}, as `smppbridge hash` prints it"
    )
    role: RoleName = Field(
        default="viewer",
        description="viewer looks; operator decides, pauses, unbinds; billing has CDRs alone;"
        " admin may all",
    )


class TokenSection(Section):
    """A program that may call the API."""

    name: PersonName = Field(description="Its name in the audit trail")
    sha256: Annotated[str, PlainValidator(_digest)] = Field(
        repr=False, description="The token's digest, as `smppbridge token` prints it"
    )
    role: RoleName = Field(default="viewer", description="As that of a user")
    allow_from: Networks | None = Field(
        default=None, description="Networks that it may call from; absent: any"
    )
    expires: Annotated[float | None, BeforeValidator(_expiry)] = Field(
        default=None, description="A date, in UTC, from which it is not valid; absent: for ever"
    )


class WebSection(Section):
    """Health, metrics, API; never public."""

    listen: Endpoints = Field(
        default=("tcp:8775:interface=127.0.0.1",), description="Endpoint strings, one or a list"
    )
    hosts: tuple[HostName, ...] = Field(
        default=(),
        description="Names that browsers and programs call the API by, as [sms.example.org],"
        " beside localhost and the addresses in listen",
    )
    users: tuple[UserSection, ...] = Field(
        default=(), description="People who may log in; empty: only by `smppbridge login`"
    )
    tokens: tuple[TokenSection, ...] = Field(
        default=(), description="Programs that may call the API, each by a token of its own"
    )
    behind_proxy: Networks = Field(
        default=(),
        description="Proxies, as [127.0.0.1/32], that are believed about their client's address"
        " (X-Forwarded-For) and TLS (X-Forwarded-Proto); empty: none",
    )

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        faults = [*_twice("users", [each.name for each in self.users])]
        faults += _twice("tokens", [each.name for each in self.tokens])
        faults += _twice("tokens", [each.sha256 for each in self.tokens])
        if (self.users or self.tokens) and not self.behind_proxy:
            faults += [
                ("listen", f"{text}: passwords and tokens need ssl:, loopback or behind_proxy")
                for text in self.listen
                if not is_private(text)
            ]
        if faults:
            raise wrong(faults)
        return self


def is_private(description: str) -> bool:
    """Return whether octets through an endpoint are hidden from everybody on the way."""
    try:
        endpoint = parse(description)
    except BadEndpoint:
        return True  # it has been blamed already
    if endpoint.kind not in ("tcp", "tcp6"):
        return True
    try:
        return ip_address(endpoint.named.get("interface", "")).is_loopback
    except ValueError:
        return False


def _twice(key: str, names: Sequence[str]) -> list[tuple[str | int, str]]:
    again = len(set(names)) < len(names)
    return [(key, "has a name or a digest twice")] if again else []
