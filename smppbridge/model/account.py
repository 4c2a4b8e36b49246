"""Our record of an ESME: its system_id and password, its rights and limits, its alphabets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address

from smppbridge.model.channel import (
    NO_CERTIFICATE,
    OTHER_CERTIFICATE,
    TLS_REQUIRED,
    CertificateName,
    Channel,
    is_named,
)
from smppbridge.model.habits import NO_HABITS, Habits
from smppbridge.model.receipts import Receipts
from smppbridge.model.tlvs import NamedTlv

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Secret:
    """A password in clear, or its argon2id hash; exactly one is set."""

    clear: str = field(default="", repr=False)
    hashed: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class OutbindTarget:
    """A receiver that the bridge calls, and the password that it is shown (SMPP 3.4, 4.1.7)."""

    host: str
    port: int
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account.  A limit of None is no limit; rates are messages a second, times seconds.

    *alphabet_0*, *_1*, *_3* and *_8* are the alphabets (names of ``text.coding.Alphabet``) that the
    account means by data_coding 0, 1, 3 and 8; *packed* are the septets of data_coding 0 that stand
    eight in seven octets; *detect_ucs2* and *detect_utf8* allow data_coding 0 to be a mistake.
    *gather_timeout* is the time that segments wait for the other segments of their message;
    *when_incomplete* is "fail" (EXPIRED receipts) or "send" (the segments at hand).  *max_parts* is
    the number of segments over the air that a message may take.  *longest_sender* is the number of
    letters that a source address may have.  *id_form* is how message_ids are written to the
    account, in digits or hexadecimal digits: a form of printf.  *query* is "store" (a query_sm is
    answered from the store) or "ask" (the provider is asked first, if it can be and no end is
    known).  *named_tlvs* are the TLVs whose values are checked, *habits* the
    oddities of its stack.  *answer* is "store" or "provider": a submit_sm_resp waits for the
    provider's verdict, for *answer_within* at most.  *outbind* is called when a delivery is owed
    and no session is bound that could receive it.
    *old_password* is valid beside *password* while that is changed.  *tls* says whether a session
    has to come over TLS, *certificate* has the names one of which its client's certificate must
    have (empty: no certificate is needed).
    """

    system_id: str
    password: Secret = field(repr=False)
    binds: int = 4
    binds_transmitter: int | None = None
    binds_receiver: int | None = None
    binds_transceiver: int | None = None
    window: int = 100
    deliver_window: int = 10
    throughput: float | None = None
    allow_from: tuple[Network, ...] | None = None
    senders: tuple[str, ...] | None = None
    country: str | None = None
    alphabet_0: str = "gsm7"
    alphabet_1: str = "ia5"
    alphabet_3: str = "latin1"
    alphabet_8: str = "ucs2"
    packed: bool = False
    detect_ucs2: bool = False
    detect_utf8: bool = False
    gather_timeout: float = 300.0
    when_incomplete: str = "fail"
    max_parts: int = 10
    id_form: bytes = b"%d"
    receipts: Receipts = field(default_factory=Receipts)
    validity: float = 86_400.0
    longest_sender: int = 11
    query: str = "store"
    answer: str = "store"
    answer_within: float = 20.0
    outbind: OutbindTarget | None = None
    named_tlvs: tuple[NamedTlv, ...] = ()
    old_password: Secret | None = field(default=None, repr=False)
    tls: bool = False
    certificate: tuple[CertificateName, ...] = ()
    habits: Habits = NO_HABITS

    @property
    def echoed_tags(self) -> frozenset[int]:
        """The tags of the TLVs that come back in receipts."""
        return frozenset(each.tag for each in self.named_tlvs if each.echo)

    @property
    def passwords(self) -> tuple[Secret, ...]:
        """The passwords that are valid, the newest first."""
        return (self.password,) if self.old_password is None else (self.password, self.old_password)

    def refuses(self, channel: Channel) -> str:
        """Return why a session may not come over *channel*, "" if it may."""
        if not channel.tls:
            return TLS_REQUIRED if self.tls or self.certificate else ""
        if not self.certificate or any(is_named(each, channel) for each in self.certificate):
            return ""
        return OTHER_CERTIFICATE if channel.certified else NO_CERTIFICATE

    def allows_address(self, host: str) -> bool:
        """Return whether the account may bind from the IP address *host*; of other text: False."""
        if self.allow_from is None:
            return True
        return in_networks(host, self.allow_from)

    def allows_sender(self, addr: str) -> bool:
        """Return whether *addr* may be the source address; a pattern may end with ``*``."""
        if self.senders is None:
            return True
        return any(
            addr.startswith(pattern[:-1]) if pattern.endswith("*") else addr == pattern
            for pattern in self.senders
        )


def in_networks(host: str, networks: Iterable[Network]) -> bool:
    """Return whether the IP address *host* is in one of *networks*; of other text: False.

    A mapped IPv4 address is an IPv4 address.
    """
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in networks)
