"""How an ESME's octets come: in clear or over TLS, and with which certificate of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

TLS_REQUIRED = "tls_required"
NO_CERTIFICATE, OTHER_CERTIFICATE = "no_certificate", "other_certificate"
"""Why a channel does not do for an account: in clear; over TLS without a certificate, or with one
that names somebody else."""

NameKind = Literal["cn", "subject", "dns", "uri"]


@dataclass(frozen=True, slots=True)
class CertificateName:
    """A name in certificates, by its kind.

    It is the one common name of the subject, the whole subject as RFC 4514 writes it, or a subject
    alternative name.
    """

    kind: NameKind
    text: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.text}"


@dataclass(frozen=True, slots=True)
class Channel:
    """A connection's channel; *names* are those of its client's certificate, which is verified.

    *certified* tells a certificate without names of these kinds from none.
    """

    tls: bool = False
    certified: bool = False
    names: tuple[CertificateName, ...] = ()


CLEAR = Channel()


def is_named(wanted: CertificateName, channel: Channel) -> bool:
    """Return whether the channel's certificate has a name; DNS names have no case (RFC 4343)."""
    if wanted.kind != "dns":
        return wanted in channel.names
    low = wanted.text.lower()
    return any(each.kind == "dns" and each.text.lower() == low for each in channel.names)
