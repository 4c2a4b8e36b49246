"""Our record of an ESME: who it is, what it may do, how we read it."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Secret:
    """A password in clear, or its argon2id hash; exactly one is set."""

    clear: str = field(default="", repr=False)
    hashed: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account.  What is None has no limit; rates are messages a second, times seconds.

    *alphabet_0*, *_1* and *_3* are what data_coding 0, 1 and 3 mean to it (names of
    ``text.coding.Alphabet``).  *gather_timeout* is how long segments wait for the rest;
    *when_incomplete* is "fail" (EXPIRED receipts) or "send" (what there is).  *longest_sender* is
    how many letters a source address may have.
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
    gather_timeout: float = 300.0
    when_incomplete: str = "fail"
    receipt_text: bool = True
    receipt_utc_offset: float = 0.0
    validity: float = 86_400.0
    longest_sender: int = 11

    def allows_address(self, host: str) -> bool:
        """Tell whether the account may bind from *host*; what is not an IP address may not."""
        if self.allow_from is None:
            return True
        try:
            address = ip_address(host.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self.allow_from)

    def allows_sender(self, addr: str) -> bool:
        """Tell whether *addr* may be the source address; a pattern may end with ``*``."""
        if self.senders is None:
            return True
        return any(
            addr.startswith(pattern[:-1]) if pattern.endswith("*") else addr == pattern
            for pattern in self.senders
        )
